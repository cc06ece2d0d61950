//! The whole service against a whole sandbox, over real HTTP.

mod convergence;
mod failures;
pub mod processes;
pub mod proxy;
pub mod rig;
