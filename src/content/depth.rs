//! HTML that was written to keep its reader busy.
//!
//! A parser looks up through every open element, and along every attribute of a tag: thousands of either cost it minutes. No letter
//! nests a hundred levels, so what goes far beyond that is not laid out at all.

/// Elements open at once.
const DEEPEST: usize = 512;

/// Attributes of one tag.
const MOST_ATTRIBUTES: usize = 512;

/// Elements that hold nothing, or that the next of their kind ends.
const SHALLOW: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta",
    "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
];

/// Whether laying this out would cost more than it is worth. It errs on the side of saying so.
pub(super) fn is_a_burden(html: &str) -> bool {
    let mut depth: usize = 0;
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(end) = rest.strip_prefix('/') {
            if begins_with_letter(end) {
                depth = depth.saturating_sub(1);
            }
            continue;
        }
        if !begins_with_letter(rest) {
            continue;
        }
        let (name, attributes) = tag(rest);
        let is_shallow = SHALLOW
            .iter()
            .any(|shallow| name.eq_ignore_ascii_case(shallow));
        if !is_shallow {
            depth += 1;
        }
        if depth > DEEPEST || attributes > MOST_ATTRIBUTES {
            return true;
        }
    }
    false
}

fn begins_with_letter(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
}

/// The name of the tag that a text begins with, and about how many attributes it has.
fn tag(text: &str) -> (&str, usize) {
    let is_gap = |byte: u8| byte.is_ascii_whitespace() || byte == b'/';
    let bytes = text.as_bytes();
    let length = bytes
        .iter()
        .position(|byte| is_gap(*byte) || *byte == b'>')
        .unwrap_or(bytes.len());
    let (mut attributes, mut quote, mut last) = (0, None, b' ');
    for &byte in bytes.iter().skip(length) {
        match quote {
            Some(open) if byte == open => quote = None,
            // Anywhere else a quotation mark is a letter like any other.
            None if last == b'=' && matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if byte == b'>' => break,
            None if is_gap(last) && !is_gap(byte) => attributes += 1,
            Some(_) | None => {}
        }
        if last != b'=' || !byte.is_ascii_whitespace() {
            last = byte;
        }
        if attributes > MOST_ATTRIBUTES {
            break;
        }
    }
    (text.get(..length).unwrap_or_default(), attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_no_burden_and_what_is_made_to_be_one_is() {
        let table = "<table border=0><tr><td style=\"a: b; c: d\">x<br>y</td></tr></table><p>z<p>z";
        assert!(!is_a_burden(&table.repeat(2_000)));
        assert!(!is_a_burden(&format!(
            "<img src=\"data:image/png;base64,{}\">",
            "A /".repeat(9_000)
        )));
        assert!(!is_a_burden("1 < 2 <3 </ <!-- x --> <"));

        assert!(is_a_burden(&"<div>".repeat(600)));
        assert!(is_a_burden(&"<B x=1>".repeat(600)));
        assert!(is_a_burden(&format!("<a {}>", "b ".repeat(600))));
        assert!(is_a_burden(&format!("<a \"{}>", " b=c".repeat(600))));
        assert!(is_a_burden(&format!("<a{}>", "/b".repeat(600))));
    }
}
