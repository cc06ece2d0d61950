//! What could not be read however often it was tried (M41), as a person sees it from the shell.

use std::sync::Arc;

use graph_mirror::mirror::ladder::QUARANTINE_AFTER;
use graph_mirror::model::ids::{GraphId, MailboxId, Owner};
use graph_mirror::model::time::{Clock, SystemClock, Timestamp};
use graph_mirror::model::work::{ChangeHint, Lane, NoticeKind};
use graph_mirror::store::{NewMailbox, NewNotice, Priority, SeenNotice, Store};

use super::run::Shell;

/// The database of a shell, with a mailbox and two items of it that failed too often.
async fn stuck(shell: &Shell) -> MailboxId {
    shell.run(&["migrate"]).well();
    let file = shell.folder().join("data/graph-mirror.db");
    let store = Store::open(
        &format!("sqlite://{}", file.display()),
        Arc::new(SystemClock),
    )
    .await
    .expect("the database opens");
    let now = SystemClock.now();
    let mut tx = store.write(Priority::Live).await.expect("a transaction");
    let new = NewMailbox {
        owner: Owner::from("suite"),
        user_id: GraphId::from("user"),
        tenant_id: None,
        address: "anna@example.org".to_owned(),
        display_name: None,
    };
    let (mailbox, _) = tx
        .mailbox_connect(&new, now)
        .await
        .expect("it is connected");
    let notices = ["one", "two", "three"].map(|name| NewNotice {
        kind: NoticeKind::Message,
        external_id: GraphId::from(name),
        lane: Lane::Live,
        hint: ChangeHint::Updated,
        due_at: now,
        trace: None,
    });
    tx.notices_add(mailbox, &notices, now)
        .await
        .expect("they are added");
    for name in ["one", "two"] {
        let seen = SeenNotice {
            kind: NoticeKind::Message,
            external_id: GraphId::from(name),
            generation: 1,
            received_at: now,
            trace: None,
        };
        for _ in 0..QUARANTINE_AFTER {
            let postponed = tx
                .notices_postpone(mailbox, &seen, Timestamp::MAX_UTC)
                .await;
            assert!(postponed.expect("it is put off"));
        }
    }
    tx.commit().await.expect("it is committed");
    store.close().await;
    mailbox
}

#[tokio::test]
async fn what_is_in_quarantine_is_listed_retried_and_released() {
    let shell = Shell::new();
    let mailbox = stuck(&shell).await;

    let listed = shell.run(&["quarantine", "list", "--json"]).well().json();
    let shown = shell
        .run(&["quarantine", "list", "anna@example.org"])
        .well();
    let retried = shell
        .run(&["quarantine", "retry", "anna@example.org", "one", "--json"])
        .well()
        .json();
    let again = shell.run(&["quarantine", "retry", "anna@example.org", "one"]);
    let released = shell
        .run(&["quarantine", "release", &mailbox.to_string(), "--json"])
        .well()
        .json();
    let empty = shell.run(&["quarantine", "list"]).well();

    let ids: Vec<_> = listed
        .as_array()
        .expect("an array")
        .iter()
        .map(|item| item["external_id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids, ["one", "two"]);
    assert_eq!(listed[0]["attempts"], QUARANTINE_AFTER);
    assert!(
        shown.out.contains("two") && !shown.out.contains("three"),
        "{}",
        shown.out
    );
    assert_eq!(retried["retried"], 1);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("hint: "), "{}", again.err);
    assert_eq!(released["released"], 1);
    assert_eq!(empty.out, "nothing is in quarantine\n");
}
