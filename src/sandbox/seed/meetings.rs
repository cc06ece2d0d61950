//! Meetings of a seeded calendar: those the person called, and invitations to those of others.

use chrono::{NaiveDate, TimeDelta};

use super::calendar::{Planner, SUBJECTS, person};
use crate::sandbox::calendar::event::{Attendee, AttendeeKind, Person, Response};
use crate::sandbox::calendar::state::Target;

const STRANGERS: &[(&str, &str)] = &[
    ("Alex Wilber", "alex.wilber@fabrikam.example"),
    ("Megan Bowen", "megan.bowen@fabrikam.example"),
    ("Joni Sherman", "joni.sherman@litware.example"),
    ("Dr. Sabine Kästner", "sabine.kaestner@kanzlei-nord.example"),
    ("Luc Fontaine", "luc.fontaine@cabinet-fontaine.example"),
];

impl Planner<'_> {
    fn colleague(&mut self) -> Person {
        let index = self.rng.usize(..self.everyone.len() + STRANGERS.len());
        match self.everyone.get(index) {
            Some(other) if other.id != self.user.id => person(other),
            _ => {
                let (name, address) = *self.pick(STRANGERS);
                Person {
                    name: name.to_owned(),
                    address: address.to_owned(),
                }
            }
        }
    }

    pub(super) fn attendees(&mut self, day: NaiveDate) -> Vec<Attendee> {
        let answers = [
            Response::None,
            Response::Accepted,
            Response::TentativelyAccepted,
            Response::Declined,
        ];
        let mut invited: Vec<Attendee> = Vec::new();
        for _ in 0..self.rng.usize(1..=5) {
            let person = self.colleague();
            if invited
                .iter()
                .any(|other| other.person.address == person.address)
            {
                continue;
            }
            let response = *self.pick(&answers);
            let kind = *self.pick(&[
                AttendeeKind::Required,
                AttendeeKind::Required,
                AttendeeKind::Optional,
            ]);
            let responded_at = (response != Response::None).then(|| self.entered(day));
            invited.push(Attendee {
                person,
                kind,
                response,
                responded_at,
            });
        }
        invited
    }

    /// Meetings the person called, and such that others did.
    pub(super) fn meetings(&mut self) {
        for _ in 0..self.rng.usize(6..=10) {
            let day = self.some_day();
            let (zone, hour) = (self.own_zone(), self.working_hour());
            let subject = *self.pick(SUBJECTS);
            let mut draft = self.draft(subject, day.and_time(hour), TimeDelta::minutes(60), &zone);
            draft.overrides.attendees = Some(self.attendees(day));
            draft.overrides.is_online_meeting = Some(self.rng.bool());
            let calendar = self.state.default_calendar().key;
            self.put(calendar, draft, day);
        }
        for index in 0..self.rng.usize(6..=10) {
            let day = self.some_day();
            let (zone, hour) = (self.some_zone(), self.working_hour());
            let subject = *self.pick(SUBJECTS);
            let mut draft = self.draft(subject, day.and_time(hour), TimeDelta::minutes(45), &zone);
            let mut invited = self.attendees(day);
            invited.push(Attendee {
                person: person(self.user),
                kind: AttendeeKind::Required,
                response: Response::None,
                responded_at: None,
            });
            draft.overrides.attendees = Some(invited);
            let organizer = self.colleague();
            let at = self.entered(day);
            let Ok((key, _)) = self
                .state
                .receive_invitation(draft, organizer, at, self.rng)
            else {
                continue;
            };
            let at = at + TimeDelta::minutes(3);
            let answer = [
                Response::NotResponded,
                Response::Accepted,
                Response::TentativelyAccepted,
            ];
            let done = match index {
                2 => self
                    .state
                    .receive_cancellation(Target::Whole(key), at, self.rng),
                _ => match *self.pick(&answer) {
                    Response::NotResponded => continue,
                    response => self
                        .state
                        .respond(Target::Whole(key), response, at, self.rng),
                },
            };
            done.expect("an invitation that stands can be answered and cancelled");
        }
    }
}
