//! The whole service against a whole sandbox, over real HTTP.

mod alerts;
mod convergence;
mod failures;
mod followed;
mod keys;
mod metrics;
pub mod processes;
pub mod proxy;
pub mod rig;
mod tunnel;
