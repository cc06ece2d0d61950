//! Messages, folders and attachments, read and written one at a time (S18 to S30).

use graph_mirror::sandbox::Options;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, segment};

const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

async fn seeded() -> Client {
    Client::open_with(Options {
        messages: Some(120),
        ..Options::default()
    })
    .await
}

fn values(page: &Value) -> &Vec<Value> {
    page["value"].as_array().expect("a page has items")
}

fn id(item: &Value) -> &str {
    item["id"].as_str().expect("an item has an id")
}

fn path(item: &Value) -> String {
    format!("/me/messages/{}", segment(id(item)))
}

/// The latest message that fits.
async fn find(client: &Client, fits: impl Fn(&Value) -> bool) -> Value {
    let (all, _) = client.walk("/me/messages?$top=200", IMMUTABLE).await;
    all.into_iter().find(fits).expect("the seed has one")
}

#[tokio::test]
async fn s18_pages_have_ten_items_unless_asked_otherwise_and_absolute_links() {
    let client = seeded().await;

    let page = client.get("/me/messages").await.ok();
    assert_eq!(values(&page).len(), 10);
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with(&client.sandbox.settings().graph_base_url));
    assert_eq!(
        values(&client.get("/me/messages?$top=37").await.ok()).len(),
        37
    );
    let refused = client.get("/me/messages?$top=1001").await;
    assert_eq!(refused.refusal(), (400, "ErrorInvalidUrlQuery".to_owned()));

    let (all, _) = client.walk("/me/messages?$top=50", IMMUTABLE).await;
    let mut ids: Vec<_> = all.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    let count = client.get("/me/messages?$count=true&$top=1").await.ok();
    assert_eq!(count["@odata.count"], ids.len());
    assert_eq!(all.len(), ids.len());
}

#[tokio::test]
async fn s18_a_page_may_be_short_or_empty_and_still_have_a_next_one() {
    let client = seeded().await;
    let (all, _) = client.walk("/me/messages?$top=100", IMMUTABLE).await;
    {
        let mut state = client.sandbox.world().lock();
        state.knobs.short_pages = true;
        state.knobs.empty_page = true;
    }

    let first = client.get("/me/messages?$top=30").await.ok();
    assert!(values(&first).is_empty());
    let second = client
        .get(first["@odata.nextLink"].as_str().unwrap())
        .await
        .ok();
    assert_eq!(values(&second).len(), 20);
    let (again, _) = client.walk("/me/messages?$top=30", IMMUTABLE).await;
    assert_eq!(again.len(), all.len());
}

#[tokio::test]
async fn s19_prefer_is_not_remembered_across_pages() {
    let client = seeded().await;

    let first = client.get("/me/messages?$top=2").await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let with = client.get(next).await.ok();
    let without = client.send(Method::GET, next, &[], None).await;

    assert_ne!(id(&values(&with)[0]), id(&values(&without.ok())[0]));
    assert_eq!(
        values(&with)[0]["changeKey"],
        values(&without.ok())[0]["changeKey"]
    );
    assert!(!without.headers.contains_key("preference-applied"));
}

