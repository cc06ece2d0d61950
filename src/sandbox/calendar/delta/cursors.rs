//! Where a delta token of a mailbox's calendars stands, for the dump (S72).

use super::super::state::CalendarState;
use super::{Cursor, Place};
use crate::sandbox::dump::{Link, Standing, Stream, token_end};

impl CalendarState {
    /// Where a link stands.
    pub fn standing(&self, token: &str, cursor: &Cursor) -> Standing {
        let (link, sequence, left) = match &cursor.place {
            Place::Page(walk) => (
                Link::Next,
                walk.round.mark.until,
                Some(walk.round.items.len().saturating_sub(walk.offset)),
            ),
            Place::End(mark) => (Link::Delta, mark.until, None),
        };
        let calendar = self.calendar_of(cursor.calendar);
        Standing {
            stream: Stream::CalendarView {
                calendar: calendar
                    .map(|calendar| calendar.id.clone())
                    .unwrap_or_default(),
                window_start: cursor.window.from.and_utc(),
                window_end: cursor.window.until.and_utc(),
            },
            link,
            token_end: token_end(token),
            sequence,
            left,
        }
    }
}
