//! Grants and sign-ins under way.

use graph_mirror::model::ids::MailboxId;
use graph_mirror::model::time::Clock;
use graph_mirror::store::{NewGrant, OauthState, StateTaken, Store};

use super::samples::{connected, id, seconds, writing};
use crate::support::database::on_both_stores;

fn tokens(name: &str) -> NewGrant {
    NewGrant {
        sealed_access_token: Some(format!("access {name}")),
        sealed_refresh_token: Some(format!("refresh {name}")),
        access_expires_at: None,
        scopes: "Mail.Read offline_access".to_owned(),
    }
}

async fn save(
    store: &Store,
    mailbox: MailboxId,
    grant: &NewGrant,
    now: chrono::DateTime<chrono::Utc>,
) -> i64 {
    let mut tx = writing(store).await;
    let rotation = tx
        .grant_save(mailbox, &id("anna"), grant, now)
        .await
        .expect("it is saved");
    tx.commit().await.expect("it commits");
    rotation
}

on_both_stores!(a_grant_reads_back_as_it_was_saved, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let mut grant = tokens("one");
    grant.access_expires_at = Some(clock.now() + seconds(3600));

    let rotation = save(&store, mailbox, &grant, clock.now()).await;

    let stored = store.grant_get(mailbox).await?.expect("it is there");
    assert_eq!(stored.sealed_access_token, grant.sealed_access_token);
    assert_eq!(stored.sealed_refresh_token, grant.sealed_refresh_token);
    assert_eq!(stored.access_expires_at, grant.access_expires_at);
    assert_eq!(stored.scopes, grant.scopes);
    assert_eq!((stored.rotation, stored.mailbox), (rotation, mailbox));
    assert_eq!(store.grants_list().await?.len(), 1);
    assert!(
        !format!("{stored:?}").contains("refresh one"),
        "a grant never shows its tokens"
    );
});

// M6: the rotated refresh token is saved before use, and never over a newer one.
on_both_stores!(
    a_refresh_is_saved_only_over_the_rotation_it_began_with,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let seen = save(&store, mailbox, &tokens("one"), clock.now()).await;

        let first = store
            .grant_rotate(mailbox, seen, &tokens("two"), clock.now())
            .await?;
        let late = store
            .grant_rotate(mailbox, seen, &tokens("three"), clock.now())
            .await?;

        assert!(first && !late);
        let stored = store.grant_get(mailbox).await?.expect("it is there");
        assert_eq!(stored.sealed_refresh_token.as_deref(), Some("refresh two"));
        assert_eq!(stored.rotation, seen + 1);
    }
);

on_both_stores!(
    a_refresh_without_a_new_refresh_token_keeps_the_old_one,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let seen = save(&store, mailbox, &tokens("one"), clock.now()).await;
        let refreshed = NewGrant {
            sealed_refresh_token: None,
            ..tokens("two")
        };

        store
            .grant_rotate(mailbox, seen, &refreshed, clock.now())
            .await?;

        let stored = store.grant_get(mailbox).await?.expect("it is there");
        assert_eq!(stored.sealed_access_token.as_deref(), Some("access two"));
        assert_eq!(stored.sealed_refresh_token.as_deref(), Some("refresh one"));
    }
);

on_both_stores!(a_forgotten_grant_is_gone, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    save(&store, mailbox, &tokens("one"), clock.now()).await;
    let mut tx = writing(&store).await;

    assert!(tx.grant_delete(mailbox).await?);
    assert!(!tx.grant_delete(mailbox).await?);
    tx.commit().await?;

    assert!(store.grant_get(mailbox).await?.is_none());
});

fn state(hash: &str, now: chrono::DateTime<chrono::Utc>) -> OauthState {
    OauthState {
        state_hash: hash.to_owned(),
        owner: "owner".into(),
        sealed_verifier: "sealed".to_owned(),
        redirect_uri: "http://localhost/callback".to_owned(),
        login_hint: Some("anna@example.org".to_owned()),
        created_at: now,
        expires_at: now + seconds(600),
    }
}

