//! `graph-mirror doctor`: what is wrong, and what to do.

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::ambience::Source;
use super::report::Failure;
use super::stop::asked_to_stop;
use super::{Ended, output};
use crate::app::doctor::{Finding, Orders, Report, Severity, examine};

const EXAMPLES: &str = "Examples:
  Look at everything:
    graph-mirror doctor
  And mend what is safe to mend:
    graph-mirror doctor --fix
  What is broken, for a program:
    graph-mirror doctor --json | jq '.findings[] | select(.severity == \"broken\")'";

/// Look at everything the service stands on and say what is wrong and what to do
///
/// Settings, Graph, clock, database, privileges, schema, disk, the place for contents, encryption keys, app registration, the running
/// service, permissions, the public address (by a live test subscription, which is removed again), subscriptions, throttling, schedules,
/// lag and quarantine: a line each, what was found and what to do. The first line that is broken is the cause; what depends on it is not
/// looked at.
///
/// Exit code: 0 when nothing is broken (there may be notes and warnings), 1 when something is, 2 when the settings must be repaired.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Mend what is safe to mend: bring the schema up to date, have lost subscriptions made anew, remove those that were left at
    /// Graph, ask for a look at mailboxes that are behind, clear away what has served its time
    #[arg(long)]
    fix: bool,
    /// Ask nobody over the network but the database and the service on this machine
    #[arg(long)]
    offline: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.look().await?;
    let clock = arguments.source.clock().await?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        // Not at once: a test subscription may have to be removed.
        asked_to_stop().await;
        output::note("ending after this look; nothing is left behind");
        stopping.cancel();
        // Whoever asks twice does not want to wait; what is left is known again by its mark and ends within the hour.
        asked_to_stop().await;
        std::process::exit(130);
    });
    let orders = Orders {
        fix: arguments.fix,
        offline: arguments.offline,
        stop: stop.clone(),
    };
    let report = examine(settings, clock, orders).await;
    let ended = ended(&report);
    if arguments.json {
        output::json(&json!({ "verdict": report.worst(), "findings": report.findings }));
    } else {
        for finding in &report.findings {
            output::line(&line(finding));
        }
        output::line(&format!("\n{}", summary(&report)));
    }
    if stop.is_cancelled() {
        return Err(Failure::new("interrupted before everything was looked at"));
    }
    Ok(ended)
}

fn ended(report: &Report) -> Ended {
    if report.is_about_settings() {
        Ended::Unusable
    } else if report.worst() == Severity::Broken {
        Ended::Broken
    } else {
        Ended::Well
    }
}

/// What was looked at, what was found, what to do.
fn line(finding: &Finding) -> String {
    let mark = match finding.severity {
        Severity::Well => "ok",
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Broken => "BROKEN",
        Severity::Skipped => "-",
    };
    let check = finding.check.name().replace('_', " ");
    let mut line = format!("{mark:<8} {check:<14} {}", finding.found);
    for (word, text) in [("done", &finding.fixed), ("do", &finding.advice)] {
        if let Some(text) = text {
            line = format!("{line} | {word}: {text}");
        }
    }
    line
}

fn summary(report: &Report) -> String {
    let of = |severity: Severity| {
        let mut findings = report.findings.iter();
        findings
            .clone()
            .position(|finding| finding.severity == severity)
            .map(|first| {
                let first = findings
                    .nth(first)
                    .map(|finding| finding.check.name().replace('_', " "));
                let count = report
                    .findings
                    .iter()
                    .filter(|one| one.severity == severity)
                    .count();
                (count, first.unwrap_or_default())
            })
    };
    match (of(Severity::Broken), of(Severity::Warning)) {
        (Some((count, first)), _) => format!("broken: {count}; begin with {first}"),
        (None, Some((count, first))) => {
            format!("nothing is broken; warnings: {count}, the first about {first}")
        }
        (None, None) => "all is well".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Check;

    #[test]
    fn a_finding_is_one_line_with_the_way_out_and_what_was_done() {
        let broken = Finding::broken(Check::PublicUrl, "wrong_answer", "found").advising("mend it");

        assert_eq!(line(&broken), "BROKEN   public url     found | do: mend it");
        assert_eq!(
            line(&broken.mended("mended")),
            "note     public url     found | done: mended"
        );
    }

    #[test]
    fn the_summary_names_where_to_begin_and_the_exit_code_follows_the_worst() {
        let mut report = Report::default();
        assert_eq!(
            (summary(&report).as_str(), ended(&report)),
            ("all is well", Ended::Well)
        );

        report
            .findings
            .push(Finding::skipped(Check::Clock, "of nothing"));
        report
            .findings
            .push(Finding::warning(Check::Disk, "x", "x"));
        assert_eq!(
            summary(&report),
            "nothing is broken; warnings: 1, the first about disk"
        );
        assert_eq!(ended(&report), Ended::Well);

        report.findings.push(Finding::broken(Check::Keys, "x", "x"));
        assert_eq!(summary(&report), "broken: 1; begin with keys");
        assert_eq!(ended(&report), Ended::Broken);

        report
            .findings
            .push(Finding::broken(Check::Settings, "x", "x"));
        assert_eq!(ended(&report), Ended::Unusable);
    }
}
