//! A page of a folder's messages.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use tracing::warn;

use super::Mirror;
use super::convert::id_of;
use super::convert::message::{MessageItem, read};
use super::error::MirrorError;
use super::findings::{Findings, FoundMessage, FoundPart};
use crate::model::ids::GraphId;
use crate::model::work::{Cursor, NoticeKind};
use crate::store::SeenNotice;

impl Mirror {
    /// What a page of a folder's delta shows. Whole messages are written, partial ones merged, and what was removed from
    /// this folder is suspected (M4), unless we know that it is gone.
    pub(crate) async fn mail_findings(
        &self,
        cursor: &Cursor,
        items: &[&RawValue],
        announced: &[SeenNotice],
    ) -> Result<Findings, MirrorError> {
        let mut findings = Findings {
            round: cursor.is_full.then_some(cursor.round),
            is_first: cursor.is_full && cursor.last_ok_at.is_none(),
            ..Findings::default()
        };
        let fetched_at = cursor.round_started_at.unwrap_or_else(|| self.clock.now());
        let mut last: HashMap<GraphId, MessageItem> = HashMap::with_capacity(items.len());
        let mut order: Vec<GraphId> = Vec::with_capacity(items.len());
        let mut removed: HashSet<GraphId> = HashSet::new();
        for item in items {
            match read(item.get()) {
                Ok(MessageItem::Removed(id)) => {
                    removed.insert(id);
                }
                Ok(shown) => {
                    let id = match &shown {
                        MessageItem::Whole(message) => message.external_id.clone(),
                        MessageItem::Partial { external_id, .. }
                        | MessageItem::Removed(external_id) => external_id.clone(),
                    };
                    // The last one of an id wins (F6.7), but a part does not make a whole one forgotten.
                    let is_part_after_whole = matches!(shown, MessageItem::Partial { .. })
                        && matches!(last.get(&id), Some(MessageItem::Whole(_)));
                    if is_part_after_whole {
                        findings.suspicions.push((NoticeKind::Message, id));
                    } else if last.insert(id.clone(), shown).is_none() {
                        order.push(id);
                    }
                }
                Err(error) => {
                    warn!(
                        mailbox.id = %self.mailbox, error = %error,
                        "a message on a page of mailbox {} cannot be read", self.mailbox
                    );
                    findings
                        .suspicions
                        .extend(id_of(item).map(|id| (NoticeKind::Message, id)));
                }
            }
        }
        findings.settled.extend(
            announced
                .iter()
                .filter(|seen| {
                    seen.kind == NoticeKind::Message && last.contains_key(&seen.external_id)
                })
                .cloned(),
        );
        for id in order {
            match last.remove(&id) {
                Some(MessageItem::Whole(message)) => findings.messages.push(FoundMessage {
                    message: *message,
                    fetched_at,
                }),
                Some(MessageItem::Partial {
                    message,
                    external_id,
                    suffices,
                }) => findings.parts.push(FoundPart {
                    external_id,
                    part: *message,
                    suffices,
                    fetched_at,
                }),
                Some(MessageItem::Removed(_)) | None => {}
            }
        }
        let removed: Vec<GraphId> = removed.into_iter().collect();
        // One that went before we knew of it may have gone to a folder that does not tell of it (F6.26).
        let unheard_of = self
            .store
            .messages_unheard_of(self.mailbox, &removed)
            .await?
            .into_iter();
        findings
            .suspicions
            .extend(unheard_of.map(|id| (NoticeKind::Message, id)));
        for head in self.heads(&removed).await?.into_values() {
            if self.settings.sabotage.believes_removals {
                let gone = (head.external_id, self.clock.now());
                findings.gone_messages.push(gone);
                continue;
            }
            findings
                .suspicions
                .push((NoticeKind::Message, head.external_id));
        }
        Ok(findings)
    }

    /// What a full round of a folder has not shown, and nothing else has fetched since it began: suspects (F6.39).
    pub(crate) async fn sweep_messages(
        &self,
        cursor: &Cursor,
        folder: &GraphId,
    ) -> Result<Findings, MirrorError> {
        let mut findings = Findings::default();
        if self.settings.sabotage.sweeps_without_asking {
            let now = self.clock.now();
            let unseen = self
                .store
                .messages_unseen(self.mailbox, folder, cursor.round, now)
                .await?;
            findings
                .gone_messages
                .extend(unseen.into_iter().map(|id| (id, now)));
            return Ok(findings);
        }
        if let Some(began_at) = cursor.round_started_at {
            let unseen = self
                .store
                .messages_unseen(self.mailbox, folder, cursor.round, began_at)
                .await?;
            findings
                .suspicions
                .extend(unseen.into_iter().map(|id| (NoticeKind::Message, id)));
        }
        Ok(findings)
    }
}
