//! Has something done for mailboxes, by whoever serves them.
//!
//! The wish is left in the database for the mailbox's home, and its outcome is waited for. Where no process has taken the
//! mailbox up after a few seconds, nobody serves: then this process becomes its home until the outcome is there. The lease
//! keeps two homes apart, so a wrong guess costs nothing.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::report::Failure;
use super::stop::asked_to_stop;
use crate::app::App;
use crate::home::HomeError;
use crate::model::ids::{CommandId, MailboxId};
use crate::model::mailbox::Mailbox;
use crate::model::time::{Timestamp, later};
use crate::model::work::Wish;

/// A home that serves takes a wish up within this time.
const PATIENCE: Duration = Duration::from_secs(4);

/// How often outcomes are looked for.
const LOOK: Duration = Duration::from_millis(150);

/// So many mailboxes are served here at the same time at most.
const MOST_HOMES: usize = 8;

/// How a wish ended.
pub(super) struct Fulfilled {
    /// Whose it was.
    pub mailbox: Mailbox,
    /// What came of it.
    pub outcome: Result<Value, String>,
}

struct Errand<'a> {
    app: &'a App,
    waiting: HashMap<MailboxId, (Mailbox, CommandId)>,
    homes: JoinSet<(MailboxId, Result<bool, HomeError>)>,
    served_here: HashSet<MailboxId>,
    stop: CancellationToken,
    nobody_since: Timestamp,
}

/// Has `wish` done for each mailbox. `look` is called now and then with how many are done.
pub(super) async fn fulfil<F, W>(
    app: &App,
    mailboxes: Vec<Mailbox>,
    wish: &Wish,
    mut look: F,
) -> Result<Vec<Fulfilled>, Failure>
where
    F: FnMut(usize) -> W,
    W: Future<Output = Result<(), Failure>>,
{
    let parts = app.parts();
    let now = parts.clock.now();
    let mut waiting = HashMap::new();
    for mailbox in mailboxes {
        let command = parts.store.command_add(mailbox.id, wish, now).await?;
        waiting.insert(mailbox.id, (mailbox, command));
    }
    let mut errand = Errand {
        app,
        waiting,
        homes: JoinSet::new(),
        served_here: HashSet::new(),
        stop: CancellationToken::new(),
        nobody_since: now,
    };
    let mut done = Vec::new();
    let interrupted = asked_to_stop();
    tokio::pin!(interrupted);
    let ended = loop {
        if let Err(failure) = errand.collect(&mut done).await {
            break Err(failure);
        }
        if errand.waiting.is_empty() {
            break Ok(());
        }
        if let Err(failure) = errand.step_in().await {
            break Err(failure);
        }
        if let Err(failure) = look(done.len()).await {
            break Err(failure);
        }
        tokio::select! {
            () = parts.clock.sleep(LOOK) => {}
            () = &mut interrupted => {
                break Err(Failure::new("interrupted before the outcome was there")
                    .hinting("the wish stays in the database; whatever serves the mailbox next fulfils it"));
            }
        }
    };
    errand.leave().await;
    ended?;
    done.sort_by(|one, other| one.mailbox.address.cmp(&other.mailbox.address));
    Ok(done)
}

impl Errand<'_> {
    /// Takes the outcomes that are there.
    async fn collect(&mut self, done: &mut Vec<Fulfilled>) -> Result<(), Failure> {
        let store = &self.app.parts().store;
        let asked: Vec<(MailboxId, CommandId)> = self
            .waiting
            .iter()
            .map(|(id, (_, command))| (*id, *command))
            .collect();
        for (mailbox, command) in asked {
            let outcome = store
                .command_get(mailbox, command)
                .await?
                .and_then(|command| command.outcome);
            if let Some(outcome) = outcome
                && let Some((mailbox, _)) = self.waiting.remove(&mailbox)
            {
                done.push(Fulfilled { mailbox, outcome });
            }
        }
        Ok(())
    }

    /// Becomes the home of mailboxes that nobody serves.
    async fn step_in(&mut self) -> Result<(), Failure> {
        while let Some(ended) = self.homes.try_join_next() {
            if let Ok((mailbox, served)) = ended {
                self.served_here.remove(&mailbox);
                // A home that ended without the outcome is begun again on the next look, unless it failed.
                served?;
            }
        }
        let parts = self.app.parts();
        let now = parts.clock.now();
        if now < later(self.nobody_since, PATIENCE) {
            return Ok(());
        }
        let idle: Vec<MailboxId> = self
            .waiting
            .keys()
            .filter(|mailbox| !self.served_here.contains(mailbox))
            .copied()
            .collect();
        for mailbox in idle {
            if self.homes.len() >= MOST_HOMES {
                break;
            }
            let is_served = parts
                .store
                .mailbox_get(mailbox)
                .await?
                .is_some_and(|mailbox| mailbox.lease_until.is_some_and(|until| until > now));
            if is_served {
                continue;
            }
            let (app, stop) = (self.app.clone(), self.stop.clone());
            self.served_here.insert(mailbox);
            self.homes
                .spawn(async move { (mailbox, app.serve_one(mailbox, stop).await) });
        }
        Ok(())
    }

    /// Lets the homes save where they are and give their leases back.
    async fn leave(mut self) {
        self.stop.cancel();
        while self.homes.join_next().await.is_some() {}
    }
}
