//! What an event says: its properties, apart from when it happens (F7.1).

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
