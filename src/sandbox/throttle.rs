//! Graph's limits per (application, mailbox): requests at once, requests in ten minutes, uploaded
//! bytes in five (F3.9, F3.11, S12 to S14).

use std::collections::{HashMap, VecDeque};

use axum::http::{StatusCode, header};

use super::error::GraphFault;
use super::knobs::Knobs;
use crate::model::time::Timestamp;

/// Whom a limit counts for: an application in a mailbox.
pub type Key = (String, usize);

/// The counters of all (application, mailbox) pairs.
#[derive(Debug, Default)]
pub struct Throttle {
    counters: HashMap<Key, Counter>,
}

#[derive(Debug, Default)]
struct Counter {
    in_flight: usize,
    // Per second, oldest first: a mailbox is asked thousands of times in a window.
    requests: VecDeque<(i64, usize)>,
    requested: usize,
    uploads: VecDeque<(i64, u64)>,
    uploaded: u64,
}

const UPLOAD_WINDOW_SECONDS: i64 = 300;

impl Throttle {
    /// Lets a request in or refuses it; whoever was let in must [`Throttle::leave`]. Answers how many
    /// are in flight now.
    pub fn enter(
        &mut self,
        key: &Key,
        upload: u64,
        now: Timestamp,
        knobs: &Knobs,
    ) -> Result<usize, GraphFault> {
        if !self.counters.contains_key(key) {
            self.counters.insert(key.clone(), Counter::default());
        }
        let Some(counter) = self.counters.get_mut(key) else {
            return Ok(0);
        };
        let window = i64::try_from(knobs.quota_window_seconds).unwrap_or(i64::MAX);
        counter.forget(now, window);
        // A refused request counts too (F3.7).
        counter.count(now, upload);
        if counter.requested > knobs.quota_requests {
            let oldest = counter.requests.front().map_or(0, |(second, _)| *second);
            let wait = (oldest.saturating_add(window) - now.timestamp()).max(1);
            return Err(too_many_requests(wait));
        }
        if counter.uploaded > knobs.upload_bytes {
            let oldest = counter.uploads.front().map_or(0, |(second, _)| *second);
            let wait = (oldest + UPLOAD_WINDOW_SECONDS - now.timestamp()).max(1);
            return Err(too_many_requests(wait));
        }
        if counter.in_flight >= knobs.concurrency_limit {
            return Err(GraphFault::new(
                StatusCode::TOO_MANY_REQUESTS,
                "ApplicationThrottled",
                "Application is over its MailboxConcurrency limit.",
            )
            .with_header(
                header::RETRY_AFTER,
                &knobs.concurrency_retry_after_seconds.to_string(),
            ));
        }
        counter.in_flight += 1;
        Ok(counter.in_flight)
    }

    /// A request that was let in has ended.
    pub fn leave(&mut self, key: &Key) {
        if let Some(counter) = self.counters.get_mut(key) {
            counter.in_flight = counter.in_flight.saturating_sub(1);
        }
    }
}

impl Counter {
    fn count(&mut self, now: Timestamp, upload: u64) {
        let second = now.timestamp();
        match self.requests.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => self.requests.push_back((second, 1)),
        }
        self.requested += 1;
        if upload > 0 {
            self.uploads.push_back((second, upload));
            self.uploaded += upload;
        }
    }

    fn forget(&mut self, now: Timestamp, window: i64) {
        let present = now.timestamp();
        while let Some((second, count)) = self.requests.front().copied() {
            if second.saturating_add(window) > present {
                break;
            }
            self.requested -= count;
            self.requests.pop_front();
        }
        while let Some((second, bytes)) = self.uploads.front().copied() {
            if second + UPLOAD_WINDOW_SECONDS > present {
                break;
            }
            self.uploaded -= bytes;
            self.uploads.pop_front();
        }
    }
}

fn too_many_requests(wait: i64) -> GraphFault {
    GraphFault::new(
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequests",
        "Too many requests. The request rate exceeded the limit of the application.",
    )
    .with_header(header::RETRY_AFTER, &wait.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::later;

    struct Bench {
        throttle: Throttle,
        knobs: Knobs,
        now: Timestamp,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                throttle: Throttle::default(),
                knobs: Knobs::default(),
                now: Timestamp::UNIX_EPOCH,
            }
        }

        /// One request that ends at once; whether it was let in.
        fn ask(&mut self, app: &str, mailbox: usize, upload: u64) -> bool {
            let key = (app.to_owned(), mailbox);
            let entered = self.throttle.enter(&key, upload, self.now, &self.knobs);
            if entered.is_ok() {
                self.throttle.leave(&key);
            }
            entered.is_ok()
        }

        fn wait(&mut self, seconds: u64) {
            self.now = later(self.now, std::time::Duration::from_secs(seconds));
        }
    }

    #[test]
    fn s12_four_requests_are_in_flight_and_the_fifth_is_refused_until_one_ends() {
        let mut bench = Bench::new();
        let key = ("app".to_owned(), 0);
        for at_once in 1..=4 {
            let entered = bench.throttle.enter(&key, 0, bench.now, &bench.knobs);
            assert_eq!(entered.unwrap(), at_once);
        }

        let fifth = bench.throttle.enter(&key, 0, bench.now, &bench.knobs);
        assert_eq!(fifth.unwrap_err().code, "ApplicationThrottled");
        assert!(bench.ask("app", 1, 0) && bench.ask("another", 0, 0));
        bench.throttle.leave(&key);
        assert!(bench.ask("app", 0, 0));
    }

    #[test]
    fn s13_the_ten_thousand_and_first_request_of_ten_minutes_is_refused() {
        let mut bench = Bench::new();
        for _ in 0..10_000 {
            assert!(bench.ask("app", 0, 0));
        }

        bench.wait(599);
        assert!(!bench.ask("app", 0, 0));
        assert!(bench.ask("app", 1, 0) && bench.ask("another", 0, 0));
        bench.wait(1);
        // The refused one counts too.
        for _ in 0..9_999 {
            assert!(bench.ask("app", 0, 0));
        }
        assert!(!bench.ask("app", 0, 0));
    }

    #[test]
    fn s14_a_byte_beyond_150_mb_in_five_minutes_is_refused() {
        const MOST: u64 = 150 * 1024 * 1024;
        let mut bench = Bench::new();

        assert!(bench.ask("app", 0, MOST));
        assert!(!bench.ask("app", 0, 1));
        assert!(bench.ask("app", 1, MOST) && bench.ask("another", 0, MOST));
        bench.wait(300);
        assert!(bench.ask("app", 0, MOST));

        let mut bench = Bench::new();
        assert!(!bench.ask("app", 0, MOST + 1));
    }
}
