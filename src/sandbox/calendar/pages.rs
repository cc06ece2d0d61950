//! Lists of events: `/events`, `/calendarView` and `/instances`, with the options they take (F6.33, S47).
//!
//! What a client filters or orders by is looked up in what it would read, so that no property can be
//! written one way and compared another.

use std::cmp::Ordering;
use std::fmt::Write as _;

use axum::http::StatusCode;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::render::{self, Style};
use super::state::{CalendarState, Event, EventKey};
use super::window::Window;
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::knobs::Knobs;
use crate::sandbox::paging::Paging;
use crate::sandbox::query::Query;
use crate::sandbox::query::filter::Operand;
use crate::sandbox::stamp;

/// Items of a page when the client does not say (F4.3).
const DEFAULT_PAGE: usize = 10;

/// One line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A single event or a master.
    Whole(EventKey),
    /// The occurrence or exception of a master for a date.
    Occurrence(EventKey, NaiveDate),
}

impl CalendarState {
    /// Singles, occurrences and exceptions of a view, the earliest first; no masters.
    pub fn view(&self, events: impl Iterator<Item = EventKey>, window: Window) -> Vec<Line> {
        let mut lines = Vec::new();
        for event in events.filter_map(|key| self.events.get(&key)) {
            match &event.series {
                None if event.slot.overlaps(window.from, window.until) => {
                    lines.push((event.slot.start, Line::Whole(event.key)));
                }
                None => {}
                Some(series) => {
                    for date in series.dates_in(window.from, window.until) {
                        let line = Line::Occurrence(event.key, date);
                        lines.push((series.slot_of(date).start, line));
                    }
                }
            }
        }
        lines.sort_by_key(|(start, _)| *start);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// One line in full, as text; `None` when it is gone.
    pub fn write_line(&self, line: Line, query: &Query, style: &Style) -> Option<String> {
        if query.select.is_empty() && query.expand.is_empty() {
            let wire = match line {
                Line::Whole(key) => render::whole(self.events.get(&key)?, style),
                Line::Occurrence(key, date) => {
                    render::occurrence(self.events.get(&key)?, date, style)?
                }
            };
            return Some(serde_json::to_string(&wire).expect("wire structs have text keys"));
        }
        let value = self.line_value(line, query, style)?;
        Some(serde_json::to_string(&value).expect("values have text keys"))
    }

    /// One line with `$select` and `$expand` applied.
    pub fn line_value(&self, line: Line, query: &Query, style: &Style) -> Option<Value> {
        let (event, wire) = match line {
            Line::Whole(key) => {
                let event = self.events.get(&key)?;
                (event, render::whole(event, style))
            }
            Line::Occurrence(key, date) => {
                let event = self.events.get(&key)?;
                (event, render::occurrence(event, date, style)?)
            }
        };
        let Ok(Value::Object(mut fields)) = serde_json::to_value(&wire) else {
            return None;
        };
        let is_master = matches!(line, Line::Whole(_)) && event.series.is_some();
        // Both come only when they are asked for, and only on a master (F7.13).
        if is_master && query.selects_by_name("cancelledOccurrences") {
            let cancelled = render::cancelled_occurrences(event, style);
            fields.insert("cancelledOccurrences".to_owned(), cancelled.into());
        }
        select(&mut fields, &query.select);
        if let Some(expand) = query.expands("exceptionOccurrences").filter(|_| is_master) {
            let exceptions = exceptions(event, style, &expand.select);
            fields.insert("exceptionOccurrences".to_owned(), exceptions.into());
        }
        if let Some(expand) = query.expands("singleValueExtendedProperties") {
            let found = extended(event, line, &expand.quoted());
            if !found.is_empty() {
                fields.insert("singleValueExtendedProperties".to_owned(), found.into());
            }
        }
        if query.expands("attachments").is_some() {
            fields.insert("attachments".to_owned(), json!([]));
        }
        Some(Value::Object(fields))
    }

    /// A page of lines.
    pub fn page(
        &self,
        call: &Call,
        mut lines: Vec<Line>,
        style: &Style,
        context: &str,
        knobs: &Knobs,
    ) -> Result<Reply, GraphFault> {
        let query = &call.query;
        check_expand(query)?;
        if query.search.is_some() {
            return Err(GraphFault::invalid_query(
                "$search is not supported on events.",
            ));
        }
        query.check_order()?;
        if query.filter.is_some() || !query.order_by.is_empty() {
            lines = self.arrange(lines, query);
        }
        let (page, next) = Paging::of(call, DEFAULT_PAGE, knobs)?.cut(call, &lines);
        let mut body = format!("{{\"@odata.context\":\"{}/$metadata#{context}\"", call.root);
        if query.count {
            let _ = write!(body, ",\"@odata.count\":{}", lines.len());
        }
        body.push_str(",\"value\":[");
        let texts = page
            .iter()
            .filter_map(|line| self.write_line(*line, query, style));
        for (index, text) in texts.enumerate() {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&text);
        }
        body.push(']');
        if let Some(link) = next {
            let _ = write!(body, ",\"@odata.nextLink\":{}", Value::from(link));
        }
        body.push('}');
        Ok(Reply::raw_json(StatusCode::OK, body))
    }

