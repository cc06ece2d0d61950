//! Sandbox, service and database of the demo: set before, struck afterwards.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::DemoArgs;
use super::delays::Delays;
use super::outcome::Outcome;
use super::view::View;
use crate::app::{App, AppError, Parts};
use crate::config::{Environment, SandboxSettings, Settings};
use crate::model::ids::{MailboxId, Owner};
use crate::model::mailbox::Mailbox;
use crate::model::time::{Clock, SystemClock, later};
use crate::model::work::Wish;
use crate::sandbox::browser;
use crate::sandbox::{Options, Sandbox};
use crate::secrets::Keyring;
use crate::store::{Store, scratch};

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

/// Where the mirror of the demo lives.
enum Place {
    /// A folder that goes away with the demo.
    Folder(std::path::PathBuf),
    /// A file that somebody wants to keep.
    Kept,
    /// A schema of its own in somebody's PostgreSQL.
    Schema { url: String, name: String },
}

/// Everything the demo runs.
pub(super) struct Stage {
    sandbox: Sandbox,
    parts: Parts,
    own_url: String,
    serving: JoinHandle<Result<(), AppError>>,
    stop: CancellationToken,
    place: Place,
}

type Begun = (
    Sandbox,
    Parts,
    String,
    JoinHandle<Result<(), AppError>>,
    CancellationToken,
);

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
            Ok((sandbox, parts, own_url, serving, stop)) => Ok(Self {
                sandbox,
                parts,
                own_url,
                serving,
                stop,
                place,
            }),
            Err(error) => {
                place.clear().await?;
                Err(error)
            }
        }
    }

    async fn begin(args: &DemoArgs, url: &str) -> anyhow::Result<Begun> {
        let sandbox = Sandbox::start(Options {
            seed: args.seed,
            mailboxes: usize::from(args.mailboxes),
            messages: args.messages,
            ..Options::default()
        })
        .await?;
        sandbox.world().turn_knobs(&json!({
            "notification_delay_min_ms": NOTIFIED_WITHIN.0,
            "notification_delay_max_ms": NOTIFIED_WITHIN.1,
            "latency_ms": ANSWERED_AFTER,
        }))?;
        let listener = crate::app::listen(([127, 0, 0, 1], 0).into()).await?;
        let own_url = format!("http://{}", listener.local_addr()?);
        let settings = settings(&sandbox, url, &own_url)?;
        let parts = Parts::open(settings, Arc::new(SystemClock)).await?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(App::of(parts.clone()).run(listener, stop.clone()));
        Ok((sandbox, parts, own_url, serving, stop))
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
        &self.sandbox
    }

    pub(super) fn graph_url(&self) -> &str {
        &self.sandbox.settings().graph_base_url
    }

    pub(super) fn own_url(&self) -> &str {
        &self.own_url
    }

    /// Signs everybody in, the way a browser would.
    pub(super) async fn connect(&self, view: &View) -> anyhow::Result<Vec<Mailbox>> {
        let owner = Owner::from(OWNER);
        for user in &self.sandbox.settings().users {
            let begun = self
                .parts
                .sign_ins
                .begin(&owner, Some(&user.address))
                .await?;
            let landing = browser::open(begun.auth_url.as_str()).await?;
            if landing.status != 200 {
                bail!(
                    "{} could not sign in: the callback answered {}",
                    user.display_name,
                    landing.status
                );
            }
            view.say(&format!(
                "  {} <{}> signed in",
                user.display_name, user.address
            ));
        }
        Ok(self.parts.store.mailboxes_list(Some(&owner)).await?)
    }

    /// Waits until every mailbox is copied.
    pub(super) async fn backfill(&self, view: &mut View) -> anyhow::Result<()> {
        let clock = SystemClock;
        let patience = later(clock.now(), COPYING);
        let owner = Owner::from(OWNER);
        loop {
            let mailboxes = self.parts.store.mailboxes_list(Some(&owner)).await?;
            let (mut done, mut of) = (0, 0);
            for mailbox in &mailboxes {
                let counts = self.parts.store.mailbox_counts(mailbox.id).await?;
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
        let mailboxes = self.parts.store.mailboxes_list(Some(&owner)).await?;
        Ok(Feed {
            store: self.parts.store.clone(),
            mailboxes: mailboxes
                .iter()
                .map(|mailbox| (mailbox.id, mailbox.feed_position))
                .collect(),
        })
    }

    /// Compares every mailbox with its copy.
    pub(super) async fn verify(&self, view: &mut View) -> anyhow::Result<bool> {
        let store = &self.parts.store;
        let owner = Owner::from(OWNER);
        let mut verified = true;
        let mailboxes = store.mailboxes_list(Some(&owner)).await?;
        for (done, mailbox) in mailboxes.iter().enumerate() {
            view.comparing(done, mailboxes.len());
            let now = self.parts.clock.now();
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
        let mailboxes = self.parts.store.mailboxes_list(Some(&owner)).await?;
        let (mut messages, mut events) = (0, 0);
        for mailbox in &mailboxes {
            let counts = self.parts.store.mailbox_counts(mailbox.id).await?;
            messages += counts.messages;
            events += counts.events;
        }
        let stats = self.sandbox.world().lock().stats.clone();
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
        self.stop.cancel();
        let served = self.serving.await.context("the service ended badly");
        self.sandbox.stop().await;
        self.place.clear().await?;
        Ok(served??)
    }
}

impl Place {
    /// Leaves nothing behind that nobody asked for.
    async fn clear(&self) -> anyhow::Result<()> {
        match self {
            Self::Kept => {}
            Self::Folder(folder) => std::fs::remove_dir_all(folder)
                .with_context(|| format!("could not remove {}", folder.display()))?,
            Self::Schema { url, name } => scratch::schema_drop(url, name).await?,
        }
        Ok(())
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

fn settings(sandbox: &Sandbox, database_url: &str, own_url: &str) -> anyhow::Result<Settings> {
    let json = serde_json::to_string(sandbox.settings())?;
    let sandbox: SandboxSettings = serde_json::from_str(&json)?;
    let environment = Environment::of([
        ("DATABASE_URL", database_url.to_owned()),
        ("PUBLIC_URL", own_url.to_owned()),
        ("LISTEN", own_url.trim_start_matches("http://").to_owned()),
        ("OAUTH_ENCRYPTION_KEY", Keyring::generate_key()),
        (
            "MICROSOFT_REDIRECT_URI",
            format!("{own_url}{}", crate::config::microsoft::CALLBACK_PATH),
        ),
    ]);
    Ok(Settings::read(&sandbox.applied_to(environment))?)
}

async fn place(args: &DemoArgs) -> anyhow::Result<(Place, String)> {
    if let Some(url) = &args.database_url
        && (url.starts_with("postgres://") || url.starts_with("postgresql://"))
    {
        let name = format!("graph_mirror_demo_{}", Uuid::new_v4().simple());
        let inner = scratch::schema_create(url, &name).await?;
        return Ok((
            Place::Schema {
                url: url.clone(),
                name,
            },
            inner,
        ));
    }
    if let Some(url) = &args.database_url {
        return Ok((Place::Kept, url.clone()));
    }
    if let Some(file) = &args.keep {
        return Ok((Place::Kept, format!("sqlite://{}", file.display())));
    }
    let folder =
        std::env::temp_dir().join(format!("graph-mirror-demo-{}", Uuid::new_v4().simple()));
    std::fs::create_dir_all(&folder)?;
    let url = format!("sqlite://{}", folder.join("mirror.db").display());
    Ok((Place::Folder(folder), url))
}
