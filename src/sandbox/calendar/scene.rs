//! What the tests of this folder begin with: an empty calendar, and a weekly series in it.
//!
//! Only for tests inside of the sandbox; whoever stands outside goes through its endpoints.

use serde_json::json;

use super::draft::Draft;
use super::event::Person;
use super::state::{CalendarKey, CalendarState};
use super::writes::Created;
use crate::model::time::Timestamp;
use crate::sandbox::stamp;

/// A calendar of its own, at an instant that stands.
pub(super) struct Scene {
    pub(super) state: CalendarState,
    pub(super) rng: fastrand::Rng,
    pub(super) now: Timestamp,
}

impl Scene {
    pub(super) fn open() -> Self {
        let mut rng = fastrand::Rng::with_seed(3);
        let owner = Person {
            name: "Ada".to_owned(),
            address: "ada@contoso.example".to_owned(),
        };
        Self {
            state: CalendarState::new(owner, "Calendar", &mut rng),
            rng,
            now: stamp::parse("2026-02-10T09:00:00Z").unwrap(),
        }
    }

    /// Four Mondays in March.
    pub(super) fn weekly(&mut self, calendar: CalendarKey) -> Created {
        let body = json!({
            "subject": "weekly",
            "start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "UTC"},
            "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"},
            "recurrence": {
                "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
                "range": {"type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": 4},
            },
        });
        let draft = Draft::parse(&body).unwrap();
        self.state
            .create(calendar, draft, self.now, &mut self.rng)
            .unwrap()
    }
}
