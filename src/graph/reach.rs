//! Whether Graph can be reached from here, and what time it is there.
//!
//! Asked without a token: a refusal is as good an answer as any, it has come the whole way and carries a `Date` (F3.3). It counts
//! against nobody's quota.

use std::time::Duration;

use super::error::GraphError;
use super::links::Target;
use super::throttle::http_date;
use super::transport::{Graph, unreachable};
use crate::model::time::Timestamp;

const DEADLINE: Duration = Duration::from_secs(15);

/// An answer of Graph's, whatever it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// When it was asked, by our clock.
    pub asked_at: Timestamp,
    /// When it had answered, by our clock.
    pub heard_at: Timestamp,
    /// Its own time, in whole seconds.
    pub date: Option<Timestamp>,
}

impl Graph {
    /// Asks for an answer, any answer.
    pub async fn reach(&self) -> Result<Heard, GraphError> {
        let url = self.address(&Target::from("/me"))?;
        let asked_at = self.clock().now();
        let asking = self.http().get(url).send();
        let response = tokio::time::timeout(DEADLINE, asking)
            .await
            .map_err(|_| GraphError::TimedOut { deadline: DEADLINE })?
            .map_err(unreachable)?;
        let date = response.headers().get("date");
        Ok(Heard {
            asked_at,
            heard_at: self.clock().now(),
            date: date
                .and_then(|value| value.to_str().ok())
                .and_then(http_date),
        })
    }
}
