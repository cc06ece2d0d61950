//! What goes wrong outside: an application that is refused, a database that goes away, an answer that cannot be read.

use std::time::Duration;

use chrono::TimeDelta;
use graph_mirror::model::mailbox::MailboxState;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Wish;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::faults::FaultRule;
use graph_mirror::store::Backend;
use serde_json::json;

use super::proxy::Proxy;
use super::rig::Rig;
use crate::support::database::Database;

fn one() -> Options {
    Options {
        mailboxes: 1,
        messages: Some(30),
        ..Options::default()
    }
}

/// How often a fault was met that was set for a thousand times.
fn met(rig: &Rig) -> u64 {
    let left = rig.sandbox.world().faults().first().map(|rule| rule.times);
    1_000 - left.expect("it is set").expect("it is counted")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_secret_is_tried_again_in_minutes_and_touches_no_mailbox() {
    // M7: a loop of refused token requests is answered by a lock-out (AADSTS50196).
    let rig = Rig::start(Backend::Sqlite, one(), json!({}), &[]).await;
    rig.connect().await;
    rig.copied().await;
    let refusal = FaultRule {
        path: "/oauth2/v2.0/token".to_owned(),
        times: Some(1_000),
        status: Some(401),
        body: Some(json!({ "error": "invalid_client", "error_codes": [7_000_215] })),
        ..FaultRule::default()
    };
    let world = rig.sandbox.world();
    world.set_fault(refusal).expect("the rule is good");
    world.lapse_tokens();
    rig.edit(1, 1);
    rig.until("the alarm", async || {
        rig.clock.advance(Duration::from_secs(1));
        rig.parts.platform.alarm().is_some()
    })
    .await;

    for _ in 0..600 {
        rig.clock.advance(Duration::from_secs(1));
        // A look into the database, so that what wants to happen happens.
        assert_eq!(rig.mailboxes().await[0].state, MailboxState::Connected);
        tokio::task::yield_now().await;
    }
    let asked = met(&rig);
    assert!(
        (1..=12).contains(&asked),
        "{asked} token requests in ten minutes"
    );

    world.clear_faults();
    // A refusal that is under way may begin one more rest: time goes on until that is over too.
    rig.until("the end of the alarm", async || {
        rig.clock.advance(Duration::from_secs(1));
        rig.parts.platform.alarm().is_none()
    })
    .await;
    rig.equal().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_calendar_that_cannot_be_read_stops_nothing_else() {
    let rig = Rig::start(Backend::Sqlite, one(), json!({}), &[]).await;
    let broken = FaultRule {
        path: "/calendars\\?".to_owned(),
        times: Some(1_000),
        status: Some(200),
        body: Some(json!({ "value": [{ "id": 17, "name": null }] })),
        ..FaultRule::default()
    };
    rig.sandbox
        .world()
        .set_fault(broken)
        .expect("the rule is good");

    rig.connect().await;
    rig.copied().await;

    assert!(met(&rig) > 0);
    let mailbox = &rig.mailboxes().await[0];
    let counts = rig.parts.store.mailbox_counts(mailbox.id).await;
    assert!(counts.expect("the database answers").messages > 0);
    let subscriptions = rig.parts.store.subscriptions_list(mailbox.id).await;
    assert!(!subscriptions.expect("the database answers").is_empty());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_returns_loses_nothing() {
    let database = Database::create(Backend::Postgres).await;
    let proxy = Proxy::to(&database.url).await;
    let options = Options {
        messages: Some(200),
        ..one()
    };
    let through = [("DATABASE_URL", proxy.url.as_str()), ("PAGE_SIZE", "5")];
    let rig = Rig::start_on(database, options, json!({}), &through).await;
    rig.connect().await;
    rig.copy_has_begun().await;

    proxy.cut();
    rig.edit(10, 3);
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a client can be made");
    let answer = client.get(rig.address("/readyz")).send().await;
    assert_eq!(answer.expect("the service answers").status(), 503);
    // Graph is told to deliver again, not that all is well.
    rig.until("a refused delivery", async || {
        rig.sandbox.world().deliveries().waiting > 0
    })
    .await;
    // Longer than a lease lasts.
    rig.clock.advance(Duration::from_secs(40));
    let answer = client.get(rig.address("/healthz")).send().await;
    assert_eq!(answer.expect("the service answers").status(), 200);
    proxy.mend();

    rig.until("the end of the copy", async || {
        rig.clock.advance(Duration::from_secs(1));
        rig.is_copied().await
    })
    .await;
    rig.equal().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_succeeds_ends_the_failures_of_its_lane() {
    let rig = Rig::start(Backend::Sqlite, one(), json!({}), &[]).await;
    rig.connect().await;
    rig.copied().await;
    let mailbox = rig.mailboxes().await[0].id;
    let world = rig.sandbox.world();
    let wish = Wish::SyncMessages {
        max_results: 5,
        since: None,
    };

    for round in 0..4 {
        let fails_once = FaultRule {
            path: "/messages\\?".to_owned(),
            times: Some(1),
            status: Some(500),
            ..FaultRule::default()
        };
        world.set_fault(fails_once).expect("the rule is good");
        let began_at = rig.clock.now();
        let store = &rig.parts.store;
        let command = store
            .command_add(mailbox, &wish, began_at)
            .await
            .expect("the command is left");
        rig.until("the failure", async || world.faults().is_empty())
            .await;
        // A first failure rests five seconds.
        rig.clock.advance(Duration::from_secs(6));
        store
            .command_wait(mailbox, command, Duration::from_mins(1))
            .await
            .expect("the database answers")
            .expect("the command ends")
            .expect("the command succeeds");

        let took = rig.clock.now() - began_at;
        assert!(
            took < TimeDelta::seconds(25),
            "the {round}th failure counted those before the last success: {took}"
        );
    }
    rig.stop().await;
}
