//! The token endpoint's address and what is never shown.

use graph_mirror::graph::TokenSource;
use serde_json::json;

use super::bench::{Bench, tokens};
use crate::graph::fake::answer;

#[tokio::test]
async fn a_token_shows_in_no_debug_print() {
    // M9
    let bench = Bench::start(|_, _| answer(200, &tokens(1))).await;
    let mailbox = bench.mailbox(0).await;

    let token = bench.keepers().keeper(mailbox).token().await;
    let grant = bench.grant(mailbox).await;

    let shown = format!("{token:?} {grant:?}");
    assert!(!shown.contains("access-1"), "{shown}");
    let sealed = grant.sealed_access_token.expect("a token");
    assert!(!shown.contains(&sealed), "{shown}");
}

#[tokio::test]
async fn a_lifetime_that_is_not_named_is_short() {
    // F1.8
    let bench = Bench::start(|number, _| {
        answer(
            200,
            &json!({ "token_type": "bearer", "access_token": format!("access-{}", number + 1) }),
        )
    })
    .await;
    let mailbox = bench.mailbox(0).await;
    let keeper = bench.keepers().keeper(mailbox);
    let first = keeper.token().await.expect("a token");

    bench.clock.advance(std::time::Duration::from_mins(4));
    let second = keeper.token().await.expect("a token");

    assert_ne!(first, second);
    assert_eq!(
        bench.refresh_token(mailbox).await,
        "refresh-0",
        "none came, so it stays"
    );
}
