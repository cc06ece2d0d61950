//! `graph-mirror mailboxes disconnect`.

use clap::Args;
use serde_json::json;

use super::ambience::{Loudness, Source};
use super::keys::owner;
use super::report::Failure;
use super::target::one;
use super::wish::fulfil;
use super::{Ended, output};
use crate::app::{App, Parts};
use crate::model::ids::Owner;
use crate::model::mailbox::MailboxState;
use crate::model::work::Wish;

const EXAMPLES: &str = "Examples:
  By its address:
    graph-mirror mailboxes disconnect anna@example.org
  Where several owners have connected the same account:
    graph-mirror mailboxes disconnect anna@example.org --owner acme --json";

/// Disconnect a mailbox: no more work, no grant; what was copied is kept
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The mailbox, by address or id
    mailbox: String,
    /// Whose mailbox, when several owners have connected it
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: Option<Owner>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.settings(Loudness::Command).await?;
    // Not `App::build`: a grant that cannot be opened is no reason to refuse what repairs it.
    let app = App::of(Parts::open(settings, arguments.source.clock().await?).await?);
    let store = app.parts().store.clone();
    let known = store.mailboxes_list(arguments.owner.as_ref()).await?;
    let mailbox = one(&known, &arguments.mailbox)?;
    if mailbox.state != MailboxState::Disconnected {
        let done = fulfil(&app, vec![mailbox.clone()], &Wish::Disconnect, |_| {
            std::future::ready(Ok(()))
        })
        .await?;
        if let Some(Err(failure)) = done.into_iter().next().map(|one| one.outcome) {
            return Err(Failure::new(failure)
                .while_doing(format!("could not disconnect {}", mailbox.address)));
        }
    }
    store.close().await;
    if arguments.json {
        output::json(
            &json!({ "id": mailbox.id, "address": mailbox.address, "state": MailboxState::Disconnected }),
        );
    } else {
        output::line(&format!(
            "{} is disconnected; what was copied is kept",
            mailbox.address
        ));
    }
    Ok(Ended::Well)
}
