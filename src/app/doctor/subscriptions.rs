//! Our subscriptions against what Graph lists: what is missing there, what was left there.

use super::finding::{Check, Finding};
use super::live::is_a_test;
use crate::graph::MailboxGraph;
use crate::model::ids::SubscriptionKey;
use crate::model::mailbox::Mailbox;
use crate::model::time::Timestamp;
use crate::model::work::{Subscription, SubscriptionState};
use crate::store::{MailboxMark, Priority, Store, StoreError};
use crate::subscriptions::Listed;
use crate::subscriptions::address::is_at;

const CHECK: Check = Check::Subscriptions;

/// The differences of one mailbox.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Rows that Graph has nothing for: nobody announces what they watch.
    pub(super) missing: Vec<SubscriptionKey>,
    /// Graph's ids of what posts to us and belongs to no row.
    pub(super) left: Vec<String>,
    /// How many of those are tests of an examination that was cut off.
    pub(super) tests: usize,
    /// How many post elsewhere: another deployment of the same app registration.
    pub(super) elsewhere: usize,
    /// How many rows serve.
    pub(super) serving: usize,
}

/// Compares; `stored` is read after Graph was asked, so that what is made meanwhile is known.
pub(super) fn compare(
    stored: &[Subscription],
    listed: &[Listed],
    base: &str,
    now: Timestamp,
) -> Differences {
    let mut found = Differences::default();
    for row in stored {
        let is_meant = row.state == SubscriptionState::Active && row.public_url == base;
        let is_listed = listed
            .iter()
            .any(|one| Some(one.graph_id.as_str()) == row.graph_id.as_deref());
        let is_over = row.expires_at.is_some_and(|end| end <= now);
        if is_meant && is_listed {
            found.serving += 1;
        } else if is_meant && !is_over {
            found.missing.push(row.key);
        }
    }
    for one in listed.iter().filter(|one| !one.is_anothers) {
        let is_a_rows = stored.iter().any(|row| {
            row.graph_id.as_deref() == Some(one.graph_id.as_str()) || one.key == Some(row.key)
        });
        if is_a_rows {
            continue;
        }
        if is_at(&one.notification_url, base) {
            found.tests += usize::from(is_a_test(&one.notification_url));
            found.left.push(one.graph_id.clone());
        } else {
            found.elsewhere += 1;
        }
    }
    found
}

/// What the differences of a mailbox mean; the first is about what is missing, the second about what was left.
pub(super) fn judge(mailbox: &Mailbox, found: &Differences) -> Vec<Finding> {
    let address = &mailbox.address;
    let mut findings = Vec::new();
    if !found.missing.is_empty() {
        let told = format!(
            "Graph no longer has {} of the subscriptions of {address}",
            found.missing.len()
        );
        findings.push(
            Finding::broken(CHECK, "missing_at_graph", told).advising(
                "they are made anew once that is noticed, within a day at the latest, and changes are found by polling until then; \
                 --fix has them made at once",
            ),
        );
    } else if found.serving == 0 && mailbox.backfilled_at.is_some() {
        let reason = mailbox
            .push_reason
            .as_deref()
            .unwrap_or("no reason is known");
        let told = format!("nothing is subscribed to for {address}: {reason}");
        findings.push(Finding::warning(CHECK, "none", told).advising(
            "it is tried again by itself; the log of the service names what Graph refuses",
        ));
    } else if !mailbox.push_healthy && found.serving > 0 {
        let reason = mailbox
            .push_reason
            .as_deref()
            .unwrap_or("no reason is known");
        let told = format!("notifications of {address} are not trusted: {reason}");
        findings.push(
            Finding::warning(CHECK, "push_doubted", told)
                .advising("the mirror polls more often until they come again; nothing is lost"),
        );
    }
    if !found.left.is_empty() {
        let told = format!(
            "Graph posts to us for {} subscriptions of {address} that nobody here knows ({} of them left by an examination)",
            found.left.len(),
            found.tests
        );
        findings.push(Finding::warning(CHECK, "left_at_graph", told).advising(
            "they end by themselves; the service removes them within a day, --fix at once",
        ));
    }
    if found.elsewhere > 0 {
        let told = format!(
            "{} subscriptions of {address} post to another address",
            found.elsewhere
        );
        findings.push(
            Finding::note(CHECK, "elsewhere", told)
                .advising("right where another deployment uses the same app registration"),
        );
    }
    findings
        .into_iter()
        .map(|finding| finding.about(address))
        .collect()
}

