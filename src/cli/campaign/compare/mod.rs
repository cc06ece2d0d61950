//! The rows of a mailbox against what really stands in the sandbox.
//!
//! Neither side's room helps: the truth is read as the JSON the sandbox tells, the mirror by the rows of its store, and both are
//! brought to the same few words here. Everything that is mirrored is compared, field by field; nothing here looks away from
//! a difference.

mod ours;
mod theirs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use crate::model::ids::MailboxId;
use crate::store::{Store, StoreError};

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What kind of thing: folder, message, thread, calendar, event.
    pub kind: &'static str,
    /// The field that differs; `None` when the whole thing stands on one side only.
    pub field: Option<String>,
    words: String,
}

impl Difference {
    /// Whether it is a folder's number of items, or of unread ones: nothing announces these, so that they come to light by
    /// polling only.
    pub fn is_count_of_a_folder(&self) -> bool {
        let field = self.field.as_deref();
        self.kind == "folder" && matches!(field, Some("items" | "unread"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// The items of one kind on one side, by id.
type Side = BTreeMap<String, Value>;

/// What differs: folders, messages with bodies and attachments' metadata, threads, calendars, and events with every
/// occurrence of the window that `truth` was told for.
pub async fn differences(
    store: &Store,
    mailbox: MailboxId,
    truth: &Value,
) -> Result<Vec<Difference>, StoreError> {
    let mut found = Vec::new();
    let folders = ours::folders(store, mailbox).await?;
    compare("folder", &folders, &theirs::folders(truth), &mut found);
    // What lies in folders that are not mirrored is not mirrored (F5.16); that no such folder is missing was compared above.
    let known: BTreeSet<&str> = folders.keys().map(String::as_str).collect();
    let messages = ours::messages(store, mailbox).await?;
    compare(
        "message",
        &messages,
        &theirs::messages(truth, &known),
        &mut found,
    );
    let mut conversations = theirs::conversations(truth);
    let held = messages
        .values()
        .filter_map(|message| message["conversation"].as_str());
    conversations.extend(held.map(str::to_owned));
    let threads = ours::threads(store, mailbox, conversations).await?;
    compare(
        "thread",
        &threads,
        &theirs::threads(truth, &known),
        &mut found,
    );
    let calendars = ours::calendars(store, mailbox).await?;
    compare(
        "calendar",
        &calendars,
        &theirs::calendars(truth),
        &mut found,
    );
    let events = ours::events(store, mailbox).await?;
    compare("event", &events, &theirs::events(truth), &mut found);
    Ok(found)
}

fn compare(kind: &'static str, ours: &Side, theirs: &Side, found: &mut Vec<Difference>) {
    let mut whole = |words| {
        found.push(Difference {
            kind,
            field: None,
            words,
        });
    };
    for (id, ours) in ours {
        if !theirs.contains_key(id) {
            whole(format!("{kind} {id} is a ghost: {ours}"));
        }
    }
    for (id, theirs) in theirs {
        if !ours.contains_key(id) {
            whole(format!("{kind} {id} is missing: {theirs}"));
        }
    }
    for (id, ours) in ours {
        let (Some(ours), Some(theirs)) = (ours.as_object(), theirs.get(id)) else {
            continue;
        };
        for (field, value) in ours {
            let right = &theirs[field];
            if right != value {
                found.push(Difference {
                    kind,
                    field: Some(field.clone()),
                    words: format!("{kind} {id}: {field} is {value}, should be {right}"),
                });
            }
        }
    }
}

/// A name and an address; nothing when there is neither (F5.9).
fn party(name: &Value, address: &Value) -> Value {
    if name.is_null() && address.is_null() {
        Value::Null
    } else {
        json!([name, address])
    }
}
