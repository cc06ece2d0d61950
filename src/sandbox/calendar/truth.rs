//! What really stands in the calendars, for whoever compares a mirror with it (S72).

use serde_json::{Value, json};

use super::calendar_wire;
use super::pages::Line;
use super::render::{self, Style};
use super::state::{CalendarState, Event};
use super::window::Window;
use crate::sandbox::query::Query;

impl CalendarState {
    /// Calendars, singles and masters with every property, and, with a window, the occurrences and
    /// exceptions inside it. Without a window every single and master is told.
    ///
    /// Each item names its `calendarId` and its `defaultId`, and a master its `cancelledOccurrences` and
    /// `exceptionOccurrences`, beside what a client could read with immutable ids in UTC.
    pub fn truth(&self, window: Option<Window>) -> Value {
        let calendars: Vec<Value> = self
            .calendars()
            .iter()
            .filter_map(|calendar| serde_json::to_value(calendar_wire::render(calendar)).ok())
            .collect();
        let mut events = Vec::new();
        let mut occurrences = Vec::new();
        for event in self.events() {
            let mut dates = Vec::new();
            if let Some(window) = window {
                dates = event
                    .series
                    .as_ref()
                    .map(|series| series.dates_in(window.from, window.until))
                    .unwrap_or_default();
                let seen = match &event.series {
                    None => event.slot.overlaps(window.from, window.until),
                    Some(_) => !dates.is_empty(),
                };
                if !seen {
                    continue;
                }
            }
            events.extend(self.told(event, Line::Whole(event.key), &event.ids.default_id));
            for date in dates {
                let ids = Self::occurrence_ids(event, date);
                let line = Line::Occurrence(event.key, date);
                occurrences.extend(self.told(event, line, &ids.default_id));
            }
        }
        json!({"calendars": calendars, "events": events, "occurrences": occurrences})
    }

    fn told(&self, event: &Event, line: Line, default_id: &str) -> Option<Value> {
        let style = Style::truth();
        let mut value = self.line_value(line, &Query::default(), &style)?;
        if let Value::Object(fields) = &mut value {
            let calendar = self.calendar_of(event.calendar)?;
            fields.insert("calendarId".to_owned(), calendar.id.clone().into());
            fields.insert("defaultId".to_owned(), default_id.into());
            if let (Line::Whole(_), Some(series)) = (line, &event.series) {
                let cancelled = render::cancelled_occurrences(event, &style);
                let exceptions: Vec<String> = series
                    .exceptions()
                    .keys()
                    .map(|date| Self::occurrence_ids(event, *date).immutable_id)
                    .collect();
                fields.insert("cancelledOccurrences".to_owned(), cancelled.into());
                fields.insert("exceptionOccurrences".to_owned(), exceptions.into());
            }
        }
        Some(value)
    }
}
