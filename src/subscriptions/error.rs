//! What can keep the subscriptions of a mailbox from being looked after.

use crate::graph::GraphError;
use crate::store::StoreError;

/// The reconciler had to give up. Refusals that concern one subscription are not errors: they wait in its row.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionsError {
    /// The database.
    #[error("could not keep the subscriptions of the mailbox")]
    Store(#[from] StoreError),
    /// The account or the application as a whole: see the error's advice.
    #[error("could not speak to Graph about the subscriptions of the mailbox")]
    Graph(#[source] GraphError),
}
