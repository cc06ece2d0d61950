//! What somebody wants written into a mailbox, carried out once.
//!
//! A write is a command; the mailbox's home carries it out, oldest first. Graph knows no "once" for most of what it writes, so
//! it is made here: before a step is begun that is written down, after it what came of it; a step whose answer was lost (a
//! timeout, a cut connection, a killed process) is looked for before it is repeated, and a message whose sending cannot be
//! told is never sent again. The decisions are pure and stand in [`plan`]; the rest is effects. After a write a notice is
//! left, so that the mirror has the item soon, push or no push.
//!
//! It must never call Graph once its home has lost the mailbox, keep anything of what was written once it has ended, or say
//! any of it in a log.
//!
//! In reading order: [`check`] (what can be seen to be wrong before anything is done), [`plan`], `letter` (what goes out),
//! `attach`, `compose`, `message` and `event` (everything else), `failure` (what Graph's refusals mean), `order`.

mod attach;
pub mod check;
mod compose;
mod event;
mod failure;
mod letter;
mod message;
mod order;
pub mod plan;

pub use order::{next, next_due};

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::blobs::Blobs;
use crate::graph::{Drafted, GraphError, MailboxGraph};
use crate::model::feed::ItemKind;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::{SharedClock, Timestamp, later};
use crate::model::work::{ChangeHint, Command, Fence, Lane, NoticeKind, Wish};
use crate::model::write::{Fault, FaultCode, Write};
use crate::secrets::Vault;
use crate::store::{CommandStep, NewNotice, Priority, Store, StoreError};
use failure::Failed;
use plan::Progress;

/// A write that Graph cannot be reached for is tried for so long.
const LASTS: Duration = Duration::from_hours(1);

/// Carries out the writes of one mailbox, for as long as its home has it.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    graph: MailboxGraph,
    mailbox: MailboxId,
    fence: Fence,
    lost: CancellationToken,
    clock: SharedClock,
    blobs: Blobs,
    vault: Vault,
    /// A mistake that tests plant.
    repeats_blindly: bool,
}

/// What became of one go at a write.
#[derive(Debug)]
pub enum Gone {
    /// It has ended, well or not, and that is written down.
    Ended,
    /// It goes on later; that is written down too.
    PutOff,
}

/// Why a go could not be made: what stands in the way concerns the mailbox, not the write.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The database did not do it, or the home has lost its mailbox.
    #[error("the write could not be recorded")]
    Store(#[from] StoreError),
    /// Graph lets nobody at the mailbox for now.
    #[error("Graph does not take writes to the mailbox now")]
    Graph(#[source] GraphError),
}

/// How a go at a write ended.
enum Went {
    /// It is done; what the caller is told.
    Done(Done),
    /// It failed for good.
    Failed(Fault),
    /// Later, after so long.
    Later(Duration),
}

/// What a write has done.
struct Done {
    /// The item, and the version it has now where that is known.
    item: Option<(ItemKind, GraphId, Option<String>)>,
    /// Whether the command made the item or made it go.
    made_or_gone: bool,
    /// What the caller is told beside the item.
    told: Value,
}

impl Done {
    fn of(kind: ItemKind, id: &GraphId, change_key: Option<String>) -> Self {
        Self {
            item: Some((kind, id.clone(), change_key)),
            made_or_gone: false,
            told: json!({}),
        }
    }

    fn made_or_gone(mut self) -> Self {
        self.made_or_gone = true;
        self
    }

    fn telling(mut self, told: Value) -> Self {
        self.told = told;
        self
    }
}

/// A write on its way.
struct Job<'a> {
    outbox: &'a Outbox,
    command: &'a Command,
    write: &'a Write,
    progress: Progress,
    /// A draft as its making showed it, with the quote in it.
    drafted: Option<Drafted>,
}

impl Outbox {
    /// For the mailbox of this fence; `lost` tells that its home has lost it. Files come from the one, the addresses of sessions
    /// are sealed by the other.
    pub fn new(
        store: Store,
        graph: MailboxGraph,
        fence: Fence,
        lost: CancellationToken,
        clock: SharedClock,
        files: (Blobs, Vault),
    ) -> Self {
        Self {
            mailbox: fence.mailbox,
            store,
            graph,
            fence,
            lost,
            clock,
            blobs: files.0,
            vault: files.1,
            repeats_blindly: false,
        }
    }

