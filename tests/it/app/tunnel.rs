//! A public address that is not there yet, comes, changes and is left behind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use graph_mirror::model::time::Clock as _;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::store::Backend;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::proxy::Proxy;
use super::rig::Rig;

/// An agent as ngrok's answers, with the tunnels it is told to have.
struct Agent {
    tunnels: Arc<Mutex<Vec<Value>>>,
    /// The way to it, which can be cut.
    way: Proxy,
}

impl Agent {
    async fn start() -> Self {
        let tunnels: Arc<Mutex<Vec<Value>>> = Arc::default();
        let list = async |State(tunnels): State<Arc<Mutex<Vec<Value>>>>| {
            let tunnels = tunnels.lock().expect("nobody panics").clone();
            Json(json!({ "tunnels": tunnels, "uri": "/api/tunnels" }))
        };
        let routes = Router::new()
            .route("/api/tunnels", get(list))
            .with_state(Arc::clone(&tunnels));
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            tunnels,
            way: Proxy::to(&format!("http://{address}")).await,
        }
    }

    /// From now on there is one tunnel of ours, at `public_url`, and one of somebody else.
    fn forwards(&self, public_url: &str, port: u16) {
        let tunnel = |name: &str, public_url: &str, port: u16| {
            json!({
                "name": name, "uri": format!("/api/tunnels/{name}"), "proto": "https", "public_url": public_url,
                "config": { "addr": format!("http://localhost:{port}"), "inspect": true },
            })
        };
        *self.tunnels.lock().expect("nobody panics") = vec![
            tunnel("another", "https://another.example", 1),
            tunnel("ours", public_url, port),
        ];
    }
}

/// Where the sandbox posts, for each subscription.
fn posted_to(rig: &Rig) -> Vec<String> {
    let state = rig.sandbox.world().lock();
    let listed = state.subscriptions.status(rig.clock.now());
    listed.into_iter().map(|one| one.notification_url).collect()
}

fn are_all_at(rig: &Rig, base: &str) -> bool {
    let urls = posted_to(rig);
    !urls.is_empty() && urls.iter().all(|url| url.starts_with(base))
}

/// What notifications announce: there are no polls in this test.
fn edit(rig: &Rig, seed: u64) {
    let kinds = [
        "message_deliver",
        "message_read",
        "message_delete",
        "event_create",
        "event_edit",
    ];
    for user in &rig.sandbox.settings().users {
        let order = EditOrder {
            count: 12,
            seed,
            kinds: kinds.map(str::to_owned).to_vec(),
        };
        let made = rig.sandbox.world().edit(&user.id, &order);
        made.expect("the person exists");
    }
}

/// Waits until everything is posted to `base`, while time goes on, and answers the fewest subscriptions that there were meanwhile.
async fn moved(rig: &Rig, base: &str) -> usize {
    let mut fewest = usize::MAX;
    rig.until("the subscriptions", async || {
        rig.clock.advance(Duration::from_secs(1));
        fewest = fewest.min(posted_to(rig).len());
        are_all_at(rig, base)
    })
    .await;
    fewest
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_follow_a_tunnel_and_nothing_is_lost() {
    // M28
    let agent = Agent::start().await;
    agent.way.cut();
    let rig = Rig::start(
        Backend::Sqlite,
        Options {
            mailboxes: 1,
            messages: Some(8),
            ..Options::default()
        },
        json!({
            "duplicate_conflict": false,
            "notification_delay_min_ms": 0,
            "notification_delay_max_ms": 0,
        }),
        &[
            ("PUBLIC_URL", "ngrok"),
            ("NGROK_API_URL", &agent.way.url),
            ("POLL_INTERVAL", "1h"),
            ("POLL_INTERVAL_WITHOUT_PUSH", "1h"),
        ],
    )
    .await;
    let listen = rig.parts.settings.server.listen;
    let service = format!("http://{listen}");
    let (first, second) = (Proxy::to(&service).await, Proxy::to(&service).await);

    // No agent: it runs, and polls.
    rig.connect().await;
    rig.copied().await;
    assert_eq!(posted_to(&rig), Vec::<String>::new());
    assert_eq!(rig.parts.reach.present(), None);
    let mailbox = &rig.mailboxes().await[0];
    let reason = mailbox.push_reason.clone().unwrap_or_default();
    assert!(
        !mailbox.push_healthy && reason.contains("PUBLIC_URL"),
        "{reason}"
    );

    // The tunnel appears: over to push.
    agent.forwards(&first.url, listen.port());
    agent.way.mend();
    moved(&rig, &first.url).await;
    rig.until("push", async || {
        rig.mailboxes().await.iter().all(|one| one.push_healthy)
    })
    .await;
    edit(&rig, 1);

    // Another address: the successor first, also while something happens.
    let before = posted_to(&rig).len();
    agent.forwards(&second.url, listen.port());
    edit(&rig, 2);
    let fewest = moved(&rig, &second.url).await;
    assert!(fewest >= before, "there were {fewest} of {before} once");
    assert_eq!(posted_to(&rig).len(), before, "none is left behind");

    // The old one ends, and so does the agent, which takes nothing with it.
    first.cut();
    agent.way.cut();
    rig.clock.advance(Duration::from_secs(30));
    edit(&rig, 3);
    rig.equal().await;
    let base = second.url.trim_end_matches('/');
    assert_eq!(rig.parts.reach.present().as_deref(), Some(base));
    assert!(are_all_at(&rig, base));
    for mailbox in rig.mailboxes().await {
        let known = rig.parts.store.subscriptions_list(mailbox.id).await;
        for row in known.expect("the database answers") {
            assert_eq!(row.public_url, base);
        }
    }
    rig.stop().await;
}
