//! What the tests of failing databases share: mail to lose, notifications to refuse, and the accounts at the end.

use std::collections::BTreeSet;
use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use graph_mirror::model::feed::{ChangeKind, ItemKind};
use graph_mirror::model::ids::SubscriptionKey;
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::ChangeHint;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::secrets::Signer;
use graph_mirror::store::{IncomingNotice, Store};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::rig::Rig;
use crate::support::database::Database;

/// So rare a poll that a notification that was lost stays lost, and pages so small that the first copy takes a while.
pub const SETTINGS: &[(&str, &str)] = &[
    ("PAGE_SIZE", "5"),
    ("POLL_INTERVAL", "1h"),
    ("POLL_INTERVAL_WITHOUT_PUSH", "1h"),
];

/// Panics outside of the tests, in whatever thread.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The service on this database, with one mailbox that nobody has signed in to.
pub async fn service_on(database: Database, messages: usize) -> Rig {
    watch_for_panics();
    let options = Options {
        mailboxes: 1,
        messages: Some(messages),
        ..Options::default()
    };
    let knobs = json!({ "notification_delay_min_ms": 0, "notification_delay_max_ms": 200 });
    Rig::start_on(database, options, knobs, SETTINGS).await
}

/// Remembers every panic of the product and of its libraries; what tests assert is no matter of this.
fn watch_for_panics() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            let is_a_tests = panicked
                .location()
                .is_some_and(|place| place.file().contains("tests/it"));
            if !is_a_tests {
                let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
                panics.push(panicked.to_string());
            }
            shown(panicked);
        }));
    });
}

/// Waits for the end of the first copy while time goes on.
pub async fn copied(rig: &Rig) {
    rig.until("the end of the copy", async || {
        rig.clock.advance(Duration::from_secs(1));
        rig.is_copied().await
    })
    .await;
}

/// Makes edits that Graph announces.
pub fn edit(rig: &Rig, count: usize, seed: u64) {
    let order = EditOrder {
        count,
        seed,
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
    let person = &rig.sandbox.settings().users[0].id;
    let made = rig.sandbox.world().edit(person, &order);
    assert_eq!(made.expect("the person exists").len(), count);
}

/// What an address of the service answers.
pub async fn status(rig: &Rig, path: &str) -> u16 {
    let answer = client().get(rig.address(path)).send().await;
    answer.expect("the service answers").status().as_u16()
}

/// What the service warns of.
pub async fn warnings(rig: &Rig) -> Vec<String> {
    let answer = client().get(rig.address("/readyz")).send().await;
    let answer = answer.expect("the service answers");
    assert_eq!(answer.status(), 200, "what is there can be read");
    let body: Value = answer.json().await.expect("JSON");
    let warnings = body["warnings"].as_array().expect("a list").clone();
    let codes = warnings.iter().map(|warning| warning["code"].as_str());
    codes
        .map(|code| code.unwrap_or_default().to_owned())
        .collect()
}

fn client() -> Client {
    let client = Client::builder().no_proxy().build();
    client.expect("a client can be made")
}

/// Posts one notification of a subscription that is not known yet, which is kept until it is; the status.
async fn notify(client: &Client, url: &str, signer: &Signer, item: &str) -> u16 {
    let post = notification(signer, item);
    let answer = client.post(url).json(&post).send().await;
    answer.expect("the service answers").status().as_u16()
}

/// One notification of a subscription that is not known yet.
pub fn notification(signer: &Signer, item: &str) -> Value {
    json!({ "value": [{
        "subscriptionId": Uuid::new_v4(),
        "subscriptionExpirationDateTime": "2040-01-22T11:00:00Z",
        "clientState": signer.client_state(SubscriptionKey::generate()),
        "changeType": "updated",
        "resource": format!("Users/5f2a/Messages/{item}"),
        "resourceData": { "@odata.type": "#Microsoft.Graph.Message", "id": item },
        "tenantId": Uuid::new_v4(),
    }]})
}

/// What the intake answers to one notification.
pub async fn intake(rig: &Rig) -> u16 {
    let url = rig.address("/webhooks/microsoft/notifications");
    notify(&client(), &url, &rig.parts.signer, "one").await
}

/// Why the intake refuses a notification, in the words of the log.
pub async fn refusal(rig: &Rig) -> String {
    let notice = IncomingNotice {
        subscription: SubscriptionKey::generate(),
        graph_subscription_id: None,
        external_id: "one".into(),
        hint: ChangeHint::Updated,
        received_at: rig.clock.now(),
        raw: None,
        trace: None,
    };
    let refused = rig.parts.store.notices_intake(vec![notice]).await;
    refused.expect_err("nothing can be written").chain()
}

/// Posts one notification after the other until it is told to stop.
pub struct Postman {
    stop: CancellationToken,
    posting: JoinHandle<(Vec<String>, usize)>,
}

impl Postman {
    pub fn start(rig: &Rig) -> Self {
        let stop = CancellationToken::new();
        let url = rig.address("/webhooks/microsoft/notifications");
        let (signer, stopped) = (rig.parts.signer.clone(), stop.clone());
        let posting = tokio::spawn(async move {
            let client = client();
            let (mut accepted, mut refused) = (Vec::new(), 0);
            for count in 0_usize.. {
                if stopped.is_cancelled() {
                    break;
                }
                let item = format!("posted-{count}");
                match notify(&client, &url, &signer, &item).await {
                    202 => accepted.push(item),
                    503 => refused += 1,
                    other => panic!("the intake answered {other}"),
                }
            }
            (accepted, refused)
        });
        Self { stop, posting }
    }

    /// The items of the notifications that were accepted, and how many were refused.
    pub async fn stop(self) -> (Vec<String>, usize) {
        self.stop.cancel();
        self.posting.await.expect("every post was answered")
    }
}

/// Lets time go on until everything that Graph had to say was taken, and compares mailbox, mirror and feed.
pub async fn ends_equal(rig: Rig) {
    rig.until("the end of the deliveries", async || {
        rig.clock.advance(Duration::from_secs(1));
        let deliveries = rig.sandbox.world().deliveries();
        deliveries.waiting + deliveries.in_flight == 0
    })
    .await;
    rig.equal().await;
    for mailbox in rig.mailboxes().await {
        feed_is_whole(&rig.parts.store, &mailbox).await;
    }
    rig.stop().await;
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(panics.is_empty(), "{panics:?}");
}

/// Positions without holes, and whoever replays them holds the messages there are.
async fn feed_is_whole(store: &Store, mailbox: &Mailbox) {
    let mut told = BTreeSet::new();
    let mut position = 0;
    loop {
        let page = store.changes_after(mailbox.id, position, 500).await;
        let page = page.expect("the database answers");
        if page.is_empty() {
            break;
        }
        for change in page {
            assert_eq!(change.position, position + 1, "the feed has a hole");
            position = change.position;
            if change.kind == ItemKind::Message {
                let id = change.external_id;
                let is_right = match change.change {
                    ChangeKind::Created => told.insert(id),
                    ChangeKind::Updated => told.contains(&id),
                    ChangeKind::Deleted => told.remove(&id),
                };
                assert!(is_right, "the feed contradicts itself at {position}");
            }
        }
    }
    let mut rows = BTreeSet::new();
    let mut after = None;
    loop {
        let page = store.messages_page(mailbox.id, after.as_ref(), 200).await;
        let page = page.expect("the database answers");
        let Some(last) = page.last() else { break };
        after = Some(last.message.external_id.clone());
        rows.extend(page.into_iter().map(|stored| stored.message.external_id));
    }
    assert_eq!(told, rows, "the feed and the rows differ");
}
