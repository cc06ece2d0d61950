//! The list of calendars, and the windows in which they are mirrored (M53, M55).
//!
//! There is no delta for calendars, so they are listed from time to time. Each has a cursor for the present window; when a
//! month has passed the next window's cursor is walked whole before the old one goes, and what only the old one held goes
//! with it.

use std::collections::{HashMap, HashSet};

use tracing::{info, warn};

use super::convert::calendar::read;
use super::error::{MirrorError, concerns_the_mailbox};
use super::findings::Findings;
use super::folders::suspicion;
use super::lists::Go;
use super::plan;
use super::report::StructureReport;
use super::{Mirror, Window};
use crate::graph::{Advice, GraphError, Prefer};
use crate::model::calendar::{Calendar, EventKind};
use crate::model::feed::{ChangeKind, ItemKind};
use crate::model::ids::GraphId;
use crate::model::time::{Timestamp, later};
use crate::model::work::{Cursor, CursorScope, Lane, NoticeKind};
use crate::store::{CalendarWrite, CursorFilter, MailboxMark, NewChange, Priority};

impl Mirror {
    pub(crate) async fn calendars_due(
        &self,
        report: &mut StructureReport,
    ) -> Result<(), MirrorError> {
        let now = self.clock.now();
        let mailbox = self.store.mailbox_get(self.mailbox).await?;
        let listed_at = mailbox.and_then(|mailbox| mailbox.calendars_at);
        let is_old = listed_at.is_none_or(|at| later(at, self.settings.calendars_every) <= now);
        if self.memory.take_calendars_wanted() || is_old {
            self.list_calendars(report).await?;
            report.calendars_listed = true;
        }
        self.open_windows(now, report).await?;
        self.close_windows(report).await
    }

    async fn list_calendars(&self, report: &mut StructureReport) -> Result<(), MirrorError> {
        let mut calendars: HashMap<GraphId, Calendar> = HashMap::new();
        let listed = self
            .list(
                Lane::Repair,
                self.graph.calendars(),
                Prefer::IDS,
                |item, _| {
                    match read(item.get()) {
                        Ok(calendar) => {
                            calendars.insert(calendar.external_id.clone(), calendar);
                        }
                        // Skipped, and not taken for gone: that needs a 404.
                        Err(_) => {
                            warn!(mailbox.id = %self.mailbox, "a calendar of mailbox {} cannot be read", self.mailbox);
                        }
                    }
                    Go::On
                },
            )
            .await;
        let began_at = listed.map_err(refused)?;
        let held = self.store.calendars_list(self.mailbox).await?;
        let missing: Vec<GraphId> = held
            .into_iter()
            .map(|calendar| calendar.external_id)
            .filter(|id| !calendars.contains_key(id))
            .collect();
        let gone = self.confirm_calendars_gone(missing).await?;
        let now = self.clock.now();
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        let writes: Vec<CalendarWrite<'_>> = calendars
            .values()
            .map(|calendar| CalendarWrite {
                calendar,
                fetched_at: began_at,
                round: None,
            })
            .collect();
        let mut changes = Vec::new();
        for (external_id, effect) in tx.calendars_upsert(self.mailbox, &writes, now).await? {
            report.rows.count(effect);
            changes.extend(ChangeKind::of(effect).map(|change| NewChange {
                kind: ItemKind::Calendar,
                external_id,
                change,
            }));
        }
        for external_id in tx
            .calendars_delete(self.mailbox, &gone, began_at, now)
            .await?
        {
            report.rows.deleted += 1;
            changes.push(NewChange {
                kind: ItemKind::Calendar,
                external_id,
                change: ChangeKind::Deleted,
            });
        }
        if !changes.is_empty() {
            tx.changes_append(self.mailbox, &changes, now).await?;
        }
        tx.mailbox_mark(self.mailbox, &[MailboxMark::CalendarsAt(began_at)], now)
            .await?;
        tx.commit().await?;
        for calendar in &gone {
            info!(mailbox.id = %self.mailbox, "a calendar of mailbox {} is gone", self.mailbox);
            self.forget_calendar(calendar).await?;
        }
        Ok(())
    }

