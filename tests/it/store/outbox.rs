//! What a write needs of its command, and the origins in the feed.

use graph_mirror::model::feed::{ChangeKind, ItemKind};
use graph_mirror::model::ids::Owner;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::Wish;
use graph_mirror::model::write::{FaultCode, NewMessage, Write};
use graph_mirror::store::{Asked, Backend, CommandStep, NewChange, NewCommand, Wake};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use super::samples::{connected, id, seconds, writing};
use crate::support::database::{Database, on_both_stores, standing_clock};

fn send(subject: &str) -> Wish {
    Wish::Write(Box::new(Write::Send {
        message: NewMessage {
            subject: Some(subject.to_owned()),
            ..NewMessage::default()
        },
    }))
}

fn asked(subject: &str, key: &str) -> NewCommand {
    NewCommand {
        wish: send(subject),
        owner: Some(Owner::from("owner")),
        key: Some((key.to_owned(), subject.to_owned())),
    }
}

on_both_stores!(
    a_key_asks_for_a_command_once_in_its_mailbox,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let other = connected(&store, &clock, "ben").await;

        let first = store
            .command_ask(mailbox, &asked("one", "k"), clock.now())
            .await?;
        let again = store
            .command_ask(mailbox, &asked("one", "k"), clock.now())
            .await?;
        let wrong = store
            .command_ask(mailbox, &asked("two", "k"), clock.now())
            .await?;
        let others = store
            .command_ask(other, &asked("one", "k"), clock.now())
            .await?;

        let Asked::New(id) = first else {
            panic!("{first:?}");
        };
        assert!(matches!(again, Asked::Same(command) if command.id == id));
        assert_eq!(wrong, Asked::Other);
        assert!(matches!(others, Asked::New(_)));
        assert_eq!(store.commands_waiting(mailbox).await?.len(), 1);
    }
);

on_both_stores!(
    how_far_a_command_has_come_is_kept_and_its_end_leaves_nothing_of_what_was_written,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        store
            .command_ask(mailbox, &asked("secret", "k"), clock.now())
            .await?;
        let command = store.commands_waiting(mailbox).await?.remove(0);
        let due = clock.now() + seconds(5);
        let mut tx = writing(&store).await;
        let step = CommandStep {
            begins: true,
            progress: Some("{\"draft\":\"m\"}".to_owned()),
            graph_id: Some(id("m")),
            due_at: Some(due),
        };
        tx.command_step(mailbox, &command, &step).await?;
        tx.command_step(
            mailbox,
            &command,
            &CommandStep {
                begins: true,
                due_at: Some(due),
                ..CommandStep::default()
            },
        )
        .await?;
        tx.commit().await?;
        let run = store
            .command_get(mailbox, command.id)
            .await?
            .expect("it is there");
        assert_eq!(
            (run.attempts, run.due_at, run.graph_id.clone()),
            (2, Some(due), Some(id("m")))
        );
        assert!(
            run.progress
                .as_ref()
                .is_some_and(|text| text.contains("draft"))
        );

        let mut tx = writing(&store).await;
        tx.command_bare(mailbox, &run, Some(FaultCode::OutcomeUnknown))
            .await?;
        tx.command_finish(mailbox, run.id, &Err("why".to_owned()), clock.now())
            .await?;
        tx.commit().await?;

        let ended = store
            .command_get(mailbox, run.id)
            .await?
            .expect("it is there");
        assert_eq!(ended.failure_code, Some(FaultCode::OutcomeUnknown));
        assert_eq!((ended.progress, ended.graph_id), (None, Some(id("m"))));
        let kept = serde_json::to_string(&ended.wish)?;
        assert!(!kept.contains("secret"), "{kept}");
        assert!(store.commands_waiting(mailbox).await?.is_empty());
    }
);

on_both_stores!(
    a_change_of_ours_names_its_command_whichever_way_it_came_first,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let command = store.command_add(mailbox, &send("x"), clock.now()).await?;
        let change = |name: &str, change| NewChange {
            kind: ItemKind::Message,
            external_id: id(name),
            change,
        };
        let mut tx = writing(&store).await;
        tx.changes_append(
            mailbox,
            &[
                change("faster", ChangeKind::Created),
                change("theirs", ChangeKind::Created),
            ],
            clock.now(),
        )
        .await?;
        tx.commit().await?;

        let mut tx = writing(&store).await;
        for name in ["faster", "later"] {
            tx.origin_add(
                mailbox,
                command,
                (ItemKind::Message, &id(name)),
                None,
                clock.now(),
            )
            .await?;
        }
        tx.changes_append(
            mailbox,
            &[
                change("later", ChangeKind::Deleted),
                change("later", ChangeKind::Updated),
            ],
            clock.now(),
        )
        .await?;
        tx.commit().await?;

        let origins = store.changes_after(mailbox, 0, 10).await?;
        let origins: Vec<_> = origins.into_iter().map(|change| change.origin).collect();
        assert_eq!(origins, [Some(command), None, Some(command), None]);
    }
);

#[tokio::test]
async fn an_application_asks_by_a_row_of_its_own_and_the_homes_hear_of_it() {
    let database = Database::create(Backend::Postgres).await;
    let clock = standing_clock();
    let store = database.open(&clock).await;
    let mailbox = connected(&store, &clock, "anna").await;
    let mut connection = PgConnection::connect(&database.url)
        .await
        .expect("it connects");
    let mut wakes = store.wake_listen();
    let insert = |wish: &str| {
        format!(
            "INSERT INTO commands (mailbox_id, id, wish, requested_at)
             VALUES ('{mailbox}', gen_random_uuid(), '{wish}', now())"
        )
    };

    let send = insert(r#"{"kind":"send","message":{"subject":"By row","draft":true}}"#);
    connection
        .execute(send.as_str())
        .await
        .expect("it is taken");

    assert_eq!(wakes.next().await, Wake::Mailbox(mailbox));
    let nonsense = insert(r#"{"kind":"send","message":{"subjekt":"Hello"}}"#);
    connection
        .execute(nonsense.as_str())
        .await
        .expect("it is taken");
    let waiting = store.commands_waiting(mailbox).await.expect("it answers");
    assert!(matches!(&waiting[0].wish, Wish::Write(write) if write.kind() == "send"));
    assert!(
        matches!(&waiting[1].wish, Wish::Unreadable { why } if why.contains("subjekt")),
        "{:?}",
        waiting[1].wish
    );
}
