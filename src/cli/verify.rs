//! `graph-mirror verify`: compare mirror and mailbox.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::ambience::{Loudness, Source};
use super::progress::Progress;
use super::report::Failure;
use super::target::Target;
use super::wish::{Fulfilled, fulfil};
use super::{Ended, output};
use crate::app::App;
use crate::model::feed::Difference;
use crate::model::ids::MailboxId;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::Timestamp;
use crate::model::work::Wish;

const EXAMPLES: &str = "Examples:
  Is everything equal? The exit code says so too:
    graph-mirror verify
  One mailbox, and what differs is healed:
    graph-mirror verify anna@example.org --repair
  The differences of each mailbox, for a program:
    graph-mirror verify --json | jq '.[] | {address, equal, differences}'";

/// Compare mailboxes with their mirror, item by item
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Heal what differs
    #[arg(long)]
    repair: bool,
    /// Print one JSON array, an object for each mailbox
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

/// What stands in the report of one mailbox.
#[derive(Debug, Serialize)]
struct Report {
    id: MailboxId,
    address: String,
    equal: bool,
    as_of: Option<Timestamp>,
    messages: i64,
    events: i64,
    differences: Differences,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Differences {
    count: i64,
    first: Vec<Difference>,
}

/// The outcome of the wish.
#[derive(Debug, Deserialize)]
struct Compared {
    equal: bool,
    as_of: Timestamp,
    messages: i64,
    events: i64,
    differences: Differences,
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
    let progress = Progress::of_mailboxes("comparing", total);
    let wish = Wish::Verify {
        repair: arguments.repair,
    };
    let done = fulfil(&app, able, &wish, |done| {
        progress.mailboxes_done(done, total);
        std::future::ready(Ok(()))
    })
    .await;
    progress.end();
    let mut reports = Vec::new();
    for one in done? {
        reports.push(report(one)?);
    }
    reports.extend(
        unable
            .into_iter()
            .map(|mailbox| refused(mailbox, "it is not connected".to_owned())),
    );
    store.close().await;
    let is_equal = reports.iter().all(|report| report.equal);
    if arguments.json {
        output::json(&reports);
    } else {
        show(&reports);
    }
    Ok(if is_equal {
        Ended::Well
    } else {
        Ended::Unequal
    })
}

fn report(one: Fulfilled) -> Result<Report, Failure> {
    let Fulfilled { mailbox, outcome } = one;
    match outcome {
        Ok(outcome) => {
            let compared: Compared = serde_json::from_value(outcome)?;
            Ok(Report {
                id: mailbox.id,
                address: mailbox.address,
                equal: compared.equal,
                as_of: Some(compared.as_of),
                messages: compared.messages,
                events: compared.events,
                differences: compared.differences,
                error: None,
            })
        }
        Err(failure) => Ok(refused(mailbox, failure)),
    }
}

fn refused(mailbox: Mailbox, why: String) -> Report {
    Report {
        id: mailbox.id,
        address: mailbox.address,
        equal: false,
        as_of: None,
        messages: 0,
        events: 0,
        differences: Differences::default(),
        error: Some(why),
    }
}

fn show(reports: &[Report]) {
    if reports.is_empty() {
        output::line("no mailbox is connected");
        return;
    }
    output::table(
        &["mailbox", "equal", "as of", "messages", "events"],
        reports.iter().map(|report| {
            let verdict = match (&report.error, report.equal) {
                (Some(error), _) => error.clone(),
                (None, true) => "yes".to_owned(),
                (None, false) => format!("no, {} differences", report.differences.count),
            };
            vec![
                report.address.clone(),
                verdict,
                report
                    .as_of
                    .map(|at| at.format("%F %T").to_string())
                    .unwrap_or_default(),
                report.messages.to_string(),
                report.events.to_string(),
            ]
        }),
    );
    for report in reports
        .iter()
        .filter(|report| !report.differences.first.is_empty())
    {
        output::line(&format!("\nin {}:", report.address));
        output::table(
            &["kind", "id", "field", "mirror", "mailbox"],
            report.differences.first.iter().map(|difference| {
                let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
                vec![
                    format!("{:?}", difference.kind).to_lowercase(),
                    difference.external_id.to_string(),
                    difference.field.clone(),
                    side(&difference.ours),
                    side(&difference.theirs),
                ]
            }),
        );
    }
}
