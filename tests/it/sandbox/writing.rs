//! What a writer runs into: versions that have moved on, input that is refused, answers in their details
//! (F5.14, F11.1 to F11.9), and attachments given from outside.

use graph_mirror::sandbox::attach::seeded_bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::bench::Bench;
use super::calendar_scene::{create, empty, instances, single, text, weekly};
use super::client::{Client, segment};
use super::mail_scene::{id, path, seeded, values};

fn to(addresses: &[&str]) -> Value {
    let of = |address: &&str| json!({"emailAddress": {"address": address}});
    addresses.iter().map(of).collect()
}

fn addresses(list: &Value) -> Vec<String> {
    let people = list.as_array().unwrap().iter();
    people
        .map(|person| text(person, "/emailAddress/address").to_owned())
        .collect()
}

/// PATCH and DELETE with a version that was, then DELETE with the one that is.
async fn write_by_version(client: &Client, item: &str, change: Value) -> [u16; 4] {
    let stale = client.get(item).await.ok()["@odata.etag"].clone();
    client.patch(item, change.clone()).await.ok();
    let present = client.get(item).await.ok()["@odata.etag"].clone();
    let write = async |method, etag: &Value, body| {
        let header = [("If-Match", etag.as_str().unwrap())];
        client.send(method, item, &header, body).await.status
    };
    [
        write(Method::PATCH, &stale, Some(change)).await,
        write(Method::DELETE, &stale, None).await,
        write(Method::DELETE, &present, None).await,
        client.get(item).await.status,
    ]
}

#[tokio::test]
async fn a_write_to_a_version_that_was_is_refused() {
    let client = seeded().await;
    let draft = client
        .post("/me/messages", json!({"subject": "a"}))
        .await
        .ok();
    let event = single("a", "2026-04-01T10:00:00", "2026-04-01T11:00:00");
    let event = format!("/me/events/{}", segment(&create(&client, event).await));

    let of_message = write_by_version(&client, &path(&draft), json!({"subject": "b"})).await;
    let of_event = write_by_version(&client, &event, json!({"subject": "b"})).await;

    // A deleted draft lives on in Deleted Items.
    assert_eq!(of_message, [412, 412, 204, 200]);
    assert_eq!(of_event, [412, 412, 204, 404]);
}

