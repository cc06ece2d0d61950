//! Events by id: what a notice announced, what a delta, a sweep or an audit suspects.
//!
//! A notice about an occurrence names its master, or the occurrence, or both (F10.26), so every event of a series means
//! the whole series (M52): its master, and its instances inside the mirrored window, which replace what stands there as a
//! set. An event that shows in no window has no row, because no cursor would keep it true.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::join_all;
use tracing::warn;

use super::convert::event::{EventItem, calendar_of, read};
use super::error::MirrorError;
use super::findings::{Findings, FoundEvent, FoundSeries};
use super::ladder::{self, Absence};
use super::refresh::{Verdict, stops, verdict};
use super::report::RefreshReport;
use super::{Mirror, Window};
use crate::graph::wire::{CalendarObject, Page};
use crate::graph::{Answer, BatchAnswer, BatchPart, GraphError, Prefer, Target};
use crate::model::calendar::{Event, EventKind};
use crate::model::ids::GraphId;
use crate::model::time::{Timestamp, later};
use crate::model::work::{CursorScope, Lane, Notice};
use crate::store::{SeenNotice, StoredEvent};

/// Events or series looked at in one go.
const GO: usize = 10;
/// So many questions run beside each other instead of in a batch.
const BESIDE: usize = 4;
/// Pages of the instances of one series in one window.
const MOST_PAGES: usize = 100;

/// What is known of an event before Graph is asked.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) stored: Option<StoredEvent>,
    /// Its calendar, where that is known without a row.
    pub(crate) calendar: Option<GraphId>,
    /// The notices that mean it.
    pub(crate) notices: Vec<Notice>,
}

/// What Graph answered about one event or series.
enum Found {
    /// A single event.
    Single(Box<Event>, Timestamp),
    /// A master; its instances are still to be asked for, or have come.
    Master(Box<Event>, Timestamp, Option<Vec<Event>>),
    /// It belongs to another series than the one it was looked for in.
    Elsewhere(GraphId),
}

impl Mirror {
    /// Refreshes events and series by their notices.
    pub(crate) async fn refresh_events(
        &self,
        lane: Lane,
        notices: Vec<Notice>,
    ) -> Result<RefreshReport, MirrorError> {
        let mut targets = self.targets(notices).await?;
        let more = targets.len() > GO;
        while targets.len() > GO {
            targets.pop_last();
        }
        let looked_at: Vec<Notice> = targets
            .values()
            .flat_map(|held| held.notices.clone())
            .collect();
        let mut findings = self.go(lane, &looked_at);
        let mut stop = None;
        // An occurrence that we don't hold leads to its master, hence a second look.
        for _ in 0..2 {
            if targets.is_empty() || stop.is_some() {
                break;
            }
            targets = self
                .look_at(lane, targets, &mut findings, &mut stop)
                .await?;
        }
        for notice in targets.into_values().flat_map(|held| held.notices) {
            self.put_off(&mut findings, &notice, ladder::passing(notice.attempts));
        }
        let alone = self.memory.series.lock().await;
        let mut report = self.settle(lane, findings, stop).await?;
        drop(alone);
        report.more |= more;
        Ok(report)
    }

    /// What the notices mean: each series once.
    async fn targets(&self, notices: Vec<Notice>) -> Result<BTreeMap<GraphId, Held>, MirrorError> {
        let mut targets: BTreeMap<GraphId, Held> = BTreeMap::new();
        for notice in notices {
            let stored = self
                .store
                .event_get(self.mailbox, &notice.external_id)
                .await?;
            let master = stored
                .as_ref()
                .and_then(|stored| stored.event.series_master_id.clone());
            let (target, stored) = match master {
                Some(master) => {
                    let stored = self.store.event_get(self.mailbox, &master).await?;
                    (master, stored)
                }
                None => (notice.external_id.clone(), stored),
            };
            let held = targets.entry(target).or_default();
            held.stored = stored.or(held.stored.take());
            held.notices.push(notice);
        }
        Ok(targets)
    }

