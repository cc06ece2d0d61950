//! What was asked of the sandbox, so that a test can hold a client to its word (M11, M16).

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts of requests.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    /// Graph requests, parts of batches each for themselves.
    pub requests: u64,
    /// HTTP calls to `$batch`.
    pub batches: u64,
    /// Parts of batches.
    pub batch_parts: u64,
    /// Answers of 429.
    pub throttled: u64,
    /// The most requests one (application, mailbox) ever had in flight.
    pub max_concurrency: usize,
    /// Mail and calendar requests that did not ask for immutable ids (M16).
    pub without_id_type: u64,
    /// Requests by method and kind of path, such as `GET messages/{id}`.
    pub by_kind: BTreeMap<String, u64>,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
}

impl Stats {
    /// Counts a request by its kind.
    pub fn count(&mut self, method: &str, path: &[String]) {
        self.requests += 1;
        let kind = format!("{method} {}", kind(path));
        *self.by_kind.entry(kind).or_default() += 1;
    }

    /// Counts an answer.
    pub fn answered(&mut self, status: u16) {
        *self.by_status.entry(status).or_default() += 1;
        if status == 429 {
            self.throttled += 1;
        }
    }
}

/// The shape of a path: ids are replaced, and the mailbox is left out.
fn kind(path: &[String]) -> String {
    let skip = match path.first().map(|first| first.to_ascii_lowercase()) {
        Some(first) if first == "me" => 1,
        Some(first) if first == "users" => 2,
        _ => 0,
    };
    let mut kind = String::new();
    let mut after_collection = false;
    for segment in path.iter().skip(skip) {
        if !kind.is_empty() {
            kind.push('/');
        }
        let known = is_word(segment);
        kind.push_str(if after_collection && !known {
            "{id}"
        } else {
            segment
        });
        after_collection = known;
    }
    if kind.is_empty() {
        "user".to_owned()
    } else {
        kind
    }
}

fn is_word(segment: &str) -> bool {
    segment.starts_with('$')
        || (segment.len() < 24 && segment.chars().all(|c| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_the_shape_of_their_path() {
        let path = |text: &str| super::super::call::segments(text);
        let id = "AAMkADk0MGFkODE3AAA=";

        assert_eq!(kind(&path(&format!("/me/messages/{id}"))), "messages/{id}");
        assert_eq!(
            kind(&path(&format!(
                "/users/u-1/mailFolders/{id}/messages/delta"
            ))),
            "mailFolders/{id}/messages/delta"
        );
    }
}
