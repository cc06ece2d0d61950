//! `$batch`: up to 20 questions in one call.
//!
//! It saves calls, not quota: each part counts, and Graph works on at most 4 at a time (F4.12), so a batch takes the
//! whole concurrency of the mailbox. Parts come back in any order, each with a status of its own, and some not at all (F4.9):
//! what is missing is asked for again alone, and so is what was throttled when the wait is short; a longer wait is
//! the caller's to reschedule (M12).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::Method;
use tracing::warn;

use super::answer::Answer;
use super::error::{GraphError, Refused};
use super::links::Target;
use super::mailbox::{Admission, MailboxGraph, to_json};
use super::prefer::Prefer;
use super::throttle::retry_after;
use super::transport::CLIENT_REQUEST_ID;
use super::wire::batch::{BatchRequest, BatchResponse, PartRequest, PartResponse};
use crate::model::ids::TraceId;
use crate::model::time::Timestamp;
use crate::model::work::Lane;

/// More than Graph takes in one call are sent in several, one after the other.
pub const MOST_PARTS: usize = 20;

/// A throttled part is waited for so long; beyond that the caller reschedules.
const PATIENCE: Duration = Duration::from_secs(2);

/// One question of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPart {
    /// A path with its query, relative to `/v1.0`.
    pub path: String,
    /// What it prefers; the outer header does not reach it (F4.13).
    pub prefer: Prefer,
    /// What it is told to Graph as, if it belongs to a notification.
    pub trace: Option<TraceId>,
}

/// The answer to one part.
pub type BatchAnswer = Result<Answer, GraphError>;

impl MailboxGraph {
    /// Asks all the questions; the answers stand in the order of the questions, one for each.
    pub async fn batch(&self, lane: Lane, parts: &[BatchPart]) -> Vec<BatchAnswer> {
        let mut answers = Vec::with_capacity(parts.len());
        for chunk in parts.chunks(MOST_PARTS) {
            match chunk {
                // A batch of one costs more than the question itself.
                [part] => answers.push(self.ask_alone(lane, part).await),
                _ => answers.extend(self.chunk(lane, chunk).await),
            }
        }
        answers
    }

    /// Asks a question of a batch by itself.
    pub async fn ask_alone(&self, lane: Lane, part: &BatchPart) -> BatchAnswer {
        let graph = self.following(part.trace);
        graph.get_json(lane, &part.path, part.prefer).await
    }

    async fn chunk(&self, lane: Lane, parts: &[BatchPart]) -> Vec<BatchAnswer> {
        let whole = match self.call_batch(lane, parts).await {
            Ok(whole) => whole,
            Err(error) => return vec![Err(error); parts.len()],
        };
        let mut answers = match self.split(&whole, parts.len()) {
            Ok(answers) => answers,
            Err(error) => return vec![Err(error); parts.len()],
        };
        self.fence_for(&mut answers);
        self.ask_again(lane, parts, &mut answers).await;
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or(Err(GraphError::Missing)))
            .collect()
    }

    async fn call_batch(&self, lane: Lane, parts: &[BatchPart]) -> Result<Answer, GraphError> {
        let requests = parts
            .iter()
            .enumerate()
            .map(|(place, part)| PartRequest {
                id: place.to_string(),
                method: "GET",
                url: &part.path,
                headers: headers(part),
            })
            .collect();
        let mut call = self
            .graph()
            .call(Method::POST, &Target::from("/$batch"), Prefer::IDS)?;
        call.body = Some(to_json(&BatchRequest { requests })?);
        let charge = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        self.send(lane, Admission::Charged(charge), &call).await
    }

    /// The parts' answers by place; none where Graph left one out.
    fn split(&self, whole: &Answer, parts: usize) -> Result<Vec<Option<BatchAnswer>>, GraphError> {
        let response: BatchResponse = whole.json()?;
        let mut answers: Vec<Option<BatchAnswer>> = vec![None; parts];
        let now = self.graph().clock().now();
        for part in &response.responses {
            // An id that we did not give answers nothing we asked.
            let place = part.id.parse::<usize>().ok();
            if let Some(answer) = place.and_then(|place| answers.get_mut(place)) {
                *answer = Some(read_part(whole, part, now));
            }
        }
        Ok(answers)
    }

    /// One fence for all throttled parts: the longest wait any of them was given (F4.10).
    fn fence_for(&self, answers: &mut [Option<BatchAnswer>]) {
        let throttled = answers
            .iter()
            .filter(|answer| matches!(answer, Some(Err(error)) if is_throttled(error)))
            .count();
        self.graph().count(0, throttled);
        let longest = answers
            .iter_mut()
            .filter_map(|answer| match answer {
                Some(Err(error)) if asks_for_patience(error) => Some(error),
                _ => None,
            })
            .max_by_key(|error| error.refused().and_then(|refused| refused.retry_after));
        if let Some(error) = longest {
            *error = self.fence(error.clone());
        }
    }

    /// Asks again, each alone, for what is missing, what a part's 401 refused, and what was throttled for a moment.
    async fn ask_again(
        &self,
        lane: Lane,
        parts: &[BatchPart],
        answers: &mut [Option<BatchAnswer>],
    ) {
        let wait = answers
            .iter()
            .filter_map(|answer| match answer {
                Some(Err(error)) if asks_for_patience(error) => {
                    error.refused().and_then(|refused| refused.retry_after)
                }
                _ => None,
            })
            .max();
        let is_short = wait.is_none_or(|wait| wait <= PATIENCE);
        let again: Vec<usize> = answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| match answer {
                None => true,
                Some(Err(error)) if asks_for_patience(error) => is_short,
                Some(Err(error)) => error.status() == Some(401),
                Some(Ok(_)) => false,
            })
            .map(|(place, _)| place)
            .collect();
        if again.is_empty() || !is_short {
            return;
        }
        warn!(
            parts = again.len(),
            "asking again for {} of {} parts of a batch",
            again.len(),
            parts.len()
        );
        if let Some(wait) = wait {
            self.graph().clock().sleep(wait).await;
        }
        let asked = again
            .iter()
            .filter_map(|&place| parts.get(place))
            .map(|part| self.ask_alone(lane, part));
        for (place, answer) in again.iter().zip(join_all(asked).await) {
            if let Some(slot) = answers.get_mut(*place) {
                *slot = Some(answer);
            }
        }
    }
}

fn headers(part: &BatchPart) -> BTreeMap<&'static str, String> {
    let mut headers = BTreeMap::from([("Prefer", part.prefer.header())]);
    if let Some(trace) = part.trace {
        headers.insert(CLIENT_REQUEST_ID, trace.uuid().to_string());
    }
    headers
}

fn is_throttled(error: &GraphError) -> bool {
    error.refused().is_some_and(Refused::is_throttled)
}

fn asks_for_patience(error: &GraphError) -> bool {
    is_throttled(error) || error.status() == Some(503)
}

fn read_part(whole: &Answer, part: &PartResponse<'_>, now: Timestamp) -> BatchAnswer {
    // A slice of the whole answer, not a copy.
    let body = part
        .body
        .map_or_else(Bytes::new, |raw| whole.body.slice_ref(raw.get().as_bytes()));
    if (200..300).contains(&part.status) {
        return Ok(Answer {
            sent_at: whole.sent_at,
            status: part.status,
            body,
        });
    }
    let mut refused = Refused::read(part.status, &body);
    refused.retry_after = part
        .header("retry-after")
        .and_then(|value| retry_after(&value, part.header("date").as_deref(), now));
    refused.request_id = part.header("request-id");
    Err(GraphError::Refused(Box::new(refused)))
}