#[tokio::test]
async fn s70_recipients_that_are_no_addresses_or_too_many_are_refused() {
    let client = empty().await;
    let many: Vec<_> = (0..501)
        .map(|nth| format!("p{nth}@fabrikam.example"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let send = async |to: &[&str], cc: &[&str]| {
        let message =
            json!({"subject": "x", "toRecipients": self::to(to), "ccRecipients": self::to(cc)});
        client
            .post("/me/sendMail", json!({"message": message}))
            .await
    };

    for bad in [
        "nobody",
        "a b@fabrikam.example",
        "@fabrikam.example",
        "a@",
        "a@b@c",
        "a@b,c@d",
    ] {
        let refused = send(&[bad], &[]).await.refusal();
        assert_eq!(refused, (400, "ErrorInvalidRecipients".to_owned()), "{bad}");
    }
    assert_eq!(send(&many[..250], &many[250..500]).await.status, 202);
    let refused = send(&many[..250], &many[250..]).await.refusal();
    assert_eq!(refused, (400, "ErrorTooManyRecipients".to_owned()));
    let other = to(&[client.sandbox.settings().users[1].address.as_str()])[0].clone();
    let message = json!({"subject": "x", "from": other, "toRecipients": to(&many[..1])});
    let refused = client
        .post("/me/sendMail", json!({"message": message}))
        .await;
    assert_eq!(refused.refusal(), (403, "ErrorSendAsDenied".to_owned()));
}

#[tokio::test]
async fn events_that_cannot_be_are_refused_each_by_its_code() {
    let client = empty().await;
    let (at, until) = ("2026-04-01T10:00:00", "2026-04-01T11:00:00");
    let mut unknown_zone = single("x", at, until);
    unknown_zone["start"]["timeZone"] = "Atlantis".into();
    let mut never = weekly("x", 4);
    never["recurrence"]["range"] =
        json!({"type": "endDate", "startDate": "2026-03-02", "endDate": "2026-03-01"});
    let mut nobody = single("x", at, until);
    nobody["attendees"] = to(&["nobody"]);
    let mut crowd = single("x", at, until);
    crowd["attendees"] = to(&["a@fabrikam.example"; 501]);

    for (event, code) in [
        (single("x", until, at), "ErrorPropertyValidationFailure"),
        (unknown_zone, "TimeZoneNotSupportedException"),
        (never, "ErrorPropertyValidationFailure"),
        (weekly("x", 0), "ErrorPropertyValidationFailure"),
        (nobody, "ErrorPropertyValidationFailure"),
        (crowd, "ErrorPropertyValidationFailure"),
    ] {
        let refused = client.post("/me/events", event.clone()).await.refusal();
        assert_eq!(refused, (400, code.to_owned()), "{event}");
    }
    assert!(values(&client.get("/me/events").await.ok()).is_empty());
    let master = create(&client, weekly("x", 4)).await;
    let second = instances(&client, &master).await[1].clone();
    let moved = json!({"start": {"dateTime": "2026-03-16T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2026-03-16T10:00:00", "timeZone": "UTC"}});
    let second = format!("/me/events/{}", segment(id(&second)));
    let refused = client.patch(&second, moved).await.refusal();
    assert_eq!(refused, (400, "ErrorOccurrenceCrossingBoundary".to_owned()));
}

#[tokio::test]
async fn s70_an_answer_to_all_reaches_everyone_once_and_names_what_it_answers() {
    // F11.5
    let client = empty().await;
    client.sandbox.world().lock().knobs.send_delay_seconds = 0;
    let own = client.person().address.clone();
    let message = json!({"subject": "round", "body": {"contentType": "html", "content": "<p>Hi</p>"},
        "toRecipients": to(&[&own, "a@fabrikam.example"]),
        "ccRecipients": to(&["A@fabrikam.example", "b@fabrikam.example"]),
        "replyTo": to(&["list@fabrikam.example", "b@fabrikam.example"])});
    client
        .post("/me/sendMail", json!({"message": message}))
        .await;
    let inbox = "/me/mailFolders/inbox/messages?$top=1&$filter=subject eq 'round'";
    let original = values(&client.get(inbox).await.ok())[0].clone();
    let answer = async |action: &str, body| {
        client
            .post(&format!("{}/{action}", path(&original)), body)
            .await
    };

    let all = answer("createReplyAll", json!({})).await.ok();
    assert_eq!(
        addresses(&all["toRecipients"]),
        [
            "list@fabrikam.example",
            "b@fabrikam.example",
            "a@fabrikam.example"
        ]
    );
    assert_eq!(addresses(&all["ccRecipients"]), Vec::<String>::new());
    let one = answer("createReply", json!({"comment": "Thanks"}))
        .await
        .ok();
    assert_eq!(addresses(&one["toRecipients"]).len(), 2);
    let headers = format!("{}?$select=internetMessageHeaders", path(&one));
    let headers = client.get(&headers).await.ok()["internetMessageHeaders"].clone();
    for name in ["In-Reply-To", "References"] {
        let header = json!({"name": name, "value": original["internetMessageId"]});
        assert!(headers.as_array().unwrap().contains(&header), "{headers}");
    }
    assert!(text(&one, "/body/content").contains("Thanks"));
    client
        .sandbox
        .world()
        .lock()
        .knobs
        .answer_drafts_ignore_comment = true;
    let ignored = answer("createReply", json!({"comment": "Thanks"}))
        .await
        .ok();
    assert!(!text(&ignored, "/body/content").contains("Thanks"));
    let twice = json!({"toRecipients": to(&["x@fabrikam.example"]),
        "message": {"toRecipients": to(&["x@fabrikam.example"])}});
    assert_eq!(answer("forward", twice).await.status, 400);
    let to_nobody = answer("forward", json!({"comment": "See"})).await.refusal();
    assert_eq!(to_nobody.1, "ErrorInvalidRecipients");
}

#[tokio::test]
async fn s70_mail_arrives_with_its_attachments() {
    let mut client = empty().await;
    client.sandbox.world().lock().knobs.send_delay_seconds = 0;
    let other = client.sandbox.settings().users[1].address.clone();
    let file = json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt",
        "contentType": "text/plain", "contentBytes": "aGVsbG8="});
    let link = json!({"@odata.type": "#microsoft.graph.referenceAttachment", "name": "plan",
        "sourceUrl": "https://contoso.example/plan"});
    let inner = json!({"@odata.type": "#microsoft.graph.itemAttachment", "name": "inner",
        "item": {"@odata.type": "#microsoft.graph.message", "subject": "inner", "attachments": [file]}});
    let event = json!({"@odata.type": "#microsoft.graph.itemAttachment", "name": "when",
        "item": {"@odata.type": "#microsoft.graph.event", "subject": "when",
            "start": {"dateTime": "2026-04-01T10:00:00.0000000", "timeZone": "UTC"},
            "end": {"dateTime": "2026-04-01T11:00:00.0000000", "timeZone": "UTC"}}});
    let message = json!({"subject": "full", "toRecipients": to(&[&other]),
        "attachments": [file, link, inner, event]});

    client
        .post("/me/sendMail", json!({"message": message}))
        .await;
    client.sign_in(1);

    let inbox = "/me/mailFolders/inbox/messages?$filter=subject eq 'full'";
    let arrived = values(&client.get(inbox).await.ok())[0].clone();
    let list = format!("{}/attachments", path(&arrived));
    let expand = "$expand=microsoft.graph.itemAttachment/item";
    let listed = client.get(&format!("{list}?{expand}")).await.ok();
    let [file, link, inner, event] = &values(&listed)[..] else {
        panic!("{listed}");
    };
    assert_eq!(file["contentBytes"], "aGVsbG8=");
    assert_eq!(link["sourceUrl"], "https://contoso.example/plan");
    assert_eq!(inner["item"]["attachments"][0]["contentBytes"], "aGVsbG8=");
    let value = format!("{list}/{}/$value", segment(id(event)));
    let value = client.get(&value).await.text;
    assert!(value.contains("DTSTART:20260401T100000"), "{value}");
    let value = format!("{list}/{}/$value", segment(id(link)));
    assert_eq!(client.get(&value).await.status, 405);
}

