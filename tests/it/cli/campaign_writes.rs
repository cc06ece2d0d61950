//! Campaigns in which an application writes: under faults of every call, and kills before and after their effect, each write happens
//! once, and the mirror is right all the same (M42, F11.4).

use graph_mirror::cli::campaign::{Campaign, Fault};
use graph_mirror::mirror::Sabotage;
use graph_mirror::store::Backend;

use super::campaign::check;
use crate::support::database::Database;

fn writing() -> Campaign {
    Campaign {
        writes: true,
        jobs: Some(2),
        most_failures: 3,
        tries: 0,
        ..Campaign::default()
    }
}

#[tokio::test]
async fn what_is_written_under_faults_is_written_once_on_sqlite() {
    let summary = writing().play(0..8, |_, _| {}).await.expect("it is played");

    check(&summary, 8);
    assert!(summary.sends > 20 && summary.writes > summary.sends);
}

#[tokio::test]
async fn what_is_written_by_a_service_that_is_killed_is_written_once_on_postgres() {
    let database = Database::create_empty(Backend::Postgres).await;
    let campaign = Campaign {
        database_url: Some(database.url.clone()),
        crashes: Some(env!("CARGO_BIN_EXE_graph-mirror").into()),
        jobs: Some(3),
        ..writing()
    };

    let summary = campaign.play(0..2, |_, _| {}).await.expect("it is played");

    check(&summary, 2);
    assert!(summary.sends > 20);
}

#[tokio::test]
async fn an_outbox_that_repeats_what_had_no_answer_is_found() {
    let campaign = Campaign {
        faults: vec![Fault::LostAnswers],
        most_failures: 1,
        sabotage: Sabotage {
            repeats_blindly: true,
            ..Sabotage::default()
        },
        ..writing()
    };

    let summary = campaign.play(0..50, |_, _| {}).await.expect("it is played");

    assert!(summary.failed > 0, "sending twice was not found");
}
