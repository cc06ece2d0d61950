//! The client for Microsoft Graph: every request to Graph goes through here.
//!
//! Its promise: immutable ids on every call, page, batch part and subscription (M16); no address followed outside the
//! configured host (F2.3); no answer without a deadline and a size limit (M15); never more requests to a mailbox than
//! its [`Gate`] admits; a refusal always comes with [`Advice`]. It knows nothing of databases: tokens come
//! from a [`TokenSource`], admission from a [`Gate`], both implemented above.
//!
//! In reading order: [`tokens`], [`gate`], [`error`], [`links`], [`prefer`], [`transport`], [`mailbox`], [`stream`], [`batch`],
//! then one file per surface ([`messages`], [`attachments`], [`folders`], [`calendars`], [`events`], [`subscriptions`], [`me`], [`reach`]) and
//! the shapes of [`wire`].

pub mod answer;
pub mod attachments;
pub mod batch;
pub mod calendars;
pub mod error;
pub mod events;
pub mod folders;
pub mod gate;
mod kind;
pub mod links;
pub mod mailbox;
pub mod me;
pub mod messages;
pub mod prefer;
pub mod reach;
pub mod stream;
pub mod subscriptions;
pub mod throttle;
pub mod tokens;
pub mod transport;
pub mod wire;

pub use answer::Answer;
pub use batch::{BatchAnswer, BatchPart};
pub use error::{Advice, GraphError, Refused};
pub use gate::{Fenced, Gate, Permit};
pub use links::Target;
pub use mailbox::MailboxGraph;
pub use prefer::Prefer;
pub use stream::GraphContent;
pub use tokens::{AccessToken, TokenError, TokenSource};
pub use transport::{Graph, GraphSettings};
