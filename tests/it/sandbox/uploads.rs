//! Upload sessions and their faults (S71).

use std::time::Duration;

use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::knobs::TokenRefusal;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client, segment};

const MB: usize = 1024 * 1024;

async fn empty() -> Client {
    Client::open_with(Options {
        mailboxes: 1,
        messages: Some(0),
        events: false,
        ..Options::default()
    })
    .await
}

/// A draft, and the path of its attachments.
async fn draft(client: &Client) -> String {
    let draft = json!({"subject": "with a large file",
        "toRecipients": [{"emailAddress": {"address": "x@fabrikam.example"}}]});
    let draft = client.post("/me/messages", draft).await.ok();
    let id = segment(draft["id"].as_str().unwrap());
    format!("/me/messages/{id}/attachments")
}

async fn begin(client: &Client, attachments: &str, size: usize) -> Answer {
    let item = json!({"AttachmentItem": {"attachmentType": "file", "name": "film.bin",
        "contentType": "video/mp4", "size": size}});
    client
        .post(&format!("{attachments}/createUploadSession"), item)
        .await
}

async fn session(client: &Client, attachments: &str, size: usize) -> String {
    let begun = begin(client, attachments, size).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    begun.json()["uploadUrl"].as_str().unwrap().to_owned()
}

fn file(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(71).fill(&mut bytes);
    bytes
}

/// Puts the bytes from `first` up to `end`.
async fn put(client: &Client, url: &str, file: &[u8], first: usize, end: usize) -> Option<Answer> {
    let range = format!("bytes {first}-{}/{}", end - 1, file.len());
    let headers = [("Content-Range", range.as_str())];
    client
        .on_upload(Method::PUT, url, &headers, &file[first..end])
        .await
}

