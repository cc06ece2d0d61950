//! `graph-mirror mailboxes connect`.
//!
//! It begins a sign-in, opens or prints its link, and waits until the person has come back. The way back leads to the
//! service; where none listens, this command listens itself until the sign-in has ended. It only listens: it serves no mailbox,
//! so whatever the mailboxes that are connected already have with Graph stays as it is.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ambience::{Loudness, Source};
use super::keys::owner;
use super::report::Failure;
use super::{Ended, browser, output};
use crate::app::{App, AppError, Parts};
use crate::config::microsoft::is_loopback;
use crate::model::ids::{MailboxId, Owner};
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::later;
use crate::secrets::hash;
use crate::store::Store;

/// A sign-in lives ten minutes.
const LIFETIME: Duration = Duration::from_mins(10);

/// Once the person has come back, the mailbox stands within this time or never.
const SETTLING: Duration = Duration::from_mins(1);

/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "Examples:
  Sign in with the browser of this machine:
    graph-mirror mailboxes connect --owner me
  Print the link for Anna, who opens it elsewhere:
    graph-mirror mailboxes connect --owner acme --login-hint anna@example.org --no-browser
  A person of the sandbox:
    graph-mirror mailboxes connect --owner me --sandbox http://127.0.0.1:8090/sandbox/control";

/// Connect a mailbox: open or print the sign-in link and wait until the person has signed in
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Whose mailbox it will be: the name of a user or tenant in your application
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: Owner,
    /// The address of the account that is to sign in
    #[arg(long, value_name = "ADDRESS")]
    login_hint: Option<String>,
    /// Only print the link, open no browser
    #[arg(long)]
    no_browser: bool,
    /// Print JSON: first an object with the link, then one with the mailbox
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.settings(Loudness::Command).await?;
    // Not `App::build`: a grant that cannot be opened is no reason to refuse what repairs it.
    let app = App::of(Parts::open(settings, arguments.source.clock().await?).await?);
    let host = Host::where_nobody_listens(&app).await?;
    let store = app.parts().store.clone();
    let before = snapshot(&store, &arguments.owner).await?;
    let begun = app
        .parts()
        .connections()
        .begin(&arguments.owner, arguments.login_hint.as_deref())
        .await?;
    if arguments.json {
        output::json(&json!({ "auth_url": begun.auth_url.as_str(), "state": begun.state }));
    } else {
        let is_opened = !arguments.no_browser
            && io::stderr().is_terminal()
            && browser::open(begun.auth_url.as_str());
        output::note(if is_opened {
            "Your browser opens this address:"
        } else {
            "Open this address and sign in:"
        });
        output::line(begun.auth_url.as_str());
        output::note(
            "Waiting for the sign-in; it must be finished within ten minutes. Ctrl-C ends it.",
        );
    }
    let connected = wait(&app, &arguments.owner, &hash(&begun.state), &before).await;
    let counts = match &connected {
        Ok(mailbox) => Some(store.mailbox_counts(mailbox.id).await?),
        Err(_) => None,
    };
    if let (Ok(mailbox), Some(counts), true) = (&connected, counts, arguments.json) {
        output::json(&super::list::object(&store, mailbox, counts).await?);
    }
    let was_host = host.is_some();
    if let Some(host) = host {
        host.leave().await?;
    }
    store.close().await;
    let mailbox = connected?;
    if !arguments.json {
        output::line(&format!("{} is connected", mailbox.address));
        if was_host {
            output::note(
                "Nothing serves it yet: `graph-mirror serve` copies it and keeps the copy true.",
            );
        }
    }
    Ok(Ended::Well)
}

type Snapshot = HashMap<MailboxId, (MailboxState, Option<i64>)>;

/// Which mailboxes there are, and how often their grants were saved.
async fn snapshot(store: &Store, owner: &Owner) -> Result<Snapshot, Failure> {
    let mut seen = HashMap::new();
    for mailbox in store.mailboxes_list(Some(owner)).await? {
        let rotation = store
            .grant_get(mailbox.id)
            .await?
            .map(|grant| grant.rotation);
        seen.insert(mailbox.id, (mailbox.state, rotation));
    }
    Ok(seen)
}

/// Waits until the person has come back and the mailbox stands.
async fn wait(
    app: &App,
    owner: &Owner,
    state_hash: &str,
    before: &Snapshot,
) -> Result<Mailbox, Failure> {
    let parts = app.parts();
    let patience = later(parts.clock.now(), LIFETIME);
    while !parts.store.oauth_state_is_used(state_hash).await? {
        if parts.clock.now() > patience {
            return Err(Failure::new("nobody signed in within ten minutes").hinting("begin again"));
        }
        parts.clock.sleep(LOOK).await;
    }
    // The code is redeemed and the account looked up before the mailbox stands.
    let patience = later(parts.clock.now(), SETTLING);
    loop {
        for (id, now) in snapshot(&parts.store, owner).await? {
            let is_connected = now.0 == MailboxState::Connected;
            if is_connected
                && before.get(&id) != Some(&now)
                && let Some(mailbox) = parts.store.mailbox_get(id).await?
            {
                return Ok(mailbox);
            }
        }
        if parts.clock.now() > patience {
            return Err(Failure::new("the person came back, but no mailbox was connected")
                .hinting("the page in the browser and the log of the service tell why; docs/guides/entra-app.md explains"));
        }
        parts.clock.sleep(LOOK).await;
    }
}

/// This process, listening for the way back because nothing else does.
struct Host {
    serving: JoinHandle<Result<(), AppError>>,
    stop: CancellationToken,
}

impl Host {
    /// Listens where the settings say, if the way back leads to this machine and nobody is there.
    async fn where_nobody_listens(app: &App) -> Result<Option<Self>, Failure> {
        let settings = &app.parts().settings;
        let address = settings.server.listen;
        let redirect = &settings.microsoft.redirect_uri;
        let leads_here =
            is_loopback(redirect) && redirect.port_or_known_default() == Some(address.port());
        let local = settings.server.local_url();
        let reached = local.trim_start_matches("http://");
        if !leads_here || TcpStream::connect(reached).await.is_ok() {
            return Ok(None);
        }
        let listener = app.listen().await?;
        let stop = CancellationToken::new();
        let (receiver, until) = (app.clone(), stop.clone());
        let serving = tokio::spawn(async move { receiver.receive(listener, until).await });
        Ok(Some(Self { serving, stop }))
    }

    async fn leave(self) -> Result<(), Failure> {
        self.stop.cancel();
        self.serving.await??;
        Ok(())
    }
}
