//! The work of a mailbox, lane by lane.
//!
//! A [`Service`] makes a [`Visit`] for each spell of a home. A visit calls the rooms of the domain in the order that keeps
//! the promises: structure before subscriptions, subscriptions before rounds, so that nothing falls in between (M28).

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::parts::Parts;
use super::resident::Next;
use super::rests::{Rests, Scope};
use crate::config::{Attachments, PublicUrl};
use crate::graph::MailboxGraph;
use crate::home::Home;
use crate::mailboxes::{disconnect, states};
use crate::mirror::{self, ContentSettings, Mirror, MirrorError, Remedy};
use crate::model::chain::chain;
use crate::model::ids::MailboxId;
use crate::model::mailbox::{MailboxState, StateReason};
use crate::model::time::{SharedClock, Timestamp, later};
use crate::model::work::{Command, Lane, Wish};
use crate::outbox::{self, Outbox, Stop};
use crate::store::{Priority, StoreError};
use crate::subscriptions::Reconciler;

/// After a failure without a wait of its own, the lane comes back after so long.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// After a failure that the operator must mend.
const AFTER_ALARM: Duration = Duration::from_mins(2);

/// A command that could not be fulfilled in passing is tried again for so long, then its outcome is the failure.
const COMMAND_LASTS: Duration = Duration::from_mins(2);

/// A suspended mailbox is looked at so often.
const PROBE_EVERY: Duration = Duration::from_hours(24);

/// Does the work of mailboxes.
pub struct Service {
    pub(super) parts: Parts,
    pub(super) clock: SharedClock,
    mirror: mirror::Settings,
    /// None where nobody would hear a notification.
    reconciler: Option<Arc<Reconciler>>,
    rests: Arc<Rests>,
}

/// One spell of work for one mailbox.
pub(super) struct Visit {
    parts: Parts,
    home: Home,
    graph: MailboxGraph,
    mirror: Mirror,
    outbox: Outbox,
    reconciler: Option<Arc<Reconciler>>,
    rests: Arc<Rests>,
}

impl Service {
    /// With these parts.
    pub fn new(parts: Parts) -> Self {
        let mirror = Self::mirroring(&parts);
        Self::mirroring_so(parts, mirror)
    }

    /// How mailboxes are mirrored, as far as the settings tell.
    pub fn mirroring(parts: &Parts) -> mirror::Settings {
        let told = &parts.settings.mirror;
        mirror::Settings {
            // The address of a tunnel may come later; that there is none yet stands on each mailbox.
            push: parts.settings.server.public_url != PublicUrl::Unset,
            poll_with_push: told.poll_interval,
            poll_without_push: told.poll_interval_without_push,
            months_past: told.calendar_past_months,
            months_future: told.calendar_future_months,
            first_page: told.page_size,
            audit_every: told.audit_interval,
            internet_headers: parts.settings.contents.internet_headers,
            listening_since: Some(parts.clock.now()),
            ..mirror::Settings::default()
        }
    }

    /// With these parts, mirroring as told here and not by them.
    pub fn mirroring_so(parts: Parts, mirror: mirror::Settings) -> Self {
        let reconciler = Arc::new(Reconciler::new(
            parts.store.clone(),
            Arc::clone(&parts.clock),
            parts.signer.clone(),
            parts.reach.clone(),
        ));
        Self {
            clock: Arc::clone(&parts.clock),
            parts,
            mirror,
            reconciler: Some(reconciler),
            rests: Arc::default(),
        }
    }

    /// The same for a process that does not listen: it leaves subscriptions as they are, because Graph would call in vain.
    #[must_use]
    pub fn deaf(mut self) -> Self {
        self.reconciler = None;
        self
    }

    /// Where contents go, and which are fetched when.
    fn contents(&self) -> ContentSettings {
        let told = &self.parts.settings.contents;
        ContentSettings {
            blobs: self.parts.blobs.clone(),
            ahead_up_to: (told.attachments == Attachments::Eager).then_some(told.eager_limit),
            keep_originals: told.keep_originals,
        }
    }

