//! What is mirrored and how often we look.

use std::time::Duration;

use super::reader::{Reader, duration, number};
use super::variables::{
    AUDIT_INTERVAL, CALENDAR_FUTURE_MONTHS, CALENDAR_PAST_MONTHS, PAGE_SIZE, POLL_INTERVAL,
    POLL_INTERVAL_WITHOUT_PUSH,
};

/// What is mirrored and how often we look.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// Calendar views begin so many months before the present one.
    pub calendar_past_months: u32,
    /// Calendar views end so many months after the present one.
    pub calendar_future_months: u32,
    /// Every cursor is polled after so long at the latest while push works (M47): the safety net.
    pub poll_interval: Duration,
    /// The same while push does not work or there is no public address (M33).
    pub poll_interval_without_push: Duration,
    /// How often a mailbox is compared with its mirror.
    pub audit_interval: Duration,
    /// Items asked for per delta page at first; it adapts (M48).
    pub page_size: u32,
}

impl Mirror {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let calendar_past_months = reader.read(&CALENDAR_PAST_MONTHS, |text| number(text, 0, 120));
        let calendar_future_months =
            reader.read(&CALENDAR_FUTURE_MONTHS, |text| number(text, 1, 120));
        let second = Duration::from_secs(1);
        let poll_interval = reader.read(&POLL_INTERVAL, |text| duration(text, second));
        let poll_interval_without_push =
            reader.read(&POLL_INTERVAL_WITHOUT_PUSH, |text| duration(text, second));
        if let (Some(with), Some(without)) = (poll_interval, poll_interval_without_push)
            && without > with
        {
            reader.problem(
                &POLL_INTERVAL_WITHOUT_PUSH,
                "it is longer than POLL_INTERVAL, though without push more polling is needed",
                "make it as long as POLL_INTERVAL or shorter",
            );
        }
        let audit_interval = reader.read(&AUDIT_INTERVAL, |text| {
            duration(text, Duration::from_mins(1))
        });
        let page_size = reader.read(&PAGE_SIZE, |text| number(text, 1, 500));
        Some(Self {
            calendar_past_months: calendar_past_months?,
            calendar_future_months: calendar_future_months?,
            poll_interval: poll_interval?,
            poll_interval_without_push: poll_interval_without_push?,
            audit_interval: audit_interval?,
            page_size: page_size?,
        })
    }
}
