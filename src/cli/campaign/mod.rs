//! `graph-mirror campaign`: the service under seeded edits and faults, and whether its mirror is right afterwards.
//!
//! Each seed is a [`Script`] that is played against a sandbox and a service of its own in this process, on a clock that only goes
//! when nothing is left to do. When it has settled, everything is compared. A seed that fails is made as small as it
//! gets, and printed so that it runs again by itself.
//!
//! In reading order: `faults` with `write_faults`, and `script` (pure), `ground`, `stage` with `halt` and `wire`, `pace`, `run`,
//! `compare` with `feed`, `shrink`, `field` (several seeds at once); `writes` (what an application writes meanwhile); `crash_script`, `life` and `crash` do it with a service that is a process of its own and is killed.

mod compare;
mod crash;
mod crash_script;
mod faults;
mod feed;
mod field;
mod ground;
mod halt;
mod life;
mod pace;
mod run;
mod script;
mod shrink;
mod stage;
mod wire;
mod write_faults;
mod writes;

use std::ops::Range;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::progress::Progress;
use super::report::Failure;
use super::{Ended, output};
use crate::config::Environment;
use crate::model::time::{Clock as _, SystemClock, until};
use crate::telemetry;

pub use compare::{Difference, differences};
pub use faults::{Fault, UnknownFault};
pub use feed::differences as feed_differences;
pub use field::{Campaign, Failed, Summary};
pub use run::Played;
pub use script::{Act, Moment, Script, Step, script};

const EXAMPLES: &str = "Examples:
  Two hundred seeds with every fault there is:
    graph-mirror campaign --seeds 0..200
  One seed with lost and repeated notifications only, as JSON:
    graph-mirror campaign --seeds 7..8 --faults lost,doubled --json
  Kill the service in the middle of its work, on PostgreSQL:
    graph-mirror campaign --seeds 0..10 --crashes --database-url postgres://me:secret@localhost/postgres
  Have an application send and change things meanwhile, under faults and kills:
    graph-mirror campaign --seeds 0..20 --writes --crashes
  Play what a failing seed printed again:
    graph-mirror campaign --script failed.json";

/// Put the service under seeded edits and faults, and compare everything afterwards
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Play the seeds from A to before B
    #[arg(long, value_name = "A..B", value_parser = seeds, required_unless_present = "script")]
    seeds: Option<Range<u64>>,
    /// Faults that may come up, separated by commas: `all`, or names; `none` for edits alone
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = faults_of)]
    faults: FaultList,
    /// Play this script, as a failing seed printed it, instead of seeds
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    script: Option<PathBuf>,
    /// Keep the mirrors in this PostgreSQL, each in a schema of its own that is dropped, or beside this SQLite file, instead of in
    /// a temporary folder
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Run the service as a process of its own and kill it in the middle of its work; only edits and kills then, in real time
    #[arg(long, conflicts_with = "faults")]
    crashes: bool,
    /// Have an application write into the mailboxes meanwhile: send, answer, change and delete; each must happen once
    #[arg(long)]
    writes: bool,
    /// Seeds played at the same time; as many as there are cores when not given
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Runs spent on making the script of a failing seed smaller; 0 prints it as it grew
    #[arg(long, value_name = "COUNT", default_value_t = field::TRIES)]
    tries: usize,
    /// Print one JSON object at the end and nothing else
    #[arg(long)]
    json: bool,
}

/// The faults that may come up.
#[derive(Debug, Clone)]
struct FaultList(Vec<Fault>);

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("`{text}` is no range of seeds; write for example 0..200");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let from: u64 = from.parse().map_err(|_| wrong())?;
    let to: u64 = to.parse().map_err(|_| wrong())?;
    if from >= to {
        return Err(format!(
            "there is no seed in `{text}`; the end is not played itself, so that 0..1 is the seed 0"
        ));
    }
    Ok(from..to)
}

