//! Leads a request below `/me/calendars`, `/me/calendar`, `/me/calendarView` or `/me/events` to its answer.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::pages::Line;
use super::refusal::Refusal;
use super::render::Style;
use super::state::{CalendarKey, CalendarState};
use super::window::Window;
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::world::{Mailbox, State};

impl From<Refusal> for GraphFault {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

/// Answers a call; `rest` is the path after the mailbox.
pub fn handle(
    state: &mut State,
    mailbox: usize,
    call: &Call,
    rest: &[String],
) -> Result<Reply, GraphFault> {
    // A zone nobody knows is refused whatever is asked (S49).
    Style::of(&call.prefer)?;
    let lowered: Vec<String> = rest
        .iter()
        .map(|segment| segment.to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = lowered.iter().map(String::as_str).collect();
    let mut desk = Desk {
        state,
        mailbox,
        call,
    };
    let segment = |index: usize| rest.get(index).map_or("", String::as_str);
    match words.as_slice() {
        ["calendargroups", ..] => desk.groups(rest),
        ["calendars"] => desk.calendars(),
        ["calendar"] => {
            let key = desk.default_calendar()?;
            desk.calendar(key)
        }
        ["calendars", _] => {
            let key = desk.find_calendar(segment(1))?;
            desk.calendar(key)
        }
        ["calendars", _, ..] => {
            let key = desk.find_calendar(segment(1))?;
            desk.in_calendar(key, rest.get(2..).unwrap_or_default())
        }
        ["calendar", ..] => {
            let key = desk.default_calendar()?;
            desk.in_calendar(key, rest.get(1..).unwrap_or_default())
        }
        ["calendarview" | "events", ..] => {
            let key = desk.default_calendar()?;
            if words.first() == Some(&"events") && words.len() > 1 {
                // An event of any calendar is reached by its id alone.
                desk.in_event(segment(1), None, rest.get(2..).unwrap_or_default())
            } else {
                desk.in_calendar(key, rest)
            }
        }
        _ => Err(GraphFault::no_such_resource(segment(0))),
    }
}

/// A request at the mailbox it is about.
pub(super) struct Desk<'a> {
    pub(super) state: &'a mut State,
    pub(super) mailbox: usize,
    pub(super) call: &'a Call,
}

impl Desk<'_> {
    pub(super) fn box_of(&self) -> Result<&Mailbox, GraphFault> {
        self.state
            .mailboxes
            .get(self.mailbox)
            .ok_or_else(GraphFault::item_not_found)
    }

    pub(super) fn held(&self) -> Result<&CalendarState, GraphFault> {
        Ok(&self.box_of()?.calendar)
    }

    pub(super) fn held_mut(&mut self) -> Result<&mut CalendarState, GraphFault> {
        let mailbox = self.state.mailboxes.get_mut(self.mailbox);
        Ok(&mut mailbox.ok_or_else(GraphFault::item_not_found)?.calendar)
    }

    fn default_calendar(&self) -> Result<CalendarKey, GraphFault> {
        Ok(self.held()?.default_calendar().key)
    }

    fn find_calendar(&self, id: &str) -> Result<CalendarKey, GraphFault> {
        Ok(self.held()?.calendar(id)?.key)
    }

    /// Where the collections of this mailbox are described.
    pub(super) fn context(&self, tail: &str) -> Result<String, GraphFault> {
        let user = &self.box_of()?.user.id;
        Ok(format!("users('{user}')/{tail}"))
    }

    pub(super) fn entity(
        &self,
        status: StatusCode,
        mut value: Value,
        tail: &str,
    ) -> Result<Reply, GraphFault> {
        let context = format!(
            "{}/$metadata#{}/$entity",
            self.call.root,
            self.context(tail)?
        );
        if let Value::Object(fields) = &mut value {
            fields.insert("@odata.context".to_owned(), context.into());
        }
        Ok(Reply::json(status, &value))
    }

    pub(super) fn collection(&self, tail: &str, value: &[Value]) -> Result<Reply, GraphFault> {
        let context = format!("{}/$metadata#{}", self.call.root, self.context(tail)?);
        let body = json!({"@odata.context": context, "value": value});
        Ok(Reply::json(StatusCode::OK, &body))
    }

    /// What stands below one calendar.
    fn in_calendar(&mut self, key: CalendarKey, rest: &[String]) -> Result<Reply, GraphFault> {
        let lowered: Vec<String> = rest
            .iter()
            .map(|segment| segment.to_ascii_lowercase())
            .collect();
        let words: Vec<&str> = lowered.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["events"] if self.call.method == Method::POST => self.post_event(key),
            ["events"] if self.call.method == Method::GET => {
                let held = self.held()?;
                let mut lines: Vec<_> = held.events_in(key).collect();
                // The latest made first, as Graph lists them.
                lines.sort_by_key(|event| std::cmp::Reverse((event.created_at, event.key)));
                let lines = lines
                    .into_iter()
                    .map(|event| Line::Whole(event.key))
                    .collect();
                let style = Style::of(&self.call.prefer)?;
                let knobs = &self.state.knobs;
                held.page(self.call, lines, &style, &self.context("events")?, knobs)
            }
            ["events", _, ..] => {
                let id = rest.get(1).map_or("", String::as_str);
                self.in_event(id, Some(key), rest.get(2..).unwrap_or_default())
            }
            ["calendarview"] if self.call.method == Method::GET => {
                let window = Window::of(&self.call.query)?;
                let held = self.held()?;
                let lines = held.view(held.events_in(key).map(|event| event.key), window);
                let style = Style::of(&self.call.prefer)?;
                held.page(
                    &self.without_dates(),
                    lines,
                    &style,
                    &self.context("calendarView")?,
                    &self.state.knobs,
                )
            }
            ["calendarview", "delta"] if self.call.method == Method::GET => {
                let State {
                    mailboxes,
                    knobs,
                    rng,
                    ..
                } = &mut *self.state;
                let mailbox = mailboxes
                    .get_mut(self.mailbox)
                    .ok_or_else(GraphFault::item_not_found)?;
                let Mailbox {
                    calendar, tokens, ..
                } = mailbox;
                calendar.delta(self.call, key, tokens, knobs, rng)
            }
            ["events" | "calendarview"] | ["calendarview", "delta"] => {
                Err(GraphFault::method_not_allowed())
            }
            _ => Err(GraphFault::no_such_resource(
                rest.last().map_or("", String::as_str),
            )),
        }
    }

    /// F7.7: the two instants of an item cannot be selected on a view.
    fn without_dates(&self) -> Call {
        let mut call = self.call.clone();
        if !call.query.select.is_empty() {
            call.query.select.retain(|name| {
                !name.eq_ignore_ascii_case("createdDateTime")
                    && !name.eq_ignore_ascii_case("lastModifiedDateTime")
            });
            call.query.select.push("id".to_owned());
        }
        call
    }
}
