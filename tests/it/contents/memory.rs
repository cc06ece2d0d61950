//! The largest content passes through in bounded memory, down and up, byte for byte.

use std::process::Stdio;

use aws_lc_rs::digest::{Context, SHA256, digest};
use bytes::Bytes;
use futures_util::StreamExt;
use graph_mirror::model::blob::LARGEST;
use graph_mirror::model::ids::{ApiKeyId, GraphId, Owner};
use graph_mirror::model::mail::StoredAttachment;
use graph_mirror::model::time::{Clock, SystemClock};
use graph_mirror::sandbox::attach::{AttachmentOrder, seeded_bytes};
use graph_mirror::sandbox::{Options, Sandbox};
use graph_mirror::secrets::{api_key_generate, hash};
use graph_mirror::store::ApiKey;
use secrecy::ExposeSecret;

use super::scene::content_path;
use crate::app::processes::{Process, connect, free_port, program, store_in, until, with_settings};

/// What the process may take more than it did before, at its peak.
const MORE: u64 = 32 << 20;

/// The most memory that a process has had, in bytes.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id()));
    let status = status.expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.expect("it has a peak").trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().expect("a number") << 10
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_attachment_goes_down_and_up_in_bounded_memory() {
    let size = usize::try_from(LARGEST).expect("it fits");
    let sandbox = Sandbox::start(Options {
        mailboxes: 1,
        messages: Some(8),
        ..Options::default()
    })
    .await
    .expect("the sandbox starts");
    let user = sandbox.settings().users[0].clone();
    let control = sandbox.settings().control_url.clone();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let mut serve = program();
    serve
        .arg("serve")
        .env("PUBLIC_URL", format!("http://127.0.0.1:{port}"));
    with_settings(&mut serve, folder.path(), port, &control);
    let serve = serve.stdout(Stdio::null()).stderr(Stdio::null());
    let service = Process(serve.spawn().expect("the program starts"));
    let http = reqwest::Client::builder().build().expect("a client");
    let ready = format!("http://127.0.0.1:{port}/readyz");
    until("the service", async || {
        let answer = http.get(&ready).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    connect(&user.address, folder.path(), port, &control).await;
    let store = store_in(folder.path()).await;
    let mut mailbox = None;
    until("the copy", async || {
        mailbox = store.mailboxes_list(None).await.expect("it answers").pop();
        mailbox.as_ref().is_some_and(|mailbox| mailbox.backfilled_at.is_some())
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
    let base = format!("http://127.0.0.1:{port}/api/v1/mailboxes/{mailbox}");
    let attached = async |message: &GraphId, size: usize| -> StoredAttachment {
        let order = AttachmentOrder {
            size,
            seed: 7,
            ..AttachmentOrder::default()
        };
        let world = sandbox.world();
        world.attach(&user.id, message.as_str(), &order).expect("it is attached");
        let mut found = None;
        until("the attachment", async || {
            let all = store.attachments_stored(mailbox, message).await.expect("it answers");
            found = all.into_iter().find(|one| one.attachment.size >= i64::try_from(size).unwrap());
            found.is_some()
        })
        .await;
        found.expect("it is listed")
    };
    // Digest and length of what an attachment's address gives.
    let down = async |message: &GraphId, attachment: &StoredAttachment| -> (String, usize) {
        let address = format!("{base}{}", content_path(message, attachment));
        let request = http.get(address).bearer_auth(secret.expose_secret());
        let answer = request.send().await.expect("the service answers");
        assert_eq!(answer.status(), 200);
        let (mut hash, mut length) = (Context::new(&SHA256), 0);
        let mut bytes = answer.bytes_stream();
        while let Some(chunk) = bytes.next().await {
            let chunk: Bytes = chunk.expect("it goes on");
            hash.update(&chunk);
            length += chunk.len();
        }
        (hex(hash.finish()), length)
    };
    let page = store.messages_page(mailbox, None, 100).await.expect("it answers");
    let mut plain = page
        .into_iter()
        .map(|one| one.message)
        .filter(|message| !message.has_attachments && message.item_type == "message")
        .map(|message| message.external_id);
    let (small, large) = (plain.next().expect("one"), plain.next().expect("another"));
    let warm = attached(&small, 100_000).await;
    assert_eq!(down(&small, &warm).await.1, 100_000);
    let before = peak(&service);

    let bytes = seeded_bytes(7, size);
    let wanted = hex(digest(&SHA256, &bytes));
    let attachment = attached(&large, size).await;
    let got = down(&large, &attachment).await;
    let pieces: Vec<Result<Bytes, std::io::Error>> = (0..size)
        .step_by(1 << 20)
        .map(|from| Ok(bytes.slice(from..size.min(from + (1 << 20)))))
        .collect();
    let sent = http
        .post(format!("{base}/uploads?name=large.bin"))
        .bearer_auth(secret.expose_secret())
        .body(reqwest::Body::wrap_stream(futures_util::stream::iter(pieces)))
        .send()
        .await
        .expect("the service answers");
    assert_eq!(sent.status(), 201);
    let sent: serde_json::Value = sent.json().await.expect("JSON");
    let more = peak(&service) - before;

    assert_eq!(got, (wanted.clone(), size));
    assert_eq!(sent["digest"], wanted);
    assert_eq!(store.blobs_sum().await.expect("it answers").0, 2, "one content, once");
    println!("the peak grew by {} kB, from {} kB", more >> 10, before >> 10);
    assert!(more < MORE, "the peak grew by {more} bytes");
}
