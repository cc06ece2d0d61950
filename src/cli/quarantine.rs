//! `graph-mirror quarantine`: items that could not be read however often they were tried (M41).
//!
//! Such an item blocks nobody: it rests, and its mailbox goes on without it. Here a person sees which they are, has them tried again
//! at once after the cause was mended, or has the service stop trying. Needs only the database: the mailbox's home hears of it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ambience::{LocalSource, clock, open_store};
use super::keys::owner;
use super::report::Failure;
use super::target::{Target, one};
use super::{Ended, output};
use crate::mirror::ladder::QUARANTINE_AFTER;
use crate::model::ids::{GraphId, Owner};
use crate::model::mailbox::Mailbox;
use crate::model::work::{Notice, NoticeKind};
use crate::store::{Priority, Store};

/// As many are listed of a mailbox.
const SHOWN: u32 = 1_000;

/// List, retry and release items that could not be read however often they were tried
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what is in quarantine, a thousand items a mailbox at most
    List(List),
    /// Look at items again now, for example after Graph has mended them
    #[command(after_help = RETRY)]
    Retry(Chosen),
    /// Stop looking at items; only a further change of theirs, or an audit, brings them up again
    #[command(after_help = RELEASE)]
    Release(Chosen),
}

const LIST: &str = "Examples:
  Of every mailbox:
    graph-mirror quarantine list
  Of one, as JSON:
    graph-mirror quarantine list anna@example.org --json";

const RETRY: &str = "Examples:
  Everything of a mailbox, after the cause was mended:
    graph-mirror quarantine retry anna@example.org
  One item:
    graph-mirror quarantine retry anna@example.org AAMkAGI1AAAoZCfHAAA=";

const RELEASE: &str = "Examples:
  Stop trying one item:
    graph-mirror quarantine release anna@example.org AAMkAGI1AAAoZCfHAAA=
  Everything of a mailbox, and how many they were, as JSON:
    graph-mirror quarantine release anna@example.org --owner acme --json";

#[derive(Debug, Args)]
#[command(after_help = LIST)]
struct List {
    #[command(flatten)]
    target: Target,
    /// Print one JSON array, an object for each item
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: LocalSource,
}

#[derive(Debug, Args)]
struct Chosen {
    /// The mailbox, by address or id
    mailbox: String,
    /// The item, by Graph's id as `list` shows it; all of the mailbox when none is named
    item: Option<String>,
    /// Whose mailbox, when several owners have connected it
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: Option<Owner>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: LocalSource,
}

/// What becomes of the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Retry,
    Release,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    match arguments.command {
        Command::List(arguments) => list(arguments).await,
        Command::Retry(chosen) => act(chosen, Act::Retry).await,
        Command::Release(chosen) => act(chosen, Act::Release).await,
    }
}

async fn list(arguments: List) -> Result<Ended, Failure> {
    let settings = arguments.source.settings()?;
    let store = open_store(&settings.database).await?;
    let mut found = Vec::new();
    for mailbox in arguments.target.find(&store).await? {
        for notice in quarantined(&store, &mailbox).await? {
            found.push((mailbox.clone(), notice));
        }
    }
    store.close().await;
    if arguments.json {
        let shown: Vec<Value> = found
            .iter()
            .map(|(mailbox, notice)| object(mailbox, notice))
            .collect();
        output::json(&shown);
    } else if found.is_empty() {
        output::line("nothing is in quarantine");
    } else {
        output::table(
            &["mailbox", "kind", "waiting since", "next look", "id"],
            found.iter().map(|(mailbox, notice)| {
                vec![
                    mailbox.address.clone(),
                    kind_of(notice.kind).to_owned(),
                    notice.received_at.format("%F %T").to_string(),
                    notice.due_at.format("%F %T").to_string(),
                    notice.external_id.to_string(),
                ]
            }),
        );
    }
    Ok(Ended::Well)
}

async fn act(chosen: Chosen, act: Act) -> Result<Ended, Failure> {
    let settings = chosen.source.settings()?;
    let store = open_store(&settings.database).await?;
    let known = store.mailboxes_list(chosen.owner.as_ref()).await?;
    let mailbox = one(&known, &chosen.mailbox)?;
    let item = chosen.item.map(GraphId);
    let kinds = match &item {
        None => vec![None],
        Some(item) => kinds(&store, &mailbox, item).await?,
    };
    let mut count = 0;
    let mut tx = store.write(Priority::Live).await?;
    for kind in kinds {
        let named = kind.zip(item.as_ref());
        count += match act {
            Act::Retry => {
                let now = clock().now();
                tx.notices_retry(mailbox.id, named, QUARANTINE_AFTER, now)
                    .await?
            }
            Act::Release => {
                tx.notices_release(mailbox.id, named, QUARANTINE_AFTER)
                    .await?
            }
        };
    }
    tx.commit().await?;
    store.close().await;
    let done = match act {
        Act::Retry => "retried",
        Act::Release => "released",
    };
    if chosen.json {
        output::json(&json!({ "id": mailbox.id, "address": mailbox.address, done: count }));
    } else {
        output::line(&format!("{count} items of {} {done}", mailbox.address));
    }
    Ok(Ended::Well)
}

/// As what an item is in quarantine: a message may be there for itself and for its attachments.
async fn kinds(
    store: &Store,
    mailbox: &Mailbox,
    item: &GraphId,
) -> Result<Vec<Option<NoticeKind>>, Failure> {
    let kinds: Vec<Option<NoticeKind>> = quarantined(store, mailbox)
        .await?
        .into_iter()
        .filter(|notice| notice.external_id == *item)
        .map(|notice| Some(notice.kind))
        .collect();
    if kinds.is_empty() {
        return Err(Failure::new(format!(
            "no item of {} with this id is in quarantine",
            mailbox.address
        ))
        .hinting("`graph-mirror quarantine list` shows the items and their ids"));
    }
    Ok(kinds)
}

async fn quarantined(store: &Store, mailbox: &Mailbox) -> Result<Vec<Notice>, Failure> {
    let failing = store
        .notices_failing(mailbox.id, QUARANTINE_AFTER, SHOWN)
        .await?;
    Ok(failing)
}

fn object(mailbox: &Mailbox, notice: &Notice) -> Value {
    json!({
        "mailbox": mailbox.id,
        "address": mailbox.address,
        "kind": notice.kind,
        "external_id": notice.external_id,
        "attempts": notice.attempts,
        "waiting_since": notice.received_at,
        "next_look_at": notice.due_at,
    })
}

fn kind_of(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Message => "message",
        NoticeKind::Event => "event",
        NoticeKind::Attachments => "attachments",
    }
}
