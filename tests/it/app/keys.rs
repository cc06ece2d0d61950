//! Keys are rotated while the service goes on refreshing.

use std::sync::Arc;

use chrono::TimeDelta;
use graph_mirror::model::ids::MailboxId;
use graph_mirror::model::mailbox::MailboxState;
use graph_mirror::model::time::Clock as _;
use graph_mirror::oauth::Rotation;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::secrets::{Keyring, Label, Signer, Vault};
use graph_mirror::store::{Backend, Grant, Priority};
use graph_mirror::subscriptions::replace_former;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::rig::Rig;

fn ring(keys: &[&str]) -> Keyring {
    Keyring::parse(&keys.join(",")).expect("a ring")
}

async fn grant(rig: &Rig, mailbox: MailboxId) -> Grant {
    let grant = rig.parts.store.grant_get(mailbox).await;
    grant.expect("the database answers").expect("there is one")
}

/// Puts the grant back under the old key, as it was before the new one stood in front.
async fn age(rig: &Rig, mailbox: MailboxId, old: &str) {
    let (all, old) = (&rig.parts.vault, Vault::new(&ring(&[old])));
    loop {
        let seen = grant(rig, mailbox).await;
        let aged = |label: Label, sealed: &Option<String>| {
            use secrecy::ExposeSecret as _;
            let secret = all.open(&label, sealed.as_deref().expect("it is sealed"));
            old.seal(&label, secret.expect("it opens").expose_secret())
        };
        let access = aged(Label::AccessToken(mailbox), &seen.sealed_access_token);
        let refresh = aged(Label::RefreshToken(mailbox), &seen.sealed_refresh_token);
        let store = &rig.parts.store;
        let is_aged = store.grant_reseal(&seen, Some(&access), Some(&refresh));
        if is_aged.await.expect("the database answers") {
            return;
        }
    }
}

/// Messages come in, and are announced.
fn deliver(rig: &Rig, count: usize, seed: u64) {
    let order = EditOrder {
        count,
        seed,
        kinds: vec!["message_deliver".to_owned()],
    };
    let user = &rig.sandbox.settings().users[0];
    let made = rig.sandbox.world().edit(&user.id, &order);
    assert_eq!(made.expect("the person exists").len(), count);
}

async fn rotated_while_refreshing(backend: Backend) {
    let (new, old) = (Keyring::generate_key(), Keyring::generate_key());
    let both = format!("{new},{old}");
    let rig = Rig::start(
        backend,
        Options {
            mailboxes: 1,
            messages: Some(8),
            ..Options::default()
        },
        // An older token over a newer one would be the end of the mailbox.
        json!({
            "strict_refresh_rotation": true,
            "notification_delay_min_ms": 0,
            "notification_delay_max_ms": 0,
        }),
        &[("OAUTH_ENCRYPTION_KEY", &both)],
    )
    .await;
    rig.connect().await;
    rig.copied().await;
    let mailbox = rig.mailboxes().await[0].id;
    let store = &rig.parts.store;
    let vault = Vault::new(&ring(&[&new, &old]));
    let rotation = Rotation::new(store.clone(), vault.clone(), Arc::clone(&rig.parts.clock));
    let run = async || {
        let rotated = rotation.run(&CancellationToken::new(), |_, _| ()).await;
        rotated.expect("the database answers")
    };

    age(&rig, mailbox, &old).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let ended = rotation.run(&stop, |_, _| ()).await;
    let ended = ended.expect("the database answers");
    assert_eq!(
        (ended.interrupted, ended.left),
        (true, 1),
        "what is left is said"
    );

    let mut resealed = 0;
    for round in 0..3 {
        age(&rig, mailbox, &old).await;
        let before = grant(&rig, mailbox).await.rotation;
        rig.sandbox.world().lapse_tokens();
        deliver(&rig, 1, round);
        // Again and again, until a refresh has come in between.
        while grant(&rig, mailbox).await.rotation == before {
            resealed += run().await.resealed;
            age(&rig, mailbox, &old).await;
        }
        let rotated = run().await;
        resealed += rotated.resealed;
        assert_eq!((rotated.left, rotated.unreadable), (0, Vec::new()));
    }

    assert!(resealed >= 3, "{resealed}");
    let last = run().await;
    assert_eq!(
        (last.resealed, last.already),
        (0, 1),
        "a second run finds nothing to do"
    );
    let kept = grant(&rig, mailbox).await;
    let alone = Vault::new(&ring(&[&new]));
    let sealed = kept.sealed_refresh_token.as_deref().expect("it is there");
    assert!(alone.open(&Label::RefreshToken(mailbox), sealed).is_ok());
    // What it lives by is the newest that the identity platform gave.
    rig.sandbox.world().lapse_tokens();
    deliver(&rig, 5, 99);
    rig.equal().await;
    assert_eq!(rig.mailboxes().await[0].state, MailboxState::Connected);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_sealed_anew_while_they_are_refreshed_on_sqlite() {
    rotated_while_refreshing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_sealed_anew_while_they_are_refreshed_on_postgres() {
    rotated_while_refreshing(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_an_old_key_is_replaced_before_that_key_is_free() {
    let (new, old) = (Keyring::generate_key(), Keyring::generate_key());
    let rig = Rig::start(
        Backend::Sqlite,
        Options {
            mailboxes: 1,
            messages: Some(5),
            events: false,
            ..Options::default()
        },
        json!({
            "duplicate_conflict": false,
            "notification_delay_min_ms": 0,
            "notification_delay_max_ms": 0,
        }),
        &[("OAUTH_ENCRYPTION_KEY", &format!("{new},{old}"))],
    )
    .await;
    rig.connect().await;
    rig.copied().await;
    let mailbox = rig.mailboxes().await[0].id;
    let store = &rig.parts.store;
    let rows = async || {
        store
            .subscriptions_list(mailbox)
            .await
            .expect("the database answers")
    };
    let both = Signer::new(&ring(&[&new, &old]));
    rig.until("the subscriptions", async || {
        let rows = rows().await;
        !rows.is_empty() && rows.iter().all(|row| row.graph_id.is_some())
    })
    .await;
    // As if the service had run with the old key alone when it made them, and one before that was kept.
    let before = rows().await;
    let mut tx = store.write(Priority::Live).await.expect("a transaction");
    for (number, row) in before.iter().enumerate() {
        assert_eq!(row.client_state_key, Some(both.fingerprint()));
        let mut row = row.clone();
        let former = Signer::new(&ring(&[&old])).fingerprint();
        row.client_state_key = (number > 0).then_some(former);
        row.renew_at = Some(rig.clock.now() + TimeDelta::days(1));
        tx.subscription_save(&row).await.expect("it is saved");
    }
    tx.commit().await.expect("it is committed");
    let alone = Signer::new(&ring(&[&new]));
    let former = async |signer: &Signer| {
        let found = replace_former(store, signer, rig.clock.now()).await;
        found.expect("the database answers")
    };

    assert_eq!(
        former(&alone).await,
        0,
        "with one key there is none to be free of"
    );
    assert_eq!(former(&both).await, before.len());
    rig.until("the successors", async || {
        let rows = rows().await;
        rows.len() == before.len()
            && rows
                .iter()
                .all(|row| row.client_state_key == Some(both.fingerprint()))
    })
    .await;

    assert_eq!(former(&both).await, 0);
    assert!(
        rows()
            .await
            .iter()
            .all(|row| before.iter().all(|old| old.key != row.key))
    );
    rig.stop().await;
}
