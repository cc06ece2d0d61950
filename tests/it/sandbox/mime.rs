//! The MIME of a message, read by another's eyes, says what the message says (F8.7, S30).

use mail_parser::{MessageParser, MimeHeaders as _, PartType};
use serde_json::{Value, json};

use super::client::{Client, segment};
use super::mail_scene::{IMMUTABLE, id, path, seeded};

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Names and addresses as a message has them.
fn people(list: &Value) -> Vec<(String, String)> {
    let people = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |person: &Value| {
        let address = text(person, "/emailAddress/address").to_owned();
        (text(person, "/emailAddress/name").to_owned(), address)
    };
    people.iter().map(of).collect()
}

/// The same as MIME has them.
fn parsed(list: Option<&mail_parser::Address<'_>>) -> Vec<(String, String)> {
    let of = |person: &mail_parser::Addr<'_>| {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        (text(person.name()), text(person.address()))
    };
    list.map(|list| list.iter().map(of).collect())
        .unwrap_or_default()
}

fn has_html(mime: &mail_parser::Message<'_>) -> bool {
    mime.html_bodies()
        .any(mail_parser::MessagePart::is_text_html)
}

/// Holds a message as Graph expands it against its MIME, within as without.
fn assert_same(message: &Value, mime: &mail_parser::Message<'_>) {
    let subject = text(message, "/subject");
    assert_eq!(mime.subject().unwrap_or_default(), subject);
    let from = json!([message["from"]]);
    let from = if message["from"].is_null() {
        json!([])
    } else {
        from
    };
    assert_eq!(parsed(mime.from()), people(&from), "{subject}");
    assert_eq!(
        parsed(mime.to()),
        people(&message["toRecipients"]),
        "{subject}"
    );
    assert_eq!(
        parsed(mime.cc()),
        people(&message["ccRecipients"]),
        "{subject}"
    );
    let message_id = text(message, "/internetMessageId");
    let message_id = message_id.trim_matches(['<', '>']);
    assert_eq!(mime.message_id().unwrap_or_default(), message_id);

    // A text body was written as HTML for the client, so it is looked for by its kind.
    let content = text(message, "/body/content");
    let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    match text(message, "/body/contentType") {
        // A text within is shown as HTML.
        "html" if !has_html(mime) => {
            let plain = mime.body_text(0).unwrap();
            assert!(content.contains(plain.trim()), "{subject}");
        }
        "html" => assert_eq!(
            lines(&mime.body_html(0).unwrap()),
            lines(content),
            "{subject}"
        ),
        _ => assert_eq!(
            lines(&mime.body_text(0).unwrap()),
            lines(content),
            "{subject}"
        ),
    }
    let plain = mime.text_bodies().next();
    assert!(
        plain.is_some_and(|part| matches!(part.body, PartType::Text(_))),
        "{subject}"
    );

    let attachments = message["attachments"].as_array().unwrap();
    let found: Vec<_> = mime.attachments().collect();
    assert_eq!(found.len(), attachments.len(), "{subject}");
    for attachment in attachments {
        let name = text(attachment, "/name");
        let part = found
            .iter()
            .find(|part| {
                part.attachment_name() == Some(name)
                    || part
                        .message()
                        .is_some_and(|inner| inner.subject() == Some(name))
            })
            .unwrap_or_else(|| panic!("{name} is not in {subject}"));
        match text(attachment, "/@odata.type") {
            "#microsoft.graph.fileAttachment" => {
                use base64::Engine as _;
                let bytes = text(attachment, "/contentBytes");
                let bytes = base64::engine::general_purpose::STANDARD.decode(bytes);
                let bytes = bytes.unwrap();
                // A text is read as text, whatever bytes it has.
                match part.text_contents() {
                    Some(read) => assert!(read == String::from_utf8_lossy(&bytes), "{name}"),
                    None => assert!(part.contents() == bytes, "{name}"),
                }
                assert_eq!(
                    part.content_id().unwrap_or_default(),
                    text(attachment, "/contentId")
                );
            }
            "#microsoft.graph.itemAttachment" => {
                assert_same(&attachment["item"], part.message().unwrap());
            }
            _ => assert_eq!(part.text_contents(), Some(text(attachment, "/sourceUrl"))),
        }
    }
}

async fn original(client: &Client, message: &Value) -> Vec<u8> {
    client
        .bytes(&format!("{}/$value", path(message)))
        .await
        .to_vec()
}

async fn with_items(client: &Client, message: &Value) -> Value {
    let attachments = format!(
        "{}/attachments?$expand=microsoft.graph.itemAttachment/item",
        path(message)
    );
    client.get(&attachments).await.ok()["value"].clone()
}

