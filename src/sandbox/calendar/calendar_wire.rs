//! Calendars as Graph writes them (F7.16).

use serde::Serialize;

use super::render::{EmailWire, email};
use super::state::Calendar;
use crate::sandbox::ids;

/// A calendar.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarWire<'a> {
    id: &'a str,
    name: &'a str,
    color: &'a str,
    hex_color: &'static str,
    is_default_calendar: bool,
    change_key: String,
    can_share: bool,
    can_view_private_items: bool,
    can_edit: bool,
    is_removable: bool,
    is_tallying_responses: bool,
    allowed_online_meeting_providers: [&'static str; 1],
    default_online_meeting_provider: &'static str,
    owner: EmailWire<'a>,
}

/// The colours a calendar can have, with what they look like.
pub const COLORS: &[(&str, &str)] = &[
    ("auto", ""),
    ("lightBlue", "#a6d1f5"),
    ("lightGreen", "#87d28e"),
    ("lightOrange", "#fcab73"),
    ("lightGray", "#c0c0c0"),
    ("lightYellow", "#f5f500"),
    ("lightTeal", "#4adacc"),
    ("lightPink", "#eb9ac8"),
    ("lightBrown", "#e5b16c"),
    ("lightRed", "#ff6f61"),
];

/// A calendar as Graph writes it (F7.16).
pub fn render(calendar: &Calendar) -> CalendarWire<'_> {
    let hex_color = COLORS
        .iter()
        .find(|(name, _)| *name == calendar.color)
        .map_or("", |(_, hex)| hex);
    CalendarWire {
        id: &calendar.id,
        name: &calendar.name,
        color: &calendar.color,
        hex_color,
        is_default_calendar: calendar.is_default,
        change_key: ids::change_key(calendar.key.0, calendar.version),
        can_share: true,
        can_view_private_items: true,
        can_edit: true,
        is_removable: !calendar.is_default,
        is_tallying_responses: calendar.is_default,
        allowed_online_meeting_providers: ["teamsForBusiness"],
        default_online_meeting_provider: "teamsForBusiness",
        owner: email(&calendar.owner),
    }
}
