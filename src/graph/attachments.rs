//! Attachments and originals: what is known of them, and their bytes.

use reqwest::Method;

use super::answer::Answer;
use super::batch::BatchPart;
use super::error::GraphError;
use super::links::{Target, segment};
use super::mailbox::MailboxGraph;
use super::prefer::Prefer;
use super::stream::GraphContent;
use crate::model::blob::LARGEST;
use crate::model::ids::GraphId;
use crate::model::work::Lane;

/// The metadata of attachments without their bytes (F8.2). The cast that shows the Content-ID is not documented for every cloud:
/// [`attachments_part_plain`](MailboxGraph::attachments_part_plain) does without.
const SELECT: &str = "id,name,contentType,size,isInline,lastModifiedDateTime,microsoft.graph.fileAttachment/contentId";

/// The same without the cast.
const SELECT_PLAIN: &str = "id,name,contentType,size,isInline,lastModifiedDateTime";

/// An attachment is no larger than Outlook takes them, but for rounding.
const ATTACHMENT_LIMIT: u64 = LARGEST + (1 << 20);

/// MIME holds all attachments in base64, which is a third more.
const MIME_LIMIT: u64 = LARGEST / 2 * 3;

impl MailboxGraph {
    /// The attachments of a message without their bytes, as a part of a batch.
    pub fn attachments_part(&self, message: &GraphId) -> BatchPart {
        self.attachments_selecting(message, SELECT)
    }

    /// The same without Content-IDs, for a Graph that refuses the question.
    pub fn attachments_part_plain(&self, message: &GraphId) -> BatchPart {
        self.attachments_selecting(message, SELECT_PLAIN)
    }

    fn attachments_selecting(&self, message: &GraphId, select: &str) -> BatchPart {
        let message = segment(message);
        let path = self.path(&format!("/messages/{message}/attachments?$select={select}"));
        self.part(path, Prefer::IDS)
    }

    /// A reference, which has no bytes but says where it leads.
    pub async fn reference(
        &self,
        lane: Lane,
        message: &GraphId,
        attachment: &GraphId,
    ) -> Result<Answer, GraphError> {
        let path = self.attachment_path(message, attachment, "");
        self.get_json(lane, &path, Prefer::IDS).await
    }

    /// An attached item with everything inside it (F8.4).
    pub async fn attached_item(
        &self,
        lane: Lane,
        message: &GraphId,
        attachment: &GraphId,
    ) -> Result<Answer, GraphError> {
        let expand = "?$expand=microsoft.graph.itemAttachment/item";
        let path = self.attachment_path(message, attachment, expand);
        self.get_json(lane, &path, Prefer::IDS).await
    }

    /// The bytes of an attachment: of a file its own, of an item its MIME (F8.3).
    pub async fn attachment_content(
        &self,
        lane: Lane,
        message: &GraphId,
        attachment: &GraphId,
    ) -> Result<GraphContent, GraphError> {
        let path = self.attachment_path(message, attachment, "/$value");
        self.content(lane, path, ATTACHMENT_LIMIT).await
    }

    /// A message as MIME. Graph makes it anew for each question: two answers need not be equal byte for byte (F8.7).
    pub async fn message_mime(
        &self,
        lane: Lane,
        message: &GraphId,
    ) -> Result<GraphContent, GraphError> {
        let path = self.path(&format!("/messages/{}/$value", segment(message)));
        self.content(lane, path, MIME_LIMIT).await
    }

    async fn content(
        &self,
        lane: Lane,
        path: String,
        limit: u64,
    ) -> Result<GraphContent, GraphError> {
        let target = Target::Path(path);
        let call = self.graph().call(Method::GET, &target, Prefer::IDS)?;
        self.stream(lane, &call, limit).await
    }

    fn attachment_path(&self, message: &GraphId, attachment: &GraphId, rest: &str) -> String {
        let (message, attachment) = (segment(message), segment(attachment));
        self.path(&format!(
            "/messages/{message}/attachments/{attachment}{rest}"
        ))
    }
}
