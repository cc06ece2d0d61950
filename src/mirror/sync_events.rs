//! Listing the events of a range and applying them.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::convert::event::{EventItem, read};
use super::error::MirrorError;
use super::findings::{Findings, FoundEvent};
use super::lists::Go;
use super::report::Tally;
use super::series::Held;
use super::{Mirror, Window};
use crate::graph::Prefer;
use crate::model::calendar::{Event, EventKind};
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::{CursorScope, Effect, Lane};

/// Items of a page at most.
const PAGE: u32 = 250;

/// What a range of calendars showed.
#[derive(Default)]
struct Listed {
    /// Every event of the range, once.
    ids: HashSet<GraphId>,
    singles: Vec<FoundEvent>,
    /// Masters of the occurrences and exceptions, with their calendars.
    masters: BTreeMap<GraphId, GraphId>,
}

impl Mirror {
    /// Fetches at most `max_results` events that show between `start` and `end`. A range beyond what is mirrored is
    /// cut to it, and the answer says so: nothing would keep a row outside of it true.
    pub(crate) async fn sync_events(
        &self,
        max_results: u32,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<Value, MirrorError> {
        self.structure().await?;
        let mirrored = self.mirrored().await?;
        let asked = Window {
            start: start.unwrap_or(mirrored.start),
            end: end.unwrap_or(mirrored.end),
        };
        let range = mirrored.overlap(asked);
        let is_cut = range != Some(asked);
        let mut rows = Tally::default();
        if let Some(range) = range {
            let listed = self.list_events(max_results as usize, range).await?;
            rows = self.apply_listed(listed).await?;
        }
        Ok(json!({
            "created": rows.created,
            "updated": rows.updated,
            "unchanged": rows.unchanged,
            "start": range.map(|range| range.start),
            "end": range.map(|range| range.end),
            "cut_to_mirrored_window": is_cut,
        }))
    }

    /// The window in which calendars are mirrored.
    async fn mirrored(&self) -> Result<Window, MirrorError> {
        let cursors = self.store.cursors_list(self.mailbox).await?;
        let open = cursors.iter().filter_map(|cursor| match cursor.scope {
            CursorScope::View { start, end, .. } => Some(Window { start, end }),
            _ => None,
        });
        Ok(open.reduce(Window::with).unwrap_or_else(|| {
            Window::at(
                self.clock.now(),
                self.settings.months_past,
                self.settings.months_future,
            )
        }))
    }

    async fn list_events(&self, wanted: usize, range: Window) -> Result<Listed, MirrorError> {
        let mut listed = Listed::default();
        for calendar in self.store.calendars_list(self.mailbox).await? {
            if listed.ids.len() >= wanted {
                break;
            }
            let calendar = calendar.external_id;
            let top = u32::try_from(wanted).unwrap_or(PAGE).min(PAGE);
            let target = self.graph.view(&calendar, range.start, range.end, top);
            let read_on = self
                .list(Lane::Command, target, Prefer::EVENTS, |item, sent_at| {
                    if let Ok(shown) = read(item.get(), &calendar) {
                        listed.take(shown, &calendar, sent_at);
                    }
                    if listed.ids.len() < wanted {
                        Go::On
                    } else {
                        Go::Enough
                    }
                })
                .await;
            match read_on {
                Ok(_) => {}
                // A calendar that went since it was listed, or another's that is closed to us.
                Err(error) if matches!(error.status(), Some(403 | 404)) => {
                    self.memory.want_calendars();
                }
                Err(source) => {
                    return Err(MirrorError::Graph {
                        what: "the events",
                        source,
                    });
                }
            }
        }
        Ok(listed)
    }

    async fn apply_listed(&self, listed: Listed) -> Result<Tally, MirrorError> {
        let mut findings = Findings {
            events: listed.singles,
            ..Findings::default()
        };
        let mut targets = BTreeMap::new();
        for (master, calendar) in listed.masters {
            let held = Held {
                stored: self.store.event_get(self.mailbox, &master).await?,
                calendar: Some(calendar),
                notices: Vec::new(),
            };
            targets.insert(master, held);
        }
        let mut stop = None;
        if !targets.is_empty() {
            self.look_at(Lane::Command, targets, &mut findings, &mut stop)
                .await?;
        }
        let alone = self.memory.series.lock().await;
        let applied = self.apply(Lane::Command, findings).await?;
        drop(alone);
        if let Some(stop) = stop {
            return Err(stop);
        }
        let mut rows = Tally::default();
        for id in &listed.ids {
            rows.count(
                applied
                    .effects
                    .get(id)
                    .copied()
                    .unwrap_or(Effect::Unchanged),
            );
        }
        Ok(rows)
    }
}

impl Listed {
    fn take(&mut self, shown: EventItem, calendar: &GraphId, sent_at: Timestamp) {
        match shown {
            EventItem::Whole(event) if event.kind == EventKind::SingleInstance => {
                if self.ids.insert(event.external_id.clone()) {
                    self.singles.push(FoundEvent {
                        event: *event,
                        fetched_at: sent_at,
                        seen: false,
                    });
                }
            }
            EventItem::Whole(event) => {
                let Event {
                    external_id,
                    series_master_id,
                    ..
                } = *event;
                if let Some(master) = series_master_id {
                    self.ids.insert(external_id);
                    self.masters.insert(master, calendar.clone());
                }
            }
            EventItem::Occurrence(occurrence) => {
                self.ids.insert(occurrence.external_id);
                self.masters
                    .insert(occurrence.series_master_id, calendar.clone());
            }
            EventItem::Removed(_) => {}
        }
    }
}
