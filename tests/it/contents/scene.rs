//! The service with a sandbox, a mailbox that is copied, and a caller.

use std::path::PathBuf;

use axum::http::header;
use bytes::Bytes;
use graph_mirror::model::blob::Digest;
use graph_mirror::model::ids::{ApiKeyId, GraphId, MailboxId};
use graph_mirror::model::mail::StoredAttachment;
use graph_mirror::model::time::Clock;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::world::UserId;
use graph_mirror::secrets::{api_key_generate, hash};
use graph_mirror::store::{ApiKey, Backend};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::rig::Rig;

/// The service, running.
pub struct Scene {
    pub rig: Rig,
    pub mailbox: MailboxId,
    http: reqwest::Client,
    key: String,
    folder: TempDir,
}

/// What it answered.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("a header is text"))
    }
}

impl Scene {
    /// A mailbox with so many messages, copied.
    pub async fn open(backend: Backend, messages: usize, settings: &[(&str, &str)]) -> Self {
        let options = Options {
            mailboxes: 1,
            messages: Some(messages),
            ..Options::default()
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blobs = folder.path().join("blobs").display().to_string();
        let mut told = vec![("BLOBS_URL", blobs.as_str())];
        told.extend(settings);
        let rig = Rig::start(backend, options, json!({}), &told).await;
        rig.connect().await;
        rig.copied().await;
        let mailbox = rig.mailboxes().await[0].clone();
        let secret = api_key_generate();
        let key = ApiKey {
            id: ApiKeyId::generate(),
            owner: mailbox.owner.clone(),
            key_hash: hash(secret.expose_secret()),
            label: None,
            created_at: rig.clock.now(),
            revoked_at: None,
        };
        rig.parts
            .store
            .api_key_add(&key)
            .await
            .expect("the key is kept");
        Self {
            rig,
            mailbox: mailbox.id,
            http: reqwest::Client::builder().build().expect("a client"),
            key: secret.expose_secret().to_owned(),
            folder,
        }
    }

    /// Asks the service; `path` begins below the mailbox.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let address = self
            .rig
            .address(&format!("/api/v1/mailboxes/{}{path}", self.mailbox));
        let mut request = self.http.get(address).header(
            header::AUTHORIZATION.as_str(),
            format!("Bearer {}", self.key),
        );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("the service answers");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.expect("the answer ends"),
        }
    }

    /// Does something in the mailbox as its person would.
    pub async fn act(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let user = &self.rig.sandbox.settings().users[0];
        let token = {
            let mut state = self.rig.sandbox.world().lock();
            let now = state.now();
            let scopes = ["Mail.ReadWrite", "Mail.Send"];
            let user = UserId(user.id.clone());
            state.identity.issue(Some(user), &scopes, now)
        };
        let base = &self.rig.sandbox.settings().graph_base_url;
        let mut request = self
            .http
            .request(
                method.parse().expect("a method"),
                format!("{base}/v1.0/me{path}"),
            )
            .header("Prefer", "IdType=\"ImmutableId\"")
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the sandbox answers");
        let status = response.status();
        let text = response.text().await.expect("the answer ends");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The attachments of a message, once there are so many.
    pub async fn attachments(&self, message: &GraphId, count: usize) -> Vec<StoredAttachment> {
        let mut found = Vec::new();
        self.rig
            .until("the attachments", async || {
                found = self.stored(message).await;
                found.len() >= count
            })
            .await;
        found
    }

    pub async fn stored(&self, message: &GraphId) -> Vec<StoredAttachment> {
        let store = &self.rig.parts.store;
        let stored = store.attachments_stored(self.mailbox, message).await;
        stored.expect("the database answers")
    }

    /// Every message that is mirrored.
    pub async fn messages(&self) -> Vec<GraphId> {
        let store = &self.rig.parts.store;
        let page = store.messages_page(self.mailbox, None, 1_000).await;
        let page = page.expect("the database answers");
        page.into_iter()
            .map(|one| one.message.external_id)
            .collect()
    }

    /// Files that hold contents.
    pub fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    walk(&path, found);
                } else {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        found
    }
}

/// The path of a message below its mailbox.
pub fn path(message: &GraphId) -> String {
    let escaped =
        percent_encoding::utf8_percent_encode(message.as_str(), percent_encoding::NON_ALPHANUMERIC);
    format!("/messages/{escaped}")
}

/// The path of an attachment's content.
pub fn content_path(message: &GraphId, attachment: &StoredAttachment) -> String {
    content_path_of(message, attachment.attachment.external_id.as_str())
}

/// The same by the attachment's id.
pub fn content_path_of(message: &GraphId, id: &str) -> String {
    let escaped = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
    format!("{}/attachments/{escaped}/content", path(message))
}

/// The digest of some bytes as the service writes it.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let digest = digest.as_ref().try_into().expect("it has 32 bytes");
    Digest::new(digest).to_string()
}
