//! The mirror: it keeps the rows equal to the mailbox.
//!
//! Notices are refreshed, delta cursors walked, suspicions confirmed, and everything ends in one write path, `apply`.
//! Its promise: a live message is never lost and a dead one never lingers (M1, M4); a fetch that started earlier never
//! overwrites one that started later (M36); only a 404 on GET deletes (F6.40).
//!
//! In reading order: [`convert`] (wire to rows), [`window`], [`pace`], [`ladder`], [`plan`] (all pure), then
//! `apply`, `refresh` with `messages`, `series` and `attachments`, `round` with its two kinds of page and the `watchdog`, `folders` and
//! `calendars` (the structure), `schedule`, `command`, `contents` with `parts`, `audit`.

mod apply;
mod attachments;
mod audit;
mod audit_events;
mod calendars;
mod command;
mod contents;
pub mod convert;
mod error;
mod findings;
mod folder_walk;
mod folders;
pub mod ladder;
mod lag;
mod lists;
mod mail_page;
mod memory;
mod messages;
pub mod pace;
mod parts;
pub mod plan;
mod refresh;
mod report;
mod restarts;
mod round;
mod schedule;
mod series;
mod settings;
mod sync_events;
mod sync_messages;
mod view_page;
mod watchdog;
pub mod window;

use std::sync::Arc;

use crate::graph::MailboxGraph;
use crate::model::ids::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::model::time::SharedClock;
use crate::model::work::Fence;
use crate::store::{MailboxMark, Priority, Store};

pub use contents::ContentSettings;
pub use error::{MirrorError, Remedy};
use memory::Memory;
pub use report::{RefreshReport, RoundsReport, StructureReport, Tally};
pub use restarts::Restarts;
#[doc(hidden)]
pub use settings::Sabotage;
pub use settings::Settings;
pub use window::Window;

/// Everything that mirrors one mailbox, for as long as its home holds it. Cheap to clone.
///
/// The home calls, in any order and concurrently: [`refresh_live`](Self::refresh_live) at every wake,
/// [`refresh_repairs`](Self::refresh_repairs), [`structure`](Self::structure), then [`rounds_due`](Self::rounds_due),
/// [`command`](Self::command) for waiting wishes, [`audit`](Self::audit), and asks
/// [`next_work_at`](Self::next_work_at) when to come back. The gate inside of the graph client orders their requests by lane;
/// none of them sleeps on Graph's Retry-After, they end with [`Remedy::NotBefore`] or [`Remedy::Later`] instead.
#[derive(Clone)]
pub struct Mirror {
    store: Store,
    graph: MailboxGraph,
    fence: Fence,
    mailbox: MailboxId,
    clock: SharedClock,
    settings: Arc<Settings>,
    memory: Arc<Memory>,
    /// None where no contents are fetched.
    contents: Option<ContentSettings>,
}

impl Mirror {
    /// The mirror of the mailbox that `fence` stands for.
    pub fn new(
        store: Store,
        graph: MailboxGraph,
        mailbox: &Mailbox,
        fence: Fence,
        clock: SharedClock,
        settings: Settings,
    ) -> Self {
        let memory = Memory::default();
        memory.push_is_ill(!mailbox.push_healthy);
        Self {
            store,
            graph: graph.with_headers(settings.internet_headers),
            fence,
            mailbox: mailbox.id,
            clock,
            settings: Arc::new(settings),
            memory: Arc::new(memory),
            contents: None,
        }
    }

    /// The mailbox.
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }

    /// Writes something down about the mailbox, if it is still ours.
    async fn mark(&self, marks: &[MailboxMark]) -> Result<(), MirrorError> {
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        tx.mailbox_mark(self.mailbox, marks, self.clock.now())
            .await?;
        Ok(tx.commit().await?)
    }
}
