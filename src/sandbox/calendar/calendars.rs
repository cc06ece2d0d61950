//! What changes calendars themselves: made, renamed, deleted with everything in them (F7.16).
//!
//! Nothing of it is announced but the events that go: Graph has no notifications for calendars.

use super::refusal::Refusal;
use super::state::{Calendar, CalendarKey, CalendarState, EventKey};
use crate::sandbox::world::{Change, ChangeType};

impl CalendarState {
    /// A new calendar.
    pub fn create_calendar(&mut self, name: &str, color: &str) -> Result<&Calendar, Refusal> {
        if name.trim().is_empty() {
            return Err(Refusal::validation(
                "The Calendar.Name property is required.",
            ));
        }
        self.check_name(name, None)?;
        let key = self.add_calendar(name, color);
        self.calendar_of(key).ok_or(Refusal::NotFound)
    }

    /// PATCH of a calendar.
    pub fn update_calendar(
        &mut self,
        key: CalendarKey,
        name: Option<&str>,
        color: Option<&str>,
    ) -> Result<&Calendar, Refusal> {
        if let Some(name) = name {
            self.check_name(name, Some(key))?;
        }
        let calendar = self
            .calendars
            .iter_mut()
            .find(|calendar| calendar.key == key)
            .ok_or(Refusal::NotFound)?;
        if let Some(name) = name {
            name.clone_into(&mut calendar.name);
        }
        if let Some(color) = color {
            color.clone_into(&mut calendar.color);
        }
        calendar.version += 1;
        Ok(calendar)
    }

    fn check_name(&self, name: &str, own: Option<CalendarKey>) -> Result<(), Refusal> {
        let taken = self
            .calendars
            .iter()
            .any(|calendar| Some(calendar.key) != own && calendar.name.eq_ignore_ascii_case(name));
        if taken {
            Err(Refusal::CalendarExists)
        } else {
            Ok(())
        }
    }

    /// DELETE of a calendar and of everything in it.
    pub fn delete_calendar(&mut self, key: CalendarKey) -> Result<Vec<Change>, Refusal> {
        let calendar = self.calendar_of(key).ok_or(Refusal::NotFound)?;
        if calendar.is_default {
            return Err(Refusal::DefaultCalendar);
        }
        let keys: Vec<EventKey> = self.events_in(key).map(|event| event.key).collect();
        let mut changes = Vec::new();
        for event in keys {
            if let Some(event) = self.forget(event) {
                changes.push(self.change_of(&event, ChangeType::Deleted));
            }
        }
        self.calendars.retain(|calendar| calendar.key != key);
        Ok(changes)
    }
}
