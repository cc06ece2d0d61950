//! Keeping tokens fresh: one flight, saved before used, never in a loop.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use graph_mirror::graph::{AccessToken, TokenError, TokenSource};
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::oauth::Keepers;
use graph_mirror::secrets::{Keyring, Vault};
use tokio::sync::Notify;

use super::bench::{Bench, form, held, refused, tokens};
use crate::graph::fake::{answer, raw};

#[tokio::test]
async fn a_good_token_is_given_without_asking() {
    let bench = Bench::start(|_, _| answer(500, &serde_json::Value::Null)).await;
    let mailbox = bench.mailbox(3_600).await;

    let token = bench
        .keepers()
        .keeper(mailbox)
        .token()
        .await
        .expect("a token");

    assert_eq!(token.expose(), "access-0");
    assert!(bench.fake.asked().is_empty());
}

#[tokio::test]
async fn many_callers_share_one_refresh_which_is_saved() {
    // M6, M10, R10
    let bench = Bench::start(|number, _| answer(200, &tokens(number + 1))).await;
    let mailbox = bench.mailbox(120).await;
    let keepers = bench.keepers();
    let (one, other) = (keepers.keeper(mailbox), keepers.keeper(mailbox));

    let given = join_all((0..20).map(|turn| {
        if turn % 2 == 0 {
            one.token()
        } else {
            other.token()
        }
    }))
    .await;

    for token in given {
        assert_eq!(token.expect("a token").expose(), "access-1");
    }
    let asked = bench.fake.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/common/oauth2/v2.0/token");
    assert_eq!(form(&asked[0], "grant_type"), "refresh_token");
    assert_eq!(form(&asked[0], "refresh_token"), "refresh-0");
    assert_eq!(form(&asked[0], "client_secret"), "secret of the app");
    assert_eq!(bench.refresh_token(mailbox).await, "refresh-1");
}