    /// Asks Graph about events and writes down what it answers; those that lead to another series are given back.
    pub(crate) async fn look_at(
        &self,
        lane: Lane,
        targets: BTreeMap<GraphId, Held>,
        findings: &mut Findings,
        stop: &mut Option<MirrorError>,
    ) -> Result<BTreeMap<GraphId, Held>, MirrorError> {
        let asked_at = self.clock.now();
        let mut elsewhere: BTreeMap<GraphId, Held> = BTreeMap::new();
        let answers = self.ask_for_events(lane, &targets).await?;
        for (id, held) in targets {
            let answer = answers
                .get(&id)
                .cloned()
                .unwrap_or(Err(GraphError::Missing));
            let found = match answer {
                Ok(asked) => self.understand(lane, &held, asked).await?,
                Err(error) => Err(error),
            };
            match found {
                Ok(Some(Found::Elsewhere(master))) => {
                    let other = elsewhere.entry(master.clone()).or_default();
                    if other.stored.is_none() {
                        other.stored = self.store.event_get(self.mailbox, &master).await?;
                    }
                    other.notices.extend(held.notices);
                }
                Ok(Some(found)) => {
                    findings
                        .settled
                        .extend(held.notices.iter().map(SeenNotice::from));
                    self.write_down(findings, found).await?;
                }
                // Its calendar is new to us: the first round of it will bring the event.
                Ok(None) => {
                    self.memory.want_calendars();
                    findings
                        .settled
                        .extend(held.notices.iter().map(SeenNotice::from));
                }
                Err(error) => {
                    let Some(error) = stops(error, "an event", stop) else {
                        continue;
                    };
                    self.write_failure(findings, &id, &held, &error, asked_at);
                }
            }
        }
        Ok(elsewhere)
    }

    fn write_failure(
        &self,
        findings: &mut Findings,
        id: &GraphId,
        held: &Held,
        error: &GraphError,
        asked_at: Timestamp,
    ) {
        for notice in &held.notices {
            match verdict(error, notice.attempts) {
                Verdict::Gone => {
                    let own = held.stored.as_ref().map(|stored| stored.event.created_at);
                    // An occurrence does not outlive its master.
                    let made_at = if notice.external_id == *id {
                        own
                    } else {
                        Some(None)
                    };
                    match ladder::absence(made_at, notice.hint, notice.attempts, asked_at) {
                        Absence::NotYet(wait) => {
                            self.put_off(findings, notice, wait);
                            continue;
                        }
                        Absence::Doubtful(wait) => self.put_off(findings, notice, wait),
                        Absence::Gone => findings.settled.push(SeenNotice::from(notice)),
                    }
                    findings.gone_events.push((id.clone(), asked_at));
                    if notice.external_id != *id {
                        findings
                            .gone_events
                            .push((notice.external_id.clone(), asked_at));
                    }
                }
                Verdict::PutOff(wait) => self.put_off(findings, notice, wait),
                Verdict::Drop => findings.settled.push(SeenNotice::from(notice)),
            }
        }
    }

    /// One answer for each event; with the instances beside it where a master is expected.
    async fn ask_for_events(
        &self,
        lane: Lane,
        targets: &BTreeMap<GraphId, Held>,
    ) -> Result<HashMap<GraphId, Result<Asked, GraphError>>, MirrorError> {
        let mut parts = Vec::new();
        let mut places = Vec::new();
        for (id, held) in targets {
            let window = match &held.stored {
                Some(stored) if stored.event.kind == EventKind::SeriesMaster => {
                    self.window_of(&stored.event.calendar_external_id).await?
                }
                _ => None,
            };
            let trace = held.notices.iter().find_map(|notice| notice.trace);
            let graph = self.graph.following(trace);
            parts.push(graph.event_part(id));
            if let Some(window) = window {
                parts.push(graph.instances_part(id, window.start, window.end));
            }
            places.push((id, window.is_some()));
        }
        let mut answers = self.ask_beside(lane, &parts).await.into_iter();
        let mut asked = HashMap::new();
        for (id, with_instances) in places {
            let event = answers.next().unwrap_or(Err(GraphError::Missing));
            let instances =
                with_instances.then(|| answers.next().unwrap_or(Err(GraphError::Missing)));
            asked.insert(id.clone(), event.map(|event| Asked { event, instances }));
        }
        Ok(asked)
    }

