//! Refresh tokens that two processes use at once.

use std::sync::Arc;

use graph_mirror::graph::TokenSource;
use graph_mirror::model::mailbox::MailboxState;
use tokio::sync::Notify;

use crate::oauth::bench::{Bench, form, held, refused, tokens};

#[tokio::test]
async fn r10_two_processes_that_refresh_at_once_end_with_the_same_tokens() {
    // R10, with an identity service that lets a refresh token be used once only. The process that uses it up gets its
    // answer after the other one was refused.
    let late_refused = Arc::new(Notify::new());
    let bench = Bench::start(move |number, asked| {
        let late_refused = Arc::clone(&late_refused);
        if number == 0 {
            return held(&tokens(1), async move { late_refused.notified().await });
        }
        assert_eq!(form(asked, "refresh_token"), "refresh-0");
        late_refused.notify_one();
        refused(400, "invalid_grant", 70_000)
    })
    .await;
    let mailbox = bench.mailbox(0).await;
    let (one, other) = (
        bench.keepers().keeper(mailbox),
        bench.keepers().keeper(mailbox),
    );

    let (first, second) = tokio::join!(one.token(), other.token());

    assert_eq!(first.expect("a token").expose(), "access-1");
    assert_eq!(second.expect("a token").expose(), "access-1");
    assert_eq!(bench.row(mailbox).await.state, MailboxState::Connected);
    assert_eq!(bench.refresh_token(mailbox).await, "refresh-1");
    assert_eq!(bench.fake.asked().len(), 2);
}
