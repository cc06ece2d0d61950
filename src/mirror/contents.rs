//! The bytes of attachments and the originals of messages: fetched when somebody asks, or ahead of that in spare quota.
//!
//! They go from Graph into a blob piece by piece, hashed on the way; the row learns of them when they lie there. What Graph cannot
//! open is written down as such and stops nothing (F8.12).

use std::io;

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tracing::{debug, warn};

use super::error::MirrorError;
use super::findings::Findings;
use super::{Mirror, parts};
use crate::blobs::{BlobError, Blobs};
use crate::graph::{Advice, GraphContent, GraphError};
use crate::model::blob::{LARGEST, Stored};
use crate::model::chain::chain;
use crate::model::ids::GraphId;
use crate::model::mail::{ContentState, StoredAttachment};
use crate::model::time::{Timestamp, later};
use crate::model::work::{Lane, NoticeKind};
use crate::store::Priority;

/// More MIME than this is not taken: it holds the attachments in base64.
const LARGEST_MIME: u64 = LARGEST / 2 * 3;

/// Attachments fetched ahead in one go.
const GO: i64 = 8;

/// What could not be fetched ahead is tried again after so long.
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_hours(1);

/// Where contents go, and which are fetched when.
#[derive(Debug, Clone)]
pub struct ContentSettings {
    /// Where they are kept.
    pub blobs: Blobs,
    /// Attachments up to this size are fetched before anybody asks; none where nothing is.
    pub ahead_up_to: Option<u64>,
    /// Whether an original is kept once it was asked for.
    pub keep_originals: bool,
}

/// How the content of something stands after it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetched {
    Stored(Stored),
    State(ContentState),
    Gone,
}

impl Fetched {
    fn outcome(self) -> Value {
        match self {
            Self::Stored(stored) => {
                json!({ "state": "stored", "digest": stored.digest, "size": stored.size })
            }
            Self::State(state) => json!({ "state": state }),
            Self::Gone => json!({ "state": "gone" }),
        }
    }
}

/// Whether a refusal of content is the content's own, and what it means then.
fn verdict(error: &GraphError) -> Option<Fetched> {
    if matches!(error, GraphError::TooLarge { .. }) {
        return Some(Fetched::State(ContentState::TooLarge));
    }
    match (error.status(), error.advice()) {
        (Some(404), Advice::Gone) => Some(Fetched::Gone),
        // What has no content says that it does not know the question (F8.3).
        (Some(400 | 405 | 422), _) | (_, Advice::ItemBroken) => {
            Some(Fetched::State(ContentState::Unreadable))
        }
        _ => None,
    }
}

/// A failure that is the content's own becomes what is written down about it.
fn judged(
    fetched: Result<Stored, MirrorError>,
    what: &'static str,
) -> Result<Fetched, MirrorError> {
    let error = match fetched {
        Ok(stored) => return Ok(Fetched::Stored(stored)),
        Err(MirrorError::Blobs(BlobError::TooLarge { .. })) => {
            return Ok(Fetched::State(ContentState::TooLarge));
        }
        Err(MirrorError::Blobs(BlobError::Source(error))) => match error.downcast() {
            Ok(source) => source,
            Err(error) => return Err(BlobError::Source(error).into()),
        },
        Err(MirrorError::Graph { source, .. }) => source,
        Err(other) => return Err(other),
    };
    match verdict(&error) {
        Some(fetched) => Ok(fetched),
        None => Err(MirrorError::Graph {
            what,
            source: error,
        }),
    }
}

impl Mirror {
    /// The same, which fetches contents too.
    #[must_use]
    pub fn with_contents(mut self, contents: ContentSettings) -> Self {
        self.contents = Some(contents);
        self
    }

    /// Whether contents are fetched before anybody asks.
    pub(super) fn fetches_ahead(&self) -> bool {
        let contents = self.contents.as_ref();
        contents.is_some_and(|contents| contents.ahead_up_to.is_some())
    }

    /// Fetches the content of an attachment that somebody asks for, and the parts of an attached item.
    pub(super) async fn fetch_attachment(
        &self,
        message: &GraphId,
        attachment: &GraphId,
    ) -> Result<Value, MirrorError> {
        let contents = self.contents()?;
        let known = self.attachment(message, attachment).await?;
        let fetched = match known {
            None => Fetched::Gone,
            Some(known) if known.state == ContentState::Reference => Fetched::State(known.state),
            Some(known) => match known.stored {
                // Bytes may be lost where rows are not: from a backup, for example.
                Some(stored) if contents.blobs.holds(stored.digest).await? => {
                    Fetched::Stored(stored)
                }
                _ if known.parent.is_some() => self.fetch_part(message, attachment).await?,
                _ => self.fetch_content(Lane::Command, message, &known).await?,
            },
        };
        Ok(fetched.outcome())
    }