#[tokio::test]
async fn a_rotated_token_that_could_not_be_saved_is_not_used() {
    // M6
    let store: Arc<std::sync::OnceLock<graph_mirror::store::Store>> = Arc::default();
    let closing = Arc::clone(&store);
    let bench = Bench::start(move |_, _| {
        let closing = Arc::clone(&closing);
        held(&tokens(1), async move {
            closing.get().expect("the test put it there").close().await;
        })
    })
    .await;
    let mailbox = bench.mailbox(0).await;
    let _ = store.set(bench.store.clone());

    let refused = bench.keepers().keeper(mailbox).token().await;

    assert!(
        matches!(refused, Err(TokenError::Transient { .. })),
        "{refused:?}"
    );
    assert_eq!(bench.fake.asked().len(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_no_refresh_unsaved() {
    // M6, design §10
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_server, gate) = (Arc::clone(&reached), Arc::clone(&go_on));
    let bench = Bench::start(move |_, _| {
        let gate = Arc::clone(&gate);
        at_server.notify_one();
        held(&tokens(1), async move { gate.notified().await })
    })
    .await;
    let mailbox = bench.mailbox(0).await;
    let keeper = bench.keepers().keeper(mailbox);
    let waiting = Arc::clone(&keeper);
    let caller = tokio::spawn(async move { waiting.token().await.map(drop) });
    reached.notified().await;

    caller.abort();
    assert!(caller.await.expect_err("it was aborted").is_cancelled());
    go_on.notify_one();
    // The next caller waits for the flight and finds what it brought.
    let token = keeper.token().await.expect("a token");

    assert_eq!(token.expose(), "access-1");
    assert_eq!(bench.refresh_token(mailbox).await, "refresh-1");
    assert_eq!(bench.fake.asked().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_who_carried_it() {
    // M8
    let bench = Bench::start(|number, _| answer(200, &tokens(number + 1))).await;
    let mailbox = bench.mailbox(3_600).await;
    let keeper = bench.keepers().keeper(mailbox);
    let refused = keeper.token().await.expect("a token");

    let given = join_all((0..10).map(|_| keeper.refresh_after_401(&refused))).await;

    for token in given {
        assert_eq!(token.expect("a token").expose(), "access-1");
    }
    assert_eq!(bench.fake.asked().len(), 1);
    let long_gone = AccessToken::new("access-of-yesterday");
    let present = keeper.refresh_after_401(&long_gone).await.expect("a token");
    assert_eq!(present.expose(), "access-1");
    assert_eq!(bench.fake.asked().len(), 1);
}

#[tokio::test]
async fn a_dead_grant_stops_the_mailbox_with_its_reason_and_is_not_tried_again() {
    // M7, F1.16
    let cases = [
        ("invalid_grant", 700_082, StateReason::GrantExpired),
        ("invalid_grant", 50_173, StateReason::GrantRevoked),
        ("invalid_grant", 50_076, StateReason::InteractionRequired),
        ("interaction_required", 53_003, StateReason::BlockedByPolicy),
        ("consent_required", 65_001, StateReason::ConsentRequired),
        ("invalid_grant", 50_034, StateReason::UserGone),
    ];
    join_all(cases.map(|(error, code, reason)| async move {
        let bench = Bench::start(move |_, _| refused(400, error, code)).await;
        let mailbox = bench.mailbox(0).await;
        let keeper = bench.keepers().keeper(mailbox);

        for _ in 0..3 {
            let refused = keeper.token().await;
            assert!(
                matches!(refused, Err(TokenError::NeedsReauth { reason: told }) if told == reason),
                "{error} {code}: {refused:?}"
            );
        }

        let row = bench.row(mailbox).await;
        assert_eq!(
            (row.state, row.state_reason),
            (MailboxState::NeedsReauth, Some(reason))
        );
        assert_eq!(bench.fake.asked().len(), 1, "no retry loop");
        assert_eq!(
            bench.refresh_token(mailbox).await,
            "refresh-0",
            "the grant is kept"
        );
    }))
    .await;
}

#[tokio::test]
async fn a_bad_secret_is_an_alarm_and_touches_no_mailbox() {
    // M7, F1.16
    let bench = Bench::start(|number, _| match number {
        0 | 1 => refused(401, "invalid_client", 7_000_215),
        _ => answer(200, &tokens(1)),
    })
    .await;
    let mailbox = bench.mailbox(0).await;
    let keeper = bench.keepers().keeper(mailbox);

    for _ in 0..2 {
        let refused = keeper.token().await;
        assert!(
            matches!(&refused, Err(TokenError::Operator { code }) if code == "invalid_client AADSTS7000215"),
            "{refused:?}"
        );
    }

    let alarm = bench.platform.alarm().expect("an alarm");
    assert_eq!(alarm.code, "invalid_client AADSTS7000215");
    assert_eq!(bench.row(mailbox).await.state, MailboxState::Connected);
    keeper.token().await.expect("the operator has acted");
    assert_eq!(bench.platform.alarm(), None);
}

#[tokio::test]
async fn an_application_that_is_unknown_is_the_operators_until_it_was_known_once() {
    // F1.16: a wrong client id concerns everyone, a tenant that locks the application out only its own.
    let bench = Bench::start(|number, _| match number {
        1 => answer(200, &tokens(1)),
        _ => refused(400, "unauthorized_client", 700_016),
    })
    .await;
    let mailbox = bench.mailbox(0).await;
    let keeper = bench.keepers().keeper(mailbox);

    let unknown = keeper.token().await;
    let known = keeper.token().await.expect("a token");
    let locked_out = keeper.refresh_after_401(&known).await;

    assert!(
        matches!(unknown, Err(TokenError::Operator { .. })),
        "{unknown:?}"
    );
    assert!(
        matches!(
            locked_out,
            Err(TokenError::NeedsReauth {
                reason: StateReason::BlockedByPolicy
            })
        ),
        "{locked_out:?}"
    );
}

#[tokio::test]
async fn a_token_endpoint_that_answers_html_only_costs_time() {
    // Bad input of the issue; M10
    let html = "<html><body>We are sorry</body></html>";
    for (status, kind, body) in [
        (200, "text/html", html),
        (200, "application/json", html),
        (400, "text/html", html),
        (502, "text/html", html),
        (503, "text/plain", ""),
        (200, "application/json", "{}"),
        (200, "application/json", "null"),
        (400, "application/json", "{}"),
        (302, "text/html", ""),
    ] {
        let bench = Bench::start(move |_, _| raw(status, &[("content-type", kind)], body)).await;
        let mailbox = bench.mailbox(0).await;

        let refused = bench.keepers().keeper(mailbox).token().await;

        assert!(
            matches!(refused, Err(TokenError::Transient { after: Some(_), .. })),
            "{status} {kind} {body:?}: {refused:?}"
        );
        assert_eq!(bench.row(mailbox).await.state, MailboxState::Connected);
        assert_eq!(bench.refresh_token(mailbox).await, "refresh-0");
    }
}

#[tokio::test]
async fn a_failing_platform_is_left_alone_and_a_good_token_used_meanwhile() {
    // M10
    let bench = Bench::start(|number, _| match number {
        0 => raw(
            503,
            &[("retry-after", "60"), ("content-type", "text/html")],
            "<html>",
        ),
        _ => answer(200, &tokens(1)),
    })
    .await;
    let mailbox = bench.mailbox(200).await;
    let keeper = bench.keepers().keeper(mailbox);

    for _ in 0..5 {
        assert_eq!(
            keeper.token().await.expect("it is still good").expose(),
            "access-0"
        );
    }
    assert_eq!(bench.fake.asked().len(), 1, "left alone for a minute");
    bench.clock.advance(Duration::from_secs(61));
    let token = keeper.token().await.expect("a token");

    assert_eq!(token.expose(), "access-1");
    assert_eq!(bench.fake.asked().len(), 2);
}

#[tokio::test]
async fn an_ended_token_is_not_used_while_the_platform_fails() {
    let bench = Bench::start(|_, _| raw(503, &[("retry-after", "60")], "")).await;
    let mailbox = bench.mailbox(200).await;
    let keeper = bench.keepers().keeper(mailbox);
    keeper.token().await.expect("still good");
    bench.clock.advance(Duration::from_secs(195));

    let refused = keeper.token().await;

    assert!(
        matches!(refused, Err(TokenError::Transient { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    // M10
    let bench = Bench::start(|number, _| answer(200, &tokens(number + 1))).await;
    let mailbox = bench.mailbox(0).await;
    let keeper = bench.keepers().keeper(mailbox);
    assert_eq!(keeper.token().await.expect("a token").expose(), "access-1");

    bench.clock.advance(Duration::from_mins(54));
    assert_eq!(keeper.token().await.expect("a token").expose(), "access-1");
    bench.clock.advance(Duration::from_mins(2));

    assert_eq!(keeper.token().await.expect("a token").expose(), "access-2");
}

#[tokio::test]
async fn a_lost_key_is_named_and_nothing_is_overwritten() {
    // Bad input of the issue; design §7
    let bench = Bench::start(|_, _| answer(200, &tokens(1))).await;
    let mailbox = bench.mailbox(0).await;
    let before = bench.grant(mailbox).await;
    let stranger = Vault::new(&Keyring::generate());
    let keepers = Keepers::new(bench.platform.clone(), bench.store.clone(), stranger);

    let refused = keepers.keeper(mailbox).token().await;
    let unreadable = keepers.unreadable().await.expect("a list");

    assert!(
        matches!(refused, Err(TokenError::Unreadable(_))),
        "{refused:?}"
    );
    assert_eq!(unreadable.len(), 1);
    assert_eq!(unreadable[0].0, mailbox);
    assert!(bench.fake.asked().is_empty());
    assert_eq!(bench.grant(mailbox).await, before);
    assert_eq!(bench.row(mailbox).await.state, MailboxState::Connected);
    assert!(
        bench
            .keepers()
            .unreadable()
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn a_mailbox_without_a_grant_has_no_token() {
    let bench = Bench::start(|_, _| answer(200, &tokens(1))).await;
    let stranger = graph_mirror::model::ids::MailboxId::generate();

    let refused = bench.keepers().keeper(stranger).token().await;

    assert!(matches!(refused, Err(TokenError::NoGrant)), "{refused:?}");
}
