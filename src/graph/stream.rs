//! Content that is too large to be held: Graph's answer, piece by piece.
//!
//! The rules of every request hold: a place at the gate for as long as bytes come, no redirect, a size limit. The deadline is one
//! for each piece and not for the whole: 150 MB may take their time as long as they move.

use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Response;

use super::error::GraphError;
use super::gate::Permit;
use super::transport::unreachable;
use crate::model::time::Timestamp;

/// An answer that has begun.
#[derive(Debug)]
pub struct GraphContent {
    /// When the request was sent.
    pub sent_at: Timestamp,
    body: Body,
}

#[derive(Debug)]
struct Body {
    response: Response,
    deadline: Duration,
    limit: u64,
    seen: u64,
    _permit: Permit,
}

impl GraphContent {
    pub(super) fn of(
        sent_at: Timestamp,
        response: Response,
        permit: Permit,
        deadline: Duration,
        limit: u64,
    ) -> Result<Self, GraphError> {
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(too_large(limit));
        }
        let body = Body {
            response,
            deadline,
            limit,
            seen: 0,
            _permit: permit,
        };
        Ok(Self { sent_at, body })
    }

    /// Its bytes.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, GraphError>> + Send {
        futures_util::stream::try_unfold(self.body, async |mut body| {
            Ok(body.next().await?.map(|chunk| (chunk, body)))
        })
    }
}

impl Body {
    async fn next(&mut self) -> Result<Option<Bytes>, GraphError> {
        let deadline = self.deadline;
        let chunk = tokio::time::timeout(deadline, self.response.chunk())
            .await
            .map_err(|_| GraphError::TimedOut { deadline })?
            .map_err(unreachable)?;
        if let Some(chunk) = &chunk {
            self.seen += chunk.len() as u64;
            if self.seen > self.limit {
                return Err(too_large(self.limit));
            }
        }
        Ok(chunk)
    }
}

fn too_large(limit: u64) -> GraphError {
    GraphError::TooLarge {
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    }
}
