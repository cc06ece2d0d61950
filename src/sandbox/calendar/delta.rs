//! Delta over a calendar view: one calendar, one fixed window, three shapes of item (F6.29 to F6.38, S45).
//!
//! A series is always told as a whole: its master, every exception, every occurrence bare. An occurrence that
//! fell out or got a new id is not reported; it is only missing from what is told (F6.34). Whatever changed
//! outside the window is reported as removed (F6.36). A round pages through what there was at its first call;
//! what changes meanwhile belongs to the next.

mod cursors;

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::StatusCode;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::render::{self, EVENT_TYPE, Style};
use super::state::{CalendarKey, CalendarState, Event, EventKey, ItemIds};
use super::window::Window;
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::knobs::{ExtraOptions, Knobs, RemovedReason};
use crate::sandbox::paging;
use crate::sandbox::tokens::{self, DeltaTokens, Position};

/// Items of a page when the client does not say.
const DEFAULT_PAGE: usize = 10;

/// Options a calendar view's delta does not take (F6.31, S32).
const UNSUPPORTED: [&str; 5] = ["$select", "$expand", "$filter", "$orderby", "$search"];

/// Where a delta token stands.
#[derive(Debug, Clone)]
pub struct Cursor {
    calendar: CalendarKey,
    window: Window,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// Within a round.
    Page(Walk),
    /// At the end of one.
    End(Mark),
}

/// A round and how far it has been told.
#[derive(Debug, Clone)]
struct Walk {
    round: Arc<Round>,
    offset: usize,
    /// Whether the empty page has been given (S18).
    after_empty: bool,
}

impl Walk {
    fn begin(round: Round) -> Self {
        Self {
            round: Arc::new(round),
            offset: 0,
            after_empty: false,
        }
    }
}

/// Up to which change a round told.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    until: u64,
    /// Where the round before ended, for replays (S39).
    before: u64,
    /// The change that was held back once already (S39).
    held: Option<u64>,
}

#[derive(Debug)]
struct Round {
    items: Vec<Item>,
    mark: Mark,
}

#[derive(Debug, Clone)]
enum Item {
    Whole(EventKey),
    Occurrence(EventKey, NaiveDate),
    Removed(ItemIds),
}

impl CalendarState {
    /// Answers one call of a delta: the first, the next page, or the next round.
    pub fn delta(
        &self,
        call: &Call,
        calendar: CalendarKey,
        tokens: &mut DeltaTokens,
        knobs: &Knobs,
        rng: &mut fastrand::Rng,
    ) -> Result<Reply, GraphFault> {
        let style = Style::of(&call.prefer)?;
        let query = &call.query;
        // "latest" is not known here and gives a full round, as no token does (F6.14, S42).
        let token = query
            .skip_token
            .as_deref()
            .or(query.delta_token.as_deref())
            .filter(|token| !token.is_empty() && !token.eq_ignore_ascii_case("latest"));
        let (window, walk) = match token {
            None => {
                if let Some(option) = UNSUPPORTED.iter().find(|option| query.has(option)) {
                    return Err(GraphFault::invalid_query(format!(
                        "The following parameters are not supported with change tracking over the 'CalendarView' resource: '{option}'."
                    )));
                }
                let window = Window::of(query)?;
                let round = self.full_round(calendar, window, knobs, rng);
                (window, Walk::begin(round))
            }
            Some(token) => {
                let cursor = find(call, calendar, token, tokens, knobs)?;
                let walk = match &cursor.place {
                    Place::Page(walk) => walk.clone(),
                    Place::End(mark) => Walk::begin(self.next_round(cursor, *mark, knobs, rng)),
                };
                (cursor.window, walk)
            }
        };
        let size = call.prefer.max_page_size.unwrap_or(DEFAULT_PAGE);
        let size = paging::shortened(size.clamp(1, 1000), knobs);
        let empty = knobs.empty_page && !walk.after_empty && walk.offset == 0;
        let (round, offset) = (&walk.round, walk.offset);
        let end = if empty {
            offset
        } else {
            offset.saturating_add(size).min(round.items.len())
        };
        let mut body = format!(
            "{{\"@odata.context\":\"{}/$metadata#Collection(event)\",\"value\":[",
            call.root
        );
        let mut first = true;
        for item in round.items.get(offset..end).unwrap_or_default() {
            // What went away since the round began is told by the next one.
            if let Some(text) = self.write(item, &style, knobs) {
                if !first {
                    body.push(',');
                }
                first = false;
                body.push_str(&text);
            }
        }
        let more = end < round.items.len() || empty;
        let place = if more {
            Place::Page(Walk {
                offset: end,
                after_empty: true,
                ..walk
            })
        } else {
            Place::End(round.mark)
        };
        let cursor = Cursor {
            calendar,
            window,
            place,
        };
        let token = tokens.issue(Position::Calendar(cursor), knobs.live_delta_tokens);
        let (name, option) = if more {
            ("nextLink", "skiptoken")
        } else {
            ("deltaLink", "deltatoken")
        };
        let link = format!(
            "{}?${option}={token}.{:x}.{:x}",
            call.url(),
            window.from.and_utc().timestamp(),
            window.until.and_utc().timestamp(),
        );
        let _ = write!(body, "],\"@odata.{name}\":{}}}", Value::from(link));
        Ok(Reply::raw_json(StatusCode::OK, body))
    }

    fn full_round(
        &self,
        calendar: CalendarKey,
        window: Window,
        knobs: &Knobs,
        rng: &mut fastrand::Rng,
    ) -> Round {
        let mut items = Vec::new();
        for event in self.events_in(calendar) {
            tell(event, window, &mut items);
        }
        disturb(&mut items, knobs, rng);
        let until = self.sequence();
        let mark = Mark {
            until,
            before: until,
            held: None,
        };
        Round { items, mark }
    }

