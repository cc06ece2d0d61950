//! What happens together, and what it belongs to.
//!
//! A span is a piece of work with a name: `intake` (a post of Graph's), `refresh` (looking at what was announced or
//! suspected), `graph` (one request), `apply` (writing what was found), `round` (one walk of a cursor). Log lines inside of it
//! carry its fields; with the feature `otel` it goes to a collector too. A notification is followed by its trace id from the
//! post to the row, over processes: the id is kept with the notice.

use tracing::Span;
use uuid::Uuid;

use crate::model::ids::TraceId;

/// Where a trace stands: what W3C's `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span of it that the next one belongs to; never zero.
    pub parent: u64,
    /// Whether whoever began it wants it recorded.
    pub is_sampled: bool,
}

impl TraceContext {
    /// A place in a trace of which nothing but its id was kept: a parent made from the id, the same wherever it is made.
    pub fn of(trace: TraceId) -> Self {
        let (_, low) = trace.uuid().as_u64_pair();
        Self {
            trace,
            parent: low.max(1),
            is_sampled: true,
        }
    }

    /// Reads a `traceparent` header; none for what is none. A later version may say more after the flags.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version = hex::<2>(parts.next()?)?;
        let trace = hex::<32>(parts.next()?)?;
        let parent = u64::try_from(hex::<16>(parts.next()?)?).ok()?;
        let flags = hex::<2>(parts.next()?)?;
        if version == 0xff || (version == 0 && parts.next().is_some()) || parent == 0 {
            return None;
        }
        Some(Self {
            trace: TraceId::new(Uuid::from_u128(trace))?,
            parent,
            is_sampled: flags & 1 == 1,
        })
    }
}

/// A number of exactly so many digits, which the Trace Context writes small.
fn hex<const DIGITS: usize>(text: &str) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_whole = text.len() == DIGITS && text.bytes().all(is_hex);
    is_whole.then(|| u128::from_str_radix(text, 16).ok())?
}

/// Makes a span, before anything happens in it, a part of a trace. Without the feature `otel` its fields are all there is.
#[cfg_attr(
    not(feature = "otel"),
    expect(unused_variables, reason = "only a collector wants to know")
)]
pub fn follow(span: &Span, context: Option<TraceContext>) {
    #[cfg(feature = "otel")]
    if let Some(context) = context {
        super::otel::adopt(span, context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_traceparent_is_read() {
        let read = TraceContext::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01"));

        let read = read.expect("it is one");
        assert_eq!(read.trace.to_string(), TRACE);
        assert_eq!(read.parent, 0x00f0_67aa_0ba9_02b7);
        assert!(read.is_sampled);
        let unsampled = TraceContext::parse(&format!("00-{TRACE}-00f067aa0ba902b7-00"));
        assert!(!unsampled.expect("it is one").is_sampled);
        let later = TraceContext::parse(&format!("01-{TRACE}-00f067aa0ba902b7-01-more"));
        assert!(later.is_some());
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-+1"),
        ] {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_trace_has_one_place_wherever_it_is_taken_up() {
        let trace = TraceId::generate();

        assert_eq!(TraceContext::of(trace), TraceContext::of(trace));
        assert_ne!(TraceContext::of(trace).parent, 0);
        assert_ne!(trace, TraceId::generate());
    }
}
