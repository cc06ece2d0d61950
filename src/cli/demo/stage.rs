//! Sandbox, service and database of the demo: set before, struck afterwards.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::DemoArgs;
use super::delays::Delays;
use super::outcome::Outcome;
use super::view::View;
use crate::app::Parts;
use crate::cli::loopback::{Loopback, Told};
use crate::cli::place::{Place, is_postgres};
use crate::model::ids::{MailboxId, Owner};
use crate::model::mailbox::Mailbox;
use crate::model::time::{Clock, SystemClock, later};
use crate::model::work::Wish;
use crate::sandbox::{Options, Sandbox};
use crate::store::{Store, StoreSettings};

/// Whose mailboxes they are.
const OWNER: &str = "demo";

/// The copy of all mailboxes may take so long.
const COPYING: Duration = Duration::from_mins(30);

/// One audit may take so long.
const AUDITING: Duration = Duration::from_mins(10);

/// The sandbox tells of a change after so many milliseconds, at least and at most. Microsoft takes seconds (F10.18), which
/// would hide what is ours.
pub(super) const NOTIFIED_WITHIN: (u64, u64) = (5, 20);

/// The sandbox answers a request after so many milliseconds, on top of what it takes.
pub(super) const ANSWERED_AFTER: u64 = 20;

/// Everything the demo runs.
pub(super) struct Stage {
    loopback: Loopback,
    place: Place,
}

/// What the mirror has written since somebody last looked.
pub(super) struct Feed {
    store: Store,
    mailboxes: Vec<(MailboxId, i64)>,
}

impl Stage {
    /// Starts the sandbox and the service.
    pub(super) async fn set(args: &DemoArgs) -> anyhow::Result<Self> {
        let (place, url) = place(args).await?;
        match Self::begin(args, &url).await {
            Ok(loopback) => Ok(Self { loopback, place }),
            Err(error) => {
                place.clear().await?;
                Err(error)
            }
        }
    }

    async fn begin(args: &DemoArgs, url: &str) -> anyhow::Result<Loopback> {
        let options = Options {
            seed: args.seed,
            mailboxes: usize::from(args.mailboxes),
            messages: args.messages,
            ..Options::default()
        };
        let told = Told {
            database_url: url,
            clock: Arc::new(SystemClock),
            own_clock: None,
            store: StoreSettings::default(),
            variables: &[],
        };
        let loopback = Loopback::begin(options, told, |app| app).await?;
        loopback.sandbox.world().turn_knobs(&json!({
            "notification_delay_min_ms": NOTIFIED_WITHIN.0,
            "notification_delay_max_ms": NOTIFIED_WITHIN.1,
            "latency_ms": ANSWERED_AFTER,
        }))?;
        Ok(loopback)
    }

