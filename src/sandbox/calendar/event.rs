//! What an event is: its properties, and when it happens (F7.1, F7.3, F7.5).
//!
//! Instants are kept in UTC; an all-day event is kept as it stands in the calendar, midnight to midnight, and
//! is never shifted by a zone.

use chrono::NaiveDateTime;

use super::refusal::Refusal;
use super::zones::Zone;
use crate::model::time::Timestamp;

/// Makes an enum with the names Graph writes it by.
macro_rules! wire_names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $wire:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every value there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $wire),+ }
            }

            /// The value of a name, in any case of letters.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

wire_names! {
    /// How the time is shown to others (F7.8).
    ShowAs {
        /// Not known.
        Unknown = "unknown",
        /// Free.
        Free = "free",
        /// Perhaps.
        Tentative = "tentative",
        /// Busy.
        Busy = "busy",
        /// Out of office.
        Oof = "oof",
        /// Working elsewhere.
        WorkingElsewhere = "workingElsewhere",
    }
}

wire_names! {
    /// Who may see it (F7.8).
    Sensitivity {
        /// Anyone who sees the calendar.
        Normal = "normal",
        /// Personal.
        Personal = "personal",
        /// Private.
        Private = "private",
        /// Confidential.
        Confidential = "confidential",
    }
}

wire_names! {
    /// How much it matters.
    Importance {
        /// Little.
        Low = "low",
        /// As usual.
        Normal = "normal",
        /// Much.
        High = "high",
    }
}

wire_names! {
    /// What someone answered (F7.8).
    Response {
        /// There was nothing to answer.
        None = "none",
        /// It is their own meeting.
        Organizer = "organizer",
        /// Perhaps.
        TentativelyAccepted = "tentativelyAccepted",
        /// Yes.
        Accepted = "accepted",
        /// No.
        Declined = "declined",
        /// Nothing yet.
        NotResponded = "notResponded",
    }
}

wire_names! {
    /// In which quality someone is invited (F7.8).
    AttendeeKind {
        /// Needed.
        Required = "required",
        /// Welcome.
        Optional = "optional",
        /// A room or a device.
        Resource = "resource",
    }
}

wire_names! {
    /// Who holds the online meeting (F7.8).
    OnlineProvider {
        /// None.
        Unknown = "unknown",
        /// Skype for Business.
        SkypeForBusiness = "skypeForBusiness",
        /// Skype.
        SkypeForConsumer = "skypeForConsumer",
        /// Teams.
        TeamsForBusiness = "teamsForBusiness",
    }
}

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Display name.
    pub name: String,
    /// Mail address.
    pub address: String,
}

/// Someone who is invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendee {
    /// Who.
    pub person: Person,
    /// In which quality.
    pub kind: AttendeeKind,
    /// What they answered.
    pub response: Response,
    /// When they did.
    pub responded_at: Option<Timestamp>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// What it is called.
    pub display_name: String,
    /// Street, when it has an address.
    pub street: Option<String>,
    /// City, when it has an address.
    pub city: Option<String>,
    /// Country or region, when it has an address.
    pub country: Option<String>,
}

/// The text of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventBody {
    /// Whether it is HTML.
    pub html: bool,
    /// The text as it was written.
    pub content: String,
}

/// When an event happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The beginning: UTC, or midnight of the calendar's own day when it lasts all day.
    pub start: NaiveDateTime,
    /// The end, exclusive.
    pub end: NaiveDateTime,
    /// Midnight to midnight.
    pub all_day: bool,
    /// `originalStartTimeZone`.
    pub start_zone: String,
    /// `originalEndTimeZone`.
    pub end_zone: String,
}

impl Slot {
    /// Whether it has part in the window from `from` until before `until`.
    pub fn overlaps(&self, from: NaiveDateTime, until: NaiveDateTime) -> bool {
        self.start < until && (self.end > from || (self.start == self.end && self.start >= from))
    }
}

/// A wall clock reading in a zone, as bodies carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WallTime {
    /// What the clock shows.
    pub local: NaiveDateTime,
    /// Where it hangs.
    pub zone: Zone,
}

/// A change of when an event happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhenPatch {
    /// `start`.
    pub start: Option<WallTime>,
    /// `end`.
    pub end: Option<WallTime>,
    /// `isAllDay`.
    pub all_day: Option<bool>,
}