fn faults_of(text: &str) -> Result<FaultList, UnknownFault> {
    let mut faults = Vec::new();
    for name in text.split(',').map(str::trim) {
        match name {
            "all" => faults.extend(Fault::ALL),
            "none" | "" => {}
            name => faults.push(name.parse()?),
        }
    }
    faults.sort_unstable();
    faults.dedup();
    Ok(FaultList(faults))
}

/// Runs the campaign. It ends unequal when a seed failed.
pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    // A fault that was set is no news; what the service makes of it is told to those who ask.
    let environment = Environment::of_process()?;
    let filter = environment.get("LOG").unwrap_or("off");
    telemetry::start(filter, telemetry::Format::Auto)?;
    let began_at = SystemClock.now();
    let campaign = Campaign {
        faults: arguments.faults.0.clone(),
        database_url: arguments.database_url.clone(),
        jobs: arguments.jobs.map(usize::from),
        tries: arguments.tries,
        writes: arguments.writes,
        crashes: if arguments.crashes {
            Some(std::env::current_exe()?)
        } else {
            None
        },
        ..Campaign::default()
    };
    let progress = Progress::begin("playing");
    let played = if let Some(file) = &arguments.script {
        let script = read(file).map_err(|error| {
            Failure::of(error)
                .hinting("keep the JSON that a failing seed printed in a file, and name that file")
        })?;
        campaign.play_scripts(vec![script], |_, _| {}).await
    } else {
        let seeds = arguments.seeds.clone().unwrap_or_default();
        campaign
            .play(seeds, |done, all| progress.at(done, all))
            .await
    };
    progress.end();
    let summary = Summary {
        seconds: until(began_at, SystemClock.now()).as_secs_f64(),
        ..played.map_err(Failure::of)?
    };
    if arguments.json {
        output::json(&summary);
    } else {
        show(&summary);
    }
    Ok(if summary.failed == 0 {
        Ended::Well
    } else {
        Ended::Unequal
    })
}

fn read(file: &std::path::Path) -> anyhow::Result<Script> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("could not read the script {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is no script as a failing seed prints it",
            file.display()
        )
    })
}

/// Differences of a seed that are shown.
const SHOWN: usize = 10;

fn show(summary: &Summary) {
    for failure in &summary.failures {
        let script = serde_json::to_string(&failure.script).unwrap_or_default();
        output::line(&format!(
            "seed {} failed with {} differences, the first of them:",
            failure.seed,
            failure.differences.len()
        ));
        for difference in failure.differences.iter().take(SHOWN) {
            output::line(&format!("  {difference}"));
        }
        output::line(&format!(
            "the smallest script that still fails; `graph-mirror campaign --script FILE` plays it again:\n{script}\n"
        ));
    }
    let written = if summary.writes > 0 {
        format!(
            ", {} writes of which {} went out,",
            summary.writes, summary.sends
        )
    } else {
        String::new()
    };
    output::line(&format!(
        "{} seeds, {} failed, {} differences; {} edits{written} and {} faults in {:.1} seconds",
        summary.seeds,
        summary.failed,
        summary.differences,
        summary.edits,
        summary.faults,
        summary.seconds
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_that_is_not_empty() {
        assert_eq!(seeds("0..200"), Ok(0..200));
        for wrong in ["", "7", "a..b", "0..", "5..5", "9..3", "-1..3"] {
            let refused = seeds(wrong).expect_err(wrong);
            assert!(refused.contains(wrong), "{refused}");
        }
    }

    #[test]
    fn faults_are_named_once_each() {
        let list = faults_of("lost, moves,lost").expect("they are known");

        assert_eq!(list.0, [Fault::Lost, Fault::Moves]);
        assert_eq!(faults_of("all").expect("all").0.len(), Fault::ALL.len());
        assert!(faults_of("none").expect("none").0.is_empty());
        assert!(faults_of("lost,gremlins").is_err());
    }
}