    /// Fetches a part of an attached item, which Graph gives with the whole item only.
    async fn fetch_part(&self, message: &GraphId, part: &GraphId) -> Result<Fetched, MirrorError> {
        if let Some(whole) = self.attachment(message, &part.whole()).await? {
            self.fetch_content(Lane::Command, message, &whole).await?;
        }
        Ok(match self.attachment(message, part).await? {
            None => Fetched::Gone,
            Some(part) => part
                .stored
                .map_or(Fetched::State(part.state), Fetched::Stored),
        })
    }

    async fn attachment(
        &self,
        message: &GraphId,
        attachment: &GraphId,
    ) -> Result<Option<StoredAttachment>, MirrorError> {
        let found = self.store.attachment_get(self.mailbox, message, attachment);
        Ok(found.await?)
    }

    /// Fetches the original of a message that somebody asks for.
    pub(super) async fn fetch_mime(&self, message: &GraphId) -> Result<Value, MirrorError> {
        let contents = self.contents()?;
        let kept = self.store.message_original(self.mailbox, message).await?;
        if let Some(stored) = kept
            && contents.blobs.holds(stored.digest).await?
        {
            return Ok(Fetched::Stored(stored).outcome());
        }
        let what = "a message's original";
        let answer = self.graph.message_mime(Lane::Command, message).await;
        let fetched = match answer {
            Ok(answer) => self.take(contents, answer, LARGEST_MIME).await,
            Err(source) => Err(MirrorError::Graph { what, source }),
        };
        let fetched = match judged(fetched, what)? {
            Fetched::Stored(stored) if contents.keep_originals => {
                let mut tx = self.store.write(Priority::Live).await?;
                tx.fence(&self.fence).await?;
                if tx
                    .message_original_set(self.mailbox, message, stored)
                    .await?
                {
                    tx.commit().await?;
                }
                Fetched::Stored(stored)
            }
            Fetched::Gone => {
                self.suspect(NoticeKind::Message, message).await?;
                Fetched::Gone
            }
            other => other,
        };
        Ok(fetched.outcome())
    }

    /// Fetches some attachments that nobody has asked for yet. Whether there may be more to fetch.
    pub async fn fetch_ahead(&self) -> Result<bool, MirrorError> {
        let Some(limit) = self
            .contents
            .as_ref()
            .and_then(|contents| contents.ahead_up_to)
        else {
            return Ok(false);
        };
        let now = self.clock.now();
        let waiting = self
            .store
            .attachments_unfetched(self.mailbox, limit, now - AGAIN_AFTER, GO)
            .await?;
        for (message, attachment) in &waiting {
            if let Some(known) = self.attachment(message, attachment).await? {
                self.fetch_one_ahead(message, &known).await?;
            }
        }
        Ok(!waiting.is_empty())
    }

