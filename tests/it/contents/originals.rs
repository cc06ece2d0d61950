//! The original of a mirrored message says what its row says, to a reader that is not ours.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use graph_mirror::content::text;
use graph_mirror::model::mail::{Message, Party, StoredAttachment};
use graph_mirror::store::Backend;
use mail_parser::{Address, Encoding, MessageParser, MessagePart, MimeHeaders, PartType};

use super::scene::{Scene, content_path, path};

/// Addresses in their order; what has none is nobody to a mail's header.
fn ours(parties: &[Party]) -> Vec<String> {
    let addresses = parties.iter().filter_map(|party| party.address.clone());
    addresses.map(|address| address.to_lowercase()).collect()
}

fn theirs(address: Option<&Address<'_>>) -> Vec<String> {
    let addresses = address.into_iter().flat_map(Address::iter);
    let texts = addresses.filter_map(|one| one.address().map(str::to_lowercase));
    texts.collect()
}

/// Text without what the way through a mail changes: the ends of lines.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end().to_owned()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// By what two files are known to be the same.
fn same(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// A part's bytes as they were attached: what is declared to be text would be read as such.
fn bytes_of(whole: &[u8], part: &MessagePart<'_>) -> Vec<u8> {
    if part.encoding != Encoding::Base64 {
        return part.contents().to_vec();
    }
    let range = part.raw_body_offset() as usize..part.raw_end_offset() as usize;
    let text: Vec<u8> = whole[range]
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD.decode(text).expect("it is base64")
}

fn compare(row: &Message, files: &[(String, Vec<u8>)], original: &[u8]) {
    let id = &row.external_id;
    let parsed = MessageParser::default().parse(original);
    let parsed = parsed.unwrap_or_else(|| panic!("{id} is no mail"));
    assert_eq!(
        parsed.subject().unwrap_or_default().trim(),
        row.subject.as_deref().unwrap_or_default().trim(),
        "{id}"
    );
    let from: Vec<Party> = row.from.iter().cloned().collect();
    assert_eq!(theirs(parsed.from()), ours(&from), "{id}");
    assert_eq!(theirs(parsed.to()), ours(&row.to), "{id}");
    assert_eq!(theirs(parsed.cc()), ours(&row.cc), "{id}");
    if let Some(internet_id) = &row.internet_message_id {
        let internet_id = internet_id.trim_start_matches('<').trim_end_matches('>');
        assert_eq!(parsed.message_id(), Some(internet_id), "{id}");
    }
    let body = row.body.as_deref().unwrap_or_default();
    let is_html = |part: &MessagePart<'_>| matches!(part.body, PartType::Html(_));
    if parsed.parts.iter().any(is_html) {
        let original = parsed.body_html(0).unwrap_or_default();
        assert_eq!(plain(&original), plain(body), "{id}");
    } else {
        // Graph shows a text as HTML: its words are the same.
        let body = match row.body_type.as_deref() {
            Some("text") => body.to_owned(),
            _ => text::of_html(body),
        };
        let original = parsed.body_text(0).unwrap_or_default();
        assert_eq!(words(&original), words(&body), "{id}");
    }
    let mut parts: Vec<(String, Vec<u8>)> = parsed
        .attachments()
        .filter(|part| !part.is_message())
        .map(|part| {
            let name = part.attachment_name().unwrap_or_default().to_owned();
            (name, same(&bytes_of(original, part)))
        })
        .collect();
    parts.sort();
    for file in files {
        assert!(parts.contains(file), "{id} lacks {} of {parts:?}", file.0);
    }
}

#[tokio::test]
async fn the_original_of_every_message_reads_as_its_row_does() {
    let scene = Scene::open(Backend::Sqlite, 40, &[]).await;
    let messages = scene.messages().await;
    let mut compared = 0;

    for id in messages {
        let store = &scene.rig.parts.store;
        let row = store.message_get(scene.mailbox, &id).await;
        let Some(row) = row.expect("the database answers") else {
            continue;
        };
        let mut files = Vec::new();
        for one in scene.stored(&id).await {
            if let Some(file) = file(&scene, &id, &one).await {
                files.push(file);
            }
        }
        let original = scene.get(&format!("{}/mime", path(&id)), &[]).await;
        assert_eq!(original.status, 200, "{}", original.text());
        assert_eq!(original.header("content-type"), "message/rfc822");
        compare(&row.message, &files, &original.body);
        let kept = store.message_original(scene.mailbox, &id).await;
        let kept = kept.expect("the database answers").is_some();
        assert_eq!(kept, !row.message.is_draft, "a draft's changes with it");
        compared += 1;
    }

    assert!(compared >= 40, "{compared}");
    scene.rig.stop().await;
}

/// The name and digest of a file, if it is one that can be read.
async fn file(
    scene: &Scene,
    message: &graph_mirror::model::ids::GraphId,
    one: &StoredAttachment,
) -> Option<(String, Vec<u8>)> {
    if one.attachment.kind != "file" {
        return None;
    }
    let answer = scene.get(&content_path(message, one), &[]).await;
    if answer.status != 200 {
        // One of the seeded attachments cannot be opened (F8.12).
        assert_eq!(answer.json()["code"], "content_unavailable");
        return None;
    }
    let name = one.attachment.name.clone().unwrap_or_default();
    Some((name, same(&answer.body)))
}
