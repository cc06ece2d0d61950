//! Calendars.

use graph_mirror::model::calendar::Calendar;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Effect;
use graph_mirror::store::CalendarWrite;

use super::samples::{calendar, connected, id, seconds, writing};
use crate::support::database::on_both_stores;

on_both_stores!(calendars_read_back_the_default_one_first, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let default = Calendar {
        is_default: true,
        color: None,
        owner_address: None,
        ..calendar("b")
    };
    let shared = calendar("a");
    let write = |calendar, fetched_at| CalendarWrite {
        calendar,
        fetched_at,
        round: Some(1),
    };
    let mut tx = writing(&store).await;

    let writes = [write(&shared, clock.now()), write(&default, clock.now())];
    let created = tx.calendars_upsert(mailbox, &writes, clock.now()).await?;
    let same = tx
        .calendars_upsert(mailbox, &writes[..1], clock.now())
        .await?;
    let renamed = Calendar {
        name: "New".to_owned(),
        ..shared.clone()
    };
    let updated = tx
        .calendars_upsert(
            mailbox,
            &[write(&renamed, clock.now() + seconds(1))],
            clock.now(),
        )
        .await?;
    tx.commit().await?;

    assert_eq!(
        created,
        [(id("a"), Effect::Created), (id("b"), Effect::Created)]
    );
    assert_eq!(same, [(id("a"), Effect::Unchanged)]);
    assert_eq!(updated, [(id("a"), Effect::Updated)]);
    assert_eq!(store.calendars_list(mailbox).await?, [default, renamed]);
});

on_both_stores!(a_calendar_that_is_gone_is_deleted_once, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let shared = calendar("a");
    let mut tx = writing(&store).await;
    let write = CalendarWrite {
        calendar: &shared,
        fetched_at: clock.now(),
        round: None,
    };
    tx.calendars_upsert(mailbox, &[write], clock.now()).await?;

    let gone = tx
        .calendars_delete(mailbox, &[id("a"), id("x")], clock.now(), clock.now())
        .await?;
    tx.commit().await?;

    assert_eq!(gone, [id("a")]);
    assert!(store.calendars_list(mailbox).await?.is_empty());
});
