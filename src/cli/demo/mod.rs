//! `graph-mirror demo`: the whole product in one process, with no configuration and no network.
//!
//! It starts the sandbox and the service on loopback, connects mailboxes through the real OAuth redirect, copies them, lets people
//! work, and shows each change with its delay from edit to row. It ends with an audit of every mailbox, and fails when a single row
//! differs. Nothing here reaches into the service: it calls its endpoints, and reads its database as any application would.

mod delays;
mod interrupts;
mod outcome;
mod people;
mod stage;
mod view;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use self::delays::Delays;
use self::interrupts::{Interrupts, unless};
use self::outcome::Outcome;
use self::stage::Stage;
use self::view::View;
use super::Ended;
use super::report::Failure;
use crate::model::time::{Clock, SystemClock, later};
use crate::telemetry;

const EXAMPLES: &str = "Examples:
  See it work, until Ctrl-C:
    graph-mirror demo
  Half a minute with eight mailboxes, and the figures as JSON:
    graph-mirror demo --for 30s --mailboxes 8 --json
  Keep the mirror, to ask it questions in SQL:
    graph-mirror demo --for 20s --keep mirror.db
  On PostgreSQL, in a schema of its own that is dropped afterwards:
    graph-mirror demo --database-url postgres://me:secret@localhost/postgres";

/// See it work: a Microsoft Graph of its own, mailboxes, people who use them, and their mirror
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// End by itself after people have worked for so long, for example 20s or 2m
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub lasting: Option<Duration>,
    /// Print one JSON object at the end and nothing else
    #[arg(long)]
    pub json: bool,
    /// Keep the mirror here instead of in a temporary SQLite file; in PostgreSQL a schema of its own is made and dropped
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// How many mailboxes to connect
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub mailboxes: u16,
    /// Messages in each mailbox; 150 to 400 when not given
    #[arg(long, value_name = "COUNT")]
    pub messages: Option<usize>,
    /// Everything that is made up grows from this number
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Keep the SQLite file here afterwards, to look at it
    #[arg(long, value_name = "FILE", conflicts_with = "database_url")]
    pub keep: Option<PathBuf>,
}

/// Edits follow each other after so long.
const BETWEEN_EDITS: Duration = Duration::from_millis(150);

/// The database is looked at so often; it bounds how exact a delay can be.
const GLANCE: Duration = Duration::from_millis(4);

/// Changes that are under way when people stop get so long to arrive before the mailboxes are compared.
const SETTLE: Duration = Duration::from_secs(15);

/// Runs the demo. It ends unequal when the audit found a difference.
pub(super) async fn run(args: &DemoArgs) -> Result<Ended, Failure> {
    telemetry::start("warn", telemetry::Format::Auto)?;
    match show(args).await {
        Ok(verified) => Ok(ended(verified)),
        Err(error) => Err(Failure::of(error)),
    }
}

fn ended(verified: bool) -> Ended {
    if verified {
        Ended::Well
    } else {
        Ended::Unequal
    }
}

async fn show(args: &DemoArgs) -> anyhow::Result<bool> {
    let interrupts = Interrupts::listen();
    let mut view = View::new(args.json);
    let stage = Stage::set(args).await?;
    view.say(&format!(
        "Microsoft Graph (ours) on {}, graph-mirror on {}",
        stage.graph_url(),
        stage.own_url()
    ));
    view.say(&format!(
        "This Graph answers after {} ms and tells of a change after {} to {} ms; that is part of every delay.",
        stage::ANSWERED_AFTER,
        stage::NOTIFIED_WITHIN.0,
        stage::NOTIFIED_WITHIN.1
    ));
    let played = play(args, &stage, &mut view, &interrupts).await;
    view.done();
    // The database is cleared away whether or not the play went well.
    let struck = stage.strike().await;
    let outcome = played?;
    struck?;
    report(args, &outcome)?;
    Ok(outcome.verified)
}

async fn play(
    args: &DemoArgs,
    stage: &Stage,
    view: &mut View,
    interrupts: &Interrupts,
) -> anyhow::Result<Outcome> {
    let mailboxes = unless(&interrupts.first, stage.connect(view))
        .await
        .context("could not connect the mailboxes")?;
    unless(&interrupts.first, stage.backfill(view))
        .await
        .context("could not copy the mailboxes")?;

    view.say(&format!(
        "\n{} mailboxes copied. People are at work; each line is one change with its delay from edit to row.{}\n",
        mailboxes.len(),
        if args.lasting.is_none() { " Ctrl-C ends it." } else { "" }
    ));
    let mut delays = Delays::default();
    let mut feed = stage.feed().await?;
    let clock = SystemClock;
    let end = args.lasting.map(|lasting| later(clock.now(), lasting));
    let mut next_edit = clock.now();
    let mut round = 0_u64;
    while !interrupts.first.is_cancelled() && end.is_none_or(|end| clock.now() < end) {
        if clock.now() >= next_edit {
            next_edit = later(clock.now(), BETWEEN_EDITS);
            round += 1;
            people::work(stage, args.seed.wrapping_add(round), &mut delays);
        }
        feed.look(&mut delays, view).await?;
        clock.sleep(GLANCE).await;
    }
    // What was done is waited for, so that the last changes count like the first.
    let patience = later(clock.now(), SETTLE);
    while delays.waiting() > 0 && clock.now() < patience && !interrupts.second.is_cancelled() {
        feed.look(&mut delays, view).await?;
        clock.sleep(GLANCE).await;
    }

    view.say("\nComparing every mailbox with its copy …");
    let verified = unless(&interrupts.second, stage.verify(view))
        .await
        .context("could not compare the mailboxes")?;
    feed.look(&mut delays, view).await?;
    settle(&mut delays, verified, view);
    stage.outcome(&delays, verified).await
}

