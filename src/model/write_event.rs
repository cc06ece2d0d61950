//! What somebody wants written into a calendar.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::write::{Importance, Text};

/// A wall-clock time in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Without an offset.
    #[schema(example = "2026-12-01T09:30:00")]
    pub date_time: String,
    /// An IANA name or one of Windows.
    #[serde(default = "utc")]
    #[schema(example = "Europe/Vienna")]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// How somebody is invited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttendeeKind {
    /// Must come.
    #[default]
    Required,
    /// May come.
    Optional,
    /// A room or a thing.
    Resource,
}

/// Somebody who is invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attendee {
    /// The address.
    #[schema(example = "ben@contoso.example")]
    pub address: String,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How.
    #[serde(default, rename = "type")]
    pub kind: AttendeeKind,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// Which of the days of a month that a relative pattern names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeekIndex {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
    /// The fourth.
    Fourth,
    /// The last.
    Last,
}

/// How an event repeats (F7.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatternKind {
    /// Every so many days.
    Daily,
    /// On days of the week.
    Weekly,
    /// On a day of the month.
    AbsoluteMonthly,
    /// On the first, second, … such weekday of the month.
    RelativeMonthly,
    /// On a date.
    AbsoluteYearly,
    /// On the first, second, … such weekday of a month.
    RelativeYearly,
}

/// How an event repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// In which way.
    #[serde(rename = "type")]
    pub kind: PatternKind,
    /// Every so many days, weeks, months or years.
    #[serde(default = "one")]
    pub interval: u32,
    /// On which days of the week.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days_of_week: Vec<Weekday>,
    /// On which day of the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<u32>,
    /// In which month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<u32>,
    /// Which of the days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<WeekIndex>,
    /// With which day a week begins; Sunday when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_day_of_week: Option<Weekday>,
}

fn one() -> u32 {
    1
}

/// How long an event repeats (F7.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RangeKind {
    /// Until a date.
    EndDate,
    /// For ever.
    NoEnd,
    /// So many times.
    Numbered,
}

/// How long an event repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// In which way it ends.
    #[serde(rename = "type")]
    pub kind: RangeKind,
    /// The first day; that of the event when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-01")]
    pub start_date: Option<String>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    /// How often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_of_occurrences: Option<u32>,
}

/// That an event repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recurrence {
    /// How.
    pub pattern: Pattern,
    /// How long.
    pub range: Range,
}

/// An answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Will come.
    Accept,
    /// Will not come.
    Decline,
    /// May come.
    TentativelyAccept,
}

/// What an event is, or what changes of it; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventFields {
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// When it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Moment>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Moment>,
    /// Whether it takes whole days: from midnight to midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_all_day: Option<bool>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Everybody who is invited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attendees: Option<Vec<Attendee>>,
    /// How it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// Whether it is held online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_online_meeting: Option<bool>,
    /// Whether it reminds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_reminder_on: Option<bool>,
    /// How many minutes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder_minutes: Option<u32>,
    /// `free`, `tentative`, `busy`, `oof` or `working_elsewhere`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_as: Option<ShowAs>,
    /// `normal`, `personal`, `private` or `confidential`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// How important it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// All its categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// Whether the attendees are asked to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_requested: Option<bool>,
    /// Whether the attendees may propose another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_new_time_proposals: Option<bool>,
    /// Whether the attendees see each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_attendees: Option<bool>,
}

/// How the time of an event looks to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShowAs {
    /// Free.
    Free,
    /// Perhaps taken.
    Tentative,
    /// Taken.
    Busy,
    /// Away.
    Oof,
    /// At work elsewhere.
    WorkingElsewhere,
}

/// Who may see what an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Everybody who sees the calendar.
    Normal,
    /// Marked personal.
    Personal,
    /// Only its owner.
    Private,
    /// Marked confidential.
    Confidential,
}

impl EventFields {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
