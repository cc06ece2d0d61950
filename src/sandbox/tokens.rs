//! Delta tokens: opaque, in a bounded cache, so that they can die (F6.12, S40).
//!
//! A mailbox has one cache for all of them: deltaLinks and nextLinks, of mail and of calendars. A token
//! is used up by nothing: reading twice from one place gives the same or more (S41). It dies by
//! command, or when newer ones have pushed it out.

use std::collections::{BTreeMap, HashMap};

use axum::http::{StatusCode, header};

use super::error::GraphFault;
use super::ids::IdMint;
use super::knobs::{DeadToken, Knobs};
use super::{calendar, mail};

/// What a token stands for.
#[derive(Debug, Clone)]
pub enum Position {
    /// A deltaLink of messages or folders.
    MailEnd(mail::delta::Since),
    /// A nextLink of messages or folders.
    MailPage(mail::delta::Walk),
    /// Either link of a calendar view.
    Calendar(calendar::delta::Cursor),
}

/// The live tokens of one mailbox, each standing for a `T`.
#[derive(Debug)]
pub struct DeltaTokens<T = Position> {
    live: HashMap<String, (u64, T)>,
    by_use: BTreeMap<u64, String>,
    uses: u64,
    /// A mint of their own: reading must change nothing else that is drawn.
    mint: IdMint,
}

impl<T> DeltaTokens<T> {
    /// None yet.
    pub fn new(rng: &mut fastrand::Rng) -> Self {
        Self {
            live: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            mint: IdMint::new(rng),
        }
    }

    /// A new token for `position`; beyond `most`, those that were used longest ago die.
    pub fn issue(&mut self, position: T, most: usize) -> String {
        let token = self.mint.delta_token();
        self.uses += 1;
        self.by_use.insert(self.uses, token.clone());
        self.live.insert(token.clone(), (self.uses, position));
        while self.live.len() > most.max(1) {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            self.live.remove(&oldest);
        }
        token
    }

    /// What a token stands for, if it lives.
    pub fn look_up(&mut self, token: &str) -> Option<&T> {
        let (used, position) = self.live.get_mut(token)?;
        if let Some(token) = self.by_use.remove(used) {
            self.uses += 1;
            *used = self.uses;
            self.by_use.insert(self.uses, token);
        }
        Some(position)
    }

    /// Every token that lives and what it stands for, the one used last at the end.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        let tokens = self.by_use.values();
        tokens.filter_map(|token| Some((token.as_str(), &self.live.get(token)?.1)))
    }

    /// Ends every token that `which` picks; how many.
    pub fn expire(&mut self, which: impl Fn(&T) -> bool) -> usize {
        let before = self.live.len();
        self.live.retain(|_, (_, position)| !which(position));
        let live = &self.live;
        self.by_use.retain(|_, token| live.contains_key(token));
        before - self.live.len()
    }
}

/// How a dead token is refused; `restart` is the URL that begins the round anew (F6.13).
pub fn dead(knobs: &Knobs, restart: &str) -> GraphFault {
    let gone = |code: &str| {
        GraphFault::new(
            StatusCode::GONE,
            code,
            "The sync state generation is not found; resynchronization is required.",
        )
    };
    match knobs.dead_token {
        DeadToken::Gone => gone("SyncStateNotFound"),
        DeadToken::GoneWithLocation => {
            gone("SyncStateNotFound").with_header(header::LOCATION, restart)
        }
        DeadToken::BadRequest => GraphFault::bad_request(
            "syncStateNotFound",
            "The sync state generation is not found.",
        ),
        DeadToken::ResyncRequired => gone("ResyncRequired"),
        DeadToken::ResyncRequiredLowerCase => gone("resyncRequired"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_tokens_push_out_the_one_that_was_used_least() {
        // S40
        let mut tokens = DeltaTokens::new(&mut fastrand::Rng::with_seed(1));
        let first = tokens.issue(1, 2);
        let second = tokens.issue(2, 2);

        assert_eq!(tokens.look_up(&first), Some(&1));
        tokens.issue(3, 2);

        assert_eq!(tokens.look_up(&first), Some(&1));
        assert_eq!(tokens.look_up(&second), None);
    }
}
