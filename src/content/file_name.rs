//! Names of files, as strangers chose them.
//!
//! A name may hold a path, control characters, or marks that turn the direction of writing and so show `exe.pdf` for what ends in
//! `fdp.exe`. What an application sends us with such a name is refused; what mail brings is cleaned where it is handed out,
//! and mirrored as it is.

use std::fmt::Write as _;

/// The longest name, in bytes, that every usual file system takes.
const LONGEST: usize = 255;

/// What a file without a usable name is called.
const NAMELESS: &str = "attachment";

/// Why a name is refused, as the rest of a sentence about it.
pub fn fault(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        return Some("is empty");
    }
    if name.len() > LONGEST {
        return Some("is longer than 255 bytes");
    }
    if name.contains(['/', '\\']) || name == "." || name == ".." {
        return Some("has parts of a path in it: send the file's own name only");
    }
    if name.chars().any(char::is_control) {
        return Some("has control characters in it");
    }
    if name.chars().any(turns_direction) {
        return Some("has marks in it that turn the direction of writing and hide how it ends");
    }
    None
}

/// The name without anything that lies or harms: its last part, of letters that show what it is.
pub fn clean(name: Option<&str>) -> String {
    let last = name
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let mut kept = String::new();
    for letter in last.chars() {
        if letter.is_control() || turns_direction(letter) {
            continue;
        }
        if kept.len() + letter.len_utf8() > LONGEST {
            break;
        }
        kept.push(letter);
    }
    let kept = kept.trim().trim_end_matches('.');
    if kept.is_empty() {
        return NAMELESS.to_owned();
    }
    kept.to_owned()
}

/// A `Content-Disposition` that gives the cleaned name in both forms of RFC 6266: for those who read only ASCII, and whole.
pub fn disposition(kind: &str, name: Option<&str>) -> String {
    let name = clean(name);
    let mut text = format!("{kind}; filename=\"");
    for letter in name.chars() {
        match letter {
            // A percent sign is read as an escape by some.
            '"' | '%' => text.push('_'),
            ' '..='~' => text.push(letter),
            _ => text.push('_'),
        }
    }
    text.push_str("\"; filename*=UTF-8''");
    for byte in name.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
        if is_plain {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The marks of Unicode's bidirectional algorithm.
fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_lies_is_refused_and_an_odd_one_is_not() {
        let long = "x".repeat(256);
        for wrong in [
            "",
            "  ",
            ".",
            "..",
            "../../etc/passwd",
            "C:\\x.doc",
            "a/b",
            "a\r\nb",
            "a\0b",
            "invoice\u{202e}fdp.exe",
            &long,
        ] {
            assert!(fault(wrong).is_some(), "{wrong:?}");
        }
        for good in [
            "Rechnung 2026 – Müller & Söhne.pdf",
            ".profile",
            "契約書.docx",
            "a;b=\"c\".txt",
        ] {
            assert_eq!(fault(good), None, "{good:?}");
        }
    }

    #[test]
    fn a_foreign_name_is_cut_down_to_what_is_honest() {
        for (name, cleaned) in [
            (Some("../../etc/passwd"), "passwd"),
            (Some("C:\\temp\\x.doc"), "x.doc"),
            (Some("invoice\u{202e}fdp.exe"), "invoicefdp.exe"),
            (Some("a\r\nSet-Cookie: b"), "aSet-Cookie: b"),
            (Some("folder/"), "attachment"),
            (Some(".."), "attachment"),
            (Some("\u{202e}"), "attachment"),
            (None, "attachment"),
        ] {
            assert_eq!(clean(name), cleaned, "{name:?}");
        }
        assert!(clean(Some(&"ü".repeat(300))).len() <= LONGEST);
    }

    #[test]
    fn a_disposition_is_one_line_of_ascii_with_the_whole_name_in_it() {
        let text = disposition("attachment", Some("Löhne \"2026\" 100%.pdf"));

        assert_eq!(
            text,
            "attachment; filename=\"L_hne _2026_ 100_.pdf\"; filename*=UTF-8''L%C3%B6hne%20%222026%22%20100%25.pdf"
        );
        assert!(
            disposition("attachment", Some("a\r\nX: y\u{0}"))
                .bytes()
                .all(|byte| (32..127).contains(&byte))
        );
    }
}
