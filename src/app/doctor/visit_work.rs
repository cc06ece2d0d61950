//! The steps that look at the work as it stands in the database.

use super::finding::{Check, Finding};
use super::visit::{Stumble, Visit};
use super::{lag, work};
use crate::app::KEPT;
use crate::app::service::Service;
use crate::mirror::ladder::QUARANTINE_AFTER;
use crate::model::mailbox::MailboxState;
use crate::model::work::Wish;

/// So many items at rest are counted a mailbox.
const MOST_COUNTED: u32 = 1_000;

impl Visit {
    pub(super) async fn throttling(&self) -> Result<Vec<Finding>, Stumble> {
        let store = self.store()?;
        let (mut findings, now) = (Vec::new(), self.now());
        for mailbox in self
            .mailboxes
            .iter()
            .filter(|one| one.state == MailboxState::Connected)
        {
            let spent = store.mailbox_requests_spent(mailbox.id).await?;
            findings.extend(work::throttled(mailbox, spent.as_deref(), now));
        }
        if findings.is_empty() {
            let found = "Graph wants no mailbox left alone, and no quota is nearly spent";
            findings.push(Finding::well(Check::Throttling, found));
        }
        Ok(findings)
    }

    pub(super) async fn schedules(&self) -> Result<Vec<Finding>, Stumble> {
        let store = self.store()?;
        let (newest, now) = (store.ticks_newest().await?, self.now());
        let mut findings = work::judge_schedules(&newest, now);
        if self.orders.fix && work::is_upkeep_overdue(&newest, now) {
            let kept_from = now - KEPT;
            let pruned =
                store.expired_prune(kept_from).await? + store.commands_prune(kept_from).await?;
            if pruned > 0 {
                let told = format!(
                    "did the clearing away that waited: {pruned} rows that had served their time"
                );
                let overdue = Finding::note(Check::Schedules, "pruned", "upkeep was overdue");
                findings.push(overdue.mended(told));
            }
        }
        Ok(findings)
    }

    pub(super) async fn lag(&self) -> Result<Vec<Finding>, Stumble> {
        let parts = self.parts()?;
        let mirroring = Service::mirroring(parts);
        let (mut standings, now) = (Vec::new(), self.now());
        for mailbox in self.sound() {
            let backlog = parts.store.notices_backlog(mailbox.id).await?;
            let cursors = parts.store.cursors_list(mailbox.id).await?.len();
            let waiting = parts.store.commands_waiting(mailbox.id).await?;
            standings.push(lag::Standing {
                mailbox,
                oldest_live_at: backlog.oldest_live_at,
                poll_every: mirroring.poll_every(mailbox.push_healthy, cursors),
                is_asked: waiting
                    .iter()
                    .any(|command| matches!(command.wish, Wish::Sync { .. })),
            });
        }
        if self.orders.fix {
            for one in standings.iter().filter(|one| one.wants_a_look(now)) {
                let wish = Wish::Sync { full: false };
                parts.store.command_add(one.mailbox.id, &wish, now).await?;
            }
        }
        Ok(lag::judge(&standings, now, self.orders.fix))
    }

    pub(super) async fn quarantine(&self) -> Result<Vec<Finding>, Stumble> {
        let store = self.store()?;
        let mut counts = Vec::new();
        for mailbox in &self.mailboxes {
            let resting = store
                .notices_failing(mailbox.id, QUARANTINE_AFTER, MOST_COUNTED)
                .await?;
            if !resting.is_empty() {
                counts.push((mailbox.address.as_str(), resting.len()));
            }
        }
        Ok(work::judge_quarantine(&counts))
    }
}