/// Accounts for edits that no entry of the feed told of. Where every mailbox equals its copy they are in it: a second edit
/// undid the first before the mirror looked, for example. They count with the time until that was known. Where one differs they
/// may be what is missing, and the outcome says that it is not verified.
fn settle(delays: &mut Delays, verified: bool, view: &View) {
    if verified {
        for seen in delays.close(SystemClock.now()) {
            view.seen(&seen);
        }
    } else if delays.waiting() > 0 {
        view.say(&format!("  {} edits never became rows", delays.waiting()));
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the outcome is what this command is for"
)]
fn report(args: &DemoArgs, outcome: &Outcome) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    println!(
        "\n{} mailboxes, {} messages, {} events; {} changes, from edit to row {} ms at p50 and {} ms at p99;",
        outcome.mailboxes,
        outcome.messages,
        outcome.events,
        outcome.changes,
        outcome.edit_to_row_ms.p50,
        outcome.edit_to_row_ms.p99
    );
    println!(
        "{} Graph requests, {} of them throttled. {}",
        outcome.graph_requests,
        outcome.throttled,
        if outcome.verified {
            "Every mailbox equals its copy."
        } else {
            "The audit found differences: see above."
        }
    );
    Ok(())
}

/// `20s`, `2m`, `1h`, `500ms`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number
        .parse()
        .map_err(|_| format!("`{text}` is not a duration; write for example 20s, 2m or 500ms"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "h" => Ok(Duration::from_secs(number.saturating_mul(3600))),
        _ => Err(format!("`{unit}` is no unit of time; use ms, s, m or h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> DemoArgs {
        DemoArgs {
            lasting: Some(Duration::ZERO),
            json: true,
            database_url: None,
            mailboxes: 1,
            messages: Some(15),
            seed: 7,
            keep: None,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mailbox_that_differs_from_its_copy_ends_the_demo_unequal() {
        let args = arguments();
        let mut view = View::new(true);
        let stage = Stage::set(&args).await.expect("the stage stands");
        let nobody = Interrupts::none();
        let first = play(&args, &stage, &mut view, &nobody)
            .await
            .expect("it plays");
        // Nothing tells of what happens from now on, and the next poll is far away.
        let world = stage.sandbox().world();
        world
            .turn_knobs(&serde_json::json!({ "suppress_notifications": true }))
            .expect("the knob exists");
        let user = stage.sandbox().settings().users[0].id.clone();
        world.deliver_message(&user).expect("it is delivered");

        let second = play(&args, &stage, &mut view, &nobody)
            .await
            .expect("it plays");
        stage.strike().await.expect("it is cleared away");

        assert!(first.verified);
        assert_eq!(ended(first.verified), Ended::Well);
        assert!(!second.verified);
        assert_eq!(ended(second.verified), Ended::Unequal);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_interrupt_while_mailboxes_are_copied_is_an_error_and_leaves_nothing() {
        let args = DemoArgs {
            messages: Some(2_000),
            ..arguments()
        };
        let stage = Stage::set(&args).await.expect("the stage stands");
        let folder = stage.folder().expect("it has a folder").to_owned();
        assert!(folder.exists());
        let interrupts = Interrupts::none();
        interrupts.first.cancel();

        let played = play(&args, &stage, &mut View::new(true), &interrupts).await;
        stage.strike().await.expect("it is cleared away");

        assert!(played.is_err());
        assert!(!folder.exists());
    }

    #[test]
    fn an_edit_that_no_feed_told_of_is_counted_when_the_mirror_is_equal_and_missing_when_not() {
        let pending = delays::Pending {
            what: "flagged".to_owned(),
            who: "Anna".to_owned(),
            at: SystemClock.now(),
        };
        let view = View::new(true);
        let mut delays = Delays::default();
        delays.edited("a".to_owned(), pending);

        settle(&mut delays, false, &view);
        assert_eq!((delays.count(), delays.waiting()), (0, 1));
        settle(&mut delays, true, &view);
        assert_eq!((delays.count(), delays.waiting()), (1, 0));
    }

    #[test]
    fn a_duration_is_read_with_its_unit_and_refused_with_a_way_out() {
        assert_eq!(parse_duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_mins(2)));
        assert!(parse_duration("soon").is_err_and(|text| text.contains("20s")));
        assert!(parse_duration("3 weeks").is_err());
    }
}