on_both_stores!(
    a_state_comes_back_once_in_time_and_to_its_owner,
    |store, clock| {
        let begun = state("one", clock.now());
        store.oauth_state_add(&begun).await?;
        store.oauth_state_add(&state("two", clock.now())).await?;

        let foreign = store
            .oauth_state_take("one", Some(&"other".into()), clock.now())
            .await?;
        let fresh = store
            .oauth_state_take("one", Some(&"owner".into()), clock.now())
            .await?;
        let again = store
            .oauth_state_take("one", Some(&"owner".into()), clock.now())
            .await?;
        assert!(store.oauth_state_is_used("one").await?);
        assert!(!store.oauth_state_is_used("two").await?);
        assert!(store.oauth_state_is_used("three").await?);
        let unknown = store.oauth_state_take("three", None, clock.now()).await?;
        clock.advance(seconds(600));
        let late = store.oauth_state_take("two", None, clock.now()).await?;

        assert!(foreign == StateTaken::Foreign);
        assert!(fresh == StateTaken::Fresh(begun));
        assert!(again == StateTaken::Used);
        assert!(unknown == StateTaken::Unknown);
        assert!(late == StateTaken::Expired);
    }
);

on_both_stores!(
    of_two_that_bring_a_state_at_once_one_gets_it,
    |store, clock| {
        store.oauth_state_add(&state("one", clock.now())).await?;

        let (first, second) = tokio::join!(
            store.oauth_state_take("one", None, clock.now()),
            store.oauth_state_take("one", None, clock.now()),
        );

        let fresh = [first?, second?]
            .iter()
            .filter(|taken| matches!(taken, StateTaken::Fresh(_)))
            .count();
        assert_eq!(fresh, 1);
    }
);

// A rotation of keys: the same tokens under another seal, never over newer ones.
on_both_stores!(
    a_grant_is_sealed_anew_only_over_what_was_seen,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let rotation = save(&store, mailbox, &tokens("one"), clock.now()).await;
        let seen = store.grant_get(mailbox).await?.expect("it is there");

        let sealed = store.grant_reseal(&seen, Some("access anew"), None).await?;
        let again = store.grant_reseal(&seen, Some("late"), None).await?;

        assert!(sealed && !again);
        let stored = store.grant_get(mailbox).await?.expect("it is there");
        assert_eq!(stored.sealed_access_token.as_deref(), Some("access anew"));
        assert_eq!(stored.sealed_refresh_token.as_deref(), Some("refresh one"));
        let refreshed = store
            .grant_rotate(mailbox, rotation, &tokens("two"), clock.now())
            .await?;
        assert!(refreshed, "a refresh that was under way is saved");
        let late = store
            .grant_reseal(&stored, Some("old"), Some("old"))
            .await?;
        assert!(!late, "an older token is not put over a newer one");
        let newest = store.grant_get(mailbox).await?.expect("it is there");
        assert_eq!(newest.sealed_refresh_token.as_deref(), Some("refresh two"));
    }
);

on_both_stores!(
    a_sign_in_that_may_still_come_back_is_sealed_anew,
    |store, clock| {
        store.oauth_state_add(&state("one", clock.now())).await?;
        store.oauth_state_add(&state("used", clock.now())).await?;
        store.oauth_state_take("used", None, clock.now()).await?;

        let open = store.oauth_states_open(clock.now()).await?;
        let sealed = store.oauth_state_reseal("one", "sealed", "anew").await?;
        let again = store.oauth_state_reseal("one", "sealed", "late").await?;

        assert_eq!(open.len(), 1);
        assert!(sealed && !again);
        let open = store.oauth_states_open(clock.now()).await?;
        assert_eq!(open[0].sealed_verifier, "anew");
        let late = clock.now() + seconds(601);
        assert!(store.oauth_states_open(late).await?.is_empty());
    }
);
