//! Header fields of MIME: what may stand in one as it is, and how the rest is encoded (RFC 2047, RFC 2231).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::message::Recipient;

/// How much of a text one encoded word holds: with what is around it it stays below 75 letters.
const WORD_BYTES: usize = 42;

/// Longer text is cut into encoded words even where it is plain.
const PLAIN_LENGTH: usize = 200;

/// What stands in an RFC 2231 value as it is.
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Appends a field.
pub(super) fn field(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "{name}: {value}\r\n");
}

/// The text of a field, in encoded words where it needs them.
pub(super) fn text(text: &str) -> String {
    let is_plain = is_printable(text)
        && text.len() <= PLAIN_LENGTH
        && !text.contains("=?")
        && text.trim() == text;
    if is_plain {
        text.to_owned()
    } else {
        encoded(text)
    }
}

/// A name and an address.
pub(super) fn mailbox(person: &Recipient) -> String {
    let address = one_line(person.address.as_deref().unwrap_or_default());
    let name = person.name.as_str();
    if name.is_empty() {
        format!("<{address}>")
    } else if is_printable(name) && name.len() <= PLAIN_LENGTH && !name.contains("=?") {
        format!("{} <{address}>", quoted(name))
    } else {
        format!("{} <{address}>", encoded(name))
    }
}

/// A value with a file's name as its parameter.
pub(super) fn with_name(value: &str, parameter: &str, name: &str) -> String {
    if name.is_empty() {
        value.to_owned()
    } else if is_printable(name) && name.len() <= PLAIN_LENGTH {
        format!("{value};\r\n {parameter}={}", quoted(name))
    } else {
        let encoded = utf8_percent_encode(name, ATTRIBUTE);
        format!("{value};\r\n {parameter}*=utf-8''{encoded}")
    }
}

/// A media type that can stand in a header; what is none is a file of no kind.
pub(super) fn media_type(text: &str) -> &str {
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let bare = text.split(';').next().unwrap_or_default().trim();
    match bare.split_once('/') {
        Some((kind, sub)) if is_token(kind) && is_token(sub) && !is_of_parts(kind) => bare,
        _ => "application/octet-stream",
    }
}

/// A file is never a part with parts of its own, whatever its type says.
fn is_of_parts(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("multipart") || kind.eq_ignore_ascii_case("message")
}

/// The text without what would end its line.
pub(super) fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Encoded words, each a line of its own and whole characters long.
fn encoded(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD_BYTES);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (word, tail) = rest.split_at(end);
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
        rest = tail;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_field_but_its_own_end() {
        let hostile = "a\r\nBcc: x@fabrikam.example\r\n\r\nbody";

        let person = Recipient::new(hostile, "x@fabrikam.example\r\nBcc: y");
        let texts = [
            text(hostile),
            mailbox(&person),
            with_name("attachment", "filename", hostile),
            media_type(hostile).to_owned(),
        ];

        for text in texts {
            // A line may go on in a next one, which begins with a space.
            assert!(!text.replace("\r\n ", "").contains(['\r', '\n']), "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ä€🦀".repeat(60);

        let words = text(&long);

        let mut read = Vec::new();
        for word in words.split("\r\n ") {
            assert!(word.len() <= 75, "{word}");
            let packed = word.strip_prefix("=?utf-8?B?").unwrap();
            let bytes = STANDARD.decode(packed.strip_suffix("?=").unwrap()).unwrap();
            read.push(String::from_utf8(bytes).unwrap());
        }
        assert_eq!(read.concat(), long);
    }

    #[test]
    fn a_type_that_is_none_is_a_file_of_no_kind() {
        assert_eq!(media_type("image/png"), "image/png");
        assert_eq!(media_type("text/html; charset=x"), "text/html");
        for none in ["", "png", "a b/c", "multipart/mixed", "message/rfc822"] {
            assert_eq!(media_type(none), "application/octet-stream", "{none}");
        }
    }
}
