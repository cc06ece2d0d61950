//! What Graph sent, kept as it came but for the body's content, which stands in a column of its own.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct WithBody<'a> {
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WithContent<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// The text of an item with `null` where its body's content was. Every other byte stays.
pub fn without_content(item: &str) -> String {
    match content(item) {
        Some((start, end)) => {
            let (before, after) = (&item.as_bytes()[..start], &item.as_bytes()[end..]);
            let mut cut = Vec::with_capacity(before.len() + 4 + after.len());
            cut.extend_from_slice(before);
            cut.extend_from_slice(b"null");
            cut.extend_from_slice(after);
            String::from_utf8(cut).expect("a JSON value begins and ends between characters")
        }
        None => item.to_owned(),
    }
}

/// Where the content stands in the item's text. Both inner texts are parts of it, so their distance is their place.
fn content(item: &str) -> Option<(usize, usize)> {
    let body = serde_json::from_str::<WithBody>(item).ok()?.body?.get();
    let content = serde_json::from_str::<WithContent>(body)
        .ok()?
        .content?
        .get();
    let start = (content.as_ptr() as usize).checked_sub(item.as_ptr() as usize)?;
    let end = start.checked_add(content.len())?;
    (end <= item.len()).then_some((start, end))
}

/// Nesting that jsonb takes without a thought; what Graph sends stays far below.
const DEEPEST: usize = 256;
/// Digits of a number that jsonb takes.
const LONGEST_NUMBER: usize = 1_000;
/// An exponent that jsonb takes.
const LARGEST_EXPONENT: u32 = 1_000;

/// The text as every database takes it as JSON: where jsonb cannot hold it (endless numbers, endless nesting) it is a
/// JSON string that holds the text as it came.
pub fn storable(raw: String) -> String {
    if is_storable(raw.as_bytes()) {
        raw
    } else {
        serde_json::Value::String(raw).to_string()
    }
}

fn is_storable(json: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at += string(&json[at..]),
            b'{' | b'[' => {
                depth += 1;
                if depth > DEEPEST {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'0'..=b'9' => {
                let number = &json[at - 1..];
                let length = number
                    .iter()
                    .take_while(|byte| {
                        matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')
                    })
                    .count();
                if !is_moderate(&number[..length]) {
                    return false;
                }
                at += length - 1;
            }
            _ => {}
        }
    }
    true
}

/// How far it is past the end of a string that has begun.
fn string(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at
}

fn is_moderate(number: &[u8]) -> bool {
    let exponent = number
        .iter()
        .position(|byte| matches!(byte, b'e' | b'E'))
        .map(|place| &number[place + 1..]);
    let is_small = exponent.is_none_or(|digits| {
        let digits = digits.iter().filter(|byte| byte.is_ascii_digit());
        digits.fold(0_u32, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add(u32::from(digit - b'0'))
        }) <= LARGEST_EXPONENT
    });
    is_small && number.len() <= LONGEST_NUMBER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_cannot_hold_is_held_as_text() {
        let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
        let long = format!(r#"{{"x":{}}}"#, "9".repeat(2_000));
        for odd in [r#"{"x":1e999999}"#, r#"{"x":[1E-5000]}"#, &deep, &long] {
            let held: String = serde_json::from_str(&storable(odd.to_owned())).expect("a string");
            assert_eq!(held, odd);
        }
        for usual in [
            r#"{"x":-1.5e300,"y":"1e999999 [[[ \"[","z":true}"#,
            r#"{"x":"\\"}"#,
            "{}",
            "[]",
        ] {
            assert_eq!(storable(usual.to_owned()), usual);
        }
    }

    #[test]
    fn only_the_content_is_cut() {
        let item = r#"{"id":"a", "odd" : 1.50,"body":{"contentType":"html","content":"<p>\"é\"</p>","x":1},"subject":"é"}"#;

        let raw = without_content(item);

        assert_eq!(
            raw,
            r#"{"id":"a", "odd" : 1.50,"body":{"contentType":"html","content":null,"x":1},"subject":"é"}"#
        );
    }

    #[test]
    fn an_item_without_content_stays_as_it_came() {
        for item in [
            r#"{"id":"a"}"#,
            r#"{"id":"a","body":null}"#,
            r#"{"id":"a","body":{"contentType":"text"}}"#,
            r#"{"id":"a","body":{"contentType":"text","content":null}}"#,
            r#"{"id":"a","body":"x"}"#,
            "not JSON",
        ] {
            assert_eq!(without_content(item), item);
        }
    }
}
