//! What the service says of itself.
//!
//! One line per thing that happened, to standard error: for people on a terminal, one JSON object a line
//! otherwise. Identifiers carry the names of [`fields`]. No line ever holds a token, a clientState, a delta
//! link, an address, a subject, a body or a query string: libraries that would print such things are kept
//! quiet by [`subscriber`], and a test reads our own log calls. What belongs together is held together by [`spans`], and what
//! is counted is counted by [`metrics`].

pub mod fields;
pub mod metrics;
#[cfg(feature = "otel")]
mod otel;
pub mod spans;
pub mod subscriber;

pub use subscriber::{Aside, Format, Speech, TelemetryError, start, start_with};

/// Hands out what still waits to be told elsewhere; the last thing a process does.
pub async fn finish() {
    #[cfg(feature = "otel")]
    otel::finish().await;
    #[cfg(not(feature = "otel"))]
    std::future::ready(()).await;
}
