//! Audits.

use graph_mirror::model::feed::{Audit, Difference, ItemKind};
use graph_mirror::model::time::Clock;

use super::samples::{connected, id, seconds, writing};
use crate::support::database::on_both_stores;

on_both_stores!(the_last_audit_is_the_one_that_counts, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let differing = Audit {
        mailbox,
        as_of: clock.now(),
        equal: false,
        difference_count: 12,
        differences: vec![Difference {
            kind: ItemKind::Message,
            external_id: id("one"),
            field: "is_read".to_owned(),
            ours: Some("true".to_owned()),
            theirs: None,
        }],
        messages: 100,
        events: 7,
    };
    let equal = Audit {
        as_of: clock.now() + seconds(60),
        equal: true,
        difference_count: 0,
        differences: Vec::new(),
        ..differing.clone()
    };
    assert_eq!(store.audit_last(mailbox).await?, None);
    let mut tx = writing(&store).await;
    tx.audit_add(&equal).await?;
    tx.audit_add(&differing).await?;
    tx.commit().await?;
    assert_eq!(store.audit_last(mailbox).await?, Some(equal.clone()));

    let replaced = Audit {
        as_of: equal.as_of,
        ..differing
    };
    let mut tx = writing(&store).await;
    tx.audit_add(&replaced).await?;
    tx.commit().await?;

    assert_eq!(store.audit_last(mailbox).await?, Some(replaced));
});