    fn next_round(
        &self,
        cursor: &Cursor,
        last: Mark,
        knobs: &Knobs,
        rng: &mut fastrand::Rng,
    ) -> Round {
        let (calendar, window) = (cursor.calendar, cursor.window);
        let since = if knobs.delta_replays {
            last.before
        } else {
            last.until
        };
        let mut mark = Mark {
            until: self.sequence(),
            before: last.until,
            held: None,
        };
        let mut entries: Vec<_> = self
            .journal
            .range(since + 1..)
            .filter(|(_, entry)| entry.calendar == calendar)
            .collect();
        if knobs.delta_delays
            && let Some(&(&sequence, _)) = entries.last()
            && last.held != Some(sequence)
        {
            entries.pop();
            mark.held = Some(sequence);
            mark.until = sequence - 1;
        }
        let mut items = Vec::new();
        for (_, entry) in entries {
            let before = items.len();
            match (&entry.gone, self.events.get(&entry.key)) {
                (Some(event), _) => {
                    items.push(Item::Removed(event.ids.clone()));
                    if knobs.series_removal_reports_occurrences {
                        for date in occurrences(event, window) {
                            let ids = Self::occurrence_ids(event, date);
                            items.push(Item::Removed(ids));
                        }
                    }
                }
                (None, Some(event)) => {
                    tell(event, window, &mut items);
                    if items.len() == before {
                        items.push(Item::Removed(event.ids.clone()));
                    }
                }
                (None, None) => {}
            }
        }
        disturb(&mut items, knobs, rng);
        Round { items, mark }
    }

    fn write(&self, item: &Item, style: &Style, knobs: &Knobs) -> Option<String> {
        let text = match item {
            Item::Whole(key) => {
                let event = self.events.get(key)?;
                serde_json::to_string(&render::whole(event, style).typed())
            }
            Item::Occurrence(key, date) => {
                let event = self.events.get(key)?;
                let series = event.series.as_ref().filter(|series| series.has(*date))?;
                if series.exceptions().contains_key(date) {
                    serde_json::to_string(&render::occurrence(event, *date, style)?.typed())
                } else {
                    serde_json::to_string(&render::bare(event, *date, style)?)
                }
            }
            Item::Removed(ids) => {
                let reason = match knobs.removed_reason {
                    RemovedReason::Deleted => "deleted",
                    RemovedReason::Changed => "changed",
                };
                serde_json::to_string(&json!({
                    "@odata.type": EVENT_TYPE,
                    "id": ids.pick(style.immutable),
                    "@removed": {"reason": reason},
                }))
            }
        };
        Some(text.expect("wire structs have text keys"))
    }
}

/// Where a token stands. Whatever dates stand beside it have no effect (S46).
fn find<'t>(
    call: &Call,
    calendar: CalendarKey,
    link_token: &str,
    tokens: &'t mut DeltaTokens,
    knobs: &Knobs,
) -> Result<&'t Cursor, GraphFault> {
    let is_token = |name: &str| name == "$skiptoken" || name == "$deltatoken";
    let extra = call
        .query
        .all
        .iter()
        .find(|(name, _)| !is_token(&name.to_ascii_lowercase()));
    if let (Some((name, _)), ExtraOptions::Refuse) = (extra, knobs.extra_delta_options) {
        return Err(GraphFault::invalid_query(format!(
            "The query parameter '{name}' is not allowed on a link with a token."
        )));
    }
    let (token, window) = link_token.split_once('.').unwrap_or((link_token, ""));
    match tokens.look_up(token) {
        Some(Position::Calendar(cursor)) if cursor.calendar == calendar => Ok(cursor),
        _ => Err(tokens::dead(knobs, &restart(call, window))),
    }
}

/// The items an event is told by, if it has part in the window.
fn tell(event: &Event, window: Window, items: &mut Vec<Item>) {
    if event.series.is_none() {
        if event.slot.overlaps(window.from, window.until) {
            items.push(Item::Whole(event.key));
        }
        return;
    }
    let dates = occurrences(event, window);
    if !dates.is_empty() {
        items.push(Item::Whole(event.key));
        items.extend(
            dates
                .into_iter()
                .map(|date| Item::Occurrence(event.key, date)),
        );
    }
}

fn occurrences(event: &Event, window: Window) -> Vec<NaiveDate> {
    event
        .series
        .as_ref()
        .map(|series| series.dates_in(window.from, window.until))
        .unwrap_or_default()
}

/// S39: an item twice, items in any order.
fn disturb(items: &mut Vec<Item>, knobs: &Knobs, rng: &mut fastrand::Rng) {
    if knobs.delta_duplicates
        && let Some(item) = items.first().cloned()
    {
        items.push(item);
    }
    if knobs.delta_random_order {
        rng.shuffle(items);
    }
}

/// The URL that begins a dead token's round anew: the first query with an empty token (F6.13).
fn restart(call: &Call, window: &str) -> String {
    let ends = window.split_once('.').and_then(|(from, until)| {
        let instant = |text: &str| {
            let seconds = i64::from_str_radix(text, 16).ok()?;
            chrono::DateTime::from_timestamp(seconds, 0).map(crate::sandbox::stamp::seconds)
        };
        Some((instant(from)?, instant(until)?))
    });
    match ends {
        Some((from, until)) => format!(
            "{}?startDateTime={from}&endDateTime={until}&$deltatoken=",
            call.url()
        ),
        None => format!("{}?$deltatoken=", call.url()),
    }
}
