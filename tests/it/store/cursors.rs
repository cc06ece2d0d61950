//! Delta cursors.

use graph_mirror::model::time::{Clock, Timestamp};
use graph_mirror::model::work::{Cursor, CursorScope, CursorState, Link};
use graph_mirror::store::CursorFilter;

use super::samples::{at, connected, id, seconds, writing};
use crate::support::database::on_both_stores;

pub fn folder_cursor(folder: &str, due_at: Timestamp) -> Cursor {
    cursor(CursorScope::Messages { folder: id(folder) }, due_at)
}

pub fn cursor(scope: CursorScope, due_at: Timestamp) -> Cursor {
    Cursor {
        scope,
        state: CursorState::Idle,
        link: Some(Link("https://graph/delta?token=1".to_owned())),
        round: 3,
        is_full: true,
        round_started_at: Some(at("2026-01-15T11:00:00Z")),
        is_dirty: false,
        marks: 0,
        due_at,
        last_ok_at: Some(at("2026-01-15T11:30:00Z")),
        failures: 2,
        page_size: 50,
        seen: 1234,
    }
}

fn view(calendar: &str, start: &str, due_at: Timestamp) -> Cursor {
    let start = at(start);
    cursor(
        CursorScope::View {
            calendar: id(calendar),
            start,
            end: start + chrono::TimeDelta::days(30),
        },
        due_at,
    )
}

on_both_stores!(
    cursors_of_every_kind_read_back_as_they_were_saved,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let mut dirty = folder_cursor("Inbox", now);
        dirty.is_dirty = true;
        dirty.marks = 1;
        let saved = [
            cursor(CursorScope::Folders, now + seconds(3)),
            dirty,
            folder_cursor("inbox", now + seconds(2)),
            view("calendar", "2026-01-01T00:00:00Z", now + seconds(1)),
            view("calendar", "2026-02-01T00:00:00Z", now + seconds(1)),
        ];
        let mut tx = writing(&store).await;
        for cursor in &saved {
            tx.cursor_save(mailbox, cursor, now).await?;
        }
        tx.commit().await?;

        assert_eq!(store.cursors_list(mailbox).await?, saved);
        assert_eq!(store.cursors_of_views(mailbox).await?, saved[3..]);
        assert_eq!(store.cursors_next_due(mailbox).await?, Some(now));
        for cursor in &saved {
            assert_eq!(
                store.cursor_get(mailbox, &cursor.scope).await?.as_ref(),
                Some(cursor)
            );
        }
        let due = store.cursors_due(mailbox, now + seconds(1)).await?;
        assert_eq!(due, [saved[1].clone(), saved[3].clone(), saved[4].clone()]);
        assert_eq!(format!("{:?}", saved[0].link), "Some(Link(…))");
    }
);

// M47: a mark made while a round is under way survives its end.
on_both_stores!(
    a_mark_made_during_a_round_survives_the_end_of_the_round,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let scope = CursorScope::Messages {
            folder: id("inbox"),
        };
        let later = clock.now() + seconds(600);
        let mut tx = writing(&store).await;
        tx.cursor_save(mailbox, &folder_cursor("inbox", later), clock.now())
            .await?;
        tx.cursors_mark_dirty(mailbox, CursorFilter::Scope(&scope), clock.now())
            .await?;
        tx.commit().await?;
        let mut round = store
            .cursor_get(mailbox, &scope)
            .await?
            .expect("it is there");
        assert!(round.is_dirty);
        assert_eq!((round.marks, round.due_at), (1, clock.now()));

        round.is_dirty = false;
        round.due_at = later;
        let mut tx = writing(&store).await;
        tx.cursors_mark_dirty(mailbox, CursorFilter::Mail, clock.now() + seconds(1))
            .await?;
        tx.cursor_save(mailbox, &round, clock.now()).await?;
        tx.commit().await?;
        let marked = store
            .cursor_get(mailbox, &scope)
            .await?
            .expect("it is there");
        let mut next = marked.clone();
        next.is_dirty = false;
        next.due_at = later;
        let mut tx = writing(&store).await;
        tx.cursor_save(mailbox, &next, clock.now()).await?;
        tx.commit().await?;

        assert!(marked.is_dirty);
        assert_eq!(marked.due_at, clock.now());
        let settled = store
            .cursor_get(mailbox, &scope)
            .await?
            .expect("it is there");
        assert!(!settled.is_dirty);
        assert_eq!(settled.due_at, later);
    }
);