    /// Asks in the cheapest way for the number of questions; the answers stand in their order.
    pub(crate) async fn ask_beside(&self, lane: Lane, parts: &[BatchPart]) -> Vec<BatchAnswer> {
        if parts.len() <= BESIDE {
            let asked = parts.iter().map(|part| self.graph.ask_alone(lane, part));
            return join_all(asked).await;
        }
        self.graph.batch(lane, parts).await
    }

    /// Reads an answer, and asks for what is still missing: the calendar, the instances. None when the event lies in a
    /// calendar that is not mirrored yet.
    async fn understand(
        &self,
        lane: Lane,
        held: &Held,
        asked: Asked,
    ) -> Result<Result<Option<Found>, GraphError>, MirrorError> {
        let text = std::str::from_utf8(&asked.event.body).unwrap_or_default();
        let sent_at = asked.event.sent_at;
        let known = held
            .stored
            .as_ref()
            .map(|stored| stored.event.calendar_external_id.clone())
            .or_else(|| held.calendar.clone());
        let calendar = match known.or_else(|| calendar_of(text)) {
            Some(calendar) => calendar,
            None => match self.find_calendar(lane, held).await? {
                Ok(Some(calendar)) => calendar,
                Ok(None) => return Ok(Ok(None)),
                Err(error) => return Ok(Err(error)),
            },
        };
        let event = match read(text, &calendar) {
            Ok(EventItem::Whole(event)) => event,
            Ok(EventItem::Occurrence(occurrence)) => {
                return Ok(Ok(Some(Found::Elsewhere(occurrence.series_master_id))));
            }
            Ok(EventItem::Removed(_)) | Err(_) => {
                warn!(mailbox.id = %self.mailbox, "an event of mailbox {} cannot be read", self.mailbox);
                return Ok(Err(GraphError::Missing));
            }
        };
        match event.kind {
            EventKind::SingleInstance => Ok(Ok(Some(Found::Single(event, sent_at)))),
            EventKind::Exception | EventKind::Occurrence => {
                Ok(Ok(event.series_master_id.clone().map(Found::Elsewhere)))
            }
            EventKind::SeriesMaster => {
                let Some(window) = self.window_of(&calendar).await? else {
                    return Ok(Ok(None));
                };
                let instances = self.instances(lane, &event, window, asked.instances).await;
                Ok(instances.map(|instances| Some(Found::Master(event, sent_at, Some(instances)))))
            }
        }
    }

    /// All pages of the instances of a series in a window, as rows.
    pub(crate) async fn instances(
        &self,
        lane: Lane,
        master: &Event,
        window: Window,
        first: Option<BatchAnswer>,
    ) -> Result<Vec<Event>, GraphError> {
        let mut answer = if let Some(first) = first {
            first?
        } else {
            let target = self
                .graph
                .instances(&master.external_id, window.start, window.end);
            self.graph.page(lane, &target, Prefer::EVENTS).await?
        };
        let mut instances = Vec::new();
        for _ in 0..MOST_PAGES {
            let next = {
                let page: Page<'_> = answer.json()?;
                for item in &page.value {
                    let event = match read(item.get(), &master.calendar_external_id) {
                        Ok(EventItem::Whole(event)) => *event,
                        Ok(EventItem::Occurrence(occurrence)) => occurrence.dressed_as(master),
                        Ok(EventItem::Removed(_)) => continue,
                        // A set with a hole would delete what fell through it.
                        Err(_) => return Err(GraphError::Missing),
                    };
                    if window.shows(event.start_at, event.end_at) {
                        instances.push(event);
                    }
                }
                page.next()
            };
            let Some(next) = next else {
                instances.sort_by(|one, other| one.external_id.cmp(&other.external_id));
                instances.dedup_by(|one, other| one.external_id == other.external_id);
                return Ok(instances);
            };
            answer = self
                .graph
                .page(lane, &Target::Link(next), Prefer::EVENTS)
                .await?;
        }
        Err(GraphError::Missing)
    }

