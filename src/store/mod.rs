//! The database: the only room that knows SQL.
//!
//! [`Store`] reads, [`Tx`] writes; both work alike on SQLite and PostgreSQL. The schema under `migrations/` is a public
//! interface: applications read the tables. Nothing here speaks to Graph, and no transaction is held while anybody
//! else does.
//!
//! In reading order: `pool` (connections, transactions), `gate` (whose turn it is to write), `dispatch` and `codec`
//! (one statement on two databases), `bulk`, `migrate`, `wake`, `intake` (group commit), then a file per family of
//! tables.

mod attachments;
mod audits;
mod blobs;
mod bulk;
mod calendars;
mod changes;
mod checkpoint;
mod codec;
mod commands;
mod counts;
mod cursors;
mod dispatch;
mod error;
mod events;
mod file;
mod folders;
mod gate;
mod grants;
mod heads;
mod intake;
mod keys;
mod leases;
mod mailboxes;
mod messages;
mod migrate;
mod notices;
mod pool;
mod privileges;
pub mod scratch;
mod subscriptions;
mod threads;
mod ticks;
pub mod trouble;
mod tx;
mod uploads;
mod upsert;
mod vitals;
mod wake;
mod writes;

pub use calendars::CalendarWrite;
pub use changes::NewChange;
pub(crate) use codec::clean_json;
pub use counts::Counts;
pub use cursors::CursorFilter;
pub use error::StoreError;
pub use events::{EventKey, EventWrite, StoredEvent};
pub use folders::{FolderWrite, StoredFolder};
pub use gate::Priority;
pub use grants::{Grant, NewGrant, OauthState, StateTaken};
pub use heads::MessageHead;
pub use intake::{IncomingNotice, IntakeOutcome};
pub use keys::ApiKey;
pub use mailboxes::{MailboxMark, NewMailbox};
pub use messages::{
    MergeEffect, MessageKey, MessageMerge, MessageRows, MessageWrite, StoredMessage,
};
pub use migrate::Migrated;
pub use notices::{Backlog, NewNotice, ParkedOutcome, SeenNotice};
pub use pool::{Backend, Store, StoreSettings};
pub use privileges::Privileges;
pub use threads::Thread;
pub use tx::Tx;
pub use vitals::{PoolUse, Vitals};
pub use wake::{Wake, WakeStream};
pub use writes::WritesRefused;