    /// Calendars that the list has no more; only a 404 counts.
    async fn confirm_calendars_gone(
        &self,
        missing: Vec<GraphId>,
    ) -> Result<Vec<GraphId>, MirrorError> {
        let mut gone = Vec::new();
        for id in missing {
            let path = self.graph.path(&format!(
                "/calendars/{}?$select=id",
                crate::graph::links::segment(&id)
            ));
            match self.graph.get_json(Lane::Repair, &path, Prefer::IDS).await {
                Err(error) if concerns_the_mailbox(&error) => return Err(refused(error)),
                Err(error) if matches!(error.advice(), Advice::Gone | Advice::ContainerGone) => {
                    gone.push(id);
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(gone)
    }

    /// Cursors of a calendar that is gone go; its events are suspects, as everything is that only a list has lost.
    async fn forget_calendar(&self, calendar: &GraphId) -> Result<(), MirrorError> {
        let keys = self
            .store
            .events_in_calendar(self.mailbox, calendar)
            .await?;
        let now = self.clock.now();
        let suspects: Vec<_> = keys
            .into_iter()
            .filter(|key| key.series_master_id.is_none())
            .map(|key| suspicion(NoticeKind::Event, key.external_id, now))
            .collect();
        let mut tx = self.store.write(Priority::Bulk).await?;
        tx.fence(&self.fence).await?;
        tx.cursors_delete(self.mailbox, CursorFilter::Calendar(calendar))
            .await?;
        tx.notices_add(self.mailbox, &suspects, now).await?;
        tx.wake(self.mailbox);
        tx.commit().await?;
        Ok(())
    }

    /// A cursor for the present window of each calendar.
    async fn open_windows(
        &self,
        now: Timestamp,
        report: &mut StructureReport,
    ) -> Result<(), MirrorError> {
        let window = Window::at(now, self.settings.months_past, self.settings.months_future);
        let cursors = self.store.cursors_of_views(self.mailbox).await?;
        let open: HashSet<&CursorScope> = cursors.iter().map(|cursor| &cursor.scope).collect();
        let calendars = self.store.calendars_list(self.mailbox).await?;
        let fresh: Vec<Cursor> = calendars
            .into_iter()
            .map(|calendar| CursorScope::View {
                calendar: calendar.external_id,
                start: window.start,
                end: window.end,
            })
            .filter(|scope| !open.contains(scope))
            .map(|scope| plan::fresh(scope, self.settings.first_page, now))
            .collect();
        for cursor in fresh {
            let findings = Findings {
                cursor: Some(cursor),
                ..Findings::default()
            };
            self.apply(Lane::Repair, findings).await?;
            report.cursors_made += 1;
        }
        Ok(())
    }

    /// Closes windows whose successor has been walked whole (M53), and those of calendars that are gone.
    async fn close_windows(&self, report: &mut StructureReport) -> Result<(), MirrorError> {
        let cursors = self.store.cursors_of_views(self.mailbox).await?;
        let calendars: HashSet<GraphId> = self
            .store
            .calendars_list(self.mailbox)
            .await?
            .into_iter()
            .map(|calendar| calendar.external_id)
            .collect();
        for cursor in &cursors {
            let CursorScope::View {
                calendar, start, ..
            } = &cursor.scope
            else {
                continue;
            };
            let successor = cursors.iter().find_map(|other| match &other.scope {
                CursorScope::View {
                    calendar: of,
                    start: from,
                    end,
                } if of == calendar && from > start && other.last_ok_at.is_some() => Some(Window {
                    start: *from,
                    end: *end,
                }),
                _ => None,
            });
            let is_stray = !calendars.contains(calendar);
            if successor.is_none() && !is_stray {
                continue;
            }
            // One that is being walked goes the next time.
            let Some(claim) = self.memory.claim(&cursor.scope) else {
                continue;
            };
            match successor {
                Some(window) if !is_stray => {
                    self.close_window(calendar, &cursor.scope, window).await?;
                }
                _ => self.forget_calendar(calendar).await?,
            }
            drop(claim);
            report.cursors_dropped += 1;
        }
        Ok(())
    }

    /// Drops a window's cursor, and what shows in no window any more. Masters whose occurrences are all gone from view are
    /// looked at by themselves.
    async fn close_window(
        &self,
        calendar: &GraphId,
        scope: &CursorScope,
        window: Window,
    ) -> Result<(), MirrorError> {
        let alone = self.memory.series.lock().await;
        let keys = self
            .store
            .events_in_calendar(self.mailbox, calendar)
            .await?;
        let inside: HashSet<&GraphId> = keys
            .iter()
            .filter(|key| window.shows(key.start_at, key.end_at))
            .filter_map(|key| key.series_master_id.as_ref())
            .collect();
        let mut findings = Findings {
            dropped_cursors: vec![scope.clone()],
            ..Findings::default()
        };
        for key in &keys {
            if key.kind == EventKind::SeriesMaster {
                if !inside.contains(&key.external_id) {
                    findings
                        .suspicions
                        .push((NoticeKind::Event, key.external_id.clone()));
                }
            } else if !window.shows(key.start_at, key.end_at) {
                findings.dropped_events.push(key.external_id.clone());
            }
        }
        self.apply(Lane::Repair, findings).await?;
        drop(alone);
        Ok(())
    }
}

fn refused(source: GraphError) -> MirrorError {
    MirrorError::Graph {
        what: "the calendars",
        source,
    }
}
