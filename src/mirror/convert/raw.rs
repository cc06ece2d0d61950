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

#[cfg(test)]
mod tests {
    use super::*;

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