    /// Filters and orders.
    fn arrange(&self, lines: Vec<Line>, query: &Query) -> Vec<Line> {
        let everything = Query::default();
        let style = Style::truth();
        let mut kept: Vec<(Line, Value)> = lines
            .into_iter()
            .filter_map(|line| Some((line, self.line_value(line, &everything, &style)?)))
            .filter(|(line, value)| {
                query.filter.as_ref().is_none_or(|filter| {
                    filter.matches(&|name| {
                        self.records(*line, name)
                            .unwrap_or_else(|| operand(value, name))
                    })
                })
            })
            .collect();
        if !query.order_by.is_empty() {
            kept.sort_by(|(_, left), (_, right)| {
                let mut order = Ordering::Equal;
                for key in &query.order_by {
                    let step = sortable(left, &key.property).cmp(&sortable(right, &key.property));
                    order = order.then(if key.descending { step.reverse() } else { step });
                }
                order
            });
        }
        kept.into_iter().map(|(line, _)| line).collect()
    }

    /// What a line has of the one property that is read only when it is asked for.
    fn records(&self, line: Line, name: &str) -> Option<Operand<'_>> {
        if !name.eq_ignore_ascii_case("singleValueExtendedProperties") {
            return None;
        }
        let Line::Whole(key) = line else {
            return Some(Operand::Null);
        };
        let record = |(id, value): &'_ (String, String)| {
            vec![("id", id.clone().into()), ("value", value.clone().into())]
        };
        let event = self.events.get(&key)?;
        Some(Operand::Records(
            event.extended.iter().map(record).collect(),
        ))
    }
}

/// `$expand` takes what an event can carry along, and nothing else.
pub fn check_expand(query: &Query) -> Result<(), GraphFault> {
    const KNOWN: [&str; 6] = [
        "exceptionoccurrences",
        "attachments",
        "extensions",
        "singlevalueextendedproperties",
        "multivalueextendedproperties",
        "calendar",
    ];
    match query
        .expand
        .iter()
        .find(|expand| !KNOWN.contains(&expand.navigation.to_ascii_lowercase().as_str()))
    {
        None => Ok(()),
        Some(expand) => Err(GraphFault::invalid_query(format!(
            "Could not find a property named '{}' on type 'microsoft.graph.event'.",
            expand.navigation
        ))),
    }
}

fn extended(event: &Event, line: Line, wanted: &[String]) -> Vec<Value> {
    let is_wanted = |id: &str| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(id));
    let held = match line {
        Line::Whole(_) => event.extended.as_slice(),
        Line::Occurrence(..) => &[],
    };
    held.iter()
        .filter(|(id, _)| is_wanted(id))
        .map(|(id, value)| json!({ "id": id, "value": value }))
        .collect()
}

fn exceptions(event: &Event, style: &Style, selected: &[String]) -> Vec<Value> {
    let Some(series) = &event.series else {
        return Vec::new();
    };
    series
        .exceptions()
        .keys()
        .filter_map(|date| render::occurrence(event, *date, style))
        .filter_map(|wire| serde_json::to_value(wire).ok())
        .map(|mut value| {
            if let Value::Object(fields) = &mut value {
                select(fields, selected);
            }
            value
        })
        .collect()
}

/// Keeps what is selected; the id and the annotations always stay (S20).
fn select(fields: &mut Map<String, Value>, selected: &[String]) {
    if selected.is_empty() {
        return;
    }
    fields.retain(|name, _| {
        name == "id"
            || name.starts_with('@')
            || selected.iter().any(|wanted| {
                let top = wanted.split('/').next().unwrap_or(wanted);
                top.eq_ignore_ascii_case(name)
            })
    });
}

fn looked_up<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('/').fold(value, |value, step| {
        value
            .as_object()
            .and_then(|fields| {
                fields
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(step))
                    .map(|(_, value)| value)
            })
            .unwrap_or(&Value::Null)
    })
}

fn sortable(value: &Value, path: &str) -> String {
    match looked_up(value, path) {
        Value::String(text) => text.to_lowercase(),
        Value::Number(number) => format!("{:020}", number.as_i64().unwrap_or(0)),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn operand<'v>(value: &'v Value, path: &str) -> Operand<'v> {
    match looked_up(value, path) {
        Value::String(text) => match stamp::parse(text) {
            Some(instant) if path.to_ascii_lowercase().ends_with("datetime") => {
                Operand::Instant(instant)
            }
            _ => Operand::Text(text.as_str().into()),
        },
        Value::Bool(flag) => Operand::Flag(*flag),
        Value::Number(number) => Operand::Number(number.as_f64().unwrap_or(0.0)),
        Value::Array(items) => Operand::List(
            items
                .iter()
                .filter_map(Value::as_str)
                .map(Into::into)
                .collect(),
        ),
        Value::Null | Value::Object(_) => Operand::Null,
    }
}
