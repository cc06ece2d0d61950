//! By what a post is followed: its request id and its trace.
//!
//! Whoever stands before us, or a test, may name both; what they name is taken only where it is sane, because it goes into
//! log lines. Pure.

use axum::http::{HeaderMap, HeaderValue};

use crate::model::ids::TraceId;
use crate::telemetry::spans::TraceContext;

/// Where the request id stands, in what comes and in what is answered.
pub const REQUEST_ID: &str = "x-request-id";

/// A longer request id is not taken.
const LONGEST: usize = 64;

/// By what a post is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// What is answered as `x-request-id`.
    pub request_id: HeaderValue,
    /// Its trace; kept with each of its notices.
    pub context: TraceContext,
}

impl Passage {
    /// As the headers name it. A request id that is a UUID is the trace too, where no trace is named.
    pub fn of(headers: &HeaderMap) -> Self {
        let named = headers.get(REQUEST_ID).filter(|value| is_sane(value));
        let parent = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(TraceContext::parse);
        let context = parent.unwrap_or_else(|| {
            let trace = named
                .and_then(|value| uuid::Uuid::try_parse_ascii(value.as_bytes()).ok())
                .and_then(TraceId::new);
            TraceContext::of(trace.unwrap_or_else(TraceId::generate))
        });
        let request_id = named.cloned().unwrap_or_else(|| {
            let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
            let text = context.trace.uuid().hyphenated().encode_lower(&mut text);
            HeaderValue::from_str(text).expect("digits and hyphens are a header")
        });
        Self {
            request_id,
            context,
        }
    }

    /// The request id as text.
    pub fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }
}

fn is_sane(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=LONGEST).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn passage(headers: &[(&'static str, &str)]) -> Passage {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a header");
            (axum::http::HeaderName::from_static(name), value)
        });
        Passage::of(&headers.collect())
    }

    #[test]
    fn what_nobody_named_is_made_and_both_are_one() {
        let passage = passage(&[]);

        let made = passage.context.trace.uuid().to_string();
        assert_eq!(passage.request_id(), made);
    }

    #[test]
    fn a_request_id_is_kept_and_is_the_trace_when_it_can_be() {
        let named = passage(&[("x-request-id", "proxy-7.a_b")]);
        let uuid = passage(&[("x-request-id", UUID)]);

        assert_eq!(named.request_id(), "proxy-7.a_b");
        assert_eq!(uuid.request_id(), UUID);
        assert_eq!(uuid.context.trace.to_string(), TRACE);
    }

    #[test]
    fn a_traceparent_goes_before_the_request_id() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let passage = passage(&[("x-request-id", UUID), ("traceparent", parent)]);

        assert_eq!(passage.request_id(), UUID);
        assert_eq!(
            passage.context.trace.to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(passage.context.parent, 0xb7ad_6b71_6920_3331);
    }

    #[test]
    fn what_must_not_stand_in_a_log_line_is_not_taken() {
        let long = "a".repeat(LONGEST + 1);
        for text in ["", "anna@contoso.example", "a b", "{\"x\":1}", &long] {
            let passage = passage(&[("x-request-id", text)]);

            assert_ne!(passage.request_id(), text);
            assert_eq!(passage.request_id().len(), 36);
        }
    }
}
