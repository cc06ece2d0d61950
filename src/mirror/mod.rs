//! The mirror: it keeps the rows equal to the mailbox.
//!
//! Notices are refreshed, delta cursors walked, suspicions confirmed, and everything ends in one write path.
//! Its promise: a live message is never lost and a dead one never lingers (M1, M4); a fetch that started earlier never
//! overwrites one that started later (M36); only a 404 on GET deletes (F6.40).

pub mod convert;
pub mod ladder;
pub mod pace;
pub mod plan;
mod report;
mod settings;
mod window;

pub use report::{RefreshReport, RoundsReport, StructureReport, Tally};
pub use settings::Settings;
pub use window::Window;
