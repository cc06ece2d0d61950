//! Calendars (F7.16).

use super::mend::read_or_mend;
use super::raw::storable;
use super::{Unreadable, possible};
use crate::graph::wire::{CalendarObject, Text};
use crate::model::calendar::Calendar;

/// Reads a calendar.
pub fn read(item: &str) -> Result<Calendar, Unreadable> {
    read_or_mend(item, |text| {
        Some(understand(item, serde_json::from_str(text).ok()?))
    })
    .ok_or(Unreadable::Shape)?
}

fn understand(item: &str, object: CalendarObject<'_>) -> Result<Calendar, Unreadable> {
    let external_id = possible(object.id).ok_or(Unreadable::Missing("id"))?;
    Ok(Calendar {
        external_id,
        name: object.name.map(Text::into_string).unwrap_or_default(),
        color: object.color.map(Text::into_string),
        is_default: object.is_default_calendar.unwrap_or(false),
        can_edit: object.can_edit.unwrap_or(false),
        owner_address: object
            .owner
            .and_then(|owner| owner.address)
            .map(Text::into_string),
        raw: storable(item.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_of_another_person_names_its_owner() {
        let item = r#"{"id":"C","name":"Team","color":"auto","isDefaultCalendar":false,"canEdit":false,
            "owner":{"name":"B","address":"b@example.org"}}"#;

        let calendar = read(item).expect("a calendar");

        assert_eq!(calendar.owner_address.as_deref(), Some("b@example.org"));
        assert!(!calendar.is_default);
        assert_eq!(read(r#"{"name":"x"}"#), Err(Unreadable::Missing("id")));
    }
}
