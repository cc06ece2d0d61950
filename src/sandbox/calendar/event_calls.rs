//! The calls about one event: read, written, answered, expanded.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::calendar_calls::calendar_value;
use super::draft::Draft;
use super::event::Response;
use super::meetings;
use super::pages::{self, Line};
use super::refusal::Refusal;
use super::render::Style;
use super::routes::Desk;
use super::state::{CalendarKey, Target};
use super::window::Window;
use crate::model::time::later;
use crate::sandbox::call::Reply;
use crate::sandbox::error::GraphFault;
use crate::sandbox::query::Query;
use crate::sandbox::world::State;

impl Desk<'_> {
    pub(super) fn post_event(&mut self, calendar: CalendarKey) -> Result<Reply, GraphFault> {
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
    pub(super) fn show(&self, target: Target, status: StatusCode) -> Result<Reply, GraphFault> {
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
    pub(super) fn in_event(
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

    pub(super) fn patch(&mut self, target: Target) -> Result<Reply, GraphFault> {
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

    pub(super) fn delete(&mut self, target: Target) -> Result<Reply, GraphFault> {
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

    pub(super) fn cancel(&mut self, target: Target) -> Result<Reply, GraphFault> {
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

    pub(super) fn respond(
        &mut self,
        target: Target,
        response: Response,
    ) -> Result<Reply, GraphFault> {
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
        if sends {
            meetings::tell_response(self.state, self.mailbox, &event, target, response);
        }
        Ok(Reply::empty(StatusCode::ACCEPTED))
    }

    /// The body of an action, which may be missing.
    pub(super) fn optional_body(&self) -> Result<Value, GraphFault> {
        if self.call.body.is_empty() {
            return Ok(json!({}));
        }
        self.call.json()
    }

    /// 412 when `If-Match` names another version.
    pub(super) fn check_version(&self, target: Target) -> Result<(), GraphFault> {
        let Some(wanted) = self.call.header(&header::IF_MATCH) else {
            return Ok(());
        };
        let line = match target {
            Target::Whole(key) => Line::Whole(key),
            Target::Occurrence(key, date) => Line::Occurrence(key, date),
        };
        let present = self
            .held()?
            .line_value(line, &Query::default(), &Style::truth())
            .and_then(|value| Some(value.get("@odata.etag")?.as_str()?.to_owned()));
        if wanted == "*" || present.as_deref() == Some(wanted) {
            Ok(())
        } else {
            Err(Refusal::StaleVersion.into())
        }
    }

    pub(super) fn instances(&self, target: Target) -> Result<Reply, GraphFault> {
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
        let knobs = &self.state.knobs;
        held.page(self.call, lines, &style, &self.context("events")?, knobs)
    }

    pub(super) fn exception_occurrences(&self, target: Target) -> Result<Reply, GraphFault> {
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
        let knobs = &self.state.knobs;
        held.page(self.call, lines, &style, &self.context("events")?, knobs)
    }
}
