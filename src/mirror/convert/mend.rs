//! What cannot be read in an item, taken for null, so that the rest of it still becomes a row.
//!
//! Graph's answers are read strictly and fast. Only an item that cannot be read so comes here: a preview that was cut in the
//! middle of a character, a field of an unknown type. Its raw text stays as it came; nothing here is ever stored
//! instead of it, and nothing is invented: a field is read, or it is null.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::graph::wire::Text;
use crate::store::clean_json;

/// Deeper inside of a field nothing is told apart: it is null as a whole.
const DEEPEST: usize = 6;

/// Reads an item: as it is, or else what is left of it with null wherever it could not be read; none when not even that
/// can be read.
pub fn read_or_mend<R>(item: &str, read: impl Fn(&str) -> Option<R>) -> Option<R> {
    read(item).or_else(|| read_mended(item, read))
}

/// Reads what is left of an item that cannot be read as it is.
pub fn read_mended<R>(item: &str, read: impl Fn(&str) -> Option<R>) -> Option<R> {
    read(&mend(item, &|text| read(text).is_some())?)
}

/// The item's text with null wherever it could not be read; none when nothing makes it readable.
fn mend(item: &str, reads: &dyn Fn(&str) -> bool) -> Option<String> {
    if !item.trim_start().starts_with('{') {
        return None;
    }
    // Half a character is mended by itself: no text is lost for it.
    let cleaned = clean_json(Cow::Borrowed(item));
    let fitted = fit(&cleaned, reads, 0);
    reads(&fitted).then_some(fitted)
}

/// A value as far as it can be read; `reads` asks about the value in its place.
fn fit(value: &str, reads: &dyn Fn(&str) -> bool, depth: usize) -> String {
    if reads(value) {
        return value.to_owned();
    }
    let fitted = match value.as_bytes().first() {
        _ if depth >= DEEPEST => None,
        Some(b'{') => fit_object(value, reads, depth),
        Some(b'[') => fit_list(value, reads, depth),
        _ => None,
    };
    fitted
        .filter(|fitted| depth == 0 || reads(fitted))
        .unwrap_or_else(|| "null".to_owned())
}

fn fit_object(value: &str, reads: &dyn Fn(&str) -> bool, depth: usize) -> Option<String> {
    let Fields(fields) = serde_json::from_str(value).ok()?;
    let mut fitted: Vec<(String, String)> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let name = serde_json::to_string(name.as_str()).ok()?;
        let alone = |value: &str| reads(&format!("{{{name}:{value}}}"));
        let value = fit(value.get(), &alone, depth + 1);
        // Of two with one name the last one counts.
        fitted.retain(|(other, _)| *other != name);
        fitted.push((name, value));
    }
    let fields: Vec<String> = fitted
        .into_iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    Some(format!("{{{}}}", fields.join(",")))
}

/// What cannot be read in a list is left out of it.
fn fit_list(value: &str, reads: &dyn Fn(&str) -> bool, depth: usize) -> Option<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    let alone = |value: &str| reads(&format!("[{value}]"));
    let fitted: Vec<String> = elements
        .into_iter()
        .map(|element| fit(element.get(), &alone, depth + 1))
        .filter(|element| element != "null")
        .collect();
    Some(format!("[{}]", fitted.join(",")))
}

/// An object's fields in their order, also where one stands twice.
struct Fields<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::wire::MessageObject;

    fn mended(item: &str) -> Option<String> {
        mend(item, &|text| {
            serde_json::from_str::<MessageObject>(text).is_ok()
        })
    }

    #[test]
    fn what_cannot_be_read_is_null_and_the_rest_stays() {
        let item = r#"{"id":"A","isRead":"no","subject":7,"toRecipients":[{"emailAddress":{"name":"B","address":5}},
            9,{"emailAddress":{"name":"C"}}],"odd":{"x":[1]}}"#;

        assert_eq!(
            mended(item).as_deref(),
            Some(
                r#"{"id":"A","isRead":null,"subject":null,"toRecipients":[{"emailAddress":{"name":"B","address":null}},{"emailAddress":{"name":"C"}}],"odd":{"x":[1]}}"#
            )
        );
    }

    #[test]
    fn half_a_character_costs_no_text() {
        let item = r#"{"id":"A","subject":"cut \ud83d","bodyPreview":"whole \ud83d\ude00"}"#;

        assert_eq!(
            mended(item).as_deref(),
            Some(r#"{"id":"A","subject":"cut \ufffd","bodyPreview":"whole \ud83d\ude00"}"#)
        );
    }

    #[test]
    fn of_two_fields_with_one_name_the_last_one_counts() {
        let item = r#"{"id":"A","subject":"x","subject":"y"}"#;

        assert_eq!(mended(item).as_deref(), Some(r#"{"id":"A","subject":"y"}"#));
    }

    #[test]
    fn what_is_no_object_is_not_mended() {
        for item in ["7", "[1]", "null", "\"x\"", "{", ""] {
            assert_eq!(mended(item), None, "{item}");
        }
    }
}