#[tokio::test]
async fn s30_every_message_of_a_mailbox_says_the_same_in_mime() {
    let client = seeded().await;
    let prefer = format!("{IMMUTABLE}, outlook.body-content-type=\"text\"");
    let (as_html, _) = client.walk("/me/messages?$top=200", IMMUTABLE).await;
    let (as_text, _) = client.walk("/me/messages?$top=200", &prefer).await;

    let (mut with_attachments, mut nested) = (0, 0);
    for (mut message, plain) in as_html.into_iter().zip(as_text) {
        let bytes = original(&client, &message).await;
        let mime = MessageParser::default().parse(&bytes).unwrap();
        if !has_html(&mime) {
            message["body"] = plain["body"].clone();
        }
        message["attachments"] = with_items(&client, &message).await;
        let attachments = message["attachments"].as_array_mut().unwrap();
        assert!(attachments.iter().all(|part| !id(part).is_empty()));
        with_attachments += usize::from(!attachments.is_empty());
        nested += attachments
            .iter()
            .filter(|part| part["item"].is_object())
            .count();
        assert_same(&message, &mime);
    }

    assert!(with_attachments > 5 && nested > 0);
}

#[tokio::test]
async fn s30_what_is_hard_to_write_in_a_header_is_read_as_it_was() {
    let client = seeded().await;
    let long = "Sehr geehrte Damen und Herren, ".repeat(20) + "ä";
    let subjects = [
        "two\r\nBcc: lines@fabrikam.example",
        " around \"it\" ",
        "=?utf-8?B?aGk=?=",
        "日本語の件名 🦀",
        &long,
        "",
    ];
    for (nth, subject) in subjects.into_iter().enumerate() {
        let name = format!("{nth} \"Ü\u{202e}gnp\r\n.exe");
        let draft = json!({
            "subject": subject,
            "body": {"contentType": "html", "content": "<p>One &amp; two</p><p>three ä</p>"},
            "toRecipients": [{"emailAddress": {"name": "O'Neil, \"Jo\" (x) <a>", "address": "a@fabrikam.example"}},
                {"emailAddress": {"name": "Ødegård, Ø", "address": "b@fabrikam.example"}}],
            "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "name": name,
                "contentType": "message/rfc822", "contentBytes": "AAEC/w=="}],
        });
        let mut draft = client.post("/me/messages", draft).await.ok();
        draft["attachments"] = with_items(&client, &draft).await;

        let bytes = original(&client, &draft).await;

        assert!(bytes.is_ascii());
        let mime = MessageParser::default().parse(&bytes).unwrap();
        assert!(parsed(mime.bcc()).is_empty());
        assert_eq!(mime.body_text(0).unwrap().trim(), "One & two\nthree ä");
        assert_same(&draft, &mime);
    }
}

#[tokio::test]
async fn s30_messages_stand_within_messages_thirty_deep() {
    // F8.4
    let client = seeded().await;
    let draft = client
        .post("/me/messages", json!({"subject": "deep"}))
        .await
        .ok();
    let world = client.sandbox.world();
    let order = json!({"name": "at the bottom.bin", "size": 1_000, "seed": 5, "nested": 30});
    let order = serde_json::from_value(order).unwrap();
    let person = client.person().id.clone();
    world.attach(&person, id(&draft), &order).unwrap();

    let mut draft = client.get(&path(&draft)).await.ok();
    draft["attachments"] = with_items(&client, &draft).await;
    let bytes = original(&client, &draft).await;
    let mut part = &draft["attachments"][0];
    let mut levels = 0;
    while part["item"].is_object() {
        levels += 1;
        assert_eq!(part["item"]["id"], "");
        part = &part["item"]["attachments"][0];
    }
    let mime = MessageParser::default().parse(&bytes).unwrap();
    let mut within = &mime;
    for _ in 0..levels {
        within = within.attachment(0).unwrap().message().unwrap();
    }

    assert_eq!(
        (levels, part["name"].as_str()),
        (30, Some("at the bottom.bin"))
    );
    let file = graph_mirror::sandbox::attach::seeded_bytes(5, 1_000);
    assert!(within.attachment(0).unwrap().contents() == file);
    let item = segment(id(&draft["attachments"][0]));
    let value = client
        .bytes(&format!("{}/attachments/{item}/$value", path(&draft)))
        .await;
    let value = MessageParser::default().parse(&value[..]).unwrap();
    assert_eq!(value.subject(), Some("Level 1"));
}
