//! Calendars and events.

use super::call::{Call, Reply};
use super::error::GraphFault;
use super::world::State;

/// The calendars of one mailbox.
#[derive(Debug, Default)]
pub struct CalendarState {}

/// Answers a call below `/me/calendars`, `/me/calendar`, `/me/calendarView` or `/me/events`; `rest`
/// is the path after the mailbox.
pub fn handle(
    state: &mut State,
    mailbox: usize,
    _call: &Call,
    rest: &[String],
) -> Result<Reply, GraphFault> {
    let _calendar = state
        .mailboxes
        .get(mailbox)
        .map(|mailbox| &mailbox.calendar);
    Err(GraphFault::no_such_resource(
        rest.first().map_or("", String::as_str),
    ))
}
