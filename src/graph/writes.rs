//! Writing: messages and events made, changed, sent and deleted (F11), and the looks that tell what a lost answer did.
//!
//! Each function is one request. None of them repeats anything: what may be repeated, and after which look, is for the
//! room that writes to decide.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::error::GraphError;
use super::links::{Target, query_value, segment};
use super::mailbox::{Admission, MailboxGraph, to_json};
use super::prefer::Prefer;
use super::wire::page::Page;
use super::writing::{self, COMMAND_PROPERTY};
use crate::model::ids::{CommandId, GraphId};
use crate::model::work::Lane;
use crate::model::write::{BodyKind, EventFields, MessageChanges, NewMessage, Response, Text};

/// Which version of which item an answer shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The item.
    pub id: GraphId,
    /// Its version.
    #[serde(default)]
    pub change_key: Option<String>,
}

/// What is looked at of a message to know what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageSight {
    /// The message.
    pub id: GraphId,
    /// Its version.
    #[serde(default)]
    pub change_key: Option<String>,
    /// Whether it is a draft still.
    #[serde(default)]
    pub is_draft: bool,
    /// Where it lies.
    #[serde(default)]
    pub parent_folder_id: Option<GraphId>,
    /// Its Message-ID.
    #[serde(default)]
    pub internet_message_id: Option<String>,
}

/// A draft that Graph made of an answer, with the text it put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafted {
    /// Which it is.
    pub sight: MessageSight,
    /// What stands in it: the quote.
    pub body: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct WithBody {
    #[serde(flatten)]
    sight: MessageSight,
    #[serde(default)]
    body: Option<Body>,
}

/// What is looked at of an event to know what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSight {
    /// The event.
    pub id: GraphId,
    /// Its version.
    #[serde(default)]
    pub change_key: Option<String>,
    /// Whether it was called off.
    #[serde(default)]
    pub is_cancelled: bool,
    /// Whether the mailbox is its organizer, where Graph says so.
    #[serde(default)]
    pub is_organizer: Option<bool>,
    #[serde(default)]
    response_status: Option<Responded>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Responded {
    #[serde(default)]
    response: Option<String>,
}

impl EventSight {
    /// Whether the mailbox has answered it so.
    pub fn has_answered(&self, response: Response) -> bool {
        let wanted = match response {
            Response::Accept => "accepted",
            Response::Decline => "declined",
            Response::TentativelyAccept => "tentativelyAccepted",
        };
        let given = self.response_status.as_ref();
        given.and_then(|given| given.response.as_deref()) == Some(wanted)
    }
}

/// A file small enough to go in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAttachment<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it says it holds.
    pub content_type: &'a str,
    /// Its bytes in base64.
    pub content_base64: &'a str,
    /// Whether the body shows it.
    pub is_inline: bool,
    /// By what the body names it.
    pub content_id: Option<&'a str>,
}

const SIGHT: &str = "id,changeKey,isDraft,parentFolderId,internetMessageId";

/// How a message is answered: the last word of the call that drafts it.
fn drafting(kind: &str) -> &'static str {
    match kind {
        "reply_all" => "createReplyAll",
        "forward" => "createForward",
        _ => "createReply",
    }
}

