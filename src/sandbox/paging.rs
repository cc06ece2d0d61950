//! Pages of lists: how much of a list an answer holds, and the link to the rest (S18, F4.1 to F4.4).
//!
//! Every list of mail and calendars is cut here, so that the knobs that make pages short or empty
//! reach all of them.

use super::call::Call;
use super::error::GraphFault;
use super::knobs::Knobs;

/// Which part of a list a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Items before it.
    pub skip: usize,
    /// The most items in it.
    pub take: usize,
    /// Whether it is empty only because the knob says so.
    is_held_back: bool,
}

impl Paging {
    /// What a call asks for: `$top`, the preference, or `default` items, after `$skip` of them.
    pub fn of(call: &Call, default: usize, knobs: &Knobs) -> Result<Self, GraphFault> {
        let query = &call.query;
        let size = query.page_size(call.prefer.max_page_size, default)?;
        let is_first = query.skip.is_none() && query.skip_token.is_none();
        let is_held_back = knobs.empty_page && is_first;
        Ok(Self {
            skip: query.skip.unwrap_or(0),
            take: if is_held_back {
                0
            } else {
                shortened(size, knobs)
            },
            is_held_back,
        })
    }

    /// The page out of the whole list, and the link to the next one.
    pub fn cut<'i, T>(&self, call: &Call, items: &'i [T]) -> (&'i [T], Option<String>) {
        let start = self.skip.min(items.len());
        let end = start.saturating_add(self.take).min(items.len());
        let page = items.get(start..end).unwrap_or_default();
        (page, self.next_link(call, end < items.len()))
    }

    /// The link to the next page; `more` says whether items follow this one.
    pub fn next_link(&self, call: &Call, more: bool) -> Option<String> {
        let place = if self.is_held_back {
            "$skiptoken=first".to_owned()
        } else if more {
            format!("$skip={}", self.skip.saturating_add(self.take))
        } else {
            return None;
        };
        let rest = call.query.without(&["$skip", "$skiptoken"]);
        let and = if rest.is_empty() { "" } else { "&" };
        Some(format!("{}?{rest}{and}{place}", call.url()))
    }
}

/// The size of a page, smaller than asked for while the knobs say so.
pub fn shortened(size: usize, knobs: &Knobs) -> usize {
    let size = size.min(knobs.largest_page.unwrap_or(size).max(1));
    if knobs.short_pages {
        (size * 2 / 3).max(1)
    } else {
        size
    }
}
