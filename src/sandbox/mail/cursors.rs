//! Where a delta token of a mailbox's mail stands, for the dump (S72).

use super::MailState;
use super::delta::{RoundOptions, Since, Walk};
use crate::sandbox::dump::{Link, Standing, Stream, token_end};

impl MailState {
    /// Where a deltaLink stands.
    pub fn standing_at_end(&self, token: &str, since: &Since) -> Standing {
        Standing {
            stream: self.stream(&since.options),
            link: Link::Delta,
            token_end: token_end(token),
            sequence: since.sequence,
            left: None,
        }
    }

    /// Where a nextLink stands.
    pub fn standing_at_page(&self, token: &str, walk: &Walk) -> Standing {
        Standing {
            stream: self.stream(&walk.round.options),
            link: Link::Next,
            token_end: token_end(token),
            sequence: walk.round.ends_at,
            left: Some(walk.round.items.len().saturating_sub(walk.at)),
        }
    }

    fn stream(&self, options: &RoundOptions) -> Stream {
        match options.folder {
            None => Stream::Folders,
            Some(key) => Stream::Messages {
                folder: self.folder_id(key).to_owned(),
            },
        }
    }
}
