//! Listing the newest messages of the whole mailbox and applying them.

use std::collections::HashSet;

use serde_json::{Value, json};
use tracing::warn;

use super::Mirror;
use super::convert::message::{MessageItem, read};
use super::error::MirrorError;
use super::findings::{Findings, FoundMessage};
use super::lists::Go;
use super::report::Tally;
use crate::graph::Prefer;
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::{CursorScope, Lane};
use crate::store::{CursorFilter, Priority};

/// Items of a page at most.
const PAGE: u32 = 250;

impl Mirror {
    /// Fetches at most `max_results` messages received at or after `since`, the newest first. What lies in folders that are
    /// not mirrored, Teams chats for example (F5.11), is passed over and counted: nothing would keep its row true.
    pub(crate) async fn sync_messages(
        &self,
        max_results: u32,
        since: Option<Timestamp>,
    ) -> Result<Value, MirrorError> {
        let mut found: Vec<FoundMessage> = Vec::new();
        let mut seen: HashSet<GraphId> = HashSet::new();
        let wanted = max_results as usize;
        let target = self.graph.messages_newest(since, max_results.min(PAGE));
        let mut unreadable = 0_u64;
        if wanted > 0 {
            let listed = self
                .list(Lane::Command, target, Prefer::IDS, |item, sent_at| {
                    match read(item.get()) {
                        Ok(MessageItem::Whole(message)) => {
                            if seen.insert(message.external_id.clone()) {
                                found.push(FoundMessage {
                                    message: *message,
                                    fetched_at: sent_at,
                                });
                            }
                        }
                        Ok(MessageItem::Partial { .. } | MessageItem::Removed(_)) | Err(_) => {
                            unreadable += 1;
                        }
                    }
                    if found.len() < wanted {
                        Go::On
                    } else {
                        Go::Enough
                    }
                })
                .await;
            listed.map_err(|source| MirrorError::Graph {
                what: "the newest messages",
                source,
            })?;
        }
        if unreadable > 0 {
            warn!(
                mailbox.id = %self.mailbox, items = unreadable,
                "{unreadable} messages of mailbox {} cannot be read", self.mailbox
            );
        }
        let folders = self.folders_for(&found).await?;
        let before = found.len();
        found.retain(|found| folders.contains(&found.message.folder_external_id));
        let skipped = before - found.len();
        let ids: Vec<GraphId> = found
            .iter()
            .map(|found| found.message.external_id.clone())
            .collect();
        let findings = Findings {
            messages: found,
            ..Findings::default()
        };
        let applied = self.apply(Lane::Command, findings).await?;
        let mut rows = Tally::default();
        for effect in ids.iter().filter_map(|id| applied.effects.get(id)) {
            rows.count(*effect);
        }
        Ok(json!({
            "created": rows.created,
            "updated": rows.updated,
            "unchanged": rows.unchanged,
            "skipped": skipped,
        }))
    }

    /// The folders that are mirrored; the tree is looked at first when a message lies in one that is new to us.
    async fn folders_for(
        &self,
        found: &[FoundMessage],
    ) -> Result<std::sync::Arc<HashSet<GraphId>>, MirrorError> {
        let known = self.known_folders().await?;
        let is_known = |found: &FoundMessage| known.contains(&found.message.folder_external_id);
        if found.iter().all(is_known) {
            return Ok(known);
        }
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        let filter = CursorFilter::Scope(&CursorScope::Folders);
        tx.cursors_mark_dirty(self.mailbox, filter, self.clock.now())
            .await?;
        tx.commit().await?;
        self.structure().await?;
        self.known_folders().await
    }
}
