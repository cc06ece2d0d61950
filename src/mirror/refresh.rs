//! Notices: fetch the present state of what they name, and settle them with it.
//!
//! A notice is a hint (M2): what Graph answers now decides, and it is settled in the transaction that writes the answer, in
//! the generation that was seen before the request was sent, so that one which came meanwhile stays. Nothing waits to
//! collect: while one fetch is in flight the next go forms by itself (design §4).

use std::collections::HashMap;
use std::time::Duration;

use tracing::{Instrument as _, info_span};

use super::Mirror;
use super::error::{MirrorError, concerns_the_mailbox};
use super::findings::Findings;
use super::ladder;
use super::report::RefreshReport;
use crate::graph::{Advice, GraphError};
use crate::model::time::later;
use crate::model::work::{Lane, Notice, NoticeKind};
use crate::store::{MailboxMark, SeenNotice};
use crate::telemetry::metrics::table;
use crate::telemetry::spans::{self, TraceContext};

/// Notices looked at in one go, so that a burst can be told from a few.
const GO: u32 = 500;
/// Suspicions looked at in one go; between goes announced changes come first.
const REPAIR_GO: usize = 20;

/// What one item's failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Graph answered 404.
    Gone,
    /// Look again after so long.
    PutOff(Duration),
    /// Asking again makes no sense.
    Drop,
}

/// What an error that concerns one item means for its notice (facts §3b).
pub(crate) fn verdict(error: &GraphError, attempts: i64) -> Verdict {
    match error.advice() {
        Advice::Gone | Advice::ContainerGone => Verdict::Gone,
        Advice::ItemBroken | Advice::Forbidden | Advice::Conflict => {
            Verdict::PutOff(ladder::broken(attempts))
        }
        // An id that Graph cannot parse never becomes one it can.
        Advice::Bug if matches!(error, GraphError::Refused(_)) => Verdict::Drop,
        Advice::Bug => Verdict::PutOff(ladder::broken(attempts)),
        Advice::Retry { after, .. } => {
            Verdict::PutOff(ladder::passing(attempts).max(after.unwrap_or_default()))
        }
        Advice::Resync { .. }
        | Advice::TokenRefused
        | Advice::Reauth(_)
        | Advice::Operator
        | Advice::MailboxSuspended(_) => Verdict::PutOff(ladder::passing(attempts)),
    }
}

/// Keeps the first refusal that concerns the whole mailbox; whether it was one.
pub(crate) fn stops(
    error: GraphError,
    what: &'static str,
    stop: &mut Option<MirrorError>,
) -> Option<GraphError> {
    if !concerns_the_mailbox(&error) {
        return Some(error);
    }
    stop.get_or_insert(MirrorError::Graph {
        what,
        source: error,
    });
    None
}

impl Mirror {
    /// Refreshes what notices announced and what is suspected, one go of each. Call again at once while the report says
    /// that there is more. To keep a long repair from standing before an announced change call
    /// [`refresh_live`](Self::refresh_live) and [`refresh_repairs`](Self::refresh_repairs) concurrently instead.
    pub async fn refresh_due(&self) -> Result<RefreshReport, MirrorError> {
        let mut report = self.refresh_live().await?;
        report += self.refresh_repairs().await?;
        Ok(report)
    }

    /// Refreshes what notices announced: for one message one request and one commit.
    pub async fn refresh_live(&self) -> Result<RefreshReport, MirrorError> {
        let now = self.clock.now();
        let due = self.store.notices_due(self.mailbox, now, GO).await?;
        let live: Vec<Notice> = due
            .into_iter()
            .filter(|notice| notice.lane == Lane::Live)
            .collect();
        self.refresh(Lane::Live, live).await
    }

    /// Confirms suspicions (F6.40) and fetches attachments' metadata, some at a time.
    pub async fn refresh_repairs(&self) -> Result<RefreshReport, MirrorError> {
        let now = self.clock.now();
        let due = self.store.notices_due(self.mailbox, now, GO).await?;
        let mut repairs: Vec<Notice> = due
            .into_iter()
            .filter(|notice| notice.lane != Lane::Live)
            .collect();
        let more = repairs.len() > REPAIR_GO;
        repairs.truncate(REPAIR_GO);
        let mut report = self.refresh(Lane::Repair, repairs).await?;
        report.more |= more;
        Ok(report)
    }

