//! The client for Graph, against small servers made for each test.

mod batch;
mod calls;
pub mod fake;
mod limits;
