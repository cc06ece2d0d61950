//! What Graph says it has (F9.22).
//!
//! The list is of the whole application for this account, so there may be strangers in it: each is told from ours by the
//! key in its address (M25), and from those of another connection of the same account by whose row holds that key.

use crate::graph::wire::{Page, SubscriptionObject};
use crate::graph::{GraphError, MailboxGraph, Target};
use crate::model::ids::MailboxId;
use crate::model::time::Timestamp;
use crate::store::Store;

use super::address::key_of;
use super::error::SubscriptionsError;
use super::plan::Listed;

/// Pages that are read at most; a mailbox has 1,000 subscriptions at most (F9.13).
const MOST_PAGES: usize = 100;

/// Reads the whole list. Rows are looked up after Graph was asked: one that is registered meanwhile is no stranger.
pub async fn list(
    store: &Store,
    mailbox: MailboxId,
    graph: &MailboxGraph,
) -> Result<Vec<Listed>, SubscriptionsError> {
    let mut found = Vec::new();
    let mut target: Option<Target> = None;
    for _ in 0..MOST_PAGES {
        let answer = graph
            .subscriptions(target.as_ref())
            .await
            .map_err(SubscriptionsError::Graph)?;
        let page: Page<'_> = answer.json().map_err(SubscriptionsError::Graph)?;
        found.extend(page.value.iter().filter_map(|raw| read(raw.get())));
        match page.next() {
            Some(link) => target = Some(link.into()),
            None => break,
        }
    }
    for one in &mut found {
        if let Some(key) = one.key {
            let row = store.subscription_find(key).await?;
            one.is_anothers = row.is_some_and(|row| row.mailbox != mailbox);
        }
    }
    Ok(found)
}

fn read(raw: &str) -> Option<Listed> {
    let object: SubscriptionObject<'_> = serde_json::from_str(raw).ok()?;
    let notification_url = object
        .notification_url
        .map(String::from)
        .unwrap_or_default();
    Some(Listed {
        graph_id: object.id?.into_string(),
        resource: object.resource?.into_string(),
        key: key_of(&notification_url),
        notification_url,
        is_anothers: false,
        expires_at: instant(object.expiration_date_time.as_deref()?)?,
    })
}

/// What Graph granted: its id and its end (F9.2).
pub(super) fn granted(body: &[u8]) -> Result<(String, Timestamp), GraphError> {
    let malformed = |error| GraphError::Malformed(std::sync::Arc::new(error));
    let object: SubscriptionObject<'_> = serde_json::from_slice(body).map_err(malformed)?;
    let lacking = |what: &str| malformed(serde::de::Error::custom(format!("{what} is missing")));
    let id = object.id.ok_or_else(|| lacking("id"))?.into_string();
    let expires_at = object
        .expiration_date_time
        .as_deref()
        .and_then(instant)
        .ok_or_else(|| lacking("expirationDateTime"))?;
    Ok((id, expires_at))
}

/// RFC 3339 with any offset (F10.9).
fn instant(text: &str) -> Option<Timestamp> {
    let parsed = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(crate::model::time::to_micros(parsed.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_an_id_or_an_end_is_no_subscription() {
        let read = |text: &str| granted(text.as_bytes()).map(|(id, _)| id).ok();
        assert_eq!(
            read(r#"{"id":"g","expirationDateTime":"2026-03-20T11:00:00.0000000+05:30"}"#)
                .as_deref(),
            Some("g")
        );
        for text in [
            "",
            "{}",
            r#"{"id":"g"}"#,
            r#"{"id":7,"expirationDateTime":"x"}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
