//! The whole service against a whole sandbox, over real HTTP.

mod convergence;
mod failures;
mod processes;
mod proxy;
mod rig;
