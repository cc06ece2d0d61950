//! Attachments that are not just files: messages in messages, links, and what cannot be opened.

use aws_lc_rs::digest::{SHA256, digest};
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::mail::ContentState;
use graph_mirror::sandbox::attach::{AttachmentOrder, seeded_bytes};
use graph_mirror::store::Backend;
use serde_json::Value;

use super::scene::{Scene, content_path, path};

#[tokio::test]
async fn messages_in_messages_are_unpacked_and_nothing_unreadable_fails_anything() {
    let scene = Scene::open(Backend::Sqlite, 8, &[]).await;
    let plain = plain_message(&scene).await;
    let user = scene.rig.sandbox.settings().users[0].id.clone();
    let attach = |order: AttachmentOrder| {
        let world = scene.rig.sandbox.world();
        world.attach(&user, plain.as_str(), &order).expect("it is attached");
    };
    attach(AttachmentOrder {
        name: Some("deep.bin".to_owned()),
        size: 3_000,
        seed: 5,
        nested: 3,
        ..AttachmentOrder::default()
    });
    attach(AttachmentOrder {
        name: Some("link".to_owned()),
        url: Some("https://files.example/x".to_owned()),
        ..AttachmentOrder::default()
    });
    attach(AttachmentOrder {
        name: Some("broken.bin".to_owned()),
        size: 100,
        unreadable: true,
        ..AttachmentOrder::default()
    });
    // Graph tells of attachments only that there are some: a poll of a changed message lists them again.
    let all = scene.attachments(&plain, 3).await;
    let named = |kind: &str, name: &str| {
        let mut found = all.iter().filter(|one| one.attachment.kind == kind);
        let found = match name {
            "" => found.next(),
            _ => found.find(|one| one.attachment.name.as_deref() == Some(name)),
        };
        found.expect("it is listed").clone()
    };
    let (item, link) = (named("item", ""), named("reference", "link"));
    let broken = named("file", "broken.bin");
    assert_eq!(link.state, ContentState::Reference);

    let mime = scene.get(&content_path(&plain, &item), &[]).await;
    let refused = [
        scene.get(&content_path(&plain, &link), &[]).await,
        scene.get(&content_path(&plain, &broken), &[]).await,
    ];

    assert_eq!(mime.status, 200, "{}", mime.text());
    assert_eq!(mime.header("content-type"), "message/rfc822");
    for answer in refused {
        assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("content_unavailable")));
    }
    let list = scene.get(&format!("{}/attachments", path(&plain)), &[]).await.json();
    let list = list["attachments"].as_array().expect("a list");
    let by_kind = |kind: &str| list.iter().find(|one| one["kind"] == kind).expect("it is listed");
    let mut inside: &Value = by_kind("item");
    let mut levels = 0;
    while inside["kind"] == "item" {
        assert_eq!(inside["content_state"], "stored", "{inside}");
        inside = &inside["parts"][0];
        levels += 1;
    }
    assert_eq!((levels, inside["name"].as_str()), (3, Some("deep.bin")));
    let wanted = digest(&SHA256, &seeded_bytes(5, 3_000));
    let wanted: String = wanted.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(inside["digest"], wanted);
    let id = inside["id"].as_str().expect("an id");
    let deep = scene.get(&format!("{}/attachments/{id}/content", path(&plain)), &[]).await;
    assert_eq!(&deep.body[..], &seeded_bytes(5, 3_000)[..]);
    let unreadable = list.iter().find(|one| one["name"] == "broken.bin").expect("it is listed");
    assert_eq!(unreadable["content_state"], "unreadable");

    // Bytes that are lost are fetched again, also those that come only with the whole item.
    for file in scene.files() {
        std::fs::remove_file(file).expect("it goes");
    }
    let again = scene.get(&format!("{}/attachments/{id}/content", path(&plain)), &[]).await;
    assert_eq!(&again.body[..], &seeded_bytes(5, 3_000)[..]);
    scene.rig.stop().await;
}

/// A received message without attachments.
async fn plain_message(scene: &Scene) -> GraphId {
    let store = &scene.rig.parts.store;
    let page = store.messages_page(scene.mailbox, None, 100).await.expect("it answers");
    let plain = page.into_iter().map(|one| one.message).find(|message| {
        !message.has_attachments && !message.is_draft && message.item_type == "message"
    });
    plain.expect("there is one").external_id
}
