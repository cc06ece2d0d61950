//! Walking a delta cursor, page by page (facts §6e).
//!
//! A page and the link behind it are saved in one transaction (M5). While one page is being written the next is already
//! asked for: links are known when a page arrives, and a crash in between only repeats a page. Rows of a round carry the
//! instant it began, so that an older page never overwrites what was fetched since (M37).

use std::collections::HashSet;
use std::time::Duration;

use tracing::{debug, warn};

use super::Mirror;
use super::apply::Applied;
use super::error::{MirrorError, concerns_the_mailbox};
use super::findings::Findings;
use super::memory::Claim;
use super::pace::Pace;
use super::plan::{self, Ask, Leads, Setback};
use super::report::RoundsReport;
use super::view_page::ViewRound;
use super::watchdog::made;
use crate::graph::wire::Page;
use crate::graph::{Advice, Answer, GraphError, Prefer, Target};
use crate::model::ids::GraphId;
use crate::model::time::{Timestamp, until};
use crate::model::work::{Cursor, CursorScope, CursorState, Lane};
use crate::store::SeenNotice;
use crate::telemetry::metrics::table;

/// What a walk did.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub report: RoundsReport,
    /// Announced items that it settled.
    pub settled: HashSet<GraphId>,
}

/// A page as it came.
struct Fetched {
    answer: Answer,
    took: Duration,
}

/// What to do after a setback.
enum After {
    Again,
    Stop,
}

impl Mirror {
    /// Claims a cursor and reads it afresh; none when it is being walked, or is gone.
    pub(crate) async fn claim(
        &self,
        scope: &CursorScope,
    ) -> Result<Option<(Cursor, Claim)>, MirrorError> {
        let Some(claim) = self.memory.claim(scope) else {
            return Ok(None);
        };
        let cursor = self.store.cursor_get(self.mailbox, scope).await?;
        Ok(cursor.map(|cursor| (cursor, claim)))
    }

    /// The same for a cursor that stands between rounds.
    pub(crate) async fn claim_idle(
        &self,
        scope: &CursorScope,
    ) -> Result<Option<(Cursor, Claim)>, MirrorError> {
        let claimed = self.claim(scope).await?;
        Ok(claimed.filter(|(cursor, _)| cursor.state == CursorState::Idle))
    }

    /// Walks a cursor to the end of its round, or to the end of a page after `until`. `announced` are notices that were read before; those whose items the round
    /// shows are settled with it.
    pub(crate) async fn walk(
        &self,
        _claim: &Claim,
        mut cursor: Cursor,
        lane: Lane,
        announced: &[SeenNotice],
        until: Timestamp,
    ) -> Result<Walked, MirrorError> {
        let mut walked = Walked::default();
        let mut stride = Pace::from_size(cursor.page_size, self.settings.page_limit());
        let mut view = ViewRound::continuing(&cursor);
        let watch = self.watch_over(&cursor).await?;
        let mut fetched = self.fetch(&cursor, lane, &stride).await;
        loop {
            let came = match fetched {
                Ok(came) => came,
                Err(error) => match self.stumble(&mut cursor, &mut stride, lane, error).await? {
                    After::Again => {
                        view = ViewRound::continuing(&cursor);
                        fetched = self.fetch(&cursor, lane, &stride).await;
                        continue;
                    }
                    After::Stop => {
                        walked.report.failed += 1;
                        table::ROUNDS.count(&[kind_of(&cursor), "put_off"]);
                        return Ok(walked);
                    }
                },
            };
            cursor = plan::begin(&cursor, came.answer.sent_at);
            let page = came.answer.json::<Page<'_>>();
            let leads = page.as_ref().ok().and_then(leads);
            let (Ok(page), Some(leads)) = (page, leads) else {
                fetched = Err(unreadable());
                continue;
            };
            let items = page.value.len();
            stride.page(items, came.answer.body.len(), came.took);
            cursor.page_size = i64::from(stride.size());
            let mut findings = match &cursor.scope {
                CursorScope::View { calendar, .. } => {
                    let calendar = calendar.clone();
                    self.view_findings(lane, &calendar, &cursor, &page.value, &mut view)
                        .await?
                }
                CursorScope::Messages { .. } | CursorScope::Folders => {
                    self.mail_findings(&cursor, &page.value, announced).await?
                }
            };
            walked.report.pages += 1;
            table::PAGES.count(&[]);
            walked
                .settled
                .extend(findings.settled.iter().map(|seen| seen.external_id.clone()));
            let made = made(&findings);
            let poll_after = match leads {
                Leads::On(_) => Duration::ZERO,
                Leads::ToTheEnd(_) => self.poll_after().await?,
            };
            let next = plan::advance(&cursor, leads.clone(), items, self.clock.now(), poll_after);
            match leads {
                Leads::On(_) => {
                    findings.cursor = Some(next.clone());
                    if self.clock.now() >= until {
                        walked.report.rows += self.apply_page(lane, findings).await?.rows;
                        return Ok(walked);
                    }
                    let (applied, ahead) = tokio::join!(
                        self.apply_page(lane, findings),
                        self.fetch(&next, lane, &stride)
                    );
                    let applied = applied?;
                    walked.report.rows += applied.rows;
                    if let Some(watch) = watch.as_ref().filter(|_| !cursor.is_full) {
                        self.note_unannounced(watch, &made, &applied, &walked.settled)
                            .await?;
                    }
                    fetched = ahead;
                    cursor = next;
                }
                Leads::ToTheEnd(_) => {
                    let applied = self.end(lane, &cursor, next, findings, &view).await?;
                    for applied in applied {
                        walked.report.rows += applied.rows;
                        if let Some(watch) = watch.as_ref().filter(|_| !cursor.is_full) {
                            self.note_unannounced(watch, &made, &applied, &walked.settled)
                                .await?;
                        }
                    }
                    walked.report.rounds += 1;
                    table::ROUNDS.count(&[kind_of(&cursor), "ended"]);
                    debug!(
                        mailbox.id = %self.mailbox, items = cursor.seen,
                        "ended a round of mailbox {}", self.mailbox
                    );
                    return Ok(walked);
                }
            }
        }
    }

