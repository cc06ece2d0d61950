//! From Graph's shapes to our words. Pure: text in, rows out.
//!
//! Typed, borrowed parsing beside the raw text, which is kept as it came (design §6); unknown fields and unknown values
//! of enums are no error (M14), and a field that cannot be read is none ([`mend`]). An item that cannot be read for want
//! of what nothing can be without names the field, never its content.

pub mod calendar;
pub mod event;
pub mod folder;
pub mod mend;
pub mod message;
pub mod raw;
pub mod time;

use serde_json::value::RawValue;

use crate::graph::wire::{Field, ItemHead, Text};
use crate::model::ids::GraphId;

/// Why an item could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not the JSON it should be.
    #[error("it has an unknown shape")]
    Shape,
    /// A field that nothing can be without is not there.
    #[error("its {0} is missing")]
    Missing(&'static str),
    /// A start or an end that should be a time is none.
    #[error("its {0} is not a time")]
    Time(&'static str),
}

/// The id of an item that could not be read, so that it can be fetched by itself; none when not even that is there.
pub fn id_of(item: &RawValue) -> Option<GraphId> {
    mend::read_or_mend(item.get(), |text| {
        let head: ItemHead = serde_json::from_str(text).ok()?;
        Some(possible(head.id))
    })?
}

fn text(field: Field<Text<'_>>) -> Option<String> {
    field.into_option().map(Text::into_string)
}

fn id(field: Field<Text<'_>>) -> Option<GraphId> {
    possible(field.into_option())
}

fn possible(id: Option<Text<'_>>) -> Option<GraphId> {
    id.filter(|id| GraphId::is_possible(id))
        .map(|id| GraphId(id.into_string()))
}

/// The version inside of `W/"<changeKey>"` (F5.10).
fn version(etag: Option<&Text<'_>>) -> Option<String> {
    let tag = etag?.as_str().trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let key = tag.strip_prefix('"')?.strip_suffix('"')?;
    (!key.is_empty()).then(|| key.to_owned())
}

/// The type's name without its namespace (F5.2).
fn type_name<'a>(odata_type: Option<&'a Text<'_>>, default: &'a str) -> &'a str {
    odata_type
        .and_then(|name| name.as_str().rsplit('.').next())
        .filter(|name| !name.is_empty())
        .map_or(default, |name| name.trim_start_matches('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_inside_of_the_etag() {
        let read = |tag: &str| version(Some(&Text::from(tag)));

        assert_eq!(read("W/\"CQAAA==\""), Some("CQAAA==".to_owned()));
        assert_eq!(read("\"k\""), Some("k".to_owned()));
        assert_eq!(read("W/\"\""), None);
        assert_eq!(read("k"), None);
        assert_eq!(read("\""), None);
        assert_eq!(version(None), None);
    }

    #[test]
    fn a_type_is_named_without_its_namespace() {
        let name = Text::from("#microsoft.graph.eventMessageRequest");
        assert_eq!(type_name(Some(&name), "message"), "eventMessageRequest");
        assert_eq!(type_name(None, "message"), "message");
        assert_eq!(type_name(Some(&Text::from("#x")), "message"), "x");
    }
}
