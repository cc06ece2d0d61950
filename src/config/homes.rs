//! How much one process serves.

use super::reader::{Reader, number};
use super::variables::HOMES_LIMIT;

/// How much one process serves.
#[derive(Debug, Clone)]
pub struct Homes {
    /// Mailboxes with work that are served at the same time at most; idle ones cost nothing and don't count.
    pub limit: u32,
}

impl Homes {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let limit = reader.read(&HOMES_LIMIT, |text| number(text, 1, 10_000))?;
        Some(Self { limit })
    }
}
