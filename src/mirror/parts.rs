//! What is inside of an attached item (F8.4). Pure.
//!
//! Graph tells the parts of an item by their place and shows them whole, one in the other. Files come with their bytes; an item
//! inside of an item is kept as the JSON that Graph shows of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::convert::message::read_attachment;
use crate::model::blob::LARGEST;
use crate::model::ids::GraphId;
use crate::model::mail::{Attachment, ContentState};

/// Items in items that are looked into; Outlook nests no deeper (F8.4).
const DEEPEST: usize = 30;

/// Parts of one item in all: what holds more was made to be a burden.
const MOST: usize = 1_000;

/// A part of an attached item.
#[derive(Debug)]
pub(super) struct Part {
    pub attachment: Attachment,
    pub parent: GraphId,
    pub position: i64,
    pub state: ContentState,
    pub content: Option<Bytes>,
}

#[derive(Deserialize)]
struct Expanded<'a> {
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    attachments: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner<'a> {
    #[serde(default)]
    content_bytes: Option<String>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
}

/// The parts of an attached item, each before what is inside of it. What cannot be read is passed over.
pub(super) fn of(item: &GraphId, answer: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Ok(Expanded { item: Some(shown) }) = serde_json::from_slice(answer) {
        look_into(shown, item, 1, &mut parts);
    }
    parts
}

fn look_into(shown: &RawValue, parent: &GraphId, depth: usize, parts: &mut Vec<Part>) {
    let Ok(Item { attachments }) = serde_json::from_str(shown.get()) else {
        return;
    };
    for (position, shown) in attachments.into_iter().enumerate() {
        if parts.len() >= MOST {
            return;
        }
        let id = parent.part(position);
        let Some(attachment) = named(shown.get(), &id) else {
            continue;
        };
        let Ok(inner) = serde_json::from_str::<Inner<'_>>(shown.get()) else {
            continue;
        };
        let (state, content) = content(&attachment, &inner);
        let content_type = match attachment.kind.as_str() {
            "item" => Some("application/json".to_owned()),
            _ => attachment.content_type.clone(),
        };
        parts.push(Part {
            attachment: Attachment {
                content_type,
                ..attachment
            },
            parent: parent.clone(),
            position: i64::try_from(position).unwrap_or(i64::MAX),
            state,
            content,
        });
        if let Some(item) = inner.item
            && depth < DEEPEST
        {
            look_into(item, &id, depth + 1, parts);
        }
    }
}

/// What is known of a part, under the id that we give it; Graph gives it none, or one that opens nothing.
fn named(shown: &str, id: &GraphId) -> Option<Attachment> {
    let mut object: Value = serde_json::from_str(shown).ok()?;
    object
        .as_object_mut()?
        .insert("id".to_owned(), id.as_str().into());
    read_attachment(&object.to_string()).ok()
}

fn content(attachment: &Attachment, inner: &Inner<'_>) -> (ContentState, Option<Bytes>) {
    let bytes = match attachment.kind.as_str() {
        "reference" => return (ContentState::Reference, None),
        "item" => inner.item.and_then(|item| without_parts(item.get())),
        _ => inner
            .content_bytes
            .as_deref()
            .and_then(|text| STANDARD.decode(text).ok()),
    };
    match bytes {
        Some(bytes) if bytes.len() as u64 > LARGEST => (ContentState::TooLarge, None),
        Some(bytes) => (ContentState::Stored, Some(bytes.into())),
        None => (ContentState::Unreadable, None),
    }
}

/// An item without what is inside of it, which is kept by itself.
fn without_parts(item: &str) -> Option<Vec<u8>> {
    let mut object: Value = serde_json::from_str(item).ok()?;
    object.as_object_mut()?.remove("attachments");
    serde_json::to_vec(&object).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_unpacked_as_deep_as_it_goes() {
        let answer = r##"{"id":"A","item":{"subject":"outer","attachments":[
            {"@odata.type":"#microsoft.graph.fileAttachment","id":"x","name":"a.txt","contentType":"text/plain","size":9,
             "isInline":false,"contentBytes":"aGk="},
            {"@odata.type":"#microsoft.graph.itemAttachment","name":"inner","size":1,"item":{"subject":"inner","attachments":[
                {"@odata.type":"#microsoft.graph.fileAttachment","name":"b.bin","size":3,"contentBytes":"AQID"},
                {"@odata.type":"#microsoft.graph.fileAttachment","name":"c.bin","size":3,"contentBytes":"!"}]}},
            {"@odata.type":"#microsoft.graph.referenceAttachment","name":"link","size":1}]}}"##;

        let parts = of(&GraphId::from("A"), answer.as_bytes());

        let told: Vec<(&str, &str, ContentState)> = parts
            .iter()
            .map(|part| {
                (
                    part.attachment.external_id.as_str(),
                    part.parent.as_str(),
                    part.state,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("A~~000", "A", ContentState::Stored),
                ("A~~001", "A", ContentState::Stored),
                ("A~~001~~000", "A~~001", ContentState::Stored),
                ("A~~001~~001", "A~~001", ContentState::Unreadable),
                ("A~~002", "A", ContentState::Reference),
            ]
        );
        assert_eq!(parts[0].content.as_deref(), Some(&b"hi"[..]));
        assert_eq!(
            parts[1].content.as_deref(),
            Some(&br#"{"subject":"inner"}"#[..])
        );
        assert_eq!(parts[2].content.as_deref(), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn items_nested_without_end_are_looked_into_so_far_and_no_further() {
        let mut answer = String::from("{}");
        for _ in 0..40 {
            answer = format!(
                r##"{{"attachments":[{{"@odata.type":"#microsoft.graph.itemAttachment","name":"n","item":{answer}}}]}}"##
            );
        }
        let answer = format!(r#"{{"item":{answer}}}"#);

        assert_eq!(of(&GraphId::from("A"), answer.as_bytes()).len(), DEEPEST);
        assert!(of(&GraphId::from("A"), b"nonsense").is_empty());
    }
}
