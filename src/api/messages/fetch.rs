//! Contents that are still at Microsoft: a wish for the mailbox's home, and its outcome.

use serde::Deserialize;

use super::super::problem::{Code, Problem};
use super::super::state::Api;
use super::super::sync::{Fulfilled, StillRunning, fulfil};
use crate::model::blob::{Digest, Stored};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::work::Wish;

/// How a fetch ended.
#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Outcome {
    Stored { digest: Digest, size: u64 },
    Unreadable,
    TooLarge,
    Reference,
    Unfetched,
    Gone,
}

/// Content that is here, or work that goes on.
pub(super) enum Got {
    Here(Stored),
    Running(StillRunning),
}

/// Has the content of an attachment fetched.
pub(super) async fn attachment(
    api: &Api,
    mailbox: MailboxId,
    message: &GraphId,
    attachment: &GraphId,
) -> Result<Got, Problem> {
    if !api.fetches_attachments {
        return Err(unavailable(
            "ATTACHMENTS is `off`: contents are not fetched",
        ));
    }
    let wish = Wish::FetchAttachment {
        message: message.clone(),
        attachment: attachment.clone(),
    };
    let gone = || Problem::new(Code::AttachmentNotFound, "the attachment is gone");
    wait(api, mailbox, &wish, gone).await
}

/// Has the original of a message fetched.
pub(super) async fn mime(api: &Api, mailbox: MailboxId, message: &GraphId) -> Result<Got, Problem> {
    let wish = Wish::FetchMime {
        message: message.clone(),
    };
    let gone = || Problem::new(Code::MessageNotFound, "the message is gone");
    wait(api, mailbox, &wish, gone).await
}

async fn wait(
    api: &Api,
    mailbox: MailboxId,
    wish: &Wish,
    gone: impl FnOnce() -> Problem,
) -> Result<Got, Problem> {
    let connected =
        api.store.mailbox_get(mailbox).await?.ok_or_else(|| {
            Problem::new(Code::MailboxNotFound, "the mailbox is gone").about(mailbox)
        })?;
    match fulfil(api, &connected, wish).await? {
        Fulfilled::Running(running) => Ok(Got::Running(running)),
        Fulfilled::Done(Outcome::Stored { digest, size }) => Ok(Got::Here(Stored { digest, size })),
        Fulfilled::Done(Outcome::Gone) => Err(gone().about(mailbox)),
        Fulfilled::Done(other) => Err(refusal(&other).about(mailbox)),
    }
}

fn refusal(outcome: &Outcome) -> Problem {
    unavailable(match outcome {
        Outcome::Reference => "it is a link, and what it leads to is not fetched",
        Outcome::TooLarge => "it is larger than 150 MB",
        _ => "Microsoft cannot open it",
    })
}

/// There is no content, for this reason.
pub(super) fn unavailable(detail: &str) -> Problem {
    Problem::new(Code::ContentUnavailable, detail)
}