    /// The same, with a mistake that tests plant: a write that was begun and has not ended begins anew.
    #[doc(hidden)]
    #[must_use]
    pub fn repeating_blindly(mut self, so: bool) -> Self {
        self.repeats_blindly = so;
        self
    }

    /// Makes one go at a write. Everything it does is written down, also what it could not do.
    pub async fn carry_out(&self, command: &Command) -> Result<Gone, Stop> {
        let write = match &command.wish {
            Wish::Write(write) => write.as_ref(),
            Wish::Unreadable { why } => {
                let fault = Fault::new(
                    FaultCode::InvalidRequest,
                    format!("the wish cannot be read: {why}"),
                );
                return self.fail(command, &fault).await;
            }
            _ => return Ok(Gone::Ended),
        };
        let progress = Progress::read(command.progress.as_deref());
        if progress.is_untouched()
            && let Some(fault) = check::check(write).into_iter().next()
        {
            return self.fail(command, &fault).await;
        }
        let mut job = Job {
            outbox: self,
            command,
            write,
            progress,
            drafted: None,
        };
        let begins = CommandStep {
            begins: true,
            ..CommandStep::default()
        };
        self.record(command, &begins).await?;
        match job.go().await? {
            Went::Done(done) => self.succeed(command, &done).await,
            Went::Failed(fault) => self.fail(command, &fault).await,
            Went::Later(wait) => {
                if let Some(fault) = self.over(command, &job.progress) {
                    return self.fail(command, &fault).await;
                }
                let step = CommandStep {
                    progress: Some(job.progress.text()),
                    graph_id: job.progress.draft.clone(),
                    due_at: Some(later(self.clock.now(), wait)),
                    ..CommandStep::default()
                };
                self.record(command, &step).await?;
                Ok(Gone::PutOff)
            }
        }
    }

    /// How a write ends that has been tried for too long; none while it has not.
    fn over(&self, command: &Command, progress: &Progress) -> Option<Fault> {
        if self.clock.now() <= later(command.requested_at, LASTS) || progress.may_have_sent() {
            return None;
        }
        if progress.trying == Some(plan::Step::Write) {
            return Some(plan::unwritten());
        }
        Some(Fault::new(
            FaultCode::GaveUp,
            "Microsoft could not be reached for an hour; nothing was sent or written",
        ))
    }

    /// Goes on with a write later, because of what concerns the whole mailbox.
    pub async fn put_off(&self, command: &Command, wait: Duration) -> Result<(), Stop> {
        let Some(command) = self.store.command_get(self.mailbox, command.id).await? else {
            return Ok(());
        };
        let progress = Progress::read(command.progress.as_deref());
        if let Some(fault) = self.over(&command, &progress) {
            return self.fail(&command, &fault).await.map(drop);
        }
        let step = CommandStep {
            due_at: Some(later(self.clock.now(), wait)),
            ..CommandStep::default()
        };
        self.record(&command, &step).await
    }

    /// Ends a write that cannot be gone on with, because the mailbox is not connected any more.
    pub async fn abandon(&self, command: &Command) -> Result<(), Stop> {
        // What the last go wrote down counts, not what it began with.
        let Some(command) = self.store.command_get(self.mailbox, command.id).await? else {
            return Ok(());
        };
        let progress = Progress::read(command.progress.as_deref());
        let fault = if progress.may_have_sent() {
            plan::unknown()
        } else if progress.trying == Some(plan::Step::Write) {
            plan::unwritten()
        } else {
            Fault::new(
                FaultCode::MailboxNotConnected,
                "the mailbox cannot be written to: its person must sign in again, or an administrator act",
            )
        };
        self.fail(&command, &fault).await.map(drop)
    }

    async fn record(&self, command: &Command, step: &CommandStep) -> Result<(), Stop> {
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        tx.command_step(self.mailbox, command, step).await?;
        Ok(tx.commit().await?)
    }

