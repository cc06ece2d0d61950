//! `graph-mirror mailboxes list`.

use clap::Args;
use serde_json::{Value, json};

use super::ambience::{LocalSource, open_store};
use super::keys::owner;
use super::report::Failure;
use super::{Ended, output};
use crate::mailboxes::explain;
use crate::model::ids::Owner;
use crate::model::mailbox::Mailbox;
use crate::store::{Counts, Store};

const EXAMPLES: &str = r#"Examples:
  Who is connected, and what each needs:
    graph-mirror mailboxes list
  Those that must sign in again, by their addresses:
    graph-mirror mailboxes list --json | jq -r '.[] | select(.state == "needs_reauth") | .address'"#;

/// List the mailboxes, their state and how far copying has come
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Only the mailboxes of this owner
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: Option<Owner>,
    /// Print one JSON array, an object for each mailbox
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: LocalSource,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.settings()?;
    let store = open_store(&settings.database).await?;
    let mailboxes = store.mailboxes_list(arguments.owner.as_ref()).await?;
    let counted = counted(&store, mailboxes).await?;
    if arguments.json {
        let mut shown = Vec::new();
        for (mailbox, counts) in &counted {
            shown.push(object(&store, mailbox, *counts).await?);
        }
        output::json(&shown);
    } else if counted.is_empty() {
        output::line(
            "no mailbox is connected; `graph-mirror mailboxes connect --owner OWNER` connects one",
        );
    } else {
        show(&counted);
    }
    store.close().await;
    Ok(Ended::Well)
}

async fn counted(
    store: &Store,
    mailboxes: Vec<Mailbox>,
) -> Result<Vec<(Mailbox, Counts)>, Failure> {
    let mut counted = Vec::new();
    for mailbox in mailboxes {
        let counts = store.mailbox_counts(mailbox.id).await?;
        counted.push((mailbox, counts));
    }
    Ok(counted)
}

pub(super) async fn object(
    store: &Store,
    mailbox: &Mailbox,
    counts: Counts,
) -> Result<Value, Failure> {
    let told = explain(mailbox.state, mailbox.state_reason);
    let audit = store.audit_last(mailbox.id).await?;
    Ok(json!({
        "id": mailbox.id,
        "owner": mailbox.owner,
        "address": mailbox.address,
        "display_name": mailbox.display_name,
        "state": mailbox.state,
        "state_reason": mailbox.state_reason,
        "advice": told.map(|told| told.sentence),
        "messages": counts.messages,
        "messages_expected": counts.messages_announced,
        "events": counts.events,
        "connected_at": mailbox.connected_at,
        "backfilled_at": mailbox.backfilled_at,
        "synced_at": mailbox.synced_at,
        "push": { "healthy": mailbox.push_healthy, "reason": mailbox.push_reason },
        "last_audit": audit.map(|audit| json!({
            "equal": audit.equal, "as_of": audit.as_of, "differences": audit.difference_count,
        })),
    }))
}

fn show(counted: &[(Mailbox, Counts)]) {
    output::table(
        &[
            "mailbox",
            "owner",
            "state",
            "messages",
            "events",
            "complete as of",
            "id",
        ],
        counted.iter().map(|(mailbox, counts)| {
            let state = serde_json::to_value(mailbox.state).ok();
            let state = state.as_ref().and_then(Value::as_str).unwrap_or_default();
            let is_copied = mailbox.backfilled_at.is_some();
            let messages = if is_copied || counts.messages_announced == 0 {
                counts.messages.to_string()
            } else {
                format!("{} of {}", counts.messages, counts.messages_announced)
            };
            vec![
                mailbox.address.clone(),
                mailbox.owner.to_string(),
                state.replace('_', " "),
                messages,
                counts.events.to_string(),
                mailbox
                    .synced_at
                    .map(|at| at.format("%F %T").to_string())
                    .unwrap_or_default(),
                mailbox.id.to_string(),
            ]
        }),
    );
    for (mailbox, _) in counted {
        if let Some(told) = explain(mailbox.state, mailbox.state_reason) {
            output::line(&format!(
                "\n{}: {}\n  see {}",
                mailbox.address, told.sentence, told.guide
            ));
        }
    }
}
