//! Where the delta tokens of a mailbox's mail stand, for the dump (S72).

use super::MailState;
use super::delta::RoundOptions;
use crate::sandbox::dump::{Link, Standing, Stream, token_end};

impl MailState {
    /// Every token that lives: the deltaLinks, then the nextLinks, those used last at the end.
    pub fn cursors(&self) -> Vec<Standing> {
        let links = self.links.iter().map(|(token, since)| Standing {
            stream: self.stream(&since.options),
            link: Link::Delta,
            token_end: token_end(token),
            sequence: since.sequence,
            left: None,
        });
        let pages = self.pages.iter().map(|(token, walk)| Standing {
            stream: self.stream(&walk.round.options),
            link: Link::Next,
            token_end: token_end(token),
            sequence: walk.round.ends_at,
            left: Some(walk.round.items.len().saturating_sub(walk.at)),
        });
        links.chain(pages).collect()
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