    async fn fetch_one_ahead(
        &self,
        message: &GraphId,
        known: &StoredAttachment,
    ) -> Result<(), MirrorError> {
        let id = &known.attachment.external_id;
        // Asked for first, so that one that never comes does not stand before all others for ever.
        self.note(message, id, ContentState::Unfetched, None)
            .await?;
        match self.fetch_content(Lane::Audit, message, known).await {
            Ok(_) => Ok(()),
            Err(MirrorError::Graph { source, .. })
                if !super::error::concerns_the_mailbox(&source) =>
            {
                debug!(mailbox.id = %self.mailbox, "an attachment of mailbox {} is left for later: {source}", self.mailbox);
                Ok(())
            }
            // A full disk for contents must not keep the mirror from going on.
            Err(MirrorError::Blobs(error)) => {
                warn!(mailbox.id = %self.mailbox, "an attachment of mailbox {} could not be kept: {}", self.mailbox, chain(&error));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// When something is to be fetched ahead, if anything is.
    pub async fn next_ahead_at(&self) -> Result<Option<Timestamp>, MirrorError> {
        let Some(limit) = self
            .contents
            .as_ref()
            .and_then(|contents| contents.ahead_up_to)
        else {
            return Ok(None);
        };
        let now = self.clock.now();
        let due = self
            .store
            .attachments_unfetched(self.mailbox, limit, now - AGAIN_AFTER, 1)
            .await?;
        if !due.is_empty() {
            return Ok(Some(now));
        }
        let any = self
            .store
            .attachments_unfetched(self.mailbox, limit, later(now, AGAIN_AFTER), 1)
            .await?;
        Ok((!any.is_empty()).then(|| later(now, AGAIN_AFTER)))
    }

    /// Fetches one content and writes down how it went.
    async fn fetch_content(
        &self,
        lane: Lane,
        message: &GraphId,
        known: &StoredAttachment,
    ) -> Result<Fetched, MirrorError> {
        let contents = self.contents()?;
        let attachment = &known.attachment;
        let id = &attachment.external_id;
        let what = "an attachment's content";
        let answer = self.graph.attachment_content(lane, message, id).await;
        let fetched = match answer {
            Ok(answer) => self.take(contents, answer, LARGEST).await,
            Err(source) => Err(MirrorError::Graph { what, source }),
        };
        let fetched = judged(fetched, what)?;
        match fetched {
            Fetched::Stored(stored) => {
                if attachment.kind == "item" {
                    self.fetch_parts(lane, contents, message, id).await?;
                }
                if !self
                    .note(message, id, ContentState::Stored, Some(stored))
                    .await?
                {
                    return Ok(Fetched::Gone);
                }
            }
            Fetched::State(state) => {
                warn!(mailbox.id = %self.mailbox, "the content of an attachment of mailbox {} cannot be had ({state:?})", self.mailbox);
                self.note(message, id, state, None).await?;
            }
            Fetched::Gone => self.suspect(NoticeKind::Attachments, message).await?,
        }
        Ok(fetched)
    }

    /// Unpacks an attached item. One that cannot be unpacked is still there as MIME.
    async fn fetch_parts(
        &self,
        lane: Lane,
        contents: &ContentSettings,
        message: &GraphId,
        item: &GraphId,
    ) -> Result<(), MirrorError> {
        let answer = match self.graph.attached_item(lane, message, item).await {
            Ok(answer) => answer,
            Err(source) if verdict(&source).is_some() => return Ok(()),
            Err(source) => {
                let what = "an attached item";
                return Err(MirrorError::Graph { what, source });
            }
        };
        let mut found = Vec::new();
        for part in parts::of(item, &answer.body) {
            let stored = match part.content {
                Some(content) => {
                    let content = futures_util::stream::iter([Ok(content)]);
                    Some(self.keep(contents, content, LARGEST).await?)
                }
                None => None,
            };
            found.push(StoredAttachment {
                attachment: part.attachment,
                parent: Some(part.parent),
                position: Some(part.position),
                state: part.state,
                stored,
            });
        }
        let now = self.clock.now();
        let mut tx = self.store.write(Priority::Bulk).await?;
        tx.fence(&self.fence).await?;
        if tx
            .attached_parts_replace(self.mailbox, message, item, &found, now)
            .await?
        {
            tx.commit().await?;
        }
        Ok(())
    }

    /// Takes content from Graph into a blob.
    async fn take(
        &self,
        contents: &ContentSettings,
        answer: GraphContent,
        limit: u64,
    ) -> Result<Stored, MirrorError> {
        let bytes = answer.into_stream().map_err(io::Error::other);
        self.keep(contents, bytes, limit).await
    }

    /// Claims bytes between staging and publishing them, so that no sweep takes them before a row points at them.
    async fn keep(
        &self,
        contents: &ContentSettings,
        bytes: impl futures_util::Stream<Item = Result<bytes::Bytes, io::Error>> + Send,
        limit: u64,
    ) -> Result<Stored, MirrorError> {
        let staged = contents.blobs.stage(bytes, limit).await?;
        self.store
            .blob_claim(staged.stored(), self.clock.now())
            .await?;
        Ok(contents.blobs.publish(staged).await?)
    }

    async fn note(
        &self,
        message: &GraphId,
        attachment: &GraphId,
        state: ContentState,
        stored: Option<Stored>,
    ) -> Result<bool, MirrorError> {
        let now = self.clock.now();
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        let is_noted = tx
            .attachment_content_set(self.mailbox, message, attachment, state, stored, now)
            .await?;
        if is_noted {
            tx.commit().await?;
        }
        Ok(is_noted)
    }

    /// Has a message looked at again: something about it is not as the row says.
    async fn suspect(&self, kind: NoticeKind, message: &GraphId) -> Result<(), MirrorError> {
        let mut findings = Findings::default();
        findings.suspicions.push((kind, message.clone()));
        self.apply(Lane::Repair, findings).await.map(drop)
    }

    fn contents(&self) -> Result<&ContentSettings, MirrorError> {
        self.contents.as_ref().ok_or(MirrorError::NoContents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Refused;

    fn refused(status: u16, code: &str) -> GraphError {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        GraphError::Refused(Box::new(Refused::read(status, body.as_bytes())))
    }

    #[test]
    fn only_what_is_the_contents_own_fault_is_written_down_with_it() {
        let unreadable = Some(Fetched::State(ContentState::Unreadable));
        // F8.12, F8.3
        assert_eq!(
            verdict(&refused(422, "ErrorCannotOpenFileAttachment")),
            unreadable
        );
        assert_eq!(
            verdict(&refused(500, "ErrorCannotOpenFileAttachment")),
            unreadable
        );
        assert_eq!(verdict(&refused(405, "")), unreadable);
        assert_eq!(
            verdict(&refused(404, "ErrorItemNotFound")),
            Some(Fetched::Gone)
        );
        assert_eq!(
            verdict(&GraphError::TooLarge { limit: 1 }),
            Some(Fetched::State(ContentState::TooLarge))
        );
        for error in [
            refused(401, "InvalidAuthenticationToken"),
            refused(403, "ErrorAccessDenied"),
            refused(429, "TooManyRequests"),
            refused(503, ""),
            refused(404, "ErrorInvalidUser"),
        ] {
            assert_eq!(verdict(&error), None, "{error:?}");
        }
    }
}
