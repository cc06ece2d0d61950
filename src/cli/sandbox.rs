//! `graph-mirror sandbox`: Microsoft Graph and its identity platform, on this machine and made up.

use std::net::SocketAddr;

use chrono::NaiveTime;
use clap::Args;
use url::Url;

use super::report::Failure;
use super::stop::asked_to_stop;
use super::{Ended, output};
use crate::model::time::{Clock as _, SystemClock, Timestamp, to_micros};
use crate::sandbox::{Options, Sandbox};
use crate::telemetry;

const EXAMPLES: &str = "Examples:
  Three mailboxes on port 8090:
    graph-mirror sandbox
  Ten mailboxes with 2,000 messages each, the same ones every day:
    graph-mirror sandbox --mailboxes 10 --messages 2000 --seed 42 --now 2026-03-01T00:00:00Z
  On a free port, and what a client must know as JSON on the first line:
    graph-mirror sandbox --listen 127.0.0.1:0 --json";

/// Serve a Microsoft Graph of our own, with made-up mailboxes, to try and test against
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Scheme, host and port under which others reach it, for links and tokens; the address it listens on when not given
    #[arg(long, value_name = "URL", value_parser = base_url)]
    base_url: Option<Url>,
    /// Everything that is made up grows from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The instant the mailboxes are made up for: the same seed and instant give the same mailboxes. Today's
    /// midnight in UTC when not given; the clock is the machine's in any case
    #[arg(long, value_name = "INSTANT")]
    now: Option<Timestamp>,
    /// How many mailboxes to make up
    #[arg(long, default_value_t = 3)]
    mailboxes: usize,
    /// Messages in each mailbox; 150 to 400 when not given
    #[arg(long, value_name = "COUNT")]
    messages: Option<usize>,
    /// Print what a client needs to know as one JSON object on the first line
    #[arg(long)]
    json: bool,
}

fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is no address ({error})"))?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "https" | "http") && url.has_host() && is_bare {
        Ok(url)
    } else {
        Err("it must be scheme, host and port only, like http://sandbox.localhost:8090".to_owned())
    }
}

/// Today's midnight, so that whoever starts again on the same day finds the same.
fn midnight() -> Timestamp {
    SystemClock
        .now()
        .date_naive()
        .and_time(NaiveTime::MIN)
        .and_utc()
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    telemetry::start("warn", telemetry::Format::Auto)?;
    let sandbox = Sandbox::start(Options {
        listen: arguments.listen,
        base_url: arguments.base_url,
        seed: arguments.seed,
        mailboxes: arguments.mailboxes,
        messages: arguments.messages,
        seeded_at: Some(arguments.now.map_or_else(midnight, to_micros)),
        ..Options::default()
    })
    .await?;
    let settings = sandbox.settings();
    if arguments.json {
        output::json(settings);
    } else {
        output::line(&format!(
            "Microsoft Graph, made up, with {} mailboxes:",
            settings.users.len()
        ));
        output::table(
            &["address", "name", "id"],
            settings.users.iter().take(20).map(|user| {
                vec![
                    user.address.clone(),
                    user.display_name.clone(),
                    user.id.clone(),
                ]
            }),
        );
        output::line(&format!(
            "\nGraph and sign-in  {}\ncontrol            {}\n\nMirror it:  graph-mirror serve --sandbox {}\nCtrl-C ends it.",
            settings.graph_base_url, settings.control_url, settings.control_url
        ));
    }
    asked_to_stop().await;
    sandbox.stop().await;
    Ok(Ended::Well)
}
