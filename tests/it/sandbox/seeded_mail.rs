//! What seeded mailboxes hold (S29, S30, S72).

use std::collections::{BTreeMap, BTreeSet};

use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::seed::text::words;
use graph_mirror::sandbox::world::Language;
use serde_json::Value;

use super::client::Client;
use super::mail_scene::{IMMUTABLE, id, path, seeded};

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
async fn the_same_seed_gives_the_same_mailbox() {
    // S72
    let (one, other) = (seeded().await, seeded().await);

    let (first, _) = one.walk("/me/messages?$top=200", IMMUTABLE).await;
    let (second, _) = other.walk("/me/messages?$top=200", IMMUTABLE).await;

    assert_eq!(first, second);
    assert_eq!(first.len(), 120);
}

/// Every message of the person, with bodies as asked for.
async fn all(client: &Client, prefer: &str) -> Vec<Value> {
    client
        .walk("/me/messages?$top=100", &format!("{IMMUTABLE}{prefer}"))
        .await
        .0
}

fn content(message: &Value) -> &str {
    message["body"]["content"].as_str().expect("it has a body")
}

#[tokio::test]
async fn every_mailbox_has_bodies_from_1_to_200_kb_written_as_text_and_as_html() {
    const TEXT: &str = ", outlook.body-content-type=\"text\"";
    let mut client = Client::open_with(Options {
        events: false,
        ..Options::default()
    })
    .await;

    for person in 0..3 {
        client.sign_in(person);
        let (html, text) = (all(&client, "").await, all(&client, TEXT).await);
        let mut lengths: BTreeMap<bool, Vec<usize>> = BTreeMap::new();
        for (html, text) in html.iter().zip(&text) {
            // What was written as text stands whole in one element.
            let (_, shown) = content(html).split_once("<body").unwrap();
            let was_text = shown.starts_with("><pre>");
            let written = if was_text { text } else { html };
            lengths
                .entry(was_text)
                .or_default()
                .push(content(written).len());
            assert!(content(html).len() <= 200_000);
        }
        assert_eq!(lengths.len(), 2);
        for lengths in lengths.values() {
            let (shortest, longest) = (lengths.iter().min(), lengths.iter().max());
            assert!((1_000..1_500).contains(shortest.unwrap()), "{shortest:?}");
            assert!(
                (195_000..=200_000).contains(longest.unwrap()),
                "{longest:?}"
            );
            let ordinary = lengths.iter().filter(|length| **length < 40_000);
            assert!(ordinary.count() * 10 > lengths.len() * 8);
        }
    }
}

#[tokio::test]
async fn in_a_large_sandbox_too_bodies_are_in_the_owners_language_and_greet_no_empty_name() {
    let mut client = Client::open_with(Options {
        mailboxes: 20,
        messages: Some(260),
        events: false,
        ..Options::default()
    })
    .await;
    let languages = [Language::English, Language::German, Language::French];

    for (person, own) in [
        (0, Language::English),
        (1, Language::German),
        (4, Language::French),
        (19, Language::German),
    ] {
        client.sign_in(person);
        for message in all(&client, "").await {
            let content = content(&message);
            for language in languages {
                let sentences = words(language).sentences;
                let speaks = sentences.iter().any(|sentence| content.contains(sentence));
                assert_eq!(speaks, language == own, "person {person}: {content}");
            }
            let salutations = words(own).salutations;
            assert!(salutations.iter().any(|begin| content.contains(begin)));
            for greeting in words(own).greetings {
                let nobody = format!(">{}", greeting.replace("{}", ""));
                for end in ["<", "\r"] {
                    assert!(!content.contains(&format!("{nobody}{end}")), "{nobody}");
                }
            }
        }
    }
}

#[tokio::test]
async fn seeded_threads_run_through_the_inbox_and_sent_items() {
    use base64::Engine as _;
    let mut client = seeded().await;

    for person in 0..3 {
        client.sign_in(person);
        let inbox = client.get("/me/mailFolders/inbox").await.ok();
        let sent_items = client.get("/me/mailFolders/sentitems").await.ok();
        let mut threads: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for message in all(&client, "").await {
            let conversation = message["conversationId"].as_str().unwrap().to_owned();
            threads.entry(conversation).or_default().push(message);
        }
        let mut through_both = 0;
        for thread in threads.values_mut().filter(|thread| thread.len() >= 3) {
            let text = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
            let index = |message: &Value| {
                let index = text(message, "conversationIndex");
                base64::engine::general_purpose::STANDARD
                    .decode(index)
                    .unwrap()
            };
            thread.sort_by_key(&index);
            assert!(thread.is_sorted_by_key(|message| text(message, "receivedDateTime")));
            let (first, answers) = thread.split_first().unwrap();
            let subject = format!("RE: {}", text(first, "subject"));
            let mut before = index(first);
            assert_eq!(before.len(), 22);
            for answer in answers {
                assert_eq!(text(answer, "subject"), subject);
                let index = index(answer);
                assert!(index.starts_with(&before) && index.len() == before.len() + 5);
                before = index;
            }
            let folders: BTreeSet<_> = thread
                .iter()
                .map(|message| text(message, "parentFolderId"))
                .collect();
            assert!(folders.contains(id(&sent_items)));
            through_both += usize::from(folders.contains(id(&inbox)));
        }
        assert!(through_both > 0, "person {person}");
    }
}
