//! A page of one window of a calendar, and what the end of its round tells.
//!
//! A view's delta shows masters and exceptions whole and occurrences bare (F6.32). Any change to a series shows all of it
//! again (F6.34) and is silent about slots that vanished, so at the end of the round the occurrences of each master
//! that was shown are those that were shown with it, and no others (M50).

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use tracing::warn;

use super::convert::event::{EventItem, Occurrence, dressed_again, read};
use super::convert::id_of;
use super::error::{MirrorError, concerns_the_mailbox};
use super::findings::{Findings, FoundEvent};
use super::{Mirror, Window};
use crate::model::calendar::{Event, EventKind};
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::{Cursor, CursorScope, CursorState, Lane, NoticeKind};

/// What a round of a view must know at its end.
#[derive(Debug)]
pub(crate) struct ViewRound {
    /// Masters that this walk has shown.
    masters: HashSet<GraphId>,
    /// Masters of occurrences and exceptions that this walk has shown.
    mentioned: HashSet<GraphId>,
    /// An earlier process began this round: what it showed is known by the rows' stamps only.
    is_resumed: bool,
}

impl ViewRound {
    /// A walk that goes on from this cursor.
    pub(crate) fn continuing(cursor: &Cursor) -> Self {
        Self {
            masters: HashSet::new(),
            mentioned: HashSet::new(),
            is_resumed: cursor.state == CursorState::Fetching,
        }
    }
}

/// A page, sorted.
#[derive(Default)]
struct Shown {
    whole: HashMap<GraphId, Event>,
    occurrences: HashMap<GraphId, Occurrence>,
    removed: HashSet<GraphId>,
}

impl Mirror {
    /// What a page of a view shows.
    pub(crate) async fn view_findings(
        &self,
        lane: Lane,
        calendar: &GraphId,
        cursor: &Cursor,
        items: &[&RawValue],
        view: &mut ViewRound,
    ) -> Result<Findings, MirrorError> {
        let mut findings = Findings {
            round: Some(cursor.round),
            ..Findings::default()
        };
        let began_at = cursor.round_started_at.unwrap_or_else(|| self.clock.now());
        let shown = self.sort_view(calendar, items, &mut findings);
        let page_masters: Vec<&Event> = shown
            .whole
            .values()
            .filter(|event| event.kind == EventKind::SeriesMaster)
            .collect();
        view.masters
            .extend(page_masters.iter().map(|master| master.external_id.clone()));
        view.mentioned.extend(
            shown
                .occurrences
                .values()
                .map(|occurrence| occurrence.series_master_id.clone())
                .chain(
                    shown
                        .whole
                        .values()
                        .filter_map(|event| event.series_master_id.clone()),
                ),
        );
        for master in &page_masters {
            self.dress_stored(master, &shown, &mut findings).await?;
        }
        let masters = self
            .masters_of(lane, calendar, &shown, view, &mut findings)
            .await?;
        for occurrence in shown.occurrences.values() {
            let id = &occurrence.series_master_id;
            if let Some(master) = shown.whole.get(id).or_else(|| masters.get(id)) {
                findings.events.push(FoundEvent {
                    event: occurrence.dressed_as(master),
                    fetched_at: began_at,
                    seen: true,
                });
            }
        }
        for id in &shown.removed {
            // What lies outside of the window is reported as removed too, and means nothing (F6.36, M51).
            if self.store.event_get(self.mailbox, id).await?.is_some() {
                findings.suspicions.push((NoticeKind::Event, id.clone()));
            }
        }
        findings
            .events
            .extend(shown.whole.into_values().map(|event| FoundEvent {
                event,
                fetched_at: began_at,
                seen: true,
            }));
        Ok(findings)
    }

    fn sort_view(&self, calendar: &GraphId, items: &[&RawValue], findings: &mut Findings) -> Shown {
        let mut shown = Shown::default();
        for item in items {
            match read(item.get(), calendar) {
                Ok(EventItem::Whole(event)) => {
                    shown.occurrences.remove(&event.external_id);
                    shown.whole.insert(event.external_id.clone(), *event);
                }
                Ok(EventItem::Occurrence(occurrence)) => {
                    shown.whole.remove(&occurrence.external_id);
                    shown
                        .occurrences
                        .insert(occurrence.external_id.clone(), *occurrence);
                }
                Ok(EventItem::Removed(id)) => {
                    shown.removed.insert(id);
                }
                Err(error) => {
                    warn!(
                        mailbox.id = %self.mailbox, error = %error,
                        "an event on a page of mailbox {} cannot be read", self.mailbox
                    );
                    findings
                        .suspicions
                        .extend(id_of(item).map(|id| (NoticeKind::Event, id)));
                }
            }
        }
        shown
    }

    /// Occurrences that an earlier page or round brought change their clothes with their master. They keep the instant
    /// they were fetched at: dressing them anew does not mean that they are still there.
    async fn dress_stored(
        &self,
        master: &Event,
        shown: &Shown,
        findings: &mut Findings,
    ) -> Result<(), MirrorError> {
        let stored = self
            .store
            .event_get(self.mailbox, &master.external_id)
            .await?;
        if stored.is_none_or(|stored| stored.event == *master) {
            return Ok(());
        }
        let series = self
            .store
            .events_in_series(self.mailbox, &master.external_id)
            .await?;
        for stored in series {
            let id = &stored.event.external_id;
            if stored.event.kind != EventKind::Occurrence
                || shown.occurrences.contains_key(id)
                || shown.whole.contains_key(id)
            {
                continue;
            }
            let event = dressed_again(&stored.event, master);
            if event != stored.event {
                findings.events.push(FoundEvent {
                    event,
                    fetched_at: stored.fetched_at,
                    seen: false,
                });
            }
        }
        Ok(())
    }