    /// Writes the last page and what the end of the round tells, the cursor with the last of it.
    async fn end(
        &self,
        lane: Lane,
        cursor: &Cursor,
        next: Cursor,
        mut findings: Findings,
        view: &ViewRound,
    ) -> Result<Vec<Applied>, MirrorError> {
        match &cursor.scope {
            CursorScope::Messages { .. } | CursorScope::Folders if !cursor.is_full => {
                findings.cursor = Some(next);
                Ok(vec![self.apply_page(lane, findings).await?])
            }
            CursorScope::Messages { folder } => {
                // What the round did not show is known only once all that it did show is written.
                let first = self.apply_page(lane, findings).await?;
                let mut last = self.sweep_messages(cursor, folder).await?;
                last.cursor = Some(next);
                Ok(vec![first, self.apply_page(lane, last).await?])
            }
            CursorScope::Folders => Ok(Vec::new()),
            CursorScope::View { calendar, .. } => {
                let first = self.apply_page(lane, findings).await?;
                let alone = self.memory.series.lock().await;
                let mut last = self.sweep_view(cursor, calendar, view).await?;
                last.cursor = Some(next);
                let second = self.apply(lane, last).await?;
                drop(alone);
                Ok(vec![first, second])
            }
        }
    }

    async fn apply_page(&self, lane: Lane, findings: Findings) -> Result<Applied, MirrorError> {
        if findings.is_empty() {
            return Ok(Applied::default());
        }
        self.apply(lane, findings).await
    }

    async fn fetch(
        &self,
        cursor: &Cursor,
        lane: Lane,
        stride: &Pace,
    ) -> Result<Fetched, GraphError> {
        let target = match (plan::ask(cursor), &cursor.scope) {
            (Ask::Follow(link), _) => Target::Link(link),
            (Ask::First, CursorScope::Folders) => self.graph.folders_delta(),
            (Ask::First, CursorScope::Messages { folder }) => self.graph.messages_delta(folder),
            (
                Ask::First,
                CursorScope::View {
                    calendar,
                    start,
                    end,
                },
            ) => self.graph.view_delta(calendar, *start, *end),
        };
        let prefer = match cursor.scope {
            CursorScope::View { .. } => Prefer::EVENTS,
            CursorScope::Folders | CursorScope::Messages { .. } => Prefer::IDS,
        };
        let answer = self
            .graph
            .page(lane, &target, prefer.pages_of(stride.size()))
            .await?;
        let took = until(answer.sent_at, self.clock.now());
        Ok(Fetched { answer, took })
    }

    /// A page did not come: does what the plan says about it.
    async fn stumble(
        &self,
        cursor: &mut Cursor,
        stride: &mut Pace,
        lane: Lane,
        error: GraphError,
    ) -> Result<After, MirrorError> {
        let is_wide = concerns_the_mailbox(&error);
        let now = self.clock.now();
        let mut findings = Findings::default();
        note_resync(cursor, &error);
        let after = match plan::setback(cursor, &error.advice(), is_wide, now) {
            Setback::HandOn => {
                return Err(MirrorError::Graph {
                    what: "a page of changes",
                    source: error,
                });
            }
            Setback::Smaller(same) => {
                stride.refused();
                *cursor = same;
                cursor.page_size = i64::from(stride.size());
                return Ok(After::Again);
            }
            Setback::Restart(empty) => {
                warn!(mailbox.id = %self.mailbox, "a cursor of mailbox {} is dead: starting a full round", self.mailbox);
                *cursor = empty;
                let turn = self.settings.restarts.take(now);
                if turn > now {
                    cursor.due_at = turn;
                    After::Stop
                } else {
                    After::Again
                }
            }
            Setback::Rest(resting) => {
                warn!(
                    mailbox.id = %self.mailbox, error = %error, failures = resting.failures,
                    "a round of mailbox {} could not go on", self.mailbox
                );
                *cursor = resting;
                After::Stop
            }
            Setback::LookAtTheTree(resting) => {
                *cursor = resting;
                match cursor.scope {
                    CursorScope::View { .. } => self.memory.want_calendars(),
                    CursorScope::Folders => {}
                    CursorScope::Messages { .. } => {
                        findings.dirty.push((CursorScope::Folders, now));
                    }
                }
                After::Stop
            }
        };
        findings.cursor = Some(cursor.clone());
        self.apply(lane, findings).await?;
        Ok(after)
    }
}

fn kind_of(cursor: &Cursor) -> &'static str {
    if cursor.is_full {
        "full"
    } else {
        "incremental"
    }
}

/// Counts a cursor that an answer of Graph's makes worthless.
pub(crate) fn note_resync(cursor: &Cursor, error: &GraphError) {
    match error.advice() {
        Advice::Resync { .. } => table::RESYNCS.count(&["token_refused"]),
        Advice::Bug if cursor.link.is_some() => table::RESYNCS.count(&["unusable_answer"]),
        _ => {}
    }
}

fn leads(page: &Page<'_>) -> Option<Leads> {
    page.delta()
        .map(Leads::ToTheEnd)
        .or_else(|| page.next().map(Leads::On))
}

/// A page that is no page, or leads nowhere.
fn unreadable() -> GraphError {
    let error = serde_json::from_str::<()>("{}").expect_err("an object is no unit");
    GraphError::Malformed(std::sync::Arc::new(error))
}
