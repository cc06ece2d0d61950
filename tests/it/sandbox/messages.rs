//! Messages, read and written one at a time (S20 to S28).

use reqwest::Method;
use serde_json::{Value, json};

use super::mail_scene::{IMMUTABLE, find, id, path, seeded};

#[tokio::test]
async fn s20_select_limits_the_fields_and_some_come_only_when_selected() {
    let client = seeded().await;
    let own = client.person().address.clone();
    let whole = find(&client, |message| {
        let from = message["from"]["emailAddress"]["address"].as_str();
        let is_plain = message.get("@odata.type").is_none();
        is_plain && from.is_some_and(|from| from != own)
    })
    .await;

    let some = client
        .get(&format!("{}?$select=subject,isRead", path(&whole)))
        .await
        .ok();
    let mut keys: Vec<_> = some
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["@odata.context", "@odata.etag", "id", "isRead", "subject"]
    );
    assert!(whole.get("uniqueBody").is_none() && whole.get("internetMessageHeaders").is_none());

    let rare = client
        .get(&format!(
            "{}?$select=uniqueBody,internetMessageHeaders",
            path(&whole)
        ))
        .await
        .ok();
    assert!(rare["uniqueBody"]["content"].is_string());
    let headers = rare["internetMessageHeaders"].as_array().unwrap();
    assert!(headers.iter().any(|header| {
        header["name"] == "Received" && header["value"].as_str().unwrap().starts_with("from ")
    }));
    assert!(rare.get("subject").is_none() && rare.get("body").is_none());
    let unknown = client
        .get(&format!("{}?$select=nonsense", path(&whole)))
        .await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn s20_a_message_has_the_whole_property_set() {
    // F5.1
    let client = seeded().await;
    let message = find(&client, |message| message["isDraft"] == false).await;

    for name in [
        "@odata.etag",
        "id",
        "createdDateTime",
        "lastModifiedDateTime",
        "changeKey",
        "categories",
        "receivedDateTime",
        "sentDateTime",
        "hasAttachments",
        "internetMessageId",
        "subject",
        "bodyPreview",
        "importance",
        "parentFolderId",
        "conversationId",
        "conversationIndex",
        "isDeliveryReceiptRequested",
        "isReadReceiptRequested",
        "isRead",
        "isDraft",
        "webLink",
        "inferenceClassification",
        "body",
        "sender",
        "from",
        "toRecipients",
        "ccRecipients",
        "bccRecipients",
        "replyTo",
        "flag",
    ] {
        assert!(message.get(name).is_some(), "{name} is missing");
    }
    let key = message["changeKey"].as_str().unwrap();
    assert_eq!(message["@odata.etag"], format!("W/\"{key}\""));
}

#[tokio::test]
async fn s21_the_body_is_html_unless_text_is_preferred() {
    // F5.6
    const TEXT: &str = "outlook.body-content-type=\"text\"";
    const HTML: &str = "outlook.body-content-type=\"html\"";
    let client = seeded().await;
    let plain = "1 < 2 & \"3\" > 2\r\nÄ";
    let draft = json!({"subject": "plain", "body": {"contentType": "text", "content": plain}});
    let draft = client.post("/me/messages", draft).await.ok();
    assert_eq!(draft["body"]["contentType"], "html");

    let (as_it_comes, _) = client.walk("/me/messages?$top=200", IMMUTABLE).await;
    let (as_html, _) = client
        .walk("/me/messages?$top=200", &format!("{IMMUTABLE}, {HTML}"))
        .await;
    let (as_text, _) = client
        .walk("/me/messages?$top=200", &format!("{IMMUTABLE}, {TEXT}"))
        .await;
    assert_eq!(as_it_comes, as_html);
    assert_eq!(as_it_comes.len(), as_text.len());
    for (html, text) in as_it_comes.iter().zip(&as_text) {
        assert_eq!(html["body"]["contentType"], "html");
        assert!(html["body"]["content"].as_str().unwrap().contains("<body"));
        assert_eq!(text["body"]["contentType"], "text");
        assert!(!text["body"]["content"].as_str().unwrap().contains("<p"));
        assert_eq!(html["bodyPreview"], text["bodyPreview"]);
    }

    let read = client.get(&path(&draft)).await;
    let html = read.ok()["body"]["content"].as_str().unwrap().to_owned();
    assert!(html.contains("1 &lt; 2 &amp; &quot;3&quot; &gt; 2"));
    assert_eq!(read.headers["preference-applied"], IMMUTABLE);
    let text = client.get_with(&path(&draft), TEXT).await;
    assert_eq!(text.ok()["body"]["content"], plain);
    assert_eq!(text.headers["preference-applied"], TEXT);
    let unique = format!("{}?$select=uniqueBody", path(&draft));
    assert_eq!(
        client.get(&unique).await.ok()["uniqueBody"]["contentType"],
        "html"
    );

    let truth = client.sandbox.world().truth(&client.person().id, None);
    let truth: Value = serde_json::from_str(&truth.unwrap()).unwrap();
    for message in truth["messages"].as_array().unwrap() {
        let shown = as_it_comes.iter().find(|one| one["id"] == message["id"]);
        assert_eq!(message["body"], shown.unwrap()["body"]);
    }
}

