//! Garbage in every field that Graph sends (S68, M14, M41): nothing panics, nothing takes its neighbours with it, and
//! what came is kept as it came.

mod damage;
mod items;
mod notifications;
mod recurrence;
mod stored;
mod transport;

use proptest::test_runner::Config;

/// So many cases of a property.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        // Nothing is written into the source tree: the damage found is printed, and belongs into a test of its own.
        failure_persistence: None,
        ..Config::default()
    }
}
