//! Where the delta tokens of a mailbox's calendars stand, for the dump (S72).

use super::super::state::CalendarState;
use super::Place;
use crate::sandbox::dump::{Link, Standing, Stream, token_end};

impl CalendarState {
    /// Every token that lives, those used last at the end.
    pub fn cursors(&self) -> Vec<Standing> {
        let tokens = self.tokens.iter().map(|(token, cursor)| {
            let (link, sequence, left) = match &cursor.place {
                Place::Page { round, offset } => (
                    Link::Next,
                    round.mark.until,
                    Some(round.items.len().saturating_sub(*offset)),
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
        });
        tokens.collect()
    }
}
