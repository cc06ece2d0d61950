//! The database or its disk fails under the service, or the process is killed while it prepares the schema.
//!
//! Each test breaks something, sees that Graph is told to deliver again and that the reason can be read, mends it, and touches the
//! service no more: by itself its mirror must become equal, with every notification that was accepted and a feed without holes.

mod migrations;
mod postgres;
pub mod scene;
mod sqlite;
#[cfg(target_os = "linux")]
mod writes;