#[tokio::test]
async fn s20_select_limits_the_fields_and_some_come_only_when_selected() {
    let client = seeded().await;
    let whole = find(&client, |message| {
        message["from"]["emailAddress"]["address"] != Value::Null && message["isDraft"] == false
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
async fn s21_the_body_comes_in_the_format_preferred() {
    let client = seeded().await;
    let html = find(&client, |message| {
        message["body"]["contentType"] == "html" && message["isDraft"] == false
    })
    .await;

    let text = client
        .get_with(&path(&html), "outlook.body-content-type=\"text\"")
        .await;

    assert_eq!(text.ok()["body"]["contentType"], "text");
    assert!(
        !text.ok()["body"]["content"]
            .as_str()
            .unwrap()
            .contains("<p")
    );
    assert_eq!(
        text.headers["preference-applied"],
        "outlook.body-content-type=\"text\""
    );
    let plain = find(&client, |message| message["body"]["contentType"] == "text").await;
    let wrapped = client
        .get_with(&path(&plain), "outlook.body-content-type=\"html\"")
        .await;
    assert_eq!(wrapped.ok()["body"]["contentType"], "html");
}

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
async fn s26_listings_show_visible_children_and_search_folders_by_their_type() {
    let client = seeded().await;

    let (visible, _) = client.walk("/me/mailFolders", IMMUTABLE).await;
    let (all, _) = client
        .walk("/me/mailFolders?includeHiddenFolders=true", IMMUTABLE)
        .await;
    assert!(visible.iter().all(|folder| folder["isHidden"] == false));
    assert!(all.len() > visible.len());
    let root = client.get("/me/mailFolders/msgfolderroot").await.ok();
    assert!(
        all.iter()
            .all(|folder| folder["parentFolderId"] == root["id"])
    );
    assert_eq!(root["childFolderCount"], all.len());

    let nested = visible
        .iter()
        .find(|folder| folder["childFolderCount"].as_u64() > Some(1))
        .unwrap();
    let children = client
        .get(&format!(
            "/me/mailFolders/{}/childFolders",
            segment(id(nested))
        ))
        .await
        .ok();
    assert!(
        values(&children)
            .iter()
            .all(|child| child["parentFolderId"] == nested["id"])
    );
    let (in_inbox, _) = client
        .walk("/me/mailFolders/inbox/childFolders", IMMUTABLE)
        .await;
    assert!(
        in_inbox
            .iter()
            .any(|folder| folder["@odata.type"] == "#microsoft.graph.mailSearchFolder")
    );
}

#[tokio::test]
async fn s27_well_known_names_resolve_and_display_names_are_localised() {
    let mut client = seeded().await;

    let english = client.get("/me/mailFolders/SentItems").await.ok();
    let by_id = client
        .get(&format!("/me/mailFolders/{}", segment(id(&english))))
        .await
        .ok();
    client.sign_in(1);
    let german = client.get("/me/mailFolders/sentitems").await.ok();

    assert_eq!(english["displayName"], "Sent Items");
    assert_eq!(by_id["id"], english["id"]);
    assert_eq!(german["displayName"], "Gesendete Elemente");
    let unknown = client.get("/me/mailFolders/nosuchfolder").await;
    assert_eq!(unknown.refusal().0, 404);
    let keyed = client.get("/me/mailFolders('inbox')").await.ok();
    assert_eq!(keyed["displayName"], "Posteingang");
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
async fn s29_ids_need_encoding_and_two_differ_by_case_alone() {
    let client = seeded().await;
    let (all, _) = client
        .walk("/me/messages?$top=200&$select=subject", IMMUTABLE)
        .await;
    let joined: String = all.iter().map(id).collect();

    assert!(joined.contains('/') && joined.contains('+') && joined.contains('='));
    let pair: Vec<_> = all
        .iter()
        .filter(|message| {
            all.iter().any(|other| {
                id(other) != id(message) && id(other).eq_ignore_ascii_case(id(message))
            })
        })
        .collect();
    assert_eq!(pair.len(), 2);
    for message in pair {
        let found = client.get(&path(message)).await.ok();
        assert_eq!(found["@odata.etag"], message["@odata.etag"]);
    }
}

#[tokio::test]
async fn s30_the_fixture_holds_what_mailboxes_hold() {
    let client = seeded().await;
    let (all, _) = client
        .walk(
            "/me/messages?$top=200&$expand=attachments($select=name,size)",
            IMMUTABLE,
        )
        .await;
    let count = |fits: &dyn Fn(&Value) -> bool| all.iter().filter(|message| fits(message)).count();

    assert!(count(&|message| message["@odata.type"] == "#microsoft.graph.eventMessageRequest") > 0);
    assert!(count(&|message| message["meetingMessageType"] == "meetingTenativelyAccepted") > 0);
    assert!(count(&|message| message["isDraft"] == true && message.get("from").is_none()) > 0);
    let nameless = |message: &Value| {
        message["toRecipients"]
            .as_array()
            .unwrap()
            .iter()
            .any(|to| to["emailAddress"]["address"].is_null())
    };
    assert!(count(&nameless) > 0);
    for kind in ["fileAttachment", "itemAttachment", "referenceAttachment"] {
        let kind = format!("#microsoft.graph.{kind}");
        let has = |message: &Value| {
            message["attachments"]
                .as_array()
                .unwrap()
                .iter()
                .any(|item| item["@odata.type"] == kind)
        };
        assert!(count(&has) > 0, "{kind}");
    }
    let sizes: Vec<_> = all
        .iter()
        .map(|message| message["body"]["content"].as_str().unwrap().len())
        .collect();
    assert!(sizes.iter().any(|size| *size > 8_000) && sizes.iter().any(|size| *size < 2_100));
}

#[tokio::test]
async fn s30_a_poisoned_message_cannot_be_read_on_its_own() {
    let client = seeded().await;
    client.sandbox.world().lock().knobs.poisoned_items = true;
    let (all, _) = client
        .walk("/me/messages?$top=200&$select=id", IMMUTABLE)
        .await;

    let mut poisoned = 0;
    for message in &all {
        let answer = client.get(&format!("{}?$select=id", path(message))).await;
        if answer.status != 200 {
            assert_eq!(answer.refusal(), (500, "ErrorCorruptData".to_owned()));
            poisoned += 1;
        }
    }
    assert_eq!(poisoned, 1);
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

#[tokio::test]
async fn folders_are_made_renamed_moved_and_deleted() {
    // F5.19, F6.19
    let client = seeded().await;
    let made = client
        .post("/me/mailFolders", json!({"displayName": "A/B"}))
        .await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let base = format!("/me/mailFolders/{}", segment(id(&made)));

    let twin = client
        .post("/me/mailFolders", json!({"displayName": "a/b"}))
        .await;
    assert_eq!(twin.refusal(), (409, "ErrorFolderExists".to_owned()));
    let child = client
        .post(&format!("{base}/childFolders"), json!({"displayName": "C"}))
        .await
        .ok();
    assert_eq!(child["parentFolderId"], made["id"]);
    let renamed = client
        .patch(&base, json!({"displayName": "New"}))
        .await
        .ok();
    assert_eq!(
        (&renamed["displayName"], &renamed["id"]),
        (&json!("New"), &made["id"])
    );
    let inbox = client.get("/me/mailFolders/inbox").await.ok();
    let moved = client
        .post(&format!("{base}/move"), json!({"destinationId": "inbox"}))
        .await
        .ok();
    assert_eq!(moved["parentFolderId"], inbox["id"]);
    let into_itself = client
        .post(
            &format!("{base}/move"),
            json!({"destinationId": id(&child)}),
        )
        .await;
    assert_eq!(into_itself.status, 400);

    assert_eq!(client.delete(&base).await.status, 204);
    let bin = client.get("/me/mailFolders/deleteditems").await.ok();
    assert_eq!(client.get(&base).await.ok()["parentFolderId"], bin["id"]);
    assert_eq!(client.delete(&base).await.status, 204);
    assert_eq!(client.get(&base).await.status, 404);
    let gone = client
        .get(&format!("/me/mailFolders/{}", segment(id(&child))))
        .await;
    assert_eq!(gone.status, 404);
    assert_eq!(client.delete("/me/mailFolders/inbox").await.status, 400);
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
async fn the_same_seed_gives_the_same_mailbox() {
    // S72
    let (one, other) = (seeded().await, seeded().await);

    let (first, _) = one.walk("/me/messages?$top=200", IMMUTABLE).await;
    let (second, _) = other.walk("/me/messages?$top=200", IMMUTABLE).await;

    assert_eq!(first, second);
    assert_eq!(first.len(), 120);
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
