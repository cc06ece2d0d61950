//! The largest content passes through in bounded memory, down, up and out as a file of a letter, byte for byte.

use std::process::Stdio;

use bytes::Bytes;
use futures_util::StreamExt;
use graph_mirror::model::blob::LARGEST;
use graph_mirror::model::ids::{ApiKeyId, GraphId, MailboxId, Owner};
use graph_mirror::model::mail::StoredAttachment;
use graph_mirror::model::time::{Clock, SystemClock};
use graph_mirror::sandbox::attach::{AttachmentOrder, seeded_bytes};
use graph_mirror::sandbox::{Options, Sandbox};
use graph_mirror::secrets::{api_key_generate, hash};
use graph_mirror::store::{ApiKey, Store};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::scene::{content_path, sha256};
use crate::app::processes::{
    Process, connect_with, free_port, program, store_in, until, with_settings,
};

/// What the process may take more than it did before, at its peak.
const MORE: u64 = 32 << 20;

/// A service in a process of its own, with a mailbox that is copied.
struct Scene {
    sandbox: Sandbox,
    service: Process,
    store: Store,
    mailbox: MailboxId,
    base: String,
    key: String,
    http: reqwest::Client,
    _folder: TempDir,
}

impl Scene {
    async fn open() -> Self {
        let sandbox = Sandbox::start(Options {
            mailboxes: 1,
            messages: Some(8),
            ..Options::default()
        })
        .await
        .expect("the sandbox starts");
        // Graph counts what is sent to it in five minutes: with the letter around it the largest file is more than that.
        let knobs = json!({"upload_bytes": 2 * LARGEST});
        sandbox.world().turn_knobs(&knobs).expect("it exists");
        let control = sandbox.settings().control_url.clone();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let writing = || {
            let mut command = program();
            command.env("MICROSOFT_WRITE_SCOPES", "Mail.ReadWrite,Mail.Send");
            command
        };
        let mut serve = writing();
        let url = format!("http://127.0.0.1:{port}");
        serve.arg("serve").env("PUBLIC_URL", &url);
        with_settings(&mut serve, folder.path(), port, &control);
        let serve = serve.stdout(Stdio::null()).stderr(Stdio::null());
        let service = Process(serve.spawn().expect("the program starts"));
        let http = reqwest::Client::builder().build().expect("a client");
        until("the service", async || {
            let answer = http.get(format!("{url}/readyz")).send().await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        let address = sandbox.settings().users[0].address.clone();
        connect_with(writing(), &address, folder.path(), port, &control).await;
        let store = store_in(folder.path()).await;
        let mut mailbox = None;
        until("the copy", async || {
            let mailboxes = store.mailboxes_list(None).await;
            mailbox = mailboxes.expect("it answers").pop();
            let copied = mailbox.as_ref().map(|mailbox| mailbox.backfilled_at);
            copied.flatten().is_some()
        })
        .await;
        let mailbox = mailbox.expect("it is connected").id;
        let secret = api_key_generate();
        let key = ApiKey {
            id: ApiKeyId::generate(),
            owner: Owner::from("test"),
            key_hash: hash(secret.expose_secret()),
            label: None,
            created_at: SystemClock.now(),
            revoked_at: None,
        };
        store.api_key_add(&key).await.expect("the key is kept");
        Self {
            base: format!("{url}/api/v1/mailboxes/{mailbox}"),
            key: secret.expose_secret().to_owned(),
            sandbox,
            service,
            store,
            mailbox,
            http,
            _folder: folder,
        }
    }

    /// Received messages that have no attachments.
    async fn plain(&self) -> Vec<GraphId> {
        let page = self.store.messages_page(self.mailbox, None, 100).await;
        let messages = page.expect("it answers").into_iter().map(|one| one.message);
        messages
            .filter(|message| !message.has_attachments && message.item_type == "message")
            .map(|message| message.external_id)
            .collect()
    }

    /// Gives a message an attachment, and waits until it is listed.
    async fn attach(&self, message: &GraphId, size: usize) -> StoredAttachment {
        let order = AttachmentOrder {
            size,
            seed: 7,
            ..AttachmentOrder::default()
        };
        let user = &self.sandbox.settings().users[0].id;
        let world = self.sandbox.world();
        let attached = world.attach(user, message.as_str(), &order);
        attached.expect("it is attached");
        let mut found = None;
        until("the attachment", async || {
            let all = self.store.attachments_stored(self.mailbox, message).await;
            found = all.expect("it answers").pop();
            found.is_some()
        })
        .await;
        found.expect("it is listed")
    }

    /// What an attachment's address gives: its digest, and how many bytes there are.
    async fn down(&self, message: &GraphId, attachment: &StoredAttachment) -> (String, usize) {
        let address = format!("{}{}", self.base, content_path(message, attachment));
        let request = self.http.get(address).bearer_auth(&self.key);
        let answer = request.send().await.expect("the service answers");
        assert_eq!(answer.status(), 200);
        let mut whole = Vec::new();
        let mut bytes = answer.bytes_stream();
        while let Some(chunk) = bytes.next().await {
            whole.extend_from_slice(&chunk.expect("it goes on"));
        }
        (sha256(&whole), whole.len())
    }

    /// Sends bytes piece by piece to be attached to something; what the service says of them.
    async fn up(&self, bytes: &Bytes) -> Value {
        let size = bytes.len();
        let pieces: Vec<Result<Bytes, std::io::Error>> = (0..size)
            .step_by(1 << 20)
            .map(|from| Ok(bytes.slice(from..size.min(from + (1 << 20)))))
            .collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let request = self
            .http
            .post(format!("{}/uploads?name=large.bin", self.base))
            .bearer_auth(&self.key)
            .body(body);
        let answer = request.send().await.expect("the service answers");
        assert_eq!(answer.status(), 201);
        answer.json().await.expect("it is JSON")
    }

    /// Sends the mailbox's own person a letter with what was uploaded, and waits until it is told to have gone.
    async fn send(&self, upload: &Value) {
        let letter = json!({
            "subject": "Large", "to": [{"address": self.sandbox.settings().users[0].address}],
            "attachments": [{"upload_id": upload["upload_id"]}],
        });
        let request = self.http.post(format!("{}/messages?wait=60", self.base));
        let request = request.bearer_auth(&self.key).body(letter.to_string());
        let answer = request.send().await.expect("the service answers");
        let told: Value = answer.json().await.expect("it is JSON");
        let command = told["command_id"].as_str().unwrap_or_default().to_owned();
        assert!(!command.is_empty(), "{told}");
        let place = format!("{}/commands/{command}", self.base);
        until("the letter's end", async || {
            let request = self.http.get(&place).bearer_auth(&self.key).send().await;
            let told: Value = request.expect("it answers").json().await.expect("JSON");
            assert_ne!(told["status"], "failed", "{told}");
            told["status"] == "done"
        })
        .await;
    }

    /// What came to the recipient's inbox with the letter, by Graph: its digest, and how many bytes there are.
    async fn received(&self) -> (String, usize) {
        let user = &self.sandbox.settings().users[0].address;
        let token = self
            .sandbox
            .world()
            .issue_token(Some(user), &["Mail.ReadWrite"]);
        let token = token.expect("a token");
        let base = format!("{}/v1.0/me", self.sandbox.settings().graph_base_url);
        let get = async |path: String| {
            let request = self.http.get(format!("{base}{path}")).bearer_auth(&token);
            let answer = request.send().await.expect("the sandbox answers");
            answer.bytes().await.expect("it goes on")
        };
        let list = async |path: String| {
            let page: Value = serde_json::from_slice(&get(path).await).expect("it is JSON");
            page["value"].as_array().expect("a page").clone()
        };
        let id = |item: &Value| {
            let id = item["id"].as_str().expect("an id");
            url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>()
        };
        let mut letter = None;
        until("the letter's arrival", async || {
            let inbox = list("/mailFolders/inbox/messages?$top=100".to_owned()).await;
            letter = inbox.into_iter().find(|one| one["subject"] == "Large");
            letter.is_some()
        })
        .await;
        let letter = format!("/messages/{}", id(&letter.expect("it is there")));
        let files = list(format!("{letter}/attachments?$select=id")).await;
        assert_eq!(files.len(), 1);
        let file = get(format!("{letter}/attachments/{}/$value", id(&files[0]))).await;
        (sha256(&file), file.len())
    }

    /// Has the kernel forget the service's peak so far: from here on it is what the process has now.
    fn forget_peak(&self) {
        let file = format!("/proc/{}/clear_refs", self.service.0.id());
        std::fs::write(file, "5").expect("the process is ours");
    }

    /// The most memory that the service has had, in bytes.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.service.0.id()));
        let status = status.expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.expect("it has a peak").trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().expect("a number") << 10
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_attachment_goes_down_and_up_and_out_in_bounded_memory() {
    let size = usize::try_from(LARGEST).expect("it fits");
    let scene = Scene::open().await;
    let plain = scene.plain().await;
    let small = scene.attach(&plain[0], 100_000).await;
    assert_eq!(scene.down(&plain[0], &small).await.1, 100_000);
    scene.forget_peak();
    let before = scene.peak();

    let bytes = seeded_bytes(7, size);
    let large = scene.attach(&plain[1], size).await;
    let down = scene.down(&plain[1], &large).await;
    let up = scene.up(&bytes).await;
    scene.send(&up).await;
    let received = scene.received().await;
    let more = scene.peak() - before;

    let wanted = sha256(&bytes);
    assert_eq!(down, (wanted.clone(), size));
    assert_eq!(up["digest"], wanted);
    assert_eq!(received, (wanted, size));
    let kept = scene.store.blobs_sum().await.expect("it answers");
    assert_eq!(kept.0, 2, "one content is kept once");
    assert!(more < MORE, "from {before} bytes the peak grew by {more}");
}