    async fn write_down(&self, findings: &mut Findings, found: Found) -> Result<(), MirrorError> {
        match found {
            Found::Single(event, fetched_at) => {
                // A series that became a single event leaves no occurrences behind.
                let id = &event.external_id;
                let left = self.store.events_in_series(self.mailbox, id).await?;
                findings
                    .dropped_events
                    .extend(left.into_iter().map(|stored| stored.event.external_id));
                let window = self.window_of(&event.calendar_external_id).await?;
                if window.is_some_and(|window| window.shows(event.start_at, event.end_at)) {
                    self.poll_view(findings, &event.calendar_external_id)
                        .await?;
                    findings.events.push(FoundEvent {
                        event: *event,
                        fetched_at,
                        seen: false,
                    });
                } else {
                    findings.dropped_events.push(event.external_id);
                }
            }
            Found::Master(master, fetched_at, Some(instances)) => {
                let window = self.window_of(&master.calendar_external_id).await?;
                match window {
                    Some(window) if !instances.is_empty() => {
                        self.poll_view(findings, &master.calendar_external_id)
                            .await?;
                        findings.series.push(FoundSeries {
                            master: *master,
                            window,
                            instances,
                            fetched_at,
                        });
                    }
                    _ => {
                        let id = &master.external_id;
                        let left = self.store.events_in_series(self.mailbox, id).await?;
                        findings
                            .dropped_events
                            .extend(left.into_iter().map(|stored| stored.event.external_id));
                        findings.dropped_events.push(master.external_id);
                    }
                }
            }
            Found::Master(_, _, None) | Found::Elsewhere(_) => {}
        }
        Ok(())
    }

    /// Polls the windows of a calendar after a live change (M47).
    async fn poll_view(
        &self,
        findings: &mut Findings,
        calendar: &GraphId,
    ) -> Result<(), MirrorError> {
        if findings.poll_at.is_none() {
            return Ok(());
        }
        let due_at = later(self.clock.now(), self.settings.debounce);
        for cursor in self.store.cursors_list(self.mailbox).await? {
            if matches!(&cursor.scope, CursorScope::View { calendar: of, .. } if of == calendar) {
                findings.dirty.push((cursor.scope, due_at));
            }
        }
        Ok(())
    }

    /// What is mirrored of a calendar: every window that has a cursor. None when the calendar is not mirrored.
    pub(crate) async fn window_of(
        &self,
        calendar: &GraphId,
    ) -> Result<Option<Window>, MirrorError> {
        let cursors = self.store.cursors_of_views(self.mailbox).await?;
        Ok(cursors
            .iter()
            .filter_map(|cursor| match &cursor.scope {
                CursorScope::View {
                    calendar: of,
                    start,
                    end,
                } if of == calendar => Some(Window {
                    start: *start,
                    end: *end,
                }),
                _ => None,
            })
            .reduce(Window::with))
    }

    /// The calendar of an event that we hold nothing of: the only one, or what Graph says.
    async fn find_calendar(
        &self,
        lane: Lane,
        held: &Held,
    ) -> Result<Result<Option<GraphId>, GraphError>, MirrorError> {
        let calendars = self.store.calendars_list(self.mailbox).await?;
        if let [only] = calendars.as_slice() {
            return Ok(Ok(Some(only.external_id.clone())));
        }
        let Some(notice) = held.notices.first() else {
            return Ok(Ok(None));
        };
        let part = self.graph.event_calendar_part(&notice.external_id);
        let answer = match self.graph.get_json(lane, &part.path, part.prefer).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        let found = answer
            .json::<CalendarObject<'_>>()
            .ok()
            .and_then(|calendar| calendar.id)
            .map(|id| GraphId(id.into_string()));
        Ok(Ok(found.filter(|id| {
            calendars.iter().any(|calendar| calendar.external_id == *id)
        })))
    }
}

/// An event as it was asked for, perhaps with its instances beside it.
#[derive(Clone)]
struct Asked {
    event: Answer,
    instances: Option<BatchAnswer>,
}