impl MailboxGraph {
    async fn written(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> Result<Answer, GraphError> {
        let is_post = method == Method::POST;
        let target = Target::from(self.path(path));
        let mut call = self.graph().call(method, &target, Prefer::EVENTS)?;
        call.body = match body {
            Some(body) => Some(to_json(body)?),
            None => is_post.then(Bytes::new),
        };
        call.if_match = if_match.map(|version| format!("W/\"{version}\""));
        self.send(Lane::Command, Admission::Charged(1), &call).await
    }

    async fn post_written(&self, path: &str, body: &Value) -> Result<Answer, GraphError> {
        self.written(Method::POST, path, Some(body), None).await
    }

    /// Makes a draft that carries the command.
    pub async fn draft_create(
        &self,
        message: &NewMessage,
        command: CommandId,
    ) -> Result<MessageSight, GraphError> {
        let body = writing::message(message, command);
        self.post_written("/messages", &body).await?.json()
    }

    /// Makes the draft of an answer, which carries the command; `kind` is the kind of the write.
    pub async fn draft_answer(
        &self,
        to: &GraphId,
        kind: &str,
        command: CommandId,
    ) -> Result<Drafted, GraphError> {
        let path = format!("/messages/{}/{}", segment(to), drafting(kind));
        let message = json!({ "singleValueExtendedProperties": writing::property(command) });
        let body = json!({ "message": message });
        drafted(&self.post_written(&path, &body).await?)
    }

    /// A draft with what stands in it.
    pub async fn draft_get(&self, id: &GraphId) -> Result<Drafted, GraphError> {
        let path = self.path(&format!("/messages/{}?$select={SIGHT},body", segment(id)));
        drafted(&self.get_json(Lane::Command, &path, Prefer::IDS).await?)
    }

    /// Has a draft carry the command, so that it is found again whatever becomes of its id.
    pub async fn draft_mark(
        &self,
        id: &GraphId,
        command: CommandId,
    ) -> Result<MessageSight, GraphError> {
        let body = json!({ "singleValueExtendedProperties": writing::property(command) });
        let path = format!("/messages/{}", segment(id));
        let answer = self.written(Method::PATCH, &path, Some(&body), None).await;
        answer?.json()
    }

    /// Sends a draft (F11.4).
    pub async fn draft_send(&self, id: &GraphId) -> Result<(), GraphError> {
        let path = format!("/messages/{}/send", segment(id));
        self.written(Method::POST, &path, None, None).await?;
        Ok(())
    }

    /// Changes a message.
    pub async fn message_patch(
        &self,
        id: &GraphId,
        changes: &MessageChanges,
        if_match: Option<&str>,
    ) -> Result<MessageSight, GraphError> {
        let path = format!("/messages/{}", segment(id));
        let body = writing::changes(changes);
        let answer = self.written(Method::PATCH, &path, Some(&body), if_match);
        answer.await?.json()
    }

    /// Moves a message, or copies it: the message in its new place.
    pub async fn message_place(
        &self,
        id: &GraphId,
        folder: &GraphId,
        is_copy: bool,
    ) -> Result<MessageSight, GraphError> {
        let act = if is_copy { "copy" } else { "move" };
        let path = format!("/messages/{}/{act}", segment(id));
        let body = json!({ "destinationId": folder });
        self.post_written(&path, &body).await?.json()
    }

    /// Deletes a message: to Deleted Items.
    pub async fn message_delete(
        &self,
        id: &GraphId,
        if_match: Option<&str>,
    ) -> Result<(), GraphError> {
        let path = format!("/messages/{}", segment(id));
        self.written(Method::DELETE, &path, None, if_match).await?;
        Ok(())
    }

    /// Deletes a message for good.
    pub async fn message_purge(&self, id: &GraphId) -> Result<(), GraphError> {
        let path = format!("/messages/{}/permanentDelete", segment(id));
        self.written(Method::POST, &path, None, None).await?;
        Ok(())
    }

    /// What became of a message; none when it is not there.
    pub async fn message_sight(&self, id: &GraphId) -> Result<Option<MessageSight>, GraphError> {
        let path = self.path(&format!("/messages/{}?$select={SIGHT}", segment(id)));
        present(self.get_json(Lane::Command, &path, Prefer::IDS).await)
    }

    /// Every message that carries the command, wherever it lies.
    pub async fn messages_of(&self, command: CommandId) -> Result<Vec<MessageSight>, GraphError> {
        let filter = query_value(&carries(command));
        let path = self.path(&format!(
            "/messages?$select={SIGHT}&$filter={filter}&$top=50"
        ));
        self.all(&path).await
    }

    /// Every message of a folder with this Message-ID.
    pub async fn messages_named(
        &self,
        folder: &GraphId,
        internet_message_id: &str,
    ) -> Result<Vec<MessageSight>, GraphError> {
        let quoted = internet_message_id.replace('\'', "''");
        let filter = query_value(&format!("internetMessageId eq '{quoted}'"));
        let folder = segment(folder);
        let path = self.path(&format!(
            "/mailFolders/{folder}/messages?$select={SIGHT}&$filter={filter}&$top=50"
        ));
        self.all(&path).await
    }

    /// The id of a folder that may be named by a well-known name.
    pub async fn folder_id(&self, folder: &GraphId) -> Result<GraphId, GraphError> {
        let path = self.path(&format!("/mailFolders/{}?$select=id", segment(folder)));
        let answer = self.get_json(Lane::Command, &path, Prefer::IDS).await?;
        Ok(answer.json::<Version>()?.id)
    }

    /// Adds a small file to a draft; the attachment's id.
    pub async fn attachment_add(
        &self,
        draft: &GraphId,
        file: &FileAttachment<'_>,
    ) -> Result<GraphId, GraphError> {
        let mut body = json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": file.name,
            "contentType": file.content_type,
            "contentBytes": file.content_base64,
            "isInline": file.is_inline,
        });
        if let (Some(id), Some(object)) = (file.content_id, body.as_object_mut()) {
            object.insert("contentId".to_owned(), json!(id));
        }
        let path = format!("/messages/{}/attachments", segment(draft));
        let answer = self.post_written(&path, &body).await?;
        Ok(answer.json::<Version>()?.id)
    }

    /// The ids of a draft's attachments.
    pub async fn attachment_ids(&self, draft: &GraphId) -> Result<Vec<GraphId>, GraphError> {
        let draft = segment(draft);
        let path = self.path(&format!("/messages/{draft}/attachments?$select=id"));
        let found: Vec<Version> = self.all(&path).await?;
        Ok(found.into_iter().map(|attachment| attachment.id).collect())
    }

    /// Makes an event, which carries the command; the same `transactionId` makes it once (F11.6).
    pub async fn event_create(
        &self,
        calendar: Option<&GraphId>,
        event: &EventFields,
        command: CommandId,
    ) -> Result<Version, GraphError> {
        let mut body = writing::event(event);
        body.insert("transactionId".to_owned(), json!(command.to_string()));
        let property = writing::property(command);
        body.insert("singleValueExtendedProperties".to_owned(), property);
        let path = events_in(calendar);
        self.post_written(&path, &Value::Object(body)).await?.json()
    }

    /// Every event of a calendar that carries the command. `transactionId` itself is nothing that Graph says it filters by.
    pub async fn events_of(
        &self,
        calendar: Option<&GraphId>,
        command: CommandId,
    ) -> Result<Vec<Version>, GraphError> {
        let filter = query_value(&carries(command));
        let events = events_in(calendar);
        let path = self.path(&format!("{events}?$select=id,changeKey&$filter={filter}"));
        self.all(&path).await
    }

    /// Changes an event, an occurrence or a series.
    pub async fn event_patch(
        &self,
        id: &GraphId,
        changes: &EventFields,
        if_match: Option<&str>,
    ) -> Result<Version, GraphError> {
        let path = format!("/events/{}", segment(id));
        let body = Value::Object(writing::event(changes));
        let answer = self.written(Method::PATCH, &path, Some(&body), if_match);
        answer.await?.json()
    }

    /// Deletes an event.
    pub async fn event_delete(
        &self,
        id: &GraphId,
        if_match: Option<&str>,
    ) -> Result<(), GraphError> {
        let path = format!("/events/{}", segment(id));
        self.written(Method::DELETE, &path, None, if_match).await?;
        Ok(())
    }

    /// Calls a meeting off (F11.8).
    pub async fn event_cancel(&self, id: &GraphId, comment: &str) -> Result<(), GraphError> {
        let path = format!("/events/{}/cancel", segment(id));
        self.post_written(&path, &json!({ "comment": comment }))
            .await?;
        Ok(())
    }

    /// Answers an invitation (F11.9).
    pub async fn event_respond(
        &self,
        id: &GraphId,
        response: Response,
        comment: &str,
        notify: bool,
    ) -> Result<(), GraphError> {
        let act = match response {
            Response::Accept => "accept",
            Response::Decline => "decline",
            Response::TentativelyAccept => "tentativelyAccept",
        };
        let path = format!("/events/{}/{act}", segment(id));
        let body = json!({ "comment": comment, "sendResponse": notify });
        self.post_written(&path, &body).await?;
        Ok(())
    }

    /// What became of an event; none when it is not there.
    pub async fn event_sight(&self, id: &GraphId) -> Result<Option<EventSight>, GraphError> {
        let path = self.path(&format!("/events/{}", segment(id)));
        present(self.get_json(Lane::Command, &path, Prefer::EVENTS).await)
    }

    /// Everything on all pages of a small collection.
    async fn all<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, GraphError> {
        /// No collection that is looked at here has more pages than this.
        const PAGES: usize = 20;
        let mut found = Vec::new();
        let mut target = Target::from(path);
        for _ in 0..PAGES {
            let answer = self.page(Lane::Command, &target, Prefer::IDS).await?;
            let page: Page<'_> = answer.json()?;
            for item in &page.value {
                let item = serde_json::from_str(item.get());
                found.push(item.map_err(|error| GraphError::Malformed(Arc::new(error)))?);
            }
            match page.next() {
                Some(next) => target = Target::from(next),
                None => break,
            }
        }
        Ok(found)
    }
}

