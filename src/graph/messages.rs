//! Messages.

use std::borrow::Cow;

use super::answer::Answer;
use super::batch::BatchPart;
use super::error::GraphError;
use super::links::{Target, instant, segment};
use super::mailbox::MailboxGraph;
use super::prefer::Prefer;
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::Lane;

/// Every property that is mirrored, and the same for a delta, a listing, a single question and a part of a batch, so that
/// a message looks the same whichever way it came. A change to a property that is not in it does not surface in a
/// delta (F6.24), and a delta link keeps the list it was made with (F6.2): whoever changes the list starts full rounds.
pub const MESSAGE_SELECT: &str = "id,createdDateTime,lastModifiedDateTime,changeKey,categories,receivedDateTime,\
sentDateTime,hasAttachments,internetMessageId,subject,body,bodyPreview,importance,parentFolderId,sender,from,\
toRecipients,ccRecipients,bccRecipients,replyTo,conversationId,conversationIndex,isDeliveryReceiptRequested,\
isReadReceiptRequested,isRead,isDraft,webLink,inferenceClassification,flag";

impl MailboxGraph {
    /// The message wherever it is now: the ground truth (F5.12).
    pub async fn message(&self, lane: Lane, id: &GraphId) -> Result<Answer, GraphError> {
        self.get_json(lane, &self.message_path(id), Prefer::IDS)
            .await
    }

    /// The same question as a part of a batch.
    pub fn message_part(&self, id: &GraphId) -> BatchPart {
        self.part(self.message_path(id), Prefer::IDS)
    }

    /// The first page of a full round over a folder's messages (F6.20). Give the page size by [`Prefer::pages_of`]: `$top`
    /// would limit the total (F4.4).
    pub fn messages_delta(&self, folder: &GraphId) -> Target {
        Target::Path(self.path(&format!(
            "/mailFolders/{}/messages/delta?$select={}",
            segment(folder),
            self.message_select()
        )))
    }

    /// The newest messages of the whole mailbox (F5.11), received at or after `since`; `top` is the page size.
    pub fn messages_newest(&self, since: Option<Timestamp>, top: u32) -> Target {
        // The property ordered by must come first in the filter (F5.13); a value without a zone is refused (F6.23).
        let filter = since
            .map(|since| format!("&$filter=receivedDateTime%20ge%20{}", instant(since)))
            .unwrap_or_default();
        let top = top.clamp(1, 1000);
        Target::Path(self.path(&format!(
            "/messages?$select={}{filter}&$orderby=receivedDateTime%20desc&$top={top}",
            self.message_select()
        )))
    }

    /// Ids and versions of a folder's messages, for comparing. A listing may skip or repeat items while the folder changes
    /// (F4.3): what it shows is a suspicion.
    pub fn messages_versions(&self, folder: &GraphId) -> Target {
        Target::Path(self.path(&format!(
            "/mailFolders/{}/messages?$select=id,changeKey,parentFolderId&$top=1000",
            segment(folder)
        )))
    }

    /// Headers come only when they are asked for by name (F5.5).
    fn message_select(&self) -> Cow<'static, str> {
        if self.with_headers {
            Cow::Owned(format!("{MESSAGE_SELECT},internetMessageHeaders"))
        } else {
            Cow::Borrowed(MESSAGE_SELECT)
        }
    }

    fn message_path(&self, id: &GraphId) -> String {
        self.path(&format!(
            "/messages/{}?$select={}",
            segment(id),
            self.message_select()
        ))
    }
}
