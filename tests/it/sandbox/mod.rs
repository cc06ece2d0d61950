//! sandbox.

mod calendar;
mod client;