impl WhenPatch {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.start.is_none() && self.end.is_none() && self.all_day.is_none()
    }

    /// The slot after the change; `current` is `None` for a new event, which needs both ends.
    pub fn onto(&self, current: Option<&Slot>) -> Result<Slot, Refusal> {
        let all_day = self
            .all_day
            .unwrap_or_else(|| current.is_some_and(|slot| slot.all_day));
        let place = |time: &WallTime| {
            if all_day {
                time.local
            } else {
                time.zone.to_utc(time.local)
            }
        };
        let missing =
            |name: &str| Refusal::validation(format!("The Event.{name} property is required."));
        let (start, start_zone) = match (&self.start, current) {
            (Some(time), _) => (place(time), time.zone.name().to_owned()),
            (None, Some(slot)) => (slot.start, slot.start_zone.clone()),
            (None, None) => return Err(missing("Start")),
        };
        let (end, end_zone) = match (&self.end, current) {
            (Some(time), _) => (place(time), time.zone.name().to_owned()),
            (None, Some(slot)) => (slot.end, slot.end_zone.clone()),
            (None, None) => return Err(missing("End")),
        };
        let midnight = |at: NaiveDateTime| at.time() == chrono::NaiveTime::MIN;
        if all_day && !(midnight(start) && midnight(end) && start < end) {
            return Err(Refusal::validation(
                "The Event.Start and Event.End properties of an all-day event need to be set to midnight, a day or more apart.",
            ));
        }
        if end < start {
            return Err(Refusal::validation(
                "The Event.End property must not be earlier than Event.Start.",
            ));
        }
        Ok(Slot {
            start,
            end,
            all_day,
            start_zone,
            end_zone,
        })
    }
}

/// What an event says, apart from when it happens and how it repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// `subject`.
    pub subject: String,
    /// `body`.
    pub body: EventBody,
    /// `locations`; the first one is `location`.
    pub locations: Vec<Location>,
    /// `attendees`.
    pub attendees: Vec<Attendee>,
    /// `categories`.
    pub categories: Vec<String>,
    /// `importance`.
    pub importance: Importance,
    /// `sensitivity`.
    pub sensitivity: Sensitivity,
    /// `showAs`.
    pub show_as: ShowAs,
    /// `isReminderOn`.
    pub is_reminder_on: bool,
    /// `reminderMinutesBeforeStart`.
    pub reminder_minutes: i32,
    /// `isOnlineMeeting`.
    pub is_online_meeting: bool,
    /// `onlineMeetingProvider`.
    pub online_provider: OnlineProvider,
    /// `onlineMeeting.joinUrl`.
    pub join_url: Option<String>,
    /// `responseRequested`.
    pub response_requested: bool,
    /// `hideAttendees`.
    pub hide_attendees: bool,
    /// `allowNewTimeProposals`.
    pub allow_new_time_proposals: bool,
    /// `isCancelled` (F6.37).
    pub is_cancelled: bool,
    /// What the owner of the calendar answered.
    pub response: Response,
    /// When.
    pub responded_at: Option<Timestamp>,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            subject: String::new(),
            body: EventBody {
                html: true,
                content: String::new(),
            },
            locations: Vec::new(),
            attendees: Vec::new(),
            categories: Vec::new(),
            importance: Importance::Normal,
            sensitivity: Sensitivity::Normal,
            show_as: ShowAs::Busy,
            is_reminder_on: true,
            reminder_minutes: 15,
            is_online_meeting: false,
            online_provider: OnlineProvider::Unknown,
            join_url: None,
            response_requested: true,
            hide_attendees: false,
            allow_new_time_proposals: true,
            is_cancelled: false,
            response: Response::Organizer,
            responded_at: None,
        }
    }
}