    pub(super) fn visit(&self, home: &Home) -> Visit {
        let graph = MailboxGraph::new(
            self.parts.graph.clone(),
            home.mailbox.user_id.clone(),
            self.parts.keepers.keeper(home.mailbox.id),
            Arc::clone(&home.gate) as _,
        );
        let mirror = Mirror::new(
            self.parts.store.clone(),
            graph.clone(),
            &home.mailbox,
            home.fence,
            Arc::clone(&self.clock),
            self.mirror.clone(),
        )
        .with_contents(self.contents());
        let outbox = Outbox::new(
            self.parts.store.clone(),
            graph.clone(),
            home.fence,
            home.lost.clone(),
            Arc::clone(&self.clock),
            (self.parts.blobs.clone(), self.parts.vault.clone()),
        )
        .repeating_blindly(self.mirror.sabotage.repeats_blindly);
        Visit {
            parts: self.parts.clone(),
            home: home.clone(),
            outbox,
            graph,
            mirror,
            reconciler: self.reconciler.clone(),
            rests: Arc::clone(&self.rests),
        }
    }
}

impl Visit {
    pub(super) fn mailbox(&self) -> MailboxId {
        self.home.mailbox.id
    }

    /// Whether the mailbox is to be mirrored at all; a disconnected one may still have a command waiting.
    fn is_mirrored(&self) -> bool {
        matches!(
            self.home.mailbox.state,
            MailboxState::Connected | MailboxState::Suspended
        )
    }

    /// What notices announced.
    pub(super) async fn live(&self) -> anyhow::Result<Next> {
        if !self.is_mirrored() {
            return Ok(Next::Wait(None));
        }
        if let Some(until) = self.rest(Lane::Live) {
            return Ok(Next::Wait(Some(until)));
        }
        let done = self.mirror.refresh_live().await;
        self.after_notices(Lane::Live, done.map(|report| report.more))
            .await
    }

    /// What rounds, sweeps and audits suspect.
    pub(super) async fn repairs(&self) -> anyhow::Result<Next> {
        if !self.is_mirrored() {
            return Ok(Next::Wait(None));
        }
        if let Some(until) = self.rest(Lane::Repair) {
            return Ok(Next::Wait(Some(until)));
        }
        let done = self.mirror.refresh_repairs().await;
        self.after_notices(Lane::Repair, done.map(|report| report.more))
            .await
    }

    /// What somebody waits for.
    pub(super) async fn commands(&self) -> anyhow::Result<Next> {
        let waiting = self.parts.store.commands_waiting(self.mailbox()).await?;
        let due = outbox::next_due(&waiting);
        let Some(command) = outbox::next(waiting, self.now()) else {
            return Ok(Next::Wait(due));
        };
        let is_write = matches!(command.wish, Wish::Write(_) | Wish::Unreadable { .. });
        if !self.is_mirrored() && is_write {
            self.outbox.abandon(&command).await?;
            return Ok(Next::Again);
        }
        if !self.is_mirrored() && command.wish != Wish::Disconnect {
            let why = "the mailbox is not connected; its person must sign in again".to_owned();
            self.finish(&command, Err(why)).await?;
            return Ok(Next::Again);
        }
        if let Some(until) = self.rest(Lane::Command) {
            return Ok(Next::Wait(Some(until)));
        }
        if is_write {
            return self.write(&command).await;
        }
        match self.fulfil(&command).await {
            Ok(outcome) => {
                self.rests.end(self.mailbox(), Lane::Command);
                self.finish(&command, Ok(outcome)).await?;
                if command.wish == Wish::Disconnect {
                    // Not before the outcome is written: it ends this lane too.
                    self.home.stopping.cancel();
                }
                Ok(Next::Again)
            }
            Err(error) => {
                let remedy = error.remedy();
                // Another home has the mailbox: the command is its to fulfil.
                if remedy == Remedy::GiveUp {
                    return self.after(Lane::Command, error).await;
                }
                if !remedy.is_passing() || self.now() >= later(command.requested_at, COMMAND_LASTS)
                {
                    self.finish(&command, Err(chain(&error))).await?;
                }
                self.after(Lane::Command, error).await
            }
        }
    }

