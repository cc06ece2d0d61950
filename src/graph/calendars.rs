//! Calendars and their views.

use super::links::{Target, instant, segment};
use super::mailbox::MailboxGraph;
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;

impl MailboxGraph {
    /// The calendars of the account, shared ones too; there is no delta for them (F7.16).
    pub fn calendars(&self) -> Target {
        Target::Path(self.path("/calendars?$top=100"))
    }

    /// The first page of a full round over one window of a calendar. No query option but the window is supported, and the
    /// window stays in the token (F6.29 to F6.31). Ask with [`super::Prefer::EVENTS`].
    pub fn view_delta(&self, calendar: &GraphId, start: Timestamp, end: Timestamp) -> Target {
        Target::Path(self.path(&format!(
            "/calendars/{}/calendarView/delta?startDateTime={}&endDateTime={}",
            segment(calendar),
            instant(start),
            instant(end)
        )))
    }

    /// One window of a calendar: full occurrences, no masters (F6.33). Without `$select`, which would hide the times of
    /// change (F7.7).
    pub fn view(&self, calendar: &GraphId, start: Timestamp, end: Timestamp, top: u32) -> Target {
        Target::Path(self.path(&format!(
            "/calendars/{}/calendarView?startDateTime={}&endDateTime={}&$top={}",
            segment(calendar),
            instant(start),
            instant(end),
            top.clamp(1, 1000)
        )))
    }
}
