//! What a message holds is served whole, and fetched when it is first read.

use graph_mirror::model::ids::GraphId;
use graph_mirror::model::mail::ContentState;
use graph_mirror::store::Backend;
use serde_json::json;

use super::scene::{Scene, content_path, path};

const BODY: &str = "<p onclick=x()>Hi <b>there</b></p><script>x()</script><img src=\"cid:logo\">\
    <img src=\"https://tracker.example/p.gif\">";

/// A picture's beginning, in base64.
const PICTURE: &str = "iVBORw0KGgo=";

#[tokio::test]
async fn a_message_is_served_with_its_parts_and_nothing_in_it_acts() {
    let scene = Scene::open(Backend::Sqlite, 5, &[]).await;
    let draft = json!({
        "subject": "with our logo",
        "body": { "contentType": "html", "content": BODY },
        "attachments": [
            { "@odata.type": "#microsoft.graph.fileAttachment", "name": "logo.png", "contentType": "image/png",
              "contentBytes": PICTURE, "isInline": true, "contentId": "logo" },
            { "@odata.type": "#microsoft.graph.fileAttachment", "name": "../a\u{202e}b.html", "contentType": "text/html",
              "contentBytes": "PGI+aGk8L2I+" },
        ],
    });
    let made = scene.act("POST", "/messages", Some(draft)).await;
    let message = GraphId::from(made["id"].as_str().expect("an id"));
    let attachments = scene.attachments(&message, 2).await;
    let named = |kind: &str| {
        let found = attachments
            .iter()
            .find(|one| one.attachment.content_type.as_deref() == Some(kind));
        found.expect("it is listed")
    };
    let (logo, page) = (named("image/png"), named("text/html"));
    assert_eq!(logo.state, ContentState::Unfetched);
    assert_eq!(scene.files().len(), 0, "nobody has read anything");

    let whole = scene.get(&content_path(&message, logo), &[]).await;
    let active = scene.get(&content_path(&message, page), &[]).await;

    assert_eq!(whole.status, 200, "{}", whole.text());
    assert_eq!(&whole.body[..], b"\x89PNG\r\n\x1a\n");
    assert_eq!(whole.header("content-type"), "image/png");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(&active.body[..], b"<b>hi</b>");
    assert_eq!(active.header("content-type"), "application/octet-stream");
    assert!(
        active
            .header("content-disposition")
            .starts_with("attachment; filename=\"ab.html\"")
    );
    let declared = format!("{}?type=declared", content_path(&message, page));
    assert_eq!(
        scene.get(&declared, &[]).await.header("content-type"),
        "text/html"
    );
    for one in scene.stored(&message).await {
        assert_eq!(one.state, ContentState::Stored);
    }
    assert_eq!(scene.files().len(), 2);

    ranges(&scene, &content_path(&message, logo)).await;
    bodies(&scene, &message).await;
    lists(&scene, &message).await;
    scene.rig.stop().await;
}

/// Content is given in part, and not again to whoever has it.
async fn ranges(scene: &Scene, address: &str) {
    let whole = scene.get(address, &[]).await;
    let tag = whole.header("etag").to_owned();
    let known = scene.get(address, &[("If-None-Match", &tag)]).await;
    let part = scene.get(address, &[("Range", "bytes=1-3")]).await;
    let beyond = scene.get(address, &[("Range", "bytes=8-")]).await;
    let other = [("Range", "bytes=1-3"), ("If-Range", "\"other\"")];
    assert_eq!(known.status, 304);
    assert_eq!((part.status, &part.body[..]), (206, &b"PNG"[..]));
    assert_eq!(part.header("content-range"), "bytes 1-3/8");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, "bytes */8")
    );
    assert_eq!(scene.get(address, &other).await.status, 200);
}

/// The body is shown in three forms, and as a page.
async fn bodies(scene: &Scene, message: &GraphId) {
    let shown = scene.get(&path(message), &[]).await.json();
    let page = scene.get(&format!("{}/html", path(message)), &[]).await;
    let html = shown["body"]["html"].as_str().expect("it is HTML");
    for html in [html, &page.text()] {
        for harm in ["script", "onclick", "tracker", "cid:"] {
            assert!(!html.contains(harm), "{html}");
        }
        let from = format!("/api/v1/mailboxes/{}/messages/", scene.mailbox);
        assert!(html.contains(&format!("<img src=\"{from}")), "{html}");
    }
    assert_eq!(shown["subject"], "with our logo");
    assert!(
        shown["body"]["raw"]
            .as_str()
            .expect("it is kept")
            .contains("<script>")
    );
    assert!(
        shown["body"]["text"]
            .as_str()
            .expect("there is text")
            .starts_with("Hi there")
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
}

/// What is there is listed, and what is not is a problem of its own.
async fn lists(scene: &Scene, message: &GraphId) {
    let list = scene
        .get(&format!("{}/attachments", path(message)), &[])
        .await
        .json();
    let list = list["attachments"].as_array().expect("a list");
    assert_eq!(list.len(), 2);
    assert!(list.iter().any(|one| one["name"] == "ab.html"));
    for missing in [
        "/messages/none",
        "/messages/none/mime",
        "/messages/none/attachments",
    ] {
        let refused = scene.get(missing, &[]).await.json();
        assert_eq!(refused["code"], "message_not_found");
    }
    let none = scene
        .get(&format!("{}/attachments/none", path(message)), &[])
        .await;
    assert_eq!(none.json()["code"], "attachment_not_found");
}
