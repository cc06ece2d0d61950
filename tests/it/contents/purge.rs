//! Contents come ahead of their readers when told to, and go when nobody points at them.

use std::collections::BTreeMap;
use std::time::Duration;

use graph_mirror::app::sweep::sweep;
use graph_mirror::model::mail::ContentState;
use graph_mirror::model::work::Wish;
use graph_mirror::store::Backend;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

use super::scene::Scene;

/// Long enough for a sweep to delete what one before has found.
const DAY: Duration = Duration::from_hours(25);

#[tokio::test]
async fn what_was_fetched_ahead_is_gone_after_a_purge_and_nothing_before() {
    let scene = Scene::open(Backend::Postgres, 60, &[("ATTACHMENTS", "eager")]).await;
    let store = &scene.rig.parts.store;
    let mut states = BTreeMap::new();
    scene
        .rig
        .until("all contents", async || {
            states.clear();
            for message in scene.messages().await {
                for one in scene.stored(&message).await {
                    *states.entry(format!("{:?}", one.state)).or_insert(0) += 1;
                }
            }
            let unfetched = format!("{:?}", ContentState::Unfetched);
            !states.is_empty() && !states.contains_key(&unfetched)
        })
        .await;
    let (blobs, _) = store.blobs_sum().await.expect("the database answers");
    assert!(blobs > 0, "{states:?}");
    assert_eq!(i64::try_from(scene.files().len()), Ok(blobs));

    scene.rig.clock.advance(DAY);
    let swept = sweep(&scene.rig.parts).await.expect("it sweeps");
    assert_eq!(
        (swept.marked, swept.deleted),
        (0, 0),
        "every blob is pointed at"
    );
    let now = scene.rig.parts.clock.now();
    let wish = store
        .command_add(scene.mailbox, &Wish::Disconnect, now)
        .await;
    let command = wish.expect("the wish is left");
    let ended = store
        .command_wait(scene.mailbox, command, Duration::from_mins(1))
        .await;
    ended
        .expect("it answers")
        .expect("in time")
        .expect("it succeeds");
    let mut application = PgConnection::connect(scene.rig.parts.settings.database.url.expose())
        .await
        .expect("it connects");
    let purge = std::fs::read_to_string("examples/sql/mailbox-delete.sql").expect("an example");
    let purge = purge.replace("'me'", "'test'");
    application.execute(purge.as_str()).await.expect("it goes");
    let marked = sweep(&scene.rig.parts).await.expect("it sweeps");
    assert_eq!(i64::try_from(marked.marked), Ok(blobs));
    assert_eq!(marked.deleted, 0, "somebody may be about to point at them");

    scene.rig.clock.advance(DAY);
    let swept = sweep(&scene.rig.parts).await.expect("it sweeps");

    assert_eq!(i64::try_from(swept.deleted), Ok(blobs));
    assert_eq!(store.blobs_sum().await.expect("it answers"), (0, 0));
    assert!(scene.files().is_empty(), "{:?}", scene.files());
    scene.rig.stop().await;
}
