//! The mirror becomes equal to the mailbox, by whichever way the news come.

use graph_mirror::sandbox::Options;
use graph_mirror::store::Backend;
use serde_json::json;

use super::rig::Rig;

/// So rare a poll that within the test only notifications can bring news.
const NO_POLLS: &[(&str, &str)] = &[
    ("POLL_INTERVAL", "1h"),
    ("POLL_INTERVAL_WITHOUT_PUSH", "1h"),
];

/// Folders and calendars are not announced by notifications, so these tests edit messages and events.
fn small() -> Options {
    Options {
        mailboxes: 2,
        messages: Some(40),
        ..Options::default()
    }
}

async fn polling_alone(backend: Backend) {
    let rig = Rig::start(
        backend,
        small(),
        json!({ "suppress_notifications": true }),
        &[
            ("POLL_INTERVAL", "2s"),
            ("POLL_INTERVAL_WITHOUT_PUSH", "2s"),
        ],
    )
    .await;
    rig.connect().await;
    rig.copied().await;

    rig.edit(60, 11);

    rig.equal().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_all_notifications_suppressed_polling_converges_on_sqlite() {
    // M2
    polling_alone(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_all_notifications_suppressed_polling_converges_on_postgres() {
    // M2
    polling_alone(Backend::Postgres).await;
}

async fn tiny_pages_and_dead_tokens(backend: Backend) {
    // Pages of two, every token dead in the middle of the first copy and again afterwards
    let rig = Rig::start(
        backend,
        small(),
        json!({}),
        &[
            ("PAGE_SIZE", "2"),
            ("POLL_INTERVAL", "2s"),
            ("POLL_INTERVAL_WITHOUT_PUSH", "2s"),
        ],
    )
    .await;
    rig.connect().await;
    let world = rig.sandbox.world();
    while world.lock().stats.requests < 60 {
        tokio::task::yield_now().await;
    }
    let died = world
        .expire_delta_tokens(None, None)
        .expect("all mailboxes");
    world.lapse_tokens();

    rig.copied().await;
    rig.edit(30, 5);
    world
        .expire_delta_tokens(None, None)
        .expect("all mailboxes");

    assert!(died > 0, "no token was alive in mid-round");
    rig.equal().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiny_pages_and_tokens_that_die_in_mid_round_converge_on_sqlite() {
    // R6, R7, M44
    tiny_pages_and_dead_tokens(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiny_pages_and_tokens_that_die_in_mid_round_converge_on_postgres() {
    // R6, R7, M44
    tiny_pages_and_dead_tokens(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_alone_bring_messages_and_events() {
    let rig = Rig::start(Backend::Sqlite, small(), json!({}), NO_POLLS).await;
    rig.connect().await;
    rig.copied().await;

    for user in &rig.sandbox.settings().users {
        let order = graph_mirror::sandbox::edits::EditOrder {
            count: 40,
            seed: 3,
            kinds: [
                "message_deliver",
                "message_read",
                "message_move",
                "message_delete",
                "event_create",
                "event_edit",
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        rig.sandbox
            .world()
            .edit(&user.id, &order)
            .expect("the person exists");
    }

    rig.equal().await;
    let stats = rig.sandbox.world().lock().stats.clone();
    assert_eq!(stats.throttled, 0, "the limits were kept");
    assert_eq!(stats.without_id_type, 0, "M16");
    assert!(stats.max_concurrency <= 4, "F3.9");
    rig.stop().await;
}
