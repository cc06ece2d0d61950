//! The calendar's half of an audit.
//!
//! A plain view shows full occurrences and no masters (F6.33), so masters are those that its occurrences name, asked for by
//! id. Occurrences are compared by their place in time: all else they have from their master.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Mirror;
use super::audit::{one_sided, refused};
use super::convert::event::{EventItem, read};
use super::error::{MirrorError, concerns_the_mailbox};
use super::lists::Go;
use crate::graph::Prefer;
use crate::model::calendar::EventKind;
use crate::model::feed::{Difference, ItemKind};
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::Lane;

/// An event on one side, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventSide {
    kind: EventKind,
    start: Timestamp,
    end: Timestamp,
    change_key: Option<String>,
}

/// The events of one side by id.
pub(crate) type Events = HashMap<GraphId, EventSide>;

impl EventSide {
    /// What differs between the sides.
    pub(crate) fn differences(ours: &Events, theirs: &Events) -> Vec<Difference> {
        let ids: BTreeSet<&GraphId> = ours.keys().chain(theirs.keys()).collect();
        ids.into_iter()
            .filter_map(|id| match (ours.get(id), theirs.get(id)) {
                (Some(ours), Some(theirs)) => ours.difference(theirs, id),
                (Some(_), None) => Some(one_sided(ItemKind::Event, id, true)),
                (None, _) => Some(one_sided(ItemKind::Event, id, false)),
            })
            .collect()
    }

    fn difference(&self, theirs: &Self, id: &GraphId) -> Option<Difference> {
        let has_version = self.kind != EventKind::Occurrence;
        let (field, ours, theirs) = if self.kind != theirs.kind {
            let name = |side: &Self| Some(format!("{:?}", side.kind));
            ("kind", name(self), name(theirs))
        } else if self.start != theirs.start {
            (
                "start_at",
                Some(self.start.to_rfc3339()),
                Some(theirs.start.to_rfc3339()),
            )
        } else if self.end != theirs.end {
            (
                "end_at",
                Some(self.end.to_rfc3339()),
                Some(theirs.end.to_rfc3339()),
            )
        } else if has_version && self.change_key != theirs.change_key {
            (
                "change_key",
                self.change_key.clone(),
                theirs.change_key.clone(),
            )
        } else {
            return None;
        };
        Some(Difference {
            kind: ItemKind::Event,
            external_id: id.clone(),
            field: field.to_owned(),
            ours,
            theirs,
        })
    }
}

impl Mirror {
    /// The events of a calendar as Graph shows them in the mirrored window; none when the calendar is not mirrored, or
    /// closed to us.
    pub(crate) async fn events_there(
        &self,
        calendar: &GraphId,
    ) -> Result<Option<Events>, MirrorError> {
        let Some(window) = self.window_of(calendar).await? else {
            return Ok(None);
        };
        let mut events = Events::new();
        let mut masters: BTreeSet<GraphId> = BTreeSet::new();
        let target = self.graph.view(calendar, window.start, window.end, 1_000);
        let listed = self
            .list(Lane::Audit, target, Prefer::EVENTS, |item, _| {
                match read(item.get(), calendar) {
                    Ok(EventItem::Whole(event)) => {
                        masters.extend(event.series_master_id.clone());
                        let side = EventSide {
                            kind: event.kind,
                            start: event.start_at,
                            end: event.end_at,
                            change_key: event.change_key,
                        };
                        events.insert(event.external_id, side);
                    }
                    Ok(EventItem::Occurrence(occurrence)) => {
                        masters.insert(occurrence.series_master_id);
                        let side = EventSide {
                            kind: EventKind::Occurrence,
                            start: occurrence.start.at,
                            end: occurrence.end.at,
                            change_key: occurrence.change_key,
                        };
                        events.insert(occurrence.external_id, side);
                    }
                    Ok(EventItem::Removed(_)) | Err(_) => {}
                }
                Go::On
            })
            .await;
        match listed {
            Ok(_) => {}
            Err(error)
                if matches!(error.status(), Some(403 | 404)) && !concerns_the_mailbox(&error) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(refused(error)),
        }
        self.masters_there(calendar, masters, &mut events).await?;
        Ok(Some(events))
    }

