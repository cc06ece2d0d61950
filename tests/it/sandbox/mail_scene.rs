//! What the tests of mail begin with: a seeded mailbox, and the small things said of items and pages.

use graph_mirror::sandbox::Options;
use serde_json::{Value, json};

use super::client::{Client, segment};

pub const IMMUTABLE: &str = "IdType=\"ImmutableId\"";
pub const INBOX: &str = "/me/mailFolders/inbox/messages/delta";
pub const ARCHIVE: &str = "/me/mailFolders/archive/messages/delta";

/// A sandbox with 120 messages in each mailbox.
pub async fn seeded() -> Client {
    Client::open_with(Options {
        messages: Some(120),
        ..Options::default()
    })
    .await
}

pub fn values(page: &Value) -> &Vec<Value> {
    page["value"].as_array().expect("a page has items")
}

pub fn id(item: &Value) -> &str {
    item["id"].as_str().expect("an item has an id")
}

/// Where a message is read.
pub fn path(item: &Value) -> String {
    format!("/me/messages/{}", segment(id(item)))
}

/// Where a folder is read.
pub fn folder_path(item: &Value) -> String {
    format!("/me/mailFolders/{}", segment(id(item)))
}

/// The deltaLink of a round's last page.
pub fn link(page: &Value) -> String {
    page["@odata.deltaLink"]
        .as_str()
        .expect("a round ends")
        .to_owned()
}

pub fn is_removed(item: &Value) -> bool {
    item.get("@removed").is_some()
}

/// A full round, and its deltaLink.
pub async fn begin(client: &Client, path: &str) -> (Vec<Value>, String) {
    let (items, last) = client.walk(path, IMMUTABLE).await;
    let link = link(&last);
    (items, link)
}

pub async fn move_to(client: &Client, message: &Value, folder: &str) {
    let to = json!({"destinationId": folder});
    let answer = client.post(&format!("{}/move", path(message)), to).await;
    assert_eq!(answer.status, 201);
}

/// The latest message that fits.
pub async fn find(client: &Client, fits: impl Fn(&Value) -> bool) -> Value {
    let (all, _) = client.walk("/me/messages?$top=200", IMMUTABLE).await;
    all.into_iter().find(fits).expect("the seed has one")
}

/// Every folder below the root and how deep it stands, found by asking each for its children.
pub async fn tree(client: &Client, hidden_too: bool) -> Vec<(Value, usize)> {
    let mut found = Vec::new();
    let mut open = vec![("/me/mailFolders".to_owned(), 1)];
    while let Some((path, depth)) = open.pop() {
        let path = format!("{path}?includeHiddenFolders={hidden_too}&$top=100");
        for child in client.walk(&path, IMMUTABLE).await.0 {
            open.push((format!("{}/childFolders", folder_path(&child)), depth + 1));
            found.push((child, depth));
        }
    }
    found
}
