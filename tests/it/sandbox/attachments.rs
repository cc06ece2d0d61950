//! Attachments, read and written (S22, S30).

use serde_json::json;

use super::client::segment;
use super::mail_scene::{IMMUTABLE, id, path, seeded, values};

#[tokio::test]
async fn s22_mail_with_nothing_but_inline_attachments_has_none() {
    let client = seeded().await;
    let (all, _) = client
        .walk(
            "/me/messages?$top=200&$expand=attachments($select=id,name,isInline)",
            IMMUTABLE,
        )
        .await;

    let mut inline_only = 0;
    for message in &all {
        let attachments = message["attachments"].as_array().unwrap();
        let real = attachments
            .iter()
            .any(|attachment| attachment["isInline"] == false);
        assert_eq!(message["hasAttachments"], real);
        if !real && !attachments.is_empty() {
            inline_only += 1;
            assert!(
                message["body"]["content"]
                    .as_str()
                    .unwrap()
                    .contains("cid:")
            );
        }
    }
    assert!(inline_only > 0);
}

#[tokio::test]
async fn s30_one_attachment_cannot_be_opened_and_the_others_can() {
    let client = seeded().await;
    let (all, _) = client
        .walk(
            "/me/messages?$top=200&$expand=attachments($select=name)",
            IMMUTABLE,
        )
        .await;
    let mut codes = std::collections::BTreeMap::new();
    for message in all {
        for attachment in message["attachments"].as_array().unwrap() {
            let base = format!("{}/attachments/{}", path(&message), segment(id(attachment)));
            let answer = client.get(&format!("{base}/$value")).await;
            let code = if answer.status == 200 {
                "read".to_owned()
            } else {
                answer.refusal().1
            };
            *codes.entry(code).or_insert(0) += 1;
        }
    }

    assert_eq!(codes["ErrorCannotOpenFileAttachment"], 1);
    // F8.3: a link has no bytes.
    assert_eq!(codes["Request_BadRequest"], 1);
    assert!(codes["read"] > 3);
}

#[tokio::test]
async fn attachments_list_with_their_bytes_or_without() {
    // F8.2
    let client = seeded().await;
    let draft = client
        .post("/me/messages", json!({"subject": "with a file"}))
        .await
        .ok();
    let file = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "a.txt", "contentType": "text/plain", "contentBytes": "aGVsbG8=",
    });

    let added = client
        .post(&format!("{}/attachments", path(&draft)), file)
        .await;
    assert_eq!(added.status, 201);
    let whole = client
        .get(&format!("{}/attachments", path(&draft)))
        .await
        .ok();
    let bare = client
        .get(&format!(
            "{}/attachments?$select=id,name,contentType,size,isInline",
            path(&draft)
        ))
        .await
        .ok();

    assert_eq!(values(&whole)[0]["contentBytes"], "aGVsbG8=");
    assert!(values(&bare)[0].get("contentBytes").is_none());
    assert_eq!(values(&bare)[0]["name"], "a.txt");
    let cast = client
        .get(&format!("{}/attachments?$select=contentId", path(&draft)))
        .await;
    assert_eq!(cast.status, 400);
    assert_eq!(client.get(&path(&draft)).await.ok()["hasAttachments"], true);
    let one = format!("{}/attachments/{}", path(&draft), segment(id(&added.ok())));
    assert_eq!(client.get(&format!("{one}/$value")).await.text, "hello");
    assert_eq!(client.delete(&one).await.status, 204);
    assert_eq!(
        client.get(&path(&draft)).await.ok()["hasAttachments"],
        false
    );
}
