//! Plain lists, page by page.

use serde_json::value::RawValue;

use super::Mirror;
use crate::graph::wire::Page;
use crate::graph::{GraphError, Prefer, Target};
use crate::model::time::Timestamp;
use crate::model::work::Lane;

/// Whether a list is to be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    /// Read on.
    On,
    /// That was enough.
    Enough,
}

/// Lists end; one that does not is refused after this many pages.
const MOST_PAGES: usize = 10_000;

impl Mirror {
    /// Shows every item of a list to `each`, with the instant at which its page was asked for. Returns when the first page
    /// was.
    pub(crate) async fn list(
        &self,
        lane: Lane,
        first: Target,
        prefer: Prefer,
        mut each: impl FnMut(&RawValue, Timestamp) -> Go + Send,
    ) -> Result<Timestamp, GraphError> {
        let mut target = first;
        let mut began_at = None;
        for _ in 0..MOST_PAGES {
            let answer = self.graph.page(lane, &target, prefer).await?;
            let began_at = *began_at.get_or_insert(answer.sent_at);
            let page: Page<'_> = answer.json()?;
            for item in &page.value {
                if each(item, answer.sent_at) == Go::Enough {
                    return Ok(began_at);
                }
            }
            match page.next() {
                Some(next) => target = Target::Link(next),
                None => return Ok(began_at),
            }
        }
        Err(GraphError::Missing)
    }
}