    /// One go at a write.
    async fn write(&self, command: &Command) -> anyhow::Result<Next> {
        let Err(stop) = self.outbox.carry_out(command).await else {
            self.rests.end(self.mailbox(), Lane::Command);
            return Ok(Next::Again);
        };
        let error = stopped(stop);
        match error.remedy() {
            // Another home has it, or a fence that stands on the mailbox lifts by itself.
            Remedy::GiveUp | Remedy::NotBefore(_) => {}
            Remedy::Suspend(_) | Remedy::Reauth(_) => self.outbox.abandon(command).await?,
            Remedy::Later(wait) => {
                let wait = wait.unwrap_or(AFTER_FAILURE);
                self.outbox.put_off(command, wait).await?;
            }
            Remedy::Operator => self.outbox.put_off(command, AFTER_ALARM).await?,
        }
        self.after(Lane::Command, error).await
    }

    async fn finish(
        &self,
        command: &Command,
        outcome: Result<serde_json::Value, String>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut tx = self.parts.store.write(Priority::Live).await?;
        tx.fence(&self.home.fence).await?;
        tx.command_finish(self.mailbox(), command.id, &outcome, now)
            .await?;
        tx.commit().await
    }

    async fn fulfil(&self, command: &Command) -> Result<serde_json::Value, MirrorError> {
        if command.wish == Wish::Disconnect {
            let parts = &self.parts;
            let done =
                disconnect(&parts.store, &self.graph, &self.home.fence, &parts.clock).await?;
            return Ok(serde_json::json!({
                "disconnected": true,
                "subscriptions_deleted": done.subscriptions_deleted,
                "subscriptions_left": done.subscriptions_left,
            }));
        }
        self.mirror.command(command).await
    }

    /// The folder tree, the calendars, the subscriptions and the rounds, then the audit when its time has come.
    pub(super) async fn rounds(&self) -> anyhow::Result<Next> {
        if !self.is_mirrored() {
            return Ok(Next::Wait(None));
        }
        if let Some(until) = self.rest(Lane::Backfill) {
            return Ok(Next::Wait(Some(until)));
        }
        if let Err(error) = self.mirror.structure().await {
            return self.after(Lane::Backfill, error).await;
        }
        if self.home.mailbox.state == MailboxState::Suspended {
            // It answered: it is back.
            states::resume(&self.parts.store, &self.home.fence, self.now()).await?;
            info!(mailbox.id = %self.mailbox(), "mailbox {} can be reached again", self.mailbox());
        }
        let home = &self.home;
        if let Some(reconciler) = &self.reconciler
            && let Err(error) = reconciler
                .reconcile(&home.mailbox, &home.fence, &self.graph)
                .await
        {
            // Without subscriptions the mirror polls: it goes on.
            warn!(mailbox.id = %self.mailbox(), "the subscriptions of mailbox {} are not as they should be: {}", self.mailbox(), chain(&error));
        }
        match self.mirror.rounds_due().await {
            Ok(report) if report.rounds > 0 || report.pages > 0 => {
                self.rests.end(self.mailbox(), Lane::Backfill);
                return Ok(Next::Again);
            }
            Ok(_) => {}
            Err(error) => return self.after(Lane::Backfill, error).await,
        }
        if self.audit_is_due().await? {
            if let Err(error) = self.mirror.audit(true).await {
                return self.after(Lane::Backfill, error).await;
            }
            return Ok(Next::Again);
        }
        // The last of all: contents that nobody has asked for.
        match self.mirror.fetch_ahead().await {
            Ok(true) => return Ok(Next::Again),
            Ok(false) => {}
            Err(error) => return self.after(Lane::Backfill, error).await,
        }
        self.rests.end(self.mailbox(), Lane::Backfill);
        Ok(Next::Wait(self.next_round_at().await))
    }

    async fn audit_is_due(&self) -> anyhow::Result<bool> {
        let Some(mailbox) = self.parts.store.mailbox_get(self.mailbox()).await? else {
            return Ok(false);
        };
        Ok(mailbox.audit_at.is_some_and(|at| at <= self.now()))
    }

    /// When the mailbox needs attention next.
    pub(super) async fn next_work_at(&self) -> Option<Timestamp> {
        if !self.is_mirrored() {
            return None;
        }
        if self.home.mailbox.state == MailboxState::Suspended {
            return Some(later(self.now(), PROBE_EVERY));
        }
        let mut instants = vec![self.next_round_at().await, self.next_command_at().await];
        for lane in [Lane::Live, Lane::Repair] {
            let due = self.mirror.next_notice_at(lane).await.unwrap_or(None);
            instants.push(self.rests.after(self.mailbox(), lane, due, self.now()));
        }
        instants.into_iter().flatten().min()
    }