#[tokio::test]
async fn s23_reading_changes_the_version_and_leaves_the_time() {
    let client = seeded().await;
    let before = find(&client, |message| message["isRead"] == false).await;

    let after = client
        .patch(&path(&before), json!({"isRead": true}))
        .await
        .ok();
    assert_eq!(after["isRead"], true);
    assert_ne!(after["changeKey"], before["changeKey"]);
    assert_ne!(after["@odata.etag"], before["@odata.etag"]);
    assert_eq!(
        after["lastModifiedDateTime"],
        before["lastModifiedDateTime"]
    );

    let flagged = client
        .patch(
            &path(&before),
            json!({"flag": {"flagStatus": "flagged"}, "categories": ["A"]}),
        )
        .await
        .ok();
    assert_eq!(flagged["lastModifiedDateTime"], "2026-02-10T09:00:00Z");

    client.sandbox.world().lock().knobs.read_keeps_modified = false;
    client.clock.advance(std::time::Duration::from_mins(1));
    let unread = client
        .patch(&path(&before), json!({"isRead": false}))
        .await
        .ok();
    assert_eq!(unread["lastModifiedDateTime"], "2026-02-10T09:01:00Z");
}

#[tokio::test]
async fn s23_only_a_draft_lets_its_subject_be_changed() {
    // F5.14
    let client = seeded().await;
    let sent = find(&client, |message| message["isDraft"] == false).await;
    let draft = client
        .post("/me/messages", json!({"subject": "one"}))
        .await
        .ok();

    assert_eq!(
        client
            .patch(&path(&sent), json!({"subject": "two"}))
            .await
            .status,
        400
    );
    let changed = client
        .patch(&path(&draft), json!({"subject": "two"}))
        .await
        .ok();
    assert_eq!(changed["subject"], "two");
}

#[tokio::test]
async fn s24_both_ids_resolve_and_the_default_one_dies_with_a_move() {
    let client = seeded().await;
    let immutable = client
        .get("/me/mailFolders/inbox/messages?$top=1")
        .await
        .ok()["value"][0]
        .clone();
    let default = client
        .send(Method::GET, &path(&immutable), &[], None)
        .await
        .ok();
    assert_ne!(id(&default), id(&immutable));
    assert_eq!(
        client.get(&path(&default)).await.ok()["id"],
        immutable["id"]
    );

    let moved = client
        .post(
            &format!("{}/move", path(&default)),
            json!({"destinationId": "archive"}),
        )
        .await
        .ok();

    assert_eq!(moved["id"], immutable["id"]);
    let stale = client.get(&path(&default)).await;
    assert_eq!(stale.refusal(), (404, "ErrorItemNotFound".to_owned()));
    let fresh = client
        .send(Method::GET, &path(&immutable), &[], None)
        .await
        .ok();
    assert_ne!(fresh["id"], default["id"]);
    assert_eq!(client.get(&path(&fresh)).await.status, 200);
    let malformed = client.get("/me/messages/not%20an%20id").await;
    assert_eq!(
        malformed.refusal(),
        (400, "ErrorInvalidIdMalformed".to_owned())
    );
}