on_both_stores!(a_cursor_that_is_saved_dirty_is_dirty, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let scope = CursorScope::Messages {
        folder: id("inbox"),
    };
    let mut cursor = folder_cursor("inbox", clock.now());
    let mut tx = writing(&store).await;
    tx.cursor_save(mailbox, &cursor, clock.now()).await?;
    tx.cursors_mark_dirty(mailbox, CursorFilter::All, clock.now())
        .await?;
    tx.commit().await?;
    cursor.marks = 1;
    let mut tx = writing(&store).await;
    tx.cursor_save(mailbox, &cursor, clock.now()).await?;
    tx.commit().await?;
    assert!(
        !store
            .cursor_get(mailbox, &scope)
            .await?
            .expect("it is there")
            .is_dirty
    );

    cursor.is_dirty = true;
    let mut tx = writing(&store).await;
    tx.cursor_save(mailbox, &cursor, clock.now()).await?;
    tx.commit().await?;

    assert!(
        store
            .cursor_get(mailbox, &scope)
            .await?
            .expect("it is there")
            .is_dirty
    );
});

on_both_stores!(
    filters_reach_what_they_name_and_nothing_else,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let other = connected(&store, &clock, "ben").await;
        let now = clock.now();
        let mut tx = writing(&store).await;
        for mailbox in [mailbox, other] {
            tx.cursor_save(mailbox, &cursor(CursorScope::Folders, now), now)
                .await?;
            tx.cursor_save(mailbox, &folder_cursor("inbox", now), now)
                .await?;
            tx.cursor_save(mailbox, &view("one", "2026-01-01T00:00:00Z", now), now)
                .await?;
            tx.cursor_save(mailbox, &view("two", "2026-01-01T00:00:00Z", now), now)
                .await?;
        }
        let scope = CursorScope::Messages {
            folder: id("inbox"),
        };
        let calendar = id("one");

        assert_eq!(
            tx.cursors_mark_dirty(mailbox, CursorFilter::Scope(&scope), now)
                .await?,
            1
        );
        assert_eq!(
            tx.cursors_mark_dirty(mailbox, CursorFilter::Mail, now)
                .await?,
            2
        );
        assert_eq!(
            tx.cursors_mark_dirty(mailbox, CursorFilter::Views, now)
                .await?,
            2
        );
        assert_eq!(
            tx.cursors_mark_dirty(mailbox, CursorFilter::Calendar(&calendar), now)
                .await?,
            1
        );
        assert_eq!(
            tx.cursors_mark_dirty(mailbox, CursorFilter::All, now)
                .await?,
            4
        );
        assert_eq!(
            tx.cursors_reset(mailbox, CursorFilter::Mail, now + seconds(9))
                .await?,
            2
        );
        assert_eq!(
            tx.cursors_delete(mailbox, CursorFilter::Calendar(&calendar))
                .await?,
            1
        );
        tx.commit().await?;

        let left = store.cursors_list(mailbox).await?;
        assert_eq!(left.len(), 3);
        let inbox = store
            .cursor_get(mailbox, &scope)
            .await?
            .expect("it is there");
        assert_eq!(
            (inbox.state, inbox.link, inbox.due_at),
            (CursorState::Empty, None, now + seconds(9))
        );
        assert_eq!(inbox.round, 3);
        assert!(
            store
                .cursors_list(other)
                .await?
                .iter()
                .all(|cursor| !cursor.is_dirty)
        );
        let mut tx = writing(&store).await;
        assert_eq!(
            tx.cursors_delete(other, CursorFilter::Scope(&scope))
                .await?,
            1
        );
        assert_eq!(tx.cursors_delete(other, CursorFilter::All).await?, 3);
    }
);
