//! The `Prefer` header.
//!
//! Graph remembers none of it between the pages of a collection (F4.2), and a batch's own header does not reach
//! its parts (F4.13), so it is made anew for every request and part. `IdType="ImmutableId"` can't be left out: there is no
//! way to make a header without it (M16).

use std::fmt::Write as _;

/// What a request prefers, immutable ids aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prefer {
    /// At most so many items a page; advisory (F4.4).
    pub max_page_size: Option<u32>,
    /// Event times in UTC (F7.3). Graph's default, but said wherever events are meant.
    pub utc: bool,
}

impl Prefer {
    /// Immutable ids only.
    pub const IDS: Self = Self {
        max_page_size: None,
        utc: false,
    };

    /// Immutable ids and times in UTC, for events.
    pub const EVENTS: Self = Self {
        max_page_size: None,
        utc: true,
    };

    /// The same with at most `items` a page.
    #[must_use]
    pub fn pages_of(self, items: u32) -> Self {
        Self {
            max_page_size: Some(items),
            ..self
        }
    }

    /// The value of the header; several preferences stand in one, separated by commas (F4.4).
    pub fn header(&self) -> String {
        let mut value = String::from("IdType=\"ImmutableId\"");
        if let Some(items) = self.max_page_size {
            let _ = write!(value, ", odata.maxpagesize={items}");
        }
        if self.utc {
            value.push_str(", outlook.timezone=\"UTC\"");
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immutable_ids_are_preferred_whatever_else_is() {
        // M16
        assert_eq!(Prefer::IDS.header(), "IdType=\"ImmutableId\"");
        assert_eq!(
            Prefer::EVENTS.pages_of(50).header(),
            "IdType=\"ImmutableId\", odata.maxpagesize=50, outlook.timezone=\"UTC\""
        );
    }
}
