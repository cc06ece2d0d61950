//! Messages by id: what a notice announced, what a delta, a sweep or an audit suspects.
//!
//! One is asked for at once, two to four beside each other, up to twenty in a `$batch`. More than that for one folder is a
//! burst, and the folder's delta brings a hundred for the price of one (design §4): what the delta shows is settled with
//! its page, what it does not show is asked for by id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tracing::warn;

use super::Mirror;
use super::convert::message::{MessageItem, read};
use super::error::MirrorError;
use super::findings::{Findings, FoundMessage};
use super::ladder::{self, Absence};
use super::refresh::{Verdict, stops, verdict};
use super::report::RefreshReport;
use crate::graph::BatchAnswer;
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::{ChangeHint, CursorScope, CursorState, Lane, Notice, NoticeKind};
use crate::store::{MessageHead, SeenNotice};

/// Parts of a batch.
const BATCH: usize = 20;
/// More announced messages than this in one folder are a burst.
const BURST: usize = 20;

/// After so many looks a folder that the tree does not show is none of ours.
const STRANGE: i64 = 2;

/// Folders to which a created message that never shows may have gone (F10.20, F10.21).
const SENDING: &[&str] = &["drafts", "sentitems", "inbox", "outbox"];

impl Mirror {
    /// Refreshes messages by their notices.
    pub(crate) async fn refresh_messages(
        &self,
        lane: Lane,
        mut notices: Vec<Notice>,
    ) -> Result<RefreshReport, MirrorError> {
        let mut report = RefreshReport::default();
        if lane == Lane::Live && notices.len() > BURST {
            let (settled, rows) = self.take_burst(&mut notices).await?;
            report.settled += settled;
            report.rows += rows;
        }
        // The rest of a burst is looked at in further goes: what arrives meanwhile may be a smaller go of its own.
        report.more = notices.len() > BATCH;
        notices.truncate(BATCH);
        let parts: Vec<_> = notices
            .iter()
            .map(|notice| {
                let graph = self.graph.following(notice.trace);
                graph.message_part(&notice.external_id)
            })
            .collect();
        // Before the requests: a 404 speaks for no later time than that.
        let asked_at = self.clock.now();
        let (answers, known) = tokio::join!(self.ask_beside(lane, &parts), self.known_folders());
        let mut findings = self.go(lane, &notices);
        let known = known?;
        let mut strange = Vec::new();
        let mut gone = Vec::new();
        let mut stop = None;
        for (notice, answer) in notices.iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
                    match read(text) {
                        Ok(MessageItem::Whole(message)) => {
                            let found = FoundMessage {
                                message: *message,
                                fetched_at: answer.sent_at,
                            };
                            if known.contains(&found.message.folder_external_id) {
                                findings.settled.push(SeenNotice::from(notice));
                                findings.messages.push(found);
                            } else {
                                strange.push((notice, found));
                            }
                        }
                        Ok(MessageItem::Partial { .. } | MessageItem::Removed(_)) | Err(_) => {
                            warn!(mailbox.id = %self.mailbox, "a message of mailbox {} cannot be read", self.mailbox);
                            self.put_off(&mut findings, notice, ladder::broken(notice.attempts));
                        }
                    }
                }
                Err(error) => {
                    let Some(error) = stops(error, "a message", &mut stop) else {
                        continue;
                    };
                    match verdict(&error, notice.attempts) {
                        Verdict::Gone => gone.push(notice),
                        Verdict::PutOff(wait) => self.put_off(&mut findings, notice, wait),
                        Verdict::Drop => findings.settled.push(SeenNotice::from(notice)),
                    }
                }
            }
        }
        self.judge_strange(&mut findings, strange).await?;
        self.judge_gone(&mut findings, &gone, asked_at).await?;
        report += self.settle(lane, findings, stop).await?;
        Ok(report)
    }

    /// Messages in folders that are new to us are written, and looked at again once the tree was walked (M46). In a folder
    /// that the tree does not show, such as the recoverable items, nothing would keep a row true: what lies there left what
    /// people see of the mailbox (F5.16).
    async fn judge_strange(
        &self,
        findings: &mut Findings,
        strange: Vec<(&Notice, FoundMessage)>,
    ) -> Result<(), MirrorError> {
        if strange.is_empty() {
            return Ok(());
        }
        let tree = self
            .store
            .cursor_get(self.mailbox, &CursorScope::Folders)
            .await?;
        let walked_at = tree
            .filter(|cursor| cursor.state == CursorState::Idle)
            .and_then(|cursor| cursor.round_started_at);
        // Read after that, from where the walk left both: what was known before the requests is older than a walk that ended
        // meanwhile.
        let known = self.folders_kept().await?;
        findings
            .dirty
            .push((CursorScope::Folders, self.clock.now()));
        for (notice, found) in strange {
            let walked_since = walked_at > Some(notice.received_at);
            if known.contains(&found.message.folder_external_id) {
                findings.settled.push(SeenNotice::from(notice));
                findings.messages.push(found);
            } else if notice.attempts < STRANGE || !walked_since {
                self.put_off(findings, notice, ladder::passing(notice.attempts.min(2)));
                findings.messages.push(found);
            } else {
                findings.settled.push(SeenNotice::from(notice));
                findings
                    .gone_messages
                    .push((found.message.external_id, found.fetched_at));
            }
        }
        Ok(())
    }

    /// The folders that the tree showed last.
    pub(crate) async fn known_folders(&self) -> Result<Arc<HashSet<GraphId>>, MirrorError> {
        if let Some(known) = self.memory.folders() {
            return Ok(known);
        }
        let kept = self.folders_kept().await?;
        Ok(self.memory.folders_are(kept))
    }

    async fn folders_kept(&self) -> Result<HashSet<GraphId>, MirrorError> {
        let folders = self.store.folders_list(self.mailbox).await?;
        let ids = folders.into_iter().map(|stored| stored.folder.external_id);
        Ok(ids.collect())
    }

    /// Asks for messages by id; the answers stand in the order of the ids.
    pub(crate) async fn ask_for_messages(&self, lane: Lane, ids: &[GraphId]) -> Vec<BatchAnswer> {
        let parts: Vec<_> = ids.iter().map(|id| self.graph.message_part(id)).collect();
        self.ask_beside(lane, &parts).await
    }

    /// Messages that answered 404 ([`ladder::absence`]). One that was announced and never showed is given up at last; then the
    /// folders are asked.
    async fn judge_gone(
        &self,
        findings: &mut Findings,
        gone: &[&Notice],
        asked_at: Timestamp,
    ) -> Result<(), MirrorError> {
        if gone.is_empty() {
            return Ok(());
        }
        let ids: Vec<GraphId> = gone
            .iter()
            .map(|notice| notice.external_id.clone())
            .collect();
        let held = self.heads(&ids).await?;
        let mut given_up = false;
        for notice in gone {
            let known = held.get(&notice.external_id);
            let made_at = known.map(|head| head.made_at);
            match ladder::absence(made_at, notice.hint, notice.attempts, asked_at) {
                Absence::NotYet(wait) => {
                    self.put_off(findings, notice, wait);
                    continue;
                }
                Absence::Doubtful(wait) => self.put_off(findings, notice, wait),
                Absence::Gone => {
                    given_up |= known.is_none()
                        && matches!(notice.hint, ChangeHint::Created | ChangeHint::Updated);
                    findings.settled.push(SeenNotice::from(*notice));
                }
            }
            findings
                .gone_messages
                .push((notice.external_id.clone(), asked_at));
        }
        if given_up {
            let now = self.clock.now();
            for folder in self.store.folders_list(self.mailbox).await? {
                let name = folder.folder.well_known_name.as_deref();
                if name.is_some_and(|name| SENDING.contains(&name)) {
                    let folder = folder.folder.external_id;
                    findings.dirty.push((CursorScope::Messages { folder }, now));
                }
            }
        }
        Ok(())
    }

    /// Walks the delta of every folder in which many of these messages lie, and takes those out that it settled.
    async fn take_burst(
        &self,
        notices: &mut Vec<Notice>,
    ) -> Result<(u64, super::Tally), MirrorError> {
        let ids: Vec<GraphId> = notices
            .iter()
            .map(|notice| notice.external_id.clone())
            .collect();
        let held = self.heads(&ids).await?;
        let mut folders: HashMap<GraphId, usize> = HashMap::new();
        let inbox = self.inbox().await?;
        for id in &ids {
            // What we don't hold came in most likely.
            let folder = held
                .get(id)
                .map(|head| head.folder_external_id.clone())
                .or_else(|| inbox.clone());
            if let Some(folder) = folder {
                *folders.entry(folder).or_default() += 1;
            }
        }
        let mut rows = super::Tally::default();
        let mut settled = 0;
        for (folder, _) in folders.into_iter().filter(|(_, waiting)| *waiting > BURST) {
            let scope = CursorScope::Messages { folder };
            let Some((cursor, claim)) = self.claim_idle(&scope).await? else {
                continue;
            };
            let seen: Vec<SeenNotice> = notices.iter().map(SeenNotice::from).collect();
            let walked = self
                .walk(&claim, cursor, Lane::Live, &seen, Timestamp::MAX_UTC)
                .await?;
            rows += walked.report.rows;
            settled += walked.settled.len() as u64;
            notices.retain(|notice| {
                notice.kind != NoticeKind::Message || !walked.settled.contains(&notice.external_id)
            });
        }
        Ok((settled, rows))
    }

    async fn inbox(&self) -> Result<Option<GraphId>, MirrorError> {
        let folders = self.store.folders_list(self.mailbox).await?;
        Ok(folders
            .into_iter()
            .map(|stored| stored.folder)
            .find(|folder| folder.well_known_name.as_deref() == Some("inbox"))
            .map(|folder| folder.external_id))
    }

    pub(crate) async fn heads(
        &self,
        ids: &[GraphId],
    ) -> Result<HashMap<GraphId, MessageHead>, MirrorError> {
        let heads = self.store.messages_heads(self.mailbox, ids).await?;
        Ok(heads
            .into_iter()
            .map(|head| (head.external_id.clone(), head))
            .collect())
    }
}