    async fn refresh(&self, lane: Lane, due: Vec<Notice>) -> Result<RefreshReport, MirrorError> {
        let Some(first) = due.first() else {
            return Ok(RefreshReport::default());
        };
        let trace = first.trace;
        let span = info_span!(
            "refresh",
            mailbox.id = %self.mailbox, items = due.len(), trace_id = trace.map(tracing::field::display)
        );
        spans::follow(&span, trace.map(TraceContext::of));
        self.refresh_all(lane, due).instrument(span).await
    }

    async fn refresh_all(
        &self,
        lane: Lane,
        due: Vec<Notice>,
    ) -> Result<RefreshReport, MirrorError> {
        let mut report = RefreshReport::default();
        // Most of the time nothing is doubted, and nothing is kept.
        let heard = if lane == Lane::Live && self.memory.is_push_ill() {
            due.clone()
        } else {
            Vec::new()
        };
        let mut kinds: HashMap<NoticeKind, Vec<Notice>> = HashMap::new();
        for notice in due {
            kinds.entry(notice.kind).or_default().push(notice);
        }
        if let Some(messages) = kinds.remove(&NoticeKind::Message) {
            report += self.refresh_messages(lane, messages).await?;
        }
        if let Some(events) = kinds.remove(&NoticeKind::Event) {
            report += self.refresh_events(lane, events).await?;
        }
        if let Some(messages) = kinds.remove(&NoticeKind::Attachments) {
            report += self.refresh_attachments(lane, messages).await?;
        }
        self.end_doubts(&heard).await?;
        Ok(report)
    }

    /// Writes what a go found, then hands on the refusal that stopped it, if one did.
    pub(crate) async fn settle(
        &self,
        lane: Lane,
        findings: Findings,
        stop: Option<MirrorError>,
    ) -> Result<RefreshReport, MirrorError> {
        let mut report = RefreshReport {
            settled: findings.settled.len() as u64,
            postponed: findings.postponed.len() as u64,
            ..RefreshReport::default()
        };
        if !findings.is_empty() {
            report.rows = self.apply(lane, findings).await?.rows;
        }
        stop.map_or(Ok(report), Err)
    }

    /// Findings of a go in this lane, about these notices.
    pub(crate) fn go(&self, lane: Lane, notices: &[Notice]) -> Findings {
        let now = self.clock.now();
        let mut findings = Findings::default();
        if lane == Lane::Live {
            findings.poll_at = Some(later(now, self.settings.debounce));
            let latest = notices.iter().map(|notice| notice.received_at).max();
            findings.marks.extend(latest.map(MailboxMark::NoticedAt));
        }
        findings
    }

    /// Puts a notice off.
    pub(crate) fn put_off(&self, findings: &mut Findings, notice: &Notice, wait: Duration) {
        table::NOTICES_POSTPONED.count(&[]);
        if wait >= ladder::QUARANTINE {
            table::QUARANTINED.count(&[]);
        }
        let due_at = later(self.clock.now(), wait);
        findings.postponed.push((SeenNotice::from(notice), due_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Refused;

    fn refused(status: u16, code: &str) -> GraphError {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        GraphError::Refused(Box::new(Refused::read(status, body.as_bytes())))
    }

    #[test]
    fn only_a_404_means_gone() {
        // M4
        assert_eq!(
            verdict(&refused(404, "ErrorItemNotFound"), 0),
            Verdict::Gone
        );
        for error in [
            refused(403, "ErrorAccessDenied"),
            refused(500, "ErrorCorruptData"),
            refused(503, ""),
            refused(410, "SyncStateNotFound"),
        ] {
            assert!(
                matches!(verdict(&error, 0), Verdict::PutOff(_)),
                "{error:?}"
            );
        }
    }

    #[test]
    fn an_empty_404_is_a_404() {
        // F3.4
        let empty = GraphError::Refused(Box::new(Refused::read(404, b"")));
        assert_eq!(verdict(&empty, 0), Verdict::Gone);
    }

    #[test]
    fn an_id_that_makes_no_sense_is_not_asked_for_again() {
        assert_eq!(
            verdict(&refused(400, "ErrorInvalidIdMalformed"), 0),
            Verdict::Drop
        );
    }

    #[test]
    fn a_poisoned_item_ends_in_quarantine() {
        // M41
        let poisoned = refused(500, "ErrorCorruptData");
        assert_eq!(
            verdict(&poisoned, ladder::QUARANTINE_AFTER),
            Verdict::PutOff(ladder::QUARANTINE)
        );
        let always = refused(500, "ErrorInternalServerError");
        assert_eq!(verdict(&always, 20), Verdict::PutOff(ladder::QUARANTINE));
    }
}