#[tokio::test]
async fn a_message_is_given_a_large_attachment_that_nobody_sends() {
    const SIZE: usize = 20 * 1024 * 1024 + 3;
    let bench = Bench::start().await;
    let mailbox = bench.user_id(0);
    let delivered = format!("/mailboxes/{mailbox}/messages");
    let delivered = bench.control(Method::POST, &delivered, None).await.json();
    let message = segment(delivered["ids"][0].as_str().unwrap());
    let attachments = format!("/mailboxes/{mailbox}/messages/{message}/attachments");
    let give = async |order| bench.control(Method::POST, &attachments, Some(order)).await;
    let order = json!({"name": "film.mp4", "content_type": "video/mp4", "size": SIZE, "seed": 9});
    let given = give(order).await.json();
    let inline = json!({"content_id": "logo@x", "size": 10, "unreadable": true});
    let inline = give(inline).await.json();
    let refused = give(json!({"size": 150 * 1024 * 1024 + 1})).await;

    let world = bench.sandbox.world();
    let token = world.issue_token(Some(&mailbox), &["Mail.Read"]).unwrap();
    let base = &bench.sandbox.settings().graph_base_url;
    let read = async |id: &Value| {
        let id = segment(id.as_str().unwrap());
        let url = format!("{base}/v1.0/me/messages/{message}/attachments/{id}/$value");
        let request = bench.client.get(url).bearer_auth(&token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    let (status, bytes) = read(&given["id"]).await;
    assert_eq!((status, bytes.len()), (200, SIZE));
    assert!(bytes == seeded_bytes(9, SIZE));
    assert!(bytes != seeded_bytes(8, SIZE));
    assert_eq!(read(&inline["id"]).await.0, 422);
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn s70_whoever_is_invited_answers_the_series_or_one_occurrence() {
    // F7.17, F11.9
    let mut client = empty().await;
    let invited = client.sandbox.settings().users[1].address.clone();
    let mut meeting = weekly("meeting", 4);
    meeting["attendees"] = to(&[&invited, "x@fabrikam.example"]);
    let master = create(&client, meeting).await;
    let path = format!("/me/events/{}", segment(&master));
    let own = client.person().id.clone();
    let world = client.sandbox.world().clone();
    let response = graph_mirror::sandbox::calendar::event::Response::Declined;

    world
        .respond(&own, &master, "X@fabrikam.example", response)
        .unwrap();
    assert!(
        world
            .respond(&own, &master, "y@fabrikam.example", response)
            .is_err()
    );
    client.sign_in(1);
    let copies = client.get("/me/events").await.ok();
    let copy = id(&values(&copies)[0]).to_owned();
    let second = instances(&client, &copy).await[1].clone();
    let accept = format!("/me/events/{}/accept", segment(id(&second)));
    assert_eq!(client.post(&accept, json!({})).await.status, 202);
    client.sign_in(0);

    let answers = |event: &Value| {
        let of = |nth: usize| text(event, &format!("/attendees/{nth}/status/response")).to_owned();
        [of(0), of(1)]
    };
    let whole = client.get(&path).await.ok();
    let all = instances(&client, &master).await;
    assert_eq!(answers(&whole), ["none", "declined"]);
    assert_eq!(answers(&all[0]), ["none", "declined"]);
    assert_eq!(answers(&all[1]), ["accepted", "declined"]);
    // Whoever stays invited has answered what they answered.
    let more = json!({"attendees": to(&["x@fabrikam.example", "y@fabrikam.example"])});
    client.patch(&path, more).await.ok();
    assert_eq!(answers(&client.get(&path).await.ok()), ["declined", "none"]);
}