async fn attached(client: &Client, attachments: &str) -> Vec<Value> {
    let list = format!("{attachments}?$select=id,name,size,contentType");
    let page = client.get(&list).await.ok();
    page["value"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s71_a_file_comes_in_ordered_ranges_and_is_attached_with_the_last() {
    let client = empty().await;
    let attachments = draft(&client).await;
    let file = file(9 * MB + 7);
    let begun = begin(&client, &attachments, file.len()).await;
    let begun = (begun.status, begun.json());
    let url = begun.1["uploadUrl"].as_str().unwrap();

    assert_eq!(
        (begun.0, &begun.1["nextExpectedRanges"]),
        (201, &json!(["0-"]))
    );
    assert!(url.starts_with(&client.sandbox.settings().graph_base_url));
    let first = put(&client, url, &file, 0, 4 * MB).await.unwrap();
    let told = first.json();
    assert_eq!(first.status, 200);
    assert_eq!(told["NextExpectedRanges"], json!([(4 * MB).to_string()]));
    assert_eq!(told["ExpirationDateTime"], begun.1["expirationDateTime"]);
    // Neither again nor ahead.
    for (from, until) in [(0, 4 * MB), (5 * MB, 9 * MB)] {
        let refused = put(&client, url, &file, from, until).await.unwrap();
        assert_eq!(refused.status, 416);
    }
    let state = client.on_upload(Method::GET, url, &[], &[]).await.unwrap();
    assert_eq!((state.status, state.json()), (200, told));
    assert!(attached(&client, &attachments).await.is_empty());
    put(&client, url, &file, 4 * MB, 8 * MB).await.unwrap().ok();
    let last = put(&client, url, &file, 8 * MB, file.len()).await.unwrap();

    assert_eq!((last.status, last.text.as_str()), (201, ""));
    let location = last.headers["location"].to_str().unwrap();
    let (_, id) = location.rsplit_once("/Attachments('").unwrap();
    let id = id.strip_suffix("')").unwrap();
    let listed = attached(&client, &attachments).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        segment(listed[0]["id"].as_str().unwrap()).to_lowercase(),
        id.to_lowercase()
    );
    assert_eq!(
        (&listed[0]["name"], &listed[0]["contentType"]),
        (&json!("film.bin"), &json!("video/mp4"))
    );
    let read = client.bytes(&format!("{attachments}/{id}/$value")).await;
    assert!(read == file, "the bytes come back as they went");
    let over = client.on_upload(Method::GET, url, &[], &[]).await.unwrap();
    assert_eq!(over.refusal(), (404, "ErrorItemNotFound".to_owned()));
}

#[tokio::test]
async fn s71_what_does_not_fit_is_refused_and_changes_nothing() {
    let client = empty().await;
    let attachments = draft(&client).await;
    let small = begin(&client, &attachments, 3 * MB - 1).await.refusal();
    let large = begin(&client, &attachments, 150 * MB + 1).await.refusal();
    let file = file(5 * MB);
    let url = session(&client, &attachments, file.len()).await;
    let ranged = async |range: &str, length: usize| {
        let headers = [("Content-Range", range)];
        let bytes = &file[..length];
        let answer = client.on_upload(Method::PUT, &url, &headers, bytes).await;
        answer.unwrap().status
    };

    assert_eq!(
        small,
        (
            400,
            "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize".to_owned()
        )
    );
    assert_eq!(large, (413, "ErrorAttachmentSizeLimitExceeded".to_owned()));
    assert_eq!(ranged("bytes 0-9/5242880", 9).await, 400);
    assert_eq!(ranged("bytes 0-9/100", 10).await, 400);
    assert_eq!(ranged("10", 10).await, 400);
    let length = 4 * MB + 1;
    assert_eq!(
        ranged(&format!("bytes 0-{}/5242880", length - 1), length).await,
        413
    );
    let state = client.on_upload(Method::GET, &url, &[], &[]).await.unwrap();
    assert_eq!(state.json()["NextExpectedRanges"], json!(["0"]));
    let gone = client
        .on_upload(Method::DELETE, &url, &[], &[])
        .await
        .unwrap();
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    let after = put(&client, &url, &file, 0, MB).await.unwrap();
    assert_eq!(after.status, 404);
    assert!(attached(&client, &attachments).await.is_empty());
}

#[tokio::test]
async fn s71_an_upload_brings_no_token() {
    let client = empty().await;
    let attachments = draft(&client).await;
    let file = file(4 * MB);
    let url = session(&client, &attachments, file.len()).await;
    let range = format!("bytes 0-{}/{}", file.len() - 1, file.len());
    let headers = [
        ("Content-Range", range.as_str()),
        ("Authorization", "Bearer x"),
    ];
    let with_token = async |refusal| {
        client.sandbox.world().lock().knobs.upload_token_refusal = refusal;
        let answer = client.on_upload(Method::PUT, &url, &headers, &file).await;
        answer.unwrap().status
    };

    assert_eq!(with_token(TokenRefusal::Unauthorized).await, 401);
    assert_eq!(with_token(TokenRefusal::BadRequest).await, 400);
    assert_eq!(with_token(TokenRefusal::None).await, 201);
}

#[tokio::test]
async fn s71_a_session_expires_by_the_clock_and_by_a_fault() {
    let client = empty().await;
    let attachments = draft(&client).await;
    let file = file(4 * MB);
    let by_clock = session(&client, &attachments, file.len()).await;
    put(&client, &by_clock, &file, 0, MB).await.unwrap().ok();

    client.clock.advance(Duration::from_hours(1));
    let late = put(&client, &by_clock, &file, MB, 2 * MB).await.unwrap();
    let by_fault = session(&client, &attachments, file.len()).await;
    put(&client, &by_fault, &file, 0, MB).await.unwrap().ok();
    client.fault(
        json!({"method": "PUT", "path": "/AttachmentSessions", "times": 1, "expire_upload": true}),
    );
    let struck = put(&client, &by_fault, &file, MB, 2 * MB).await.unwrap();

    assert_eq!((late.status, struck.status), (404, 404));
    let anew = session(&client, &attachments, file.len()).await;
    assert_eq!(
        put(&client, &anew, &file, 0, 4 * MB).await.unwrap().status,
        201
    );
    assert_eq!(attached(&client, &attachments).await.len(), 1);
}

#[tokio::test]
async fn s71_a_range_whose_answer_is_lost_has_arrived() {
    let client = empty().await;
    let attachments = draft(&client).await;
    let file = file(5 * MB);
    let url = session(&client, &attachments, file.len()).await;
    let lose = json!({"method": "PUT", "path": "/AttachmentSessions", "times": 1, "lose": true});

    client.fault(lose.clone());
    assert!(put(&client, &url, &file, 0, 4 * MB).await.is_none());
    let state = client.on_upload(Method::GET, &url, &[], &[]).await.unwrap();
    assert_eq!(
        state.json()["NextExpectedRanges"],
        json!([(4 * MB).to_string()])
    );
    client.fault(lose);
    assert!(put(&client, &url, &file, 4 * MB, 5 * MB).await.is_none());

    let over = client.on_upload(Method::GET, &url, &[], &[]).await.unwrap();
    assert_eq!(over.status, 404);
    assert_eq!(attached(&client, &attachments).await.len(), 1);
}

#[tokio::test]
async fn s71_only_a_draft_takes_an_upload_and_only_before_it_is_sent() {
    let client = empty().await;
    let attachments = draft(&client).await;
    let message = attachments.strip_suffix("/attachments").unwrap();
    let file = file(4 * MB);
    let url = session(&client, &attachments, file.len()).await;

    let sent = client
        .send(Method::POST, &format!("{message}/send"), &[], None)
        .await;
    assert_eq!(sent.status, 202);
    let leaving = put(&client, &url, &file, 0, MB).await.unwrap();
    client.clock.advance(Duration::from_secs(2));
    let gone = put(&client, &url, &file, 0, MB).await.unwrap();

    assert_eq!((leaving.status, gone.status), (400, 400));
    assert_eq!(begin(&client, &attachments, 4 * MB).await.status, 400);
}

#[tokio::test]
async fn files_under_3_mb_are_posted_and_no_others() {
    // F8.8, F8.13
    use base64::Engine as _;
    let client = empty().await;
    let attachments = draft(&client).await;
    let attach = async |size: usize| {
        let bytes = base64::engine::general_purpose::STANDARD.encode(vec![7; size]);
        let file = json!({"@odata.type": "#microsoft.graph.fileAttachment",
            "name": "a.bin", "contentBytes": bytes});
        client.post(&attachments, file).await
    };

    assert_eq!(attach(3 * MB - 1).await.status, 201);
    let code = attach(3 * MB).await.refusal();
    assert_eq!(code, (413, "ErrorMessageSizeExceeded".to_owned()));
    let code = attach(4 * MB).await.refusal();
    assert_eq!(code, (413, "RequestEntityTooLarge".to_owned()));
}
