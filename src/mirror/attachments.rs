//! Attachments' metadata (M40): names, types and sizes, never bytes.

use tracing::warn;

use super::Mirror;
use super::convert::message::read_attachment;
use super::error::{MirrorError, concerns_the_mailbox};
use super::ladder;
use super::refresh::{Verdict, stops, verdict};
use super::report::RefreshReport;
use crate::graph::wire::Page;
use crate::graph::{Answer, GraphError, Prefer, Target};
use crate::model::ids::GraphId;
use crate::model::mail::Attachment;
use crate::model::work::{Lane, Notice, NoticeKind};
use crate::store::SeenNotice;

/// Parts of a batch.
const BATCH: usize = 20;
/// Pages of one message's attachments; their paging is unreliable (F4.6), so that it must end.
const MOST_PAGES: usize = 50;

impl Mirror {
    /// Fetches the attachments' metadata of messages.
    pub(crate) async fn refresh_attachments(
        &self,
        lane: Lane,
        mut notices: Vec<Notice>,
    ) -> Result<RefreshReport, MirrorError> {
        let more = notices.len() > BATCH;
        notices.truncate(BATCH);
        let parts: Vec<_> = notices
            .iter()
            .map(|notice| self.graph.attachments_part(&notice.external_id))
            .collect();
        let answers = self.graph.batch(lane, &parts).await;
        let mut findings = super::findings::Findings::default();
        let mut stop = None;
        for (notice, answer) in notices.iter().zip(answers) {
            let message = &notice.external_id;
            let answer = match answer {
                // Not every Graph knows the cast by which Content-IDs are asked for (F8.2).
                Err(error) if error.status() == Some(400) => {
                    let plain = self.graph.attachments_part_plain(message);
                    self.graph.ask_alone(lane, &plain).await
                }
                other => other,
            };
            let listed = match answer {
                Ok(answer) => {
                    let sent_at = answer.sent_at;
                    self.read_attachments(lane, message, answer)
                        .await
                        .map(|attachments| (attachments, sent_at))
                }
                Err(error) => Err(error),
            };
            match listed {
                Ok((attachments, sent_at)) => {
                    findings.settled.push(SeenNotice::from(notice));
                    findings
                        .attachments
                        .push((notice.external_id.clone(), attachments, sent_at));
                }
                Err(error) => {
                    let Some(error) = stops(error, "attachments", &mut stop) else {
                        continue;
                    };
                    match verdict(&error, notice.attempts) {
                        // The message may be gone; that is for a GET of the message to say.
                        Verdict::Gone => {
                            findings.settled.push(SeenNotice::from(notice));
                            findings
                                .suspicions
                                .push((NoticeKind::Message, notice.external_id.clone()));
                        }
                        // What cannot be opened today cannot be opened tomorrow (F8.12), and must not be asked for for ever.
                        Verdict::PutOff(_) if notice.attempts >= ladder::QUARANTINE_AFTER => {
                            warn!(
                                mailbox.id = %self.mailbox,
                                "the attachments of a message of mailbox {} cannot be listed", self.mailbox
                            );
                            findings.settled.push(SeenNotice::from(notice));
                        }
                        Verdict::PutOff(wait) => self.put_off(&mut findings, notice, wait),
                        Verdict::Drop => findings.settled.push(SeenNotice::from(notice)),
                    }
                }
            }
        }
        let mut report = self.settle(lane, findings, stop).await?;
        report.more |= more;
        Ok(report)
    }

    async fn read_attachments(
        &self,
        lane: Lane,
        message: &GraphId,
        first: Answer,
    ) -> Result<Vec<Attachment>, GraphError> {
        let mut attachments = Vec::new();
        let mut answer = first;
        for _ in 0..MOST_PAGES {
            let next = {
                let page: Page<'_> = answer.json()?;
                // One that cannot be read does not hide the others.
                let readable = page
                    .value
                    .iter()
                    .filter_map(|item| read_attachment(item.get()).ok());
                attachments.extend(readable);
                page.next()
            };
            let Some(next) = next else {
                break;
            };
            answer = self
                .graph
                .page(lane, &Target::Link(next), Prefer::IDS)
                .await?;
        }
        attachments.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        attachments.dedup_by(|one, other| one.external_id == other.external_id);
        for attachment in &mut attachments {
            if attachment.kind == "reference" {
                attachment.url = self
                    .leads_to(lane, message, &attachment.external_id)
                    .await?;
            }
        }
        Ok(attachments)
    }

    /// Where a reference leads, which no listing tells. Not every Graph tells it at all.
    async fn leads_to(
        &self,
        lane: Lane,
        message: &GraphId,
        attachment: &GraphId,
    ) -> Result<Option<String>, GraphError> {
        let answer = match self.graph.reference(lane, message, attachment).await {
            Ok(answer) => answer,
            Err(error) if concerns_the_mailbox(&error) => return Err(error),
            Err(_) => return Ok(None),
        };
        let told = std::str::from_utf8(&answer.body).ok();
        Ok(told
            .and_then(|text| read_attachment(text).ok())
            .and_then(|attachment| attachment.url))
    }
}
