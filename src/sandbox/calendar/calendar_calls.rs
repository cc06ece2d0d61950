//! The calls about calendars: groups, the list, and one calendar.

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::calendar_wire::{self, COLORS};
use super::refusal::Refusal;
use super::routes::Desk;
use super::state::{Calendar, CalendarKey};
use crate::sandbox::call::Reply;
use crate::sandbox::error::GraphFault;
use crate::sandbox::ids;
use crate::sandbox::paging::Paging;

#[derive(Deserialize)]
struct CalendarBody {
    name: Option<String>,
    color: Option<String>,
}

impl Desk<'_> {
    pub(super) fn groups(&self, rest: &[String]) -> Result<Reply, GraphFault> {
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

    pub(super) fn calendars(&mut self) -> Result<Reply, GraphFault> {
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

    pub(super) fn list_calendars(&self) -> Result<Reply, GraphFault> {
        let query = &self.call.query;
        let all = self.held()?.calendars();
        let (page, next) = Paging::of(self.call, 10, &self.state.knobs)?.cut(self.call, all);
        let page: Vec<Value> = page
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
        if let Some(link) = next {
            body["@odata.nextLink"] = link.into();
        }
        Ok(Reply::json(StatusCode::OK, &body))
    }

    pub(super) fn calendar(&mut self, key: CalendarKey) -> Result<Reply, GraphFault> {
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
}

/// A calendar as a value.
pub(super) fn calendar_value(calendar: &Calendar) -> Value {
    serde_json::to_value(calendar_wire::render(calendar)).expect("wire structs have text keys")
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