    /// When a write that was put off goes on.
    async fn next_command_at(&self) -> Option<Timestamp> {
        let waiting = self.parts.store.commands_waiting(self.mailbox()).await;
        let due = outbox::next_due(&waiting.unwrap_or_default());
        self.rests
            .after(self.mailbox(), Lane::Command, due, self.now())
    }

    /// Until when a lane rests after a failure.
    fn rest(&self, lane: Lane) -> Option<Timestamp> {
        self.rests.until(self.mailbox(), lane, self.now())
    }

    /// When the structure, a subscription, a round or the audit is due next.
    async fn next_round_at(&self) -> Option<Timestamp> {
        let rounds = self.mirror.next_round_at().await.unwrap_or_else(|error| {
            warn!(mailbox.id = %self.mailbox(), "could not tell when mailbox {} is due: {}", self.mailbox(), chain(&error));
            Some(later(self.now(), AFTER_FAILURE))
        });
        let renewal = match (
            &self.reconciler,
            self.parts.store.subscriptions_list(self.mailbox()).await,
        ) {
            (Some(reconciler), Ok(stored)) => reconciler.due_at(self.mailbox(), &stored),
            (None, _) | (_, Err(_)) => None,
        };
        let ahead = self.mirror.next_ahead_at().await.unwrap_or(None);
        let due = [rounds, renewal, ahead].into_iter().flatten().min();
        self.rests
            .after(self.mailbox(), Lane::Backfill, due, self.now())
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// What a lane of notices does next: it waits for its own notices only, or it would spin while a round is due that
    /// another lane is walking.
    async fn after_notices(
        &self,
        lane: Lane,
        done: Result<bool, MirrorError>,
    ) -> anyhow::Result<Next> {
        match done {
            Ok(more) => {
                self.rests.end(self.mailbox(), lane);
                if more {
                    return Ok(Next::Again);
                }
                Ok(Next::Wait(self.mirror.next_notice_at(lane).await?))
            }
            Err(error) => self.after(lane, error).await,
        }
    }

    /// What a lane does after it failed.
    async fn after(&self, lane: Lane, error: MirrorError) -> anyhow::Result<Next> {
        let mailbox = self.mailbox();
        let rest = |scope, wait| {
            let until = self.rests.begin(mailbox, scope, wait, self.now());
            Ok(Next::Wait(Some(until)))
        };
        match error.remedy() {
            Remedy::GiveUp => {
                info!(mailbox.id = %mailbox, "another process has mailbox {mailbox} now: what this one was about to write was refused");
                Ok(Next::Wait(None))
            }
            Remedy::NotBefore(until) => Ok(Next::Wait(Some(until))),
            Remedy::Later(after) => {
                warn!(mailbox.id = %mailbox, "work on mailbox {mailbox} is put off: {}", chain(&error));
                rest(Scope::One(lane), after)
            }
            Remedy::Suspend(reason) => {
                self.stop(MailboxState::Suspended, reason, &error).await?;
                Ok(Next::Wait(None))
            }
            Remedy::Reauth(reason) => {
                self.stop(MailboxState::NeedsReauth, reason, &error).await?;
                Ok(Next::Wait(None))
            }
            Remedy::Operator => {
                error!(mailbox.id = %mailbox, "the operator must act: {}", chain(&error));
                rest(Scope::All, Some(AFTER_ALARM))
            }
        }
    }

    async fn stop(
        &self,
        state: MailboxState,
        reason: StateReason,
        error: &MirrorError,
    ) -> anyhow::Result<()> {
        let mailbox = self.mailbox();
        warn!(mailbox.id = %mailbox, "work on mailbox {mailbox} stops ({reason:?}): {}", chain(error));
        states::stop(
            &self.parts.store,
            &self.home.fence,
            state,
            reason,
            self.now(),
        )
        .await?;
        self.home.stopping.cancel();
        Ok(())
    }
}

/// What stops the writes of a mailbox is what would stop its mirror.
fn stopped(stop: Stop) -> MirrorError {
    match stop {
        Stop::Store(error) => MirrorError::Store(error),
        Stop::Graph(source) => MirrorError::Graph {
            what: "whether it takes writes to the mailbox",
            source,
        },
    }
}