    async fn masters_there(
        &self,
        calendar: &GraphId,
        masters: BTreeSet<GraphId>,
        events: &mut Events,
    ) -> Result<(), MirrorError> {
        let parts: Vec<_> = masters.iter().map(|id| self.graph.event_part(id)).collect();
        let answers = self.graph.batch(Lane::Audit, &parts).await;
        for (id, answer) in masters.into_iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
                    if let Ok(EventItem::Whole(master)) = read(text, calendar) {
                        let side = EventSide {
                            kind: master.kind,
                            start: master.start_at,
                            end: master.end_at,
                            change_key: master.change_key,
                        };
                        events.insert(id, side);
                    }
                }
                Err(error) if concerns_the_mailbox(&error) => return Err(refused(error)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// The events of a calendar as the mirror holds them.
    pub(crate) async fn events_here(&self, calendar: &GraphId) -> Result<Events, MirrorError> {
        let keys = self
            .store
            .events_in_calendar(self.mailbox, calendar)
            .await?;
        Ok(keys
            .into_iter()
            .map(|key| {
                let side = EventSide {
                    kind: key.kind,
                    start: key.start_at,
                    end: key.end_at,
                    change_key: key.change_key,
                };
                (key.external_id, side)
            })
            .collect())
    }

    /// Calendars by id.
    pub(crate) async fn audit_calendars(&self) -> Result<Vec<Difference>, MirrorError> {
        let mut differences = Vec::new();
        for look in 0..2 {
            self.pause(look).await;
            let mut theirs: HashSet<GraphId> = HashSet::new();
            let listed = self
                .list(
                    Lane::Audit,
                    self.graph.calendars(),
                    Prefer::IDS,
                    |item, _| {
                        if let Ok(calendar) = super::convert::calendar::read(item.get()) {
                            theirs.insert(calendar.external_id);
                        }
                        Go::On
                    },
                )
                .await;
            listed.map_err(refused)?;
            let ours: HashSet<GraphId> = self
                .store
                .calendars_list(self.mailbox)
                .await?
                .into_iter()
                .map(|calendar| calendar.external_id)
                .collect();
            differences = ours
                .symmetric_difference(&theirs)
                .map(|id| one_sided(ItemKind::Calendar, id, ours.contains(id)))
                .collect();
            if differences.is_empty() {
                break;
            }
        }
        Ok(differences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(kind: EventKind, start: i64, change_key: &str) -> EventSide {
        let at = |seconds| Timestamp::from_timestamp(seconds, 0).expect("an instant");
        EventSide {
            kind,
            start: at(start),
            end: at(start + 60),
            change_key: Some(change_key.to_owned()),
        }
    }

    #[test]
    fn occurrences_differ_by_their_place_and_others_by_their_version() {
        let events =
            |kind, start, key| Events::from([(GraphId::from("X"), side(kind, start, key))]);
        let fields = |ours: &Events, theirs: &Events| -> Vec<String> {
            EventSide::differences(ours, theirs)
                .into_iter()
                .map(|difference| difference.field)
                .collect()
        };
        let occurrence = EventKind::Occurrence;
        let single = EventKind::SingleInstance;

        let same = fields(&events(occurrence, 0, "1"), &events(occurrence, 0, "2"));
        assert!(same.is_empty());
        let moved = fields(&events(occurrence, 0, "1"), &events(occurrence, 5, "1"));
        assert_eq!(moved, ["start_at"]);
        let edited = fields(&events(single, 0, "1"), &events(single, 0, "2"));
        assert_eq!(edited, ["change_key"]);
        let ghost = fields(&events(single, 0, "1"), &Events::new());
        assert_eq!(ghost, ["row"]);
    }
}