/// Changes of [`Details`]: what is `Some` is replaced. An exception of a series keeps one, so that whatever
/// it did not change goes on following the master.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `subject`.
    pub subject: Option<String>,
    /// `body`.
    pub body: Option<EventBody>,
    /// `locations`.
    pub locations: Option<Vec<Location>>,
    /// `attendees`.
    pub attendees: Option<Vec<Attendee>>,
    /// `categories`.
    pub categories: Option<Vec<String>>,
    /// `importance`.
    pub importance: Option<Importance>,
    /// `sensitivity`.
    pub sensitivity: Option<Sensitivity>,
    /// `showAs`.
    pub show_as: Option<ShowAs>,
    /// `isReminderOn`.
    pub is_reminder_on: Option<bool>,
    /// `reminderMinutesBeforeStart`.
    pub reminder_minutes: Option<i32>,
    /// `isOnlineMeeting`.
    pub is_online_meeting: Option<bool>,
    /// `onlineMeetingProvider`.
    pub online_provider: Option<OnlineProvider>,
    /// `onlineMeeting.joinUrl`.
    pub join_url: Option<Option<String>>,
    /// `responseRequested`.
    pub response_requested: Option<bool>,
    /// `hideAttendees`.
    pub hide_attendees: Option<bool>,
    /// `allowNewTimeProposals`.
    pub allow_new_time_proposals: Option<bool>,
    /// `isCancelled`.
    pub is_cancelled: Option<bool>,
    /// What the owner of the calendar answered, and when.
    pub response: Option<(Response, Option<Timestamp>)>,
}

/// Runs a macro over every plain field the two structs share.
macro_rules! each_field {
    ($run:ident) => {
        $run!(
            subject,
            body,
            locations,
            attendees,
            categories,
            importance,
            sensitivity,
            show_as,
            is_reminder_on,
            reminder_minutes,
            is_online_meeting,
            online_provider,
            join_url,
            response_requested,
            hide_attendees,
            allow_new_time_proposals,
            is_cancelled
        )
    };
}

impl Details {
    /// Replaces what the overrides name.
    pub fn apply(&mut self, overrides: &Overrides) {
        macro_rules! replace {
            ($($field:ident),+) => {
                $(if let Some(value) = &overrides.$field { self.$field.clone_from(value); })+
            };
        }
        each_field!(replace);
        if let Some((response, at)) = overrides.response {
            self.response = response;
            self.responded_at = at;
        }
    }
}

impl Overrides {
    /// Adds newer overrides, which win.
    pub fn merge(&mut self, newer: Overrides) {
        macro_rules! take {
            ($($field:ident),+) => {
                $(if newer.$field.is_some() { self.$field = newer.$field; })+
            };
        }
        each_field!(take);
        if newer.response.is_some() {
            self.response = newer.response;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str, zone: &str) -> WallTime {
        WallTime {
            local: text.parse().unwrap(),
            zone: Zone::named(zone).unwrap(),
        }
    }

    // F7.5
    #[test]
    fn an_all_day_event_is_never_shifted_by_its_zone() {
        let when = WhenPatch {
            start: Some(wall("2026-03-08T00:00:00", "Pacific Standard Time")),
            end: Some(wall("2026-03-09T00:00:00", "Pacific Standard Time")),
            all_day: Some(true),
        };

        let slot = when.onto(None).unwrap();

        assert_eq!(slot.start.to_string(), "2026-03-08 00:00:00");
        assert_eq!(slot.end.to_string(), "2026-03-09 00:00:00");
        assert_eq!(slot.start_zone, "Pacific Standard Time");
    }

    // F7.5
    #[test]
    fn an_all_day_event_that_begins_at_noon_is_refused() {
        let when = WhenPatch {
            start: Some(wall("2026-03-08T12:00:00", "UTC")),
            end: Some(wall("2026-03-09T00:00:00", "UTC")),
            all_day: Some(true),
        };

        assert!(matches!(when.onto(None), Err(Refusal::Validation(_))));
    }

    #[test]
    fn an_event_that_ends_before_it_begins_is_refused() {
        let when = WhenPatch {
            start: Some(wall("2026-03-08T12:00:00", "UTC")),
            end: Some(wall("2026-03-08T11:59:00", "UTC")),
            all_day: None,
        };

        assert!(matches!(when.onto(None), Err(Refusal::Validation(_))));
    }

    #[test]
    fn what_an_exception_did_not_change_follows_the_master() {
        let mut overrides = Overrides {
            subject: Some("moved".to_owned()),
            ..Overrides::default()
        };
        overrides.merge(Overrides {
            show_as: Some(ShowAs::Free),
            ..Overrides::default()
        });
        let mut details = Details {
            subject: "weekly".to_owned(),
            categories: vec!["Red".to_owned()],
            ..Details::default()
        };

        details.apply(&overrides);

        assert_eq!(details.subject, "moved");
        assert_eq!(details.show_as, ShowAs::Free);
        assert_eq!(details.categories, ["Red"]);
    }
}