#[tokio::test]
async fn s25_a_move_shows_the_new_folder_and_a_copy_is_an_item_of_its_own() {
    let client = seeded().await;
    let archive = client.get("/me/mailFolders/archive").await.ok();
    let message = client
        .get("/me/mailFolders/inbox/messages?$top=1")
        .await
        .ok()["value"][0]
        .clone();

    let moved = client
        .post(
            &format!("{}/move", path(&message)),
            json!({"destinationId": id(&archive)}),
        )
        .await;
    assert_eq!(moved.status, 201);
    assert_eq!(moved.ok()["parentFolderId"], archive["id"]);

    let copied = client
        .post(
            &format!("{}/copy", path(&message)),
            json!({"destinationId": "drafts"}),
        )
        .await;
    assert_eq!(copied.status, 201);
    let copied = copied.ok();
    assert_ne!(copied["id"], message["id"]);
    assert_eq!(copied["internetMessageId"], message["internetMessageId"]);
    client
        .patch(&path(&copied), json!({"categories": ["only here"]}))
        .await
        .ok();
    assert_eq!(
        client.get(&path(&message)).await.ok()["categories"],
        message["categories"]
    );
    let nowhere = client
        .post(
            &format!("{}/move", path(&message)),
            json!({"destinationId": "nowhere"}),
        )
        .await;
    assert_eq!(nowhere.status, 404);
}

#[tokio::test]
async fn s28_an_order_that_the_filter_does_not_lead_with_is_inefficient() {
    let client = seeded().await;

    let refused = client
        .get("/me/messages?$filter=isRead eq false&$orderby=receivedDateTime desc")
        .await;
    assert_eq!(refused.refusal(), (400, "InefficientFilter".to_owned()));

    let since = "2025-11-01T00:00:00Z";
    let (found, _) = client
        .walk(
            &format!("/me/messages?$filter=receivedDateTime ge {since} and isRead eq true&$orderby=receivedDateTime desc&$top=7"),
            IMMUTABLE,
        )
        .await;
    let times: Vec<_> = found
        .iter()
        .map(|message| message["receivedDateTime"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
    let (all, _) = client.walk("/me/messages?$top=100", IMMUTABLE).await;
    let expected = all
        .iter()
        .filter(|message| message["isRead"] == true)
        .filter(|message| message["receivedDateTime"].as_str().unwrap() >= since)
        .count();
    assert_eq!(found.len(), expected);
    assert!(expected > 0);
    assert_eq!(
        client
            .get("/me/messages?$filter=nonsense eq 1")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_deletion_leads_to_deleted_items_and_from_there_away() {
    // F5.16
    let client = seeded().await;
    let message = client
        .get("/me/mailFolders/inbox/messages?$top=1")
        .await
        .ok()["value"][0]
        .clone();
    let bin = client.get("/me/mailFolders/deleteditems").await.ok();

    assert_eq!(client.delete(&path(&message)).await.status, 204);
    assert_eq!(
        client.get(&path(&message)).await.ok()["parentFolderId"],
        bin["id"]
    );
    assert_eq!(client.delete(&path(&message)).await.status, 204);
    assert_eq!(client.get(&path(&message)).await.status, 404);
}

#[tokio::test]
async fn a_person_is_who_they_are() {
    let client = seeded().await;

    let me = client.get("/me").await.ok();

    let person = client.person();
    assert_eq!(me["id"], person.id);
    assert_eq!(me["mail"], person.address);
    assert_eq!(me["userPrincipalName"], person.address);
    assert_eq!(me["displayName"], person.display_name);
}

#[tokio::test]
async fn s28_two_properties_order_in_the_order_in_which_the_filter_names_them() {
    let client = seeded().await;
    let filter = "importance ne 'none' and receivedDateTime ge 2020-01-01T00:00:00Z";
    let list = |order: &str| format!("/me/messages?$filter={filter}&$orderby={order}&$top=50");

    let (found, _) = client
        .walk(&list("importance desc,receivedDateTime"), IMMUTABLE)
        .await;

    let text = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
    let keys: Vec<_> = found
        .iter()
        .map(|message| {
            (
                text(message, "importance"),
                text(message, "receivedDateTime"),
            )
        })
        .collect();
    assert_eq!(keys.len(), 120);
    assert!(
        keys.is_sorted_by(|one, next| { one.0 > next.0 || (one.0 == next.0 && one.1 <= next.1) })
    );
    assert_ne!(keys[0].0, keys[119].0);
    for order in [
        "receivedDateTime,importance",
        "receivedDateTime",
        "importance,subject",
        "importance,receivedDateTime,subject",
    ] {
        let refused = client.get(&list(order)).await;
        assert_eq!(
            refused.refusal(),
            (400, "InefficientFilter".to_owned()),
            "{order}"
        );
    }
}
