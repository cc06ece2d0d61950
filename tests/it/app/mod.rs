//! The whole service against a whole sandbox, over real HTTP.

mod convergence;
mod processes;
mod rig;