    /// The folder that goes away with the demo, if that is where the mirror lives.
    #[cfg(test)]
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder),
            Place::Kept | Place::Schema { .. } => None,
        }
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.loopback.sandbox
    }

    fn parts(&self) -> &Parts {
        &self.loopback.parts
    }

    pub(super) fn graph_url(&self) -> &str {
        &self.sandbox().settings().graph_base_url
    }

    pub(super) fn own_url(&self) -> &str {
        &self.loopback.own_url
    }

    /// Signs everybody in, the way a browser would.
    pub(super) async fn connect(&self, view: &View) -> anyhow::Result<Vec<Mailbox>> {
        let owner = Owner::from(OWNER);
        for user in &self.sandbox().settings().users {
            self.loopback.sign_in(&owner, &user.address).await?;
            view.say(&format!(
                "  {} <{}> signed in",
                user.display_name, user.address
            ));
        }
        Ok(self.parts().store.mailboxes_list(Some(&owner)).await?)
    }

    /// Waits until every mailbox is copied.
    pub(super) async fn backfill(&self, view: &mut View) -> anyhow::Result<()> {
        let clock = SystemClock;
        let patience = later(clock.now(), COPYING);
        let owner = Owner::from(OWNER);
        loop {
            let mailboxes = self.parts().store.mailboxes_list(Some(&owner)).await?;
            let (mut done, mut of) = (0, 0);
            for mailbox in &mailboxes {
                let counts = self.parts().store.mailbox_counts(mailbox.id).await?;
                done += counts.messages;
                of += counts.messages_announced.max(counts.messages);
            }
            view.copying(done.unsigned_abs(), of.unsigned_abs());
            if mailboxes
                .iter()
                .all(|mailbox| mailbox.backfilled_at.is_some())
            {
                view.done();
                return Ok(());
            }
            if let Some(stopped) = mailboxes
                .iter()
                .find(|mailbox| mailbox.state_reason.is_some())
            {
                bail!("a mailbox stopped: {:?}", stopped.state_reason);
            }
            if clock.now() > patience {
                bail!("the copy did not end within {COPYING:?}");
            }
            clock.sleep(Duration::from_millis(50)).await;
        }
    }

    /// The feed from now on.
    pub(super) async fn feed(&self) -> anyhow::Result<Feed> {
        let owner = Owner::from(OWNER);
        let mailboxes = self.parts().store.mailboxes_list(Some(&owner)).await?;
        Ok(Feed {
            store: self.parts().store.clone(),
            mailboxes: mailboxes
                .iter()
                .map(|mailbox| (mailbox.id, mailbox.feed_position))
                .collect(),
        })
    }

    /// Compares every mailbox with its copy.
    pub(super) async fn verify(&self, view: &mut View) -> anyhow::Result<bool> {
        let store = &self.parts().store;
        let owner = Owner::from(OWNER);
        let mut verified = true;
        let mailboxes = store.mailboxes_list(Some(&owner)).await?;
        for (done, mailbox) in mailboxes.iter().enumerate() {
            view.comparing(done, mailboxes.len());
            let now = self.parts().clock.now();
            let wish = Wish::Verify { repair: false };
            let command = store.command_add(mailbox.id, &wish, now).await?;
            let outcome = store
                .command_wait(mailbox.id, command, AUDITING)
                .await?
                .with_context(|| format!("the audit did not end within {AUDITING:?}"))?;
            let equal = match &outcome {
                Ok(found) => found["equal"].as_bool().unwrap_or(false),
                Err(_) => false,
            };
            verified &= equal;
            match outcome {
                Ok(_) if equal => view.say(&format!("  {} equals its copy", mailbox.address)),
                Ok(found) => view.say(&format!("  {} differs: {found}", mailbox.address)),
                Err(failure) => view.say(&format!(
                    "  {} could not be compared: {failure}",
                    mailbox.address
                )),
            }
        }
        view.done();
        Ok(verified)
    }

    /// The figures.
    pub(super) async fn outcome(&self, delays: &Delays, verified: bool) -> anyhow::Result<Outcome> {
        let owner = Owner::from(OWNER);
        let mailboxes = self.parts().store.mailboxes_list(Some(&owner)).await?;
        let (mut messages, mut events) = (0, 0);
        for mailbox in &mailboxes {
            let counts = self.parts().store.mailbox_counts(mailbox.id).await?;
            messages += counts.messages;
            events += counts.events;
        }
        let stats = self.sandbox().world().lock().stats.clone();
        Ok(Outcome {
            mailboxes: mailboxes.len(),
            messages,
            events,
            changes: delays.count(),
            edit_to_row_ms: delays.summary(),
            graph_requests: stats.requests,
            throttled: stats.throttled,
            verified,
        })
    }

    /// Stops everything and clears the database away.
    pub(super) async fn strike(self) -> anyhow::Result<()> {
        let ended = self.loopback.end().await;
        self.place.clear().await?;
        ended
    }
}

impl Feed {
    /// Tells which edits have become rows since the last look.
    pub(super) async fn look(&mut self, delays: &mut Delays, view: &View) -> anyhow::Result<()> {
        for (mailbox, position) in &mut self.mailboxes {
            for change in self.store.changes_after(*mailbox, *position, 500).await? {
                *position = change.position;
                if let Some(seen) = delays.seen(change.external_id.as_str(), change.at) {
                    view.seen(&seen);
                }
            }
        }
        Ok(())
    }
}

async fn place(args: &DemoArgs) -> anyhow::Result<(Place, String)> {
    match (&args.database_url, &args.keep) {
        (Some(url), _) if is_postgres(url) => Place::in_postgres(url, "demo").await,
        (Some(url), _) => Ok((Place::Kept, url.clone())),
        (None, Some(file)) => Ok((Place::Kept, format!("sqlite://{}", file.display()))),
        (None, None) => Place::in_folder(&std::env::temp_dir(), "demo"),
    }
}
