//! What Graph answered with a 2xx.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::error::GraphError;
use crate::model::time::Timestamp;

/// A successful answer: its text as it came, and when the request that produced it was sent.
#[derive(Debug, Clone)]
pub struct Answer {
    /// When the request was sent: what a row fetched by it carries, so that an older fetch never overwrites a newer
    /// one (M36).
    pub sent_at: Timestamp,
    /// 200, 201, 202 or 204.
    pub status: u16,
    /// The body; empty on 202 and 204.
    pub body: Bytes,
}

impl Answer {
    /// Reads the body into a shape that may borrow from it.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, GraphError> {
        serde_json::from_slice(&self.body).map_err(|error| GraphError::Malformed(Arc::new(error)))
    }
}
