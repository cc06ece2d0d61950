//! The mirror against the sandbox, on both databases.

mod answers;
mod attachments;
mod backfill;
pub(crate) mod calendars;
mod commands;
pub(crate) mod mailbox;
pub(crate) mod moves;
mod notices;
mod push;
pub(crate) mod rounds;
mod truth;

/// Declares one test for each database.
macro_rules! on_both {
    ($(#[$meta:meta])* $name:ident, |$backend:ident| $body:block) => {
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn check($backend: graph_mirror::store::Backend) $body

            #[tokio::test]
            async fn on_sqlite() {
                check(graph_mirror::store::Backend::Sqlite).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                check(graph_mirror::store::Backend::Postgres).await;
            }
        }
    };
}
pub(crate) use on_both;
