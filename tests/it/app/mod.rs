//! The whole service against a whole sandbox, over real HTTP.

mod convergence;
mod failures;
mod keys;
pub mod processes;
mod proxy;
pub mod rig;
mod tunnel;
