//! Signing in: a state is its owner's, good once and for ten minutes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use graph_mirror::graph::TokenSource;
use graph_mirror::model::ids::Owner;
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::oauth::{Begun, Callback, Meaning, OauthError};
use graph_mirror::store::Priority;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::bench::{Bench, form, owner, refused, tokens};
use crate::graph::fake::{Asked, answer, raw};

/// An identity service and a Graph where everything goes well.
fn well(number: usize, asked: &Asked) -> axum::response::Response {
    if asked.path.starts_with("/v1.0/me") {
        return answer(
            200,
            &json!({ "id": "user-1", "mail": "anna@example.org", "displayName": "Anna" }),
        );
    }
    let mut body = tokens(number + 1);
    let claims = URL_SAFE_NO_PAD.encode(br#"{"tid":"tenant-9"}"#);
    body["id_token"] = json!(format!("h.{claims}.s"));
    answer(200, &body)
}

fn returned(begun: &Begun) -> Callback {
    Callback {
        code: Some("the code".to_owned()),
        state: begun.state.clone(),
        ..Callback::default()
    }
}

fn query(begun: &Begun, name: &str) -> Option<String> {
    begun
        .auth_url
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_sign_in_connects_the_mailbox() {
    // F1.1, F1.4 to F1.6
    let bench = Bench::start(well).await;
    let connections = bench.connections();

    let begun = connections
        .begin(&owner(), Some("anna@example.org"))
        .await
        .expect("begun");
    let connected = connections
        .connect(&returned(&begun), Some(&owner()))
        .await
        .expect("connected");

    assert_eq!(begun.auth_url.path(), "/common/oauth2/v2.0/authorize");
    assert_eq!(query(&begun, "response_type").as_deref(), Some("code"));
    assert_eq!(
        query(&begun, "login_hint").as_deref(),
        Some("anna@example.org")
    );
    assert_eq!(
        query(&begun, "code_challenge_method").as_deref(),
        Some("S256")
    );
    assert!(query(&begun, "scope").is_some_and(|scope| scope.contains("offline_access")));
    let exchange = &bench.fake.asked()[0];
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form(exchange, "code_verifier")));
    assert_eq!(query(&begun, "code_challenge"), Some(challenge));
    assert_eq!(form(exchange, "code"), "the code");
    assert_eq!(
        Some(form(exchange, "redirect_uri")),
        query(&begun, "redirect_uri")
    );

    assert!(connected.is_new);
    let row = bench.row(connected.mailbox).await;
    assert_eq!(row.address, "anna@example.org");
    assert_eq!(row.user_id.as_str(), "user-1");
    assert_eq!(row.tenant_id.as_deref(), Some("tenant-9"));
    assert_eq!(row.state, MailboxState::Connected);
    assert!(row.work_at.is_some());
    assert_eq!(bench.refresh_token(connected.mailbox).await, "refresh-1");
    let token = bench.keepers().keeper(connected.mailbox).token().await;
    assert_eq!(token.expect("a token").expose(), "access-1");
}

#[tokio::test]
async fn without_a_hint_the_person_chooses_the_account() {
    let bench = Bench::start(well).await;

    let begun = bench
        .connections()
        .begin(&owner(), None)
        .await
        .expect("begun");

    assert_eq!(query(&begun, "login_hint"), None);
    assert_eq!(query(&begun, "prompt").as_deref(), Some("select_account"));
}

#[tokio::test]
async fn a_state_is_good_once() {
    let bench = Bench::start(well).await;
    let connections = bench.connections();
    let begun = connections.begin(&owner(), None).await.expect("begun");
    connections
        .connect(&returned(&begun), None)
        .await
        .expect("connected");

    let again = connections.connect(&returned(&begun), None).await;

    assert!(matches!(again, Err(OauthError::StateUsed)), "{again:?}");
    assert_eq!(bench.fake.asked().len(), 2, "the code was not sent again");
}

#[tokio::test]
async fn a_state_is_good_for_ten_minutes() {
    let bench = Bench::start(well).await;
    let connections = bench.connections();
    let (late, in_time) = (
        connections.begin(&owner(), None).await.expect("begun"),
        connections.begin(&owner(), None).await.expect("begun"),
    );
    bench.clock.advance(Duration::from_secs(599));
    connections
        .connect(&returned(&in_time), None)
        .await
        .expect("connected");
    bench.clock.advance(Duration::from_secs(2));

    let expired = connections.connect(&returned(&late), None).await;

    assert!(
        matches!(expired, Err(OauthError::StateExpired)),
        "{expired:?}"
    );
}

#[tokio::test]
async fn a_state_is_its_owners() {
    let bench = Bench::start(well).await;
    let connections = bench.connections();
    let begun = connections.begin(&owner(), None).await.expect("begun");

    let foreign = connections
        .connect(&returned(&begun), Some(&Owner::from("mallory")))
        .await;

    assert!(
        matches!(foreign, Err(OauthError::StateForeign)),
        "{foreign:?}"
    );
    assert!(bench.fake.asked().is_empty());
    let own = connections.connect(&returned(&begun), Some(&owner())).await;
    assert!(own.is_ok(), "a stranger does not use it up: {own:?}");
}

