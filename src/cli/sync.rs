//! `graph-mirror sync`: look at mailboxes now.

use clap::Args;
use serde_json::{Value, json};

use super::ambience::{Loudness, Source};
use super::progress::Progress;
use super::report::Failure;
use super::target::Target;
use super::wish::{Fulfilled, fulfil};
use super::{Ended, output};
use crate::app::App;
use crate::model::ids::MailboxId;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::Timestamp;
use crate::model::work::{CursorScope, Wish};
use crate::store::Store;

const EXAMPLES: &str = "Examples:
  Every connected mailbox:
    graph-mirror sync
  Two of them:
    graph-mirror sync anna@example.org ben@example.org
  Copy those of one owner again from the beginning:
    graph-mirror sync --owner acme --full";

/// Look for changes in mailboxes now, and wait until they are in the mirror
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Copy everything again from the beginning; what is equal stays untouched
    #[arg(long)]
    full: bool,
    /// Print one JSON array, an object for each mailbox
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.settings(Loudness::Command).await?;
    let app = App::build(settings, arguments.source.clock().await?).await?;
    let store = app.parts().store.clone();
    let (able, unable): (Vec<Mailbox>, Vec<Mailbox>) = arguments
        .target
        .find(&store)
        .await?
        .into_iter()
        .partition(|mailbox| mailbox.state == MailboxState::Connected);
    let total = able.len();
    let progress = if arguments.full {
        Progress::begin("copying")
    } else {
        Progress::of_mailboxes("looking for changes in", total)
    };
    let asked_at = app.parts().clock.now();
    let ids: Vec<MailboxId> = able.iter().map(|mailbox| mailbox.id).collect();
    let wish = Wish::Sync {
        full: arguments.full,
    };
    let done = fulfil(&app, able, &wish, |done| {
        let (store, ids, progress) = (store.clone(), ids.clone(), progress.clone());
        let is_full = arguments.full;
        async move {
            if is_full {
                let (seen, total) = seen(&store, &ids, asked_at).await?;
                progress.at(seen, total);
            } else {
                progress.mailboxes_done(done, total);
            }
            Ok(())
        }
    })
    .await;
    progress.end();
    let done = done?;
    store.close().await;
    let is_well = done.iter().all(|one| one.outcome.is_ok()) && unable.is_empty();
    if arguments.json {
        output::json(&shown(&done, &unable));
    } else {
        show(&done, &unable);
    }
    if is_well {
        Ok(Ended::Well)
    } else {
        Err(Failure::new("not every mailbox could be looked at")
            .hinting("`graph-mirror mailboxes list` shows the state of each and what must be done"))
    }
}

/// Messages that the rounds since then have seen, and messages there are.
async fn seen(
    store: &Store,
    mailboxes: &[MailboxId],
    since: Timestamp,
) -> Result<(u64, u64), Failure> {
    let (mut seen, mut total) = (0, 0);
    for mailbox in mailboxes {
        total += store.mailbox_counts(*mailbox).await?.messages_announced;
        seen += store
            .cursors_list(*mailbox)
            .await?
            .iter()
            .filter(|cursor| matches!(cursor.scope, CursorScope::Messages { .. }))
            .filter(|cursor| cursor.round_started_at >= Some(since))
            .map(|cursor| cursor.seen)
            .sum::<i64>();
    }
    Ok((seen.unsigned_abs(), total.unsigned_abs()))
}

fn count(outcome: &Value, name: &str) -> u64 {
    let rows = outcome.get("rows").unwrap_or(outcome);
    rows.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn shown(done: &[Fulfilled], unable: &[Mailbox]) -> Vec<Value> {
    let reports = done.iter().map(|one| match &one.outcome {
        Ok(outcome) => json!({
            "id": one.mailbox.id, "address": one.mailbox.address,
            "created": count(outcome, "created"), "updated": count(outcome, "updated"),
            "unchanged": count(outcome, "unchanged"), "deleted": count(outcome, "deleted"),
        }),
        Err(failure) => {
            json!({ "id": one.mailbox.id, "address": one.mailbox.address, "error": failure })
        }
    });
    let refusals = unable.iter().map(|mailbox| {
        json!({ "id": mailbox.id, "address": mailbox.address, "error": "it is not connected", "state": mailbox.state })
    });
    reports.chain(refusals).collect()
}

fn show(done: &[Fulfilled], unable: &[Mailbox]) {
    if done.is_empty() && unable.is_empty() {
        output::line("no mailbox is connected");
        return;
    }
    let reports = done.iter().map(|one| match &one.outcome {
        Ok(outcome) => {
            let mut row = vec![one.mailbox.address.clone()];
            row.extend(
                ["created", "updated", "deleted", "unchanged"]
                    .map(|name| count(outcome, name).to_string()),
            );
            row
        }
        Err(failure) => vec![one.mailbox.address.clone(), failure.clone()],
    });
    let refusals = unable
        .iter()
        .map(|mailbox| vec![mailbox.address.clone(), "not connected".to_owned()]);
    output::table(
        &["mailbox", "new", "changed", "gone", "unchanged"],
        reports.chain(refusals),
    );
}