/// The events of a calendar, or of the default one.
fn events_in(calendar: Option<&GraphId>) -> String {
    match calendar {
        Some(calendar) => format!("/calendars/{}/events", segment(calendar)),
        None => "/events".to_owned(),
    }
}

fn carries(command: CommandId) -> String {
    format!(
        "singleValueExtendedProperties/Any(ep: ep/id eq '{COMMAND_PROPERTY}' and ep/value eq '{command}')"
    )
}

fn drafted(answer: &Answer) -> Result<Drafted, GraphError> {
    let read: WithBody = answer.json()?;
    let body = read.body.unwrap_or(Body {
        content_type: None,
        content: None,
    });
    let is_html = body
        .content_type
        .is_some_and(|kind| kind.eq_ignore_ascii_case("html"));
    Ok(Drafted {
        sight: read.sight,
        body: Text {
            kind: if is_html {
                BodyKind::Html
            } else {
                BodyKind::Text
            },
            content: body.content.unwrap_or_default(),
        },
    })
}

/// An item that is not there is an answer, not an error.
fn present<T: for<'a> Deserialize<'a>>(
    answer: Result<Answer, GraphError>,
) -> Result<Option<T>, GraphError> {
    match answer {
        Ok(answer) => Ok(Some(answer.json()?)),
        Err(error) if error.status() == Some(404) => match error.advice() {
            super::Advice::MailboxSuspended(_) => Err(error),
            _ => Ok(None),
        },
        Err(error) => Err(error),
    }
}
