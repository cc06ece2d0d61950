//! A poster as Graph is one: the router under test, and items as Graph writes them.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::TimeDelta;
use graph_mirror::model::ids::{GraphId, MailboxId, Owner, SubscriptionKey};
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::model::work::{Notice, Subscription, SubscriptionScope, SubscriptionState};
use graph_mirror::notifications::router;
use graph_mirror::secrets::{Keyring, Signer};
use graph_mirror::store::{NewMailbox, Priority, Store};
use serde_json::{Value, json};
use tower::ServiceExt;

pub const NOTIFICATIONS: &str = "/webhooks/microsoft/notifications";
pub const LIFECYCLE: &str = "/webhooks/microsoft/lifecycle";

/// The router before a store, with a mailbox that is subscribed.
pub struct Scene {
    pub store: Store,
    pub clock: ManualClock,
    pub signer: Signer,
    pub router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Scene {
    pub fn new(store: &Store, clock: &ManualClock) -> Self {
        let signer = Signer::new(&Keyring::generate());
        let router = router(store.clone(), signer.clone(), Arc::new(clock.clone()));
        Self {
            store: store.clone(),
            clock: clock.clone(),
            signer,
            router,
        }
    }

    pub async fn connect(&self, user: &str) -> MailboxId {
        let new = NewMailbox {
            owner: Owner::from("office"),
            user_id: GraphId::from(user),
            tenant_id: None,
            address: format!("{user}@example.org"),
            display_name: None,
        };
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        let (mailbox, _) = tx
            .mailbox_connect(&new, self.clock.now())
            .await
            .expect("it is connected");
        tx.commit().await.expect("it is committed");
        mailbox
    }

    /// An active subscription that was made an hour ago.
    pub async fn subscribe(&self, mailbox: MailboxId, scope: SubscriptionScope) -> Subscription {
        let now = self.clock.now();
        let row = Subscription {
            key: SubscriptionKey::generate(),
            mailbox,
            scope,
            state: SubscriptionState::Active,
            graph_id: Some("7f105c7d-2dc5-4530-97cd-4e7ae6534c07".to_owned()),
            public_url: "https://mirror.example".to_owned(),
            expires_at: Some(now + TimeDelta::days(7)),
            renew_at: Some(now + TimeDelta::days(3)),
            not_before: None,
            failures: 0,
            created_at: now - TimeDelta::hours(1),
            touched_at: Some(now - TimeDelta::hours(1)),
            doubted_at: None,
            client_state_key: None,
        };
        self.save(&row).await;
        row
    }

    pub async fn save(&self, row: &Subscription) {
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        tx.subscription_save(row).await.expect("it is saved");
        tx.commit().await.expect("it is committed");
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(body.into())
            .expect("a request");
        self.send(request).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.expect("a small body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("text"),
        }
    }

    /// Posts items, as Graph does.
    pub async fn deliver(&self, items: &[Value]) -> Answer {
        let body = json!({ "value": items }).to_string();
        self.post(NOTIFICATIONS, body).await
    }

    pub fn change(&self, key: SubscriptionKey, change_type: &str, id: &str) -> Value {
        json!({
            "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
            "subscriptionExpirationDateTime": "2026-01-22T11:00:00Z",
            "clientState": self.signer.client_state(key),
            "changeType": change_type,
            "resource": format!("Users/5f2a/Messages/{id}"),
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Message",
                "@odata.id": format!("Users/5f2a/Messages/{id}"),
                "@odata.etag": "W/\"CQAAABYAAADkrWGo\"",
                "id": id,
            },
            "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        })
    }

    pub fn lifecycle(&self, key: SubscriptionKey, event: &str) -> Value {
        json!({
            "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
            "subscriptionExpirationDateTime": "2026-01-22T11:00:00Z",
            "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
            "clientState": self.signer.client_state(key),
            "lifecycleEvent": event,
        })
    }

    pub async fn due(&self, mailbox: MailboxId) -> Vec<Notice> {
        self.store
            .notices_due(mailbox, self.clock.now(), 10_000)
            .await
            .expect("the store answers")
    }

    pub async fn due_ids(&self, mailbox: MailboxId) -> Vec<String> {
        let due = self.due(mailbox).await;
        due.into_iter().map(|notice| notice.external_id.0).collect()
    }
}