/// Has the service make anew what Graph has not.
pub(super) async fn renew(
    store: &Store,
    mailbox: &Mailbox,
    missing: &[SubscriptionKey],
    now: Timestamp,
) -> Result<String, StoreError> {
    let mut tx = store.write(Priority::Live).await?;
    let mut asked = 0;
    for key in missing {
        asked += usize::from(tx.subscription_retire(mailbox.id, *key).await?);
    }
    tx.mailbox_mark(mailbox.id, &[MailboxMark::WorkAt(now)], now)
        .await?;
    tx.wake(mailbox.id);
    tx.commit().await?;
    Ok(format!("asked the service to make {asked} anew"))
}

/// Removes at Graph what nobody knows; how many are gone.
pub(super) async fn remove(graph: &MailboxGraph, left: &[String]) -> String {
    let mut removed = 0;
    for id in left {
        removed += usize::from(graph.subscription_delete(id).await.is_ok());
    }
    format!("removed {removed} of {}", left.len())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::model::ids::MailboxId;
    use crate::model::work::SubscriptionScope;
    use crate::subscriptions::address::notification_url;

    const BASE: &str = "https://mirror.example.org";

    fn row(graph_id: &str) -> Subscription {
        let now = Timestamp::UNIX_EPOCH;
        Subscription {
            key: SubscriptionKey::generate(),
            mailbox: MailboxId::generate(),
            scope: SubscriptionScope::Messages,
            state: SubscriptionState::Active,
            graph_id: Some(graph_id.to_owned()),
            public_url: BASE.to_owned(),
            client_state_key: None,
            expires_at: Some(now + TimeDelta::days(2)),
            renew_at: None,
            not_before: None,
            failures: 0,
            created_at: now,
            touched_at: None,
            doubted_at: None,
        }
    }

    fn listed(graph_id: &str, base: &str, key: SubscriptionKey) -> Listed {
        Listed {
            graph_id: graph_id.to_owned(),
            resource: "users/x/messages".to_owned(),
            notification_url: notification_url(base, key),
            key: Some(key),
            is_anothers: false,
            expires_at: Timestamp::UNIX_EPOCH + TimeDelta::days(2),
        }
    }

    #[test]
    fn what_graph_lacks_and_what_nobody_knows_is_found() {
        let (kept, lost) = (row("kept"), row("lost"));
        let stranger = SubscriptionKey::generate();
        let mut test = listed("test", BASE, stranger);
        test.notification_url.push_str("&test=doctor");
        let mut anothers = listed("anothers", BASE, stranger);
        anothers.is_anothers = true;
        let at_graph = [
            listed("kept", BASE, kept.key),
            listed("orphan", BASE, stranger),
            test,
            anothers,
            listed("far", "https://elsewhere.example.org", stranger),
        ];

        let found = compare(
            &[kept, lost.clone()],
            &at_graph,
            BASE,
            Timestamp::UNIX_EPOCH,
        );

        assert_eq!(
            found,
            Differences {
                missing: vec![lost.key],
                left: vec!["orphan".to_owned(), "test".to_owned()],
                tests: 1,
                elsewhere: 1,
                serving: 1,
            }
        );
    }

    #[test]
    fn what_is_being_made_or_has_ended_is_neither_missing_nor_left() {
        let mut creating = row("x");
        creating.state = SubscriptionState::Creating;
        creating.graph_id = None;
        let mut over = row("over");
        over.expires_at = Some(Timestamp::UNIX_EPOCH);
        let at_graph = [listed("new", BASE, creating.key)];

        let found = compare(&[creating, over], &at_graph, BASE, Timestamp::UNIX_EPOCH);

        assert_eq!(found, Differences::default());
    }
}