    /// The masters of a page's occurrences that are not on the page: from the rows, or from Graph (M50).
    async fn masters_of(
        &self,
        lane: Lane,
        calendar: &GraphId,
        shown: &Shown,
        view: &mut ViewRound,
        findings: &mut Findings,
    ) -> Result<HashMap<GraphId, Event>, MirrorError> {
        let mut masters = HashMap::new();
        let mut missing = Vec::new();
        let wanted: HashSet<&GraphId> = shown
            .occurrences
            .values()
            .map(|occurrence| &occurrence.series_master_id)
            .filter(|id| !shown.whole.contains_key(*id))
            .collect();
        for id in wanted {
            match self.store.event_get(self.mailbox, id).await? {
                Some(stored) if stored.event.kind == EventKind::SeriesMaster => {
                    masters.insert(id.clone(), stored.event);
                }
                _ => missing.push(id.clone()),
            }
        }
        let parts: Vec<_> = missing.iter().map(|id| self.graph.event_part(id)).collect();
        let answers = self.graph.batch(lane, &parts).await;
        for (id, answer) in missing.into_iter().zip(answers) {
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) if concerns_the_mailbox(&error) => {
                    return Err(MirrorError::Graph {
                        what: "the master of a series",
                        source: error,
                    });
                }
                // A 404 means that the series is gone (F6.32); anything else is looked at by itself.
                Err(_) => {
                    findings.suspicions.push((NoticeKind::Event, id));
                    continue;
                }
            };
            let text = std::str::from_utf8(&answer.body).unwrap_or_default();
            if let Ok(EventItem::Whole(event)) = read(text, calendar) {
                view.masters.insert(id.clone());
                findings.events.push(FoundEvent {
                    event: (*event).clone(),
                    fetched_at: answer.sent_at,
                    seen: true,
                });
                masters.insert(id, *event);
            } else {
                findings.suspicions.push((NoticeKind::Event, id));
            }
        }
        Ok(masters)
    }

    /// What the end of a round of a view tells. The caller holds the series lock.
    pub(crate) async fn sweep_view(
        &self,
        cursor: &Cursor,
        calendar: &GraphId,
        view: &ViewRound,
    ) -> Result<Findings, MirrorError> {
        let mut findings = Findings::default();
        let (Some(began_at), CursorScope::View { start, end, .. }) =
            (cursor.round_started_at, &cursor.scope)
        else {
            return Ok(findings);
        };
        let window = Window {
            start: *start,
            end: *end,
        };
        let shown = self.masters_shown(cursor, calendar, view).await?;
        for master in &shown {
            for stored in self.store.events_in_series(self.mailbox, master).await? {
                let is_left = stored.round != Some(cursor.round)
                    && stored.fetched_at < began_at
                    && window.shows(stored.event.start_at, stored.event.end_at);
                if is_left {
                    findings.dropped_events.push(stored.event.external_id);
                }
            }
        }
        // An exception alone, without its master: the series must be looked at as a whole.
        findings.suspicions.extend(
            view.mentioned
                .difference(&shown)
                .map(|master| (NoticeKind::Event, master.clone())),
        );
        if cursor.is_full {
            self.sweep_window(cursor, calendar, (window, began_at), &shown, &mut findings)
                .await?;
        }
        Ok(findings)
    }

    /// The masters that a round has shown, also before a crash.
    async fn masters_shown(
        &self,
        cursor: &Cursor,
        calendar: &GraphId,
        view: &ViewRound,
    ) -> Result<HashSet<GraphId>, MirrorError> {
        let mut shown = view.masters.clone();
        if !view.is_resumed {
            return Ok(shown);
        }
        for key in self
            .store
            .events_in_calendar(self.mailbox, calendar)
            .await?
        {
            if key.kind != EventKind::SeriesMaster || shown.contains(&key.external_id) {
                continue;
            }
            let stored = self.store.event_get(self.mailbox, &key.external_id).await?;
            if stored.is_some_and(|stored| stored.round == Some(cursor.round)) {
                shown.insert(key.external_id);
            }
        }
        Ok(shown)
    }

    /// After a full round: what it has not shown inside of its window is suspected.
    async fn sweep_window(
        &self,
        cursor: &Cursor,
        calendar: &GraphId,
        (window, began_at): (Window, Timestamp),
        shown: &HashSet<GraphId>,
        findings: &mut Findings,
    ) -> Result<(), MirrorError> {
        let unseen = self
            .store
            .events_unseen(
                self.mailbox,
                calendar,
                (window.start, window.end),
                cursor.round,
                began_at,
            )
            .await?;
        let dropped: HashSet<GraphId> = findings.dropped_events.iter().cloned().collect();
        let mut suspects: HashSet<GraphId> = HashSet::new();
        for key in unseen {
            if dropped.contains(&key.external_id) {
                continue;
            }
            // An occurrence is looked at by its series.
            let suspect = match key.series_master_id {
                Some(master) if !shown.contains(&master) => master,
                _ => key.external_id,
            };
            suspects.insert(suspect);
        }
        findings
            .suspicions
            .extend(suspects.into_iter().map(|id| (NoticeKind::Event, id)));
        Ok(())
    }
}