#[tokio::test]
async fn a_state_that_nobody_began_is_refused() {
    let bench = Bench::start(well).await;
    let connections = bench.connections();
    connections.begin(&owner(), None).await.expect("begun");

    for state in ["", "x", "'; DROP TABLE oauth_states", &"ä".repeat(5_000)] {
        let callback = Callback {
            code: Some("the code".to_owned()),
            state: state.to_owned(),
            ..Callback::default()
        };
        let refused = connections.connect(&callback, None).await;
        assert!(
            matches!(refused, Err(OauthError::StateUnknown)),
            "{refused:?}"
        );
    }
    assert!(bench.fake.asked().is_empty());
}

#[tokio::test]
async fn a_refusal_at_the_sign_in_page_uses_the_state_up_and_says_why() {
    // F1.3
    let bench = Bench::start(well).await;
    let connections = bench.connections();
    let begun = connections.begin(&owner(), None).await.expect("begun");
    let declined = Callback {
        state: begun.state.clone(),
        error: Some("access_denied".to_owned()),
        error_description: Some("AADSTS65004: User declined to consent.".to_owned()),
        ..Callback::default()
    };

    let error = connections
        .connect(&declined, None)
        .await
        .expect_err("declined");

    assert_eq!(
        error.meaning(),
        Some(Meaning::Account(StateReason::ConsentRequired))
    );
    assert!(error.to_string().contains("AADSTS65004"), "{error}");
    let again = connections.connect(&returned(&begun), None).await;
    assert!(matches!(again, Err(OauthError::StateUsed)), "{again:?}");
    assert!(
        bench
            .store
            .mailboxes_list(None)
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn neither_a_code_nor_an_error_is_no_sign_in() {
    let bench = Bench::start(well).await;
    let connections = bench.connections();
    let begun = connections.begin(&owner(), None).await.expect("begun");
    let empty = Callback {
        state: begun.state.clone(),
        code: Some(String::new()),
        ..Callback::default()
    };

    let refused = connections.connect(&empty, None).await;

    assert!(matches!(refused, Err(OauthError::NoCode)), "{refused:?}");
}

#[tokio::test]
async fn a_refused_exchange_leaves_nothing_behind() {
    for (response, is_expected) in [
        (
            (|| refused(400, "invalid_grant", 54_005)) as fn() -> axum::response::Response,
            (|error| error.meaning() == Some(Meaning::SignIn)) as fn(&OauthError) -> bool,
        ),
        (
            || refused(401, "invalid_client", 7_000_215),
            |error| error.meaning() == Some(Meaning::Operator),
        ),
        (
            || {
                raw(
                    200,
                    &[("content-type", "text/html")],
                    "<html>sign in</html>",
                )
            },
            |error| matches!(error, OauthError::Unintelligible { status: 200, .. }),
        ),
        (
            || {
                answer(
                    200,
                    &json!({ "token_type": "Bearer", "access_token": "a", "expires_in": 1 }),
                )
            },
            |error| matches!(error, OauthError::NoRefreshToken),
        ),
    ] {
        let bench = Bench::start(move |_, _| response()).await;
        let connections = bench.connections();
        let begun = connections.begin(&owner(), None).await.expect("begun");

        let error = connections
            .connect(&returned(&begun), None)
            .await
            .expect_err("refused");

        assert!(is_expected(&error), "{error:?}");
        assert!(
            bench
                .store
                .mailboxes_list(None)
                .await
                .expect("a list")
                .is_empty()
        );
        assert!(bench.store.grants_list().await.expect("a list").is_empty());
    }
}

#[tokio::test]
async fn connecting_again_brings_a_stopped_mailbox_back_with_its_data() {
    let bench = Bench::start(well).await;
    let connections = bench.connections();
    let begun = connections.begin(&owner(), None).await.expect("begun");
    let first = connections
        .connect(&returned(&begun), None)
        .await
        .expect("connected");
    let keeper = bench.keepers().keeper(first.mailbox);
    let mut tx = bench
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    let reason = Some(StateReason::GrantRevoked);
    let at = graph_mirror::model::time::Clock::now(&bench.clock);
    tx.mailbox_state_set(first.mailbox, MailboxState::NeedsReauth, reason, at)
        .await
        .expect("stopped");
    tx.commit().await.expect("committed");

    let begun = connections.begin(&owner(), None).await.expect("begun");
    let second = connections
        .connect(&returned(&begun), None)
        .await
        .expect("connected");

    assert_eq!(second.mailbox, first.mailbox);
    assert!(!second.is_new);
    let row = bench.row(first.mailbox).await;
    assert_eq!(
        (row.state, row.state_reason),
        (MailboxState::Connected, None)
    );
    assert!(keeper.token().await.is_ok());
}