    async fn succeed(&self, command: &Command, done: &Done) -> Result<Gone, Stop> {
        let now = self.clock.now();
        let mut told = done.told.clone();
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        if let Some((kind, id, change_key)) = &done.item {
            if let Some(told) = told.as_object_mut() {
                told.insert("id".to_owned(), json!(id));
            }
            let step = CommandStep {
                graph_id: Some(id.clone()),
                ..CommandStep::default()
            };
            tx.command_step(self.mailbox, command, &step).await?;
            let item = (*kind, id);
            if done.made_or_gone {
                tx.origin_add(self.mailbox, command.id, item, None, now)
                    .await?;
            }
            if let Some(key) = change_key {
                tx.origin_add(self.mailbox, command.id, item, Some(key), now)
                    .await?;
            }
            let notice = notice(*kind, id, now);
            tx.notices_add(self.mailbox, &[notice], now).await?;
            tx.wake(self.mailbox);
        }
        tx.command_bare(self.mailbox, command, None).await?;
        tx.command_finish(self.mailbox, command.id, &Ok(told), now)
            .await?;
        tx.commit().await?;
        info!(mailbox.id = %self.mailbox, command.id = %command.id, kind = command.wish.kind(), "carried out command {}", command.id);
        Ok(Gone::Ended)
    }

    async fn fail(&self, command: &Command, fault: &Fault) -> Result<Gone, Stop> {
        let now = self.clock.now();
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        tx.command_bare(self.mailbox, command, Some(fault.code))
            .await?;
        let outcome = Err(fault.detail.clone());
        tx.command_finish(self.mailbox, command.id, &outcome, now)
            .await?;
        tx.commit().await?;
        info!(mailbox.id = %self.mailbox, command.id = %command.id, kind = command.wish.kind(), failure = fault.code.name(), "command {} failed ({})", command.id, fault.code.name());
        Ok(Gone::Ended)
    }

    /// Makes a call, unless the home has lost the mailbox: then its successor is about to look.
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, GraphError>>,
    ) -> Result<Result<T, GraphError>, Stop> {
        tokio::select! {
            biased;
            () = self.lost.cancelled() => Err(Stop::Store(StoreError::LeaseLost)),
            answer = call => Ok(answer),
        }
    }
}

/// Has the mirror look at an item.
fn notice(kind: ItemKind, id: &GraphId, now: Timestamp) -> NewNotice {
    NewNotice {
        kind: match kind {
            ItemKind::Event => NoticeKind::Event,
            _ => NoticeKind::Message,
        },
        external_id: id.clone(),
        lane: Lane::Live,
        hint: ChangeHint::Updated,
        due_at: now,
        trace: None,
    }
}

impl Job<'_> {
    async fn go(&mut self) -> Result<Went, Stop> {
        match self.write {
            Write::Send { .. }
            | Write::Reply { .. }
            | Write::ReplyAll { .. }
            | Write::Forward { .. }
            | Write::SendDraft { .. } => self.letter().await,
            Write::UpdateMessage { .. }
            | Write::Move { .. }
            | Write::Copy { .. }
            | Write::Delete { .. }
            | Write::Restore { .. } => self.message().await,
            Write::CreateEvent { .. }
            | Write::UpdateEvent { .. }
            | Write::DeleteEvent { .. }
            | Write::CancelEvent { .. }
            | Write::RespondEvent { .. } => self.event().await,
        }
    }

    /// Writes down how far it has come.
    async fn save(&mut self) -> Result<(), Stop> {
        let step = CommandStep {
            progress: Some(self.progress.text()),
            graph_id: self.progress.draft.clone(),
            ..CommandStep::default()
        };
        self.outbox.record(self.command, &step).await
    }

    fn graph(&self) -> &MailboxGraph {
        &self.outbox.graph
    }

    /// Begins what is one call. Whether it was begun before, and nobody knows what came of it.
    async fn begin_write(&mut self) -> Result<bool, Stop> {
        let again = self.progress.trying.is_some();
        if again {
            self.progress.looks += 1;
        } else {
            self.progress.begin(plan::Step::Write);
        }
        self.save().await?;
        Ok(again)
    }

    /// What is to be done after a call failed that is begun in [`Progress::trying`].
    async fn failed(&mut self, error: GraphError) -> Result<Went, Stop> {
        match failure::read(error) {
            Ok(Failed::For(fault)) => Ok(Went::Failed(fault)),
            Ok(Failed::Later(wait)) => {
                self.progress.end();
                Ok(Went::Later(wait))
            }
            Ok(Failed::Unknown) => {
                self.progress.looks += 1;
                Ok(Went::Later(failure::pause(self.progress.looks - 1)))
            }
            Err(stop) => {
                // It was not carried out: nothing need be looked for.
                self.progress.end();
                self.save().await?;
                Err(stop)
            }
        }
    }
}
