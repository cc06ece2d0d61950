//! Leads a request below `/me/calendars`, `/me/calendar`, `/me/calendarView` or `/me/events` to its answer.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::draft::Draft;
use super::event::Response;
use super::meetings;
use super::pages::{self, Line};
use super::refusal::Refusal;
use super::render::{self, COLORS, Style};
use super::state::{CalendarKey, CalendarState, Target};
use super::window::Window;
use crate::model::time::later;
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::ids;
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
struct Desk<'a> {
    state: &'a mut State,
    mailbox: usize,
    call: &'a Call,
}

#[derive(Deserialize)]
struct CalendarBody {
    name: Option<String>,
    color: Option<String>,
}

impl Desk<'_> {
    fn box_of(&self) -> Result<&Mailbox, GraphFault> {
        self.state
            .mailboxes
            .get(self.mailbox)
            .ok_or_else(GraphFault::item_not_found)
    }

    fn held(&self) -> Result<&CalendarState, GraphFault> {
        Ok(&self.box_of()?.calendar)
    }

    fn held_mut(&mut self) -> Result<&mut CalendarState, GraphFault> {
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
    fn context(&self, tail: &str) -> Result<String, GraphFault> {
        let user = &self.box_of()?.user.id;
        Ok(format!("users('{user}')/{tail}"))
    }

    fn entity(
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

    fn groups(&self, rest: &[String]) -> Result<Reply, GraphFault> {
        if self.call.method != Method::GET {
            return Err(GraphFault::method_not_allowed());
        }
        let held = self.held()?;
        // Every mailbox has one group here, and its id is made of the default calendar's.
        let id = format!("{}G", held.default_calendar().id.trim_end_matches('='));
        match rest {
            [_] => {
                let group = json!({
                    "id": id,
                    "name": "My Calendars",
                    "classId": "0006f0b7-0000-0000-c000-000000000046",
                    "changeKey": ids::change_key(0, 1),
                });
                Ok(self.collection("calendarGroups", &[group])?)
            }
            [_, group, calendars]
                if *group == id && calendars.eq_ignore_ascii_case("calendars") =>
            {
                self.list_calendars()
            }
            _ => Err(GraphFault::item_not_found()),
        }
    }

    fn collection(&self, tail: &str, value: &[Value]) -> Result<Reply, GraphFault> {
        let context = format!("{}/$metadata#{}", self.call.root, self.context(tail)?);
        let body = json!({"@odata.context": context, "value": value});
        Ok(Reply::json(StatusCode::OK, &body))
    }

    fn calendars(&mut self) -> Result<Reply, GraphFault> {
        match self.call.method {
            Method::GET => self.list_calendars(),
            Method::POST => {
                let body: CalendarBody = self.call.json()?;
                let color = color_of(body.color.as_deref())?.unwrap_or("auto");
                let name = body.name.unwrap_or_default();
                let made = self.held_mut()?.create_calendar(&name, color)?;
                let value = calendar_value(made);
                self.entity(StatusCode::CREATED, value, "calendars")
            }
            _ => Err(GraphFault::method_not_allowed()),
        }
    }

    fn list_calendars(&self) -> Result<Reply, GraphFault> {
        let query = &self.call.query;
        let all = self.held()?.calendars();
        let size = query.page_size(self.call.prefer.max_page_size, 10)?;
        let skip = query.skip.unwrap_or(0).min(all.len());
        let end = skip.saturating_add(size).min(all.len());
        let page: Vec<Value> = all
            .get(skip..end)
            .unwrap_or_default()
            .iter()
            .map(|calendar| {
                let mut value = calendar_value(calendar);
                if let Value::Object(fields) = &mut value {
                    fields.retain(|name, _| name == "id" || query.selects(name));
                }
                value
            })
            .collect();
        let context = format!(
            "{}/$metadata#{}",
            self.call.root,
            self.context("calendars")?
        );
        let mut body = json!({"@odata.context": context, "value": page});
        if end < all.len() {
            let rest = query.without(&["$skip"]);
            let and = if rest.is_empty() { "" } else { "&" };
            body["@odata.nextLink"] = format!("{}?{rest}{and}$skip={end}", self.call.url()).into();
        }
        Ok(Reply::json(StatusCode::OK, &body))
    }

    fn calendar(&mut self, key: CalendarKey) -> Result<Reply, GraphFault> {
        match self.call.method {
            Method::GET => {
                let found = self
                    .held()?
                    .calendar_of(key)
                    .ok_or_else(GraphFault::item_not_found)?;
                self.entity(StatusCode::OK, calendar_value(found), "calendars")
            }
            Method::PATCH => {
                let body: CalendarBody = self.call.json()?;
                let color = color_of(body.color.as_deref())?;
                let name = body.name;
                let changed = self
                    .held_mut()?
                    .update_calendar(key, name.as_deref(), color)?;
                let value = calendar_value(changed);
                self.entity(StatusCode::OK, value, "calendars")
            }
            Method::DELETE => {
                let changes = self.held_mut()?.delete_calendar(key)?;
                self.state.announce_at(self.mailbox, changes);
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(GraphFault::method_not_allowed()),
        }
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
                held.page(self.call, lines, &style, &self.context("events")?)
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
                mailbox.calendar.delta(self.call, key, knobs, rng)
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

    fn post_event(&mut self, calendar: CalendarKey) -> Result<Reply, GraphFault> {
        let draft = Draft::parse(&self.call.json::<Value>()?)?;
        let now = self.state.now();
        let State { mailboxes, rng, .. } = &mut *self.state;
        let mailbox = mailboxes
            .get_mut(self.mailbox)
            .ok_or_else(GraphFault::item_not_found)?;
        let created = mailbox.calendar.create(calendar, draft, now, rng)?;
        self.state.announce_at(self.mailbox, created.changes);
        if !created.repeated {
            meetings::spread(self.state, self.mailbox, created.key);
        }
        self.show(Target::Whole(created.key), StatusCode::CREATED)
    }

    /// Answers with one event.
    fn show(&self, target: Target, status: StatusCode) -> Result<Reply, GraphFault> {
        pages::check_expand(&self.call.query)?;
        let style = Style::of(&self.call.prefer)?;
        let held = self.held()?;
        let line = match target {
            Target::Whole(key) => Line::Whole(key),
            Target::Occurrence(key, date) => Line::Occurrence(key, date),
        };
        let mut value = held
            .line_value(line, &self.call.query, &style)
            .ok_or_else(GraphFault::item_not_found)?;
        let event = held.event(target.key())?;
        if self.call.query.expands("calendar").is_some()
            && let (Some(calendar), Value::Object(fields)) =
                (held.calendar_of(event.calendar), &mut value)
        {
            fields.insert("calendar".to_owned(), calendar_value(calendar));
        }
        self.entity(status, value, "events")
    }

    /// What stands below one event; `within` is the calendar its path names.
    fn in_event(
        &mut self,
        id: &str,
        within: Option<CalendarKey>,
        rest: &[String],
    ) -> Result<Reply, GraphFault> {
        if id.eq_ignore_ascii_case("delta") {
            // v1.0 tracks changes of events on calendar views only (F6.29).
            return Err(GraphFault::no_such_resource("delta"));
        }
        let target = self.held()?.find(id)?;
        let event = self.held()?.event(target.key())?;
        if within.is_some_and(|calendar| calendar != event.calendar) {
            return Err(GraphFault::item_not_found());
        }
        let visible_at = later(
            event.created_at,
            Duration::from_millis(self.state.knobs.created_visible_after_ms),
        );
        if self.state.knobs.created_visible_after_ms > 0 && self.state.now() < visible_at {
            return Err(GraphFault::item_not_found());
        }
        let act = rest.first().map(|act| act.to_ascii_lowercase());
        match (act.as_deref(), &self.call.method) {
            (None, &Method::GET) => self.show(target, StatusCode::OK),
            (None, &Method::PATCH) => self.patch(target),
            (None, &Method::DELETE) => self.delete(target),
            (Some("instances"), &Method::GET) => self.instances(target),
            (Some("exceptionoccurrences"), &Method::GET) => self.exception_occurrences(target),
            (Some("attachments" | "extensions"), &Method::GET) => self.collection("events", &[]),
            (Some("calendar"), &Method::GET) => {
                let held = self.held()?;
                let calendar = held.calendar_of(held.event(target.key())?.calendar);
                let calendar = calendar.ok_or_else(GraphFault::item_not_found)?;
                self.entity(StatusCode::OK, calendar_value(calendar), "calendars")
            }
            (Some("cancel"), &Method::POST) => self.cancel(target),
            (Some("accept"), &Method::POST) => self.respond(target, Response::Accepted),
            (Some("decline"), &Method::POST) => self.respond(target, Response::Declined),
            (Some("tentativelyaccept"), &Method::POST) => {
                self.respond(target, Response::TentativelyAccepted)
            }
            (Some("dismissreminder" | "snoozereminder"), &Method::POST) => {
                Ok(Reply::empty(StatusCode::OK))
            }
            (
                None
                | Some(
                    "instances"
                    | "exceptionoccurrences"
                    | "attachments"
                    | "calendar"
                    | "cancel"
                    | "accept"
                    | "decline"
                    | "tentativelyaccept",
                ),
                _,
            ) => Err(GraphFault::method_not_allowed()),
            (Some(other), _) => Err(GraphFault::no_such_resource(other)),
        }
    }

    fn patch(&mut self, target: Target) -> Result<Reply, GraphFault> {
        self.check_version(target)?;
        let draft = Draft::parse(&self.call.json::<Value>()?)?;
        let now = self.state.now();
        let State { mailboxes, rng, .. } = &mut *self.state;
        let mailbox = mailboxes
            .get_mut(self.mailbox)
            .ok_or_else(GraphFault::item_not_found)?;
        let changes = mailbox.calendar.update(target, draft, now, rng)?;
        self.state.announce_at(self.mailbox, changes);
        meetings::spread(self.state, self.mailbox, target.key());
        self.show(target, StatusCode::OK)
    }

    fn delete(&mut self, target: Target) -> Result<Reply, GraphFault> {
        self.check_version(target)?;
        meetings::tell_cancellation(self.state, self.mailbox, target);
        let now = self.state.now();
        let State { mailboxes, rng, .. } = &mut *self.state;
        let mailbox = mailboxes
            .get_mut(self.mailbox)
            .ok_or_else(GraphFault::item_not_found)?;
        let changes = mailbox.calendar.delete(target, now, rng)?;
        self.state.announce_at(self.mailbox, changes);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    fn cancel(&mut self, target: Target) -> Result<Reply, GraphFault> {
        self.optional_body()?;
        let now = self.state.now();
        if !self.held()?.event(target.key())?.is_organizer {
            return Err(Refusal::NotOrganizer.into());
        }
        meetings::tell_cancellation(self.state, self.mailbox, target);
        let State { mailboxes, rng, .. } = &mut *self.state;
        let mailbox = mailboxes
            .get_mut(self.mailbox)
            .ok_or_else(GraphFault::item_not_found)?;
        let changes = mailbox.calendar.cancel(target, now, rng)?;
        self.state.announce_at(self.mailbox, changes);
        Ok(Reply::empty(StatusCode::ACCEPTED))
    }

    fn respond(&mut self, target: Target, response: Response) -> Result<Reply, GraphFault> {
        let body = self.optional_body()?;
        let sends = body
            .get("sendResponse")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        let now = self.state.now();
        // Declining removes the event, so the organizer is told before.
        let event = self.held()?.event(target.key())?.clone();
        let State { mailboxes, rng, .. } = &mut *self.state;
        let mailbox = mailboxes
            .get_mut(self.mailbox)
            .ok_or_else(GraphFault::item_not_found)?;
        let changes = mailbox.calendar.respond(target, response, now, rng)?;
        self.state.announce_at(self.mailbox, changes);
        if sends && matches!(target, Target::Whole(_)) {
            meetings::tell_response(self.state, self.mailbox, &event, response);
        }
        Ok(Reply::empty(StatusCode::ACCEPTED))
    }

    /// The body of an action, which may be missing.
    fn optional_body(&self) -> Result<Value, GraphFault> {
        if self.call.body.is_empty() {
            return Ok(json!({}));
        }
        self.call.json()
    }

    /// 412 when `If-Match` names another version.
    fn check_version(&self, target: Target) -> Result<(), GraphFault> {
        let Some(wanted) = self.call.header(&header::IF_MATCH) else {
            return Ok(());
        };
        let line = match target {
            Target::Whole(key) => Line::Whole(key),
            Target::Occurrence(key, date) => Line::Occurrence(key, date),
        };
        let present = self
            .held()?
            .line_value(
                line,
                &crate::sandbox::query::Query::default(),
                &Style::truth(),
            )
            .and_then(|value| Some(value.get("@odata.etag")?.as_str()?.to_owned()));
        if wanted == "*" || present.as_deref() == Some(wanted) {
            Ok(())
        } else {
            Err(Refusal::StaleVersion.into())
        }
    }

    fn instances(&self, target: Target) -> Result<Reply, GraphFault> {
        let Target::Whole(key) = target else {
            return Err(Refusal::Query(
                "Instances can only be listed of a series master.".to_owned(),
            )
            .into());
        };
        let window = Window::of(&self.call.query)?;
        let held = self.held()?;
        if held.event(key)?.series.is_none() {
            return Err(Refusal::Query(
                "Instances can only be listed of a series master.".to_owned(),
            )
            .into());
        }
        let lines = held.view(std::iter::once(key), window);
        let style = Style::of(&self.call.prefer)?;
        held.page(self.call, lines, &style, &self.context("events")?)
    }

    fn exception_occurrences(&self, target: Target) -> Result<Reply, GraphFault> {
        let held = self.held()?;
        let event = held.event(target.key())?;
        let lines = event
            .series
            .iter()
            .filter(|_| matches!(target, Target::Whole(_)))
            .flat_map(|series| series.exceptions().keys())
            .map(|date| Line::Occurrence(event.key, *date))
            .collect();
        let style = Style::of(&self.call.prefer)?;
        held.page(self.call, lines, &style, &self.context("events")?)
    }
}

fn calendar_value(calendar: &super::state::Calendar) -> Value {
    serde_json::to_value(render::calendar(calendar)).expect("wire structs have text keys")
}

fn color_of(name: Option<&str>) -> Result<Option<&'static str>, GraphFault> {
    let Some(name) = name else {
        return Ok(None);
    };
    COLORS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(known, _)| Some(*known))
        .ok_or_else(|| {
            Refusal::Body(
                "Cannot convert the literal of property 'color' to the expected type.".to_owned(),
            )
            .into()
        })
}
