//! Whether push works, measured (M33).
//!
//! A change that a round finds, made while a subscription watched and older than anyone's patience, should have been
//! announced. If it was not, the subscription is doubted: the mailbox polls more often, and the reconciler
//! replaces the silent one. Only a notice about what that subscription watches ends the doubt.
//!
//! Never blames a subscription for what was announced and still waits to be looked at, for what changed while nobody
//! here listened, or for occurrences: they come with their series and have no history of their own (F6.34).

use std::collections::{BTreeMap, HashSet};

use tracing::{info, warn};

use super::Mirror;
use super::apply::Applied;
use super::error::MirrorError;
use super::findings::Findings;
use crate::model::calendar::EventKind;
use crate::model::ids::GraphId;
use crate::model::mailbox::UNANNOUNCED;
use crate::model::time::{Timestamp, later};
use crate::model::work::{
    Cursor, Effect, Lane, Notice, NoticeKind, SubscriptionScope, SubscriptionState,
};
use crate::store::{MailboxMark, Priority};
use crate::telemetry::metrics::table;

/// A watch over what a cursor walks: changes made since then must have been announced.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    scope: SubscriptionScope,
    since: Timestamp,
}

/// A change of an item that a page shows.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    id: GraphId,
    /// The master of an exception: a notice may name either.
    master: Option<GraphId>,
    at: Timestamp,
}

/// When the items of a page last changed, as far as they say.
pub(crate) fn made(findings: &Findings) -> Vec<Made> {
    let messages = findings.messages.iter().map(|found| {
        let message = &found.message;
        (&message.external_id, None, message.modified_at)
    });
    let events = findings
        .events
        .iter()
        .map(|found| &found.event)
        .filter(|event| event.kind != EventKind::Occurrence)
        .map(|event| {
            let master = event.series_master_id.as_ref();
            (&event.external_id, master, event.modified_at)
        });
    messages
        .chain(events)
        .filter_map(|(id, master, at)| {
            Some(Made {
                id: id.clone(),
                master: master.cloned(),
                at: at?,
            })
        })
        .collect()
}

impl Mirror {
    /// The watch over a cursor's next round: since its last one, if a subscription stood guard all the time. None when
    /// nothing can be said.
    pub(crate) async fn watch_over(&self, cursor: &Cursor) -> Result<Option<Watch>, MirrorError> {
        let began_at = cursor.round_started_at.filter(|_| self.settings.push);
        let scope = SubscriptionScope::of_cursor(&cursor.scope);
        let (Some(began_at), Some(scope)) = (began_at, scope) else {
            return Ok(None);
        };
        // While nobody listened, Graph could not deliver.
        let since = Some(began_at).max(self.settings.listening_since);
        let subscriptions = self.store.subscriptions_list(self.mailbox).await?;
        let is_watched = subscriptions.iter().any(|subscription| {
            subscription.scope == scope
                && subscription.state == SubscriptionState::Active
                && subscription.created_at < began_at
        });
        Ok(since
            .filter(|_| is_watched)
            .map(|since| Watch { scope, since }))
    }

    /// Doubts the subscription on watch, if a page brought a change that it should have announced. `settled` are the items
    /// whose notices the round has settled.
    pub(crate) async fn note_unannounced(
        &self,
        watch: &Watch,
        made: &[Made],
        applied: &Applied,
        settled: &HashSet<GraphId>,
    ) -> Result<(), MirrorError> {
        let now = self.clock.now();
        let suspects = made.iter().filter(|made| {
            made.at > watch.since
                && later(made.at, self.settings.push_patience) <= now
                && !settled.contains(&made.id)
                && matches!(
                    applied.effects.get(&made.id),
                    Some(Effect::Created | Effect::Updated)
                )
        });
        for made in suspects {
            if !self.is_announced(&watch.scope, made).await? {
                return self.doubt(watch, now).await;
            }
        }
        Ok(())
    }

    /// Whether a notice about it has come and only waits to be looked at.
    async fn is_announced(
        &self,
        scope: &SubscriptionScope,
        made: &Made,
    ) -> Result<bool, MirrorError> {
        let kind = match scope {
            SubscriptionScope::Messages => NoticeKind::Message,
            SubscriptionScope::Events { .. } => NoticeKind::Event,
        };
        for id in [Some(&made.id), made.master.as_ref()].into_iter().flatten() {
            let waiting = self.store.notice_get(self.mailbox, kind, id).await?;
            if waiting.is_some_and(|notice| notice.lane == Lane::Live) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn doubt(&self, watch: &Watch, now: Timestamp) -> Result<(), MirrorError> {
        let what = match watch.scope {
            SubscriptionScope::Messages => "the messages",
            SubscriptionScope::Events { .. } => "a calendar",
        };
        warn!(
            mailbox.id = %self.mailbox,
            "notifications of {what} of mailbox {} do not come: polling more often", self.mailbox
        );
        self.memory.push_is_ill(true);
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        tx.subscriptions_doubt(self.mailbox, &watch.scope, watch.since, now)
            .await?;
        let mark = MailboxMark::Push {
            healthy: false,
            reason: Some(UNANNOUNCED.to_owned()),
        };
        tx.mailbox_mark(self.mailbox, &[mark], now).await?;
        tx.commit().await?;
        let watches = match watch.scope {
            SubscriptionScope::Messages => "messages",
            SubscriptionScope::Events { .. } => "events",
        };
        table::PUSH_DOUBTS.count(&[watches]);
        Ok(())
    }

    /// Ends the doubts that these notices refute, after they were looked at. Push works again when no doubt is left.
    pub(crate) async fn end_doubts(&self, notices: &[Notice]) -> Result<(), MirrorError> {
        if notices.is_empty() {
            return Ok(());
        }
        let doubted: HashSet<SubscriptionScope> = self
            .store
            .subscriptions_list(self.mailbox)
            .await?
            .into_iter()
            .filter(|row| row.doubted_at.is_some())
            .map(|row| row.scope)
            .collect();
        let mut heard: BTreeMap<SubscriptionScope, Timestamp> = BTreeMap::new();
        for notice in notices {
            let scope = self.announced_by(notice).await?;
            if let Some(scope) = scope.filter(|scope| doubted.contains(scope)) {
                let last = heard.entry(scope).or_insert(notice.received_at);
                *last = notice.received_at.max(*last);
            }
        }
        if heard.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        for (scope, heard_at) in &heard {
            tx.subscriptions_trust(self.mailbox, scope, *heard_at)
                .await?;
        }
        let is_well = tx.subscriptions_doubted(self.mailbox).await? == 0;
        if is_well {
            let mark = MailboxMark::Push {
                healthy: true,
                reason: None,
            };
            tx.mailbox_mark(self.mailbox, &[mark], now).await?;
        }
        tx.commit().await?;
        if is_well {
            self.memory.push_is_ill(false);
            info!(mailbox.id = %self.mailbox, "notifications of mailbox {} come again", self.mailbox);
        }
        Ok(())
    }

    /// What watches the item that a notice names; unknown for an event that left no row.
    async fn announced_by(
        &self,
        notice: &Notice,
    ) -> Result<Option<SubscriptionScope>, MirrorError> {
        match notice.kind {
            NoticeKind::Message => Ok(Some(SubscriptionScope::Messages)),
            NoticeKind::Attachments => Ok(None),
            NoticeKind::Event => {
                let stored = self
                    .store
                    .event_get(self.mailbox, &notice.external_id)
                    .await?;
                Ok(stored.map(|stored| SubscriptionScope::Events {
                    calendar: stored.event.calendar_external_id,
                }))
            }
        }
    }
}
