//! The feed of a mailbox against its rows: each change once, positions without holes, and whoever replays it from zero holds the
//! same mirror.

use std::collections::BTreeSet;

use crate::model::feed::{ChangeKind, ItemKind};
use crate::model::ids::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::store::{Store, StoreError};

/// Entries read at once.
const PAGE: u32 = 500;

type Items = BTreeSet<(ItemKind, String)>;

/// What is wrong with it, in words.
pub async fn differences(store: &Store, mailbox: &Mailbox) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let mut live = Items::new();
    let mut position = 0;
    loop {
        let page = store.changes_after(mailbox.id, position, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for change in page {
            if change.position != position + 1 {
                found.push(format!("feed: {} comes after {position}", change.position));
            }
            position = change.position;
            let item = (change.kind, change.external_id.0);
            let was_there = live.contains(&item);
            let is_right = match change.change {
                ChangeKind::Created => live.insert(item.clone()) && !was_there,
                ChangeKind::Updated => was_there,
                ChangeKind::Deleted => live.remove(&item),
            };
            if !is_right {
                found.push(format!(
                    "feed: at {position} the {:?} {} is {:?}, and it was {}there",
                    item.0,
                    item.1,
                    change.change,
                    if was_there { "" } else { "not " }
                ));
            }
        }
    }
    let current = store.mailbox_get(mailbox.id).await?;
    if current.is_some_and(|mailbox| mailbox.feed_position != position) {
        found.push(format!(
            "feed: it ends at {position}, its mailbox says otherwise"
        ));
    }
    let rows = rows(store, mailbox.id).await?;
    for (kind, id) in live.symmetric_difference(&rows) {
        let side = if rows.contains(&(*kind, id.clone())) {
            "the feed never told of"
        } else {
            "the feed leaves behind"
        };
        found.push(format!("feed: {side} the {kind:?} {id}"));
    }
    Ok(found)
}

/// Every row that the feed tells of.
async fn rows(store: &Store, mailbox: MailboxId) -> Result<Items, StoreError> {
    let mut rows = Items::new();
    let mut threads: BTreeSet<String> = BTreeSet::new();
    for stored in store.folders_list(mailbox).await? {
        rows.insert((ItemKind::Folder, stored.folder.external_id.0));
    }
    for calendar in store.calendars_list(mailbox).await? {
        rows.insert((ItemKind::Calendar, calendar.external_id.0));
    }
    let mut after = None;
    loop {
        let page = store.messages_page(mailbox, after.as_ref(), 200).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.message.external_id.clone());
        for stored in page {
            threads.extend(stored.message.conversation_id.map(|id| id.0));
            rows.insert((ItemKind::Message, stored.message.external_id.0));
        }
    }
    let mut after = None;
    loop {
        let page = store.events_page(mailbox, after.as_ref(), 200).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.event.external_id.clone());
        rows.extend(
            page.into_iter()
                .map(|stored| (ItemKind::Event, stored.event.external_id.0)),
        );
    }
    rows.extend(threads.into_iter().map(|id| (ItemKind::Thread, id)));
    Ok(rows)
}
