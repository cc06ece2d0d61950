//! The reconciler against the sandbox, over real HTTP in both directions (M23 to M33).

mod conflicts;
mod creation;
mod health;
mod renewal;
pub(crate) mod scene;
