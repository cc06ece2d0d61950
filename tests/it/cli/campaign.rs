//! Campaigns: the service under seeded edits and faults ends with mirror and mailbox equal (M57), and one that is wrong is found.

use graph_mirror::cli::campaign::{Campaign, Fault, Summary, script};
use graph_mirror::mirror::Sabotage;
use graph_mirror::store::Backend;

use super::run::Shell;
use crate::support::database::Database;

/// Seeds that a planted mistake may take to show.
const WITHIN: u64 = 50;

fn check(summary: &Summary, seeds: u64) {
    let failures: Vec<String> = summary
        .failures
        .iter()
        .map(|failed| {
            format!(
                "seed {}: {}\n{}",
                failed.seed,
                failed.differences[..failed.differences.len().min(5)].join("\n"),
                serde_json::to_string(&failed.script).expect("a script is JSON"),
            )
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert_eq!(summary.seeds, seeds);
    assert!(summary.edits > 0 && summary.faults > 0);
}

async fn on_sqlite(seeds: std::ops::Range<u64>) {
    let campaign = Campaign {
        // The two of them run at the same time.
        jobs: Some(1),
        most_failures: 3,
        ..Campaign::default()
    };
    let count = seeds.end - seeds.start;

    let summary = campaign.play(seeds, |_, _| {}).await.expect("it is played");

    check(&summary, count);
}

#[tokio::test]
async fn seeds_0_to_10_end_with_mirror_and_mailbox_equal_on_sqlite() {
    on_sqlite(0..10).await;
}

/// Each of them found a mistake once; tests of their own are named for it.
#[tokio::test]
async fn seeds_that_failed_once_end_with_mirror_and_mailbox_equal() {
    for seed in [25, 35, 37, 43, 180] {
        on_sqlite(seed..seed + 1).await;
    }
}

#[tokio::test]
async fn seeds_end_with_mirror_and_mailbox_equal_on_postgres() {
    let database = Database::create_empty(Backend::Postgres).await;
    let campaign = Campaign {
        database_url: Some(database.url.clone()),
        jobs: Some(2),
        most_failures: 3,
        ..Campaign::default()
    };

    let summary = campaign
        .play(200..206, |_, _| {})
        .await
        .expect("it is played");

    check(&summary, 6);
}

async fn finds(sabotage: Sabotage) -> Summary {
    let campaign = Campaign {
        jobs: Some(2),
        most_failures: 1,
        tries: 0,
        sabotage,
        ..Campaign::default()
    };
    let summary = campaign
        .play(0..WITHIN, |_, _| {})
        .await
        .expect("it is played");
    assert!(summary.failed > 0, "{sabotage:?} was not found");
    summary
}

#[tokio::test]
async fn a_mirror_that_deletes_what_it_has_not_asked_for_is_found() {
    finds(Sabotage {
        believes_removals: true,
        ..Sabotage::default()
    })
    .await;
}

#[tokio::test]
async fn a_mirror_in_which_an_earlier_fetch_overwrites_a_later_one_is_found() {
    finds(Sabotage {
        forgets_when_it_asked: true,
        ..Sabotage::default()
    })
    .await;
}

#[tokio::test]
async fn a_mirror_whose_sweep_deletes_what_came_meanwhile_is_found() {
    finds(Sabotage {
        sweeps_without_asking: true,
        ..Sabotage::default()
    })
    .await;
}

#[test]
fn a_script_plays_from_a_file_and_json_says_how_it_went() {
    let shell = Shell::new();
    let file = shell.folder().join("script.json");
    let text = serde_json::to_string(&script(1, &[Fault::Lost])).expect("a script is JSON");
    std::fs::write(&file, text).expect("it is written");

    let summary = shell
        .run(&["campaign", "--script", "script.json", "--json"])
        .well()
        .json();

    assert_eq!(summary["seeds"], 1);
    assert_eq!(summary["failed"], 0);
    assert_eq!(summary["differences"], 0);
    assert!(summary["edits"].as_u64() > Some(0));
    assert!(summary["faults"].as_u64() > Some(0));
    assert!(summary["seconds"].as_f64() > Some(0.0));
}

#[test]
fn arguments_that_make_no_sense_are_named() {
    let shell = Shell::new();

    for (arguments, said) in [
        (&["--seeds", "5..5"][..], "there is no seed in `5..5`"),
        (&["--seeds", "ten"], "`ten` is no range of seeds"),
        (
            &["--seeds", "0..1", "--faults", "lost,gremlins"],
            "there is no fault `gremlins`; the faults are: all, lost, doubled",
        ),
        (&[], "--seeds"),
    ] {
        let ran = shell.run(&[&["campaign"], arguments].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let ran = shell.run(&["campaign", "--script", "nowhere.json"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("could not read the script nowhere.json"),
        "{}",
        ran.err
    );
}
