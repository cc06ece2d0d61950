//! Commands: what somebody wants done by the home of a mailbox, and how it ended.
//!
//! The wish waits in the database, so that whoever serves the mailbox, in whatever process, finds it; the outcome
//! waits there too, and a signal says that it has come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::codec::{JsonText, Row, Value};
use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::pool::Store;
use super::tx::Tx;
use super::wake::Wake;
use crate::model::ids::{CommandId, GraphId, MailboxId, Owner};
use crate::model::time::Timestamp;
use crate::model::work::{Command, Wish};
use crate::model::write::{FaultCode, Write};

/// How often a waiting caller looks when no signal comes.
const LOOK: Duration = Duration::from_millis(500);

/// An outcome as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Ok(serde_json::Value),
    Failed(String),
}

/// A wish and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// What is wanted.
    pub wish: Wish,
    /// Whose key asked for it.
    pub owner: Option<Owner>,
    /// The caller's key for asking once, and the digest of what came with it.
    pub key: Option<(String, String)>,
}

/// What became of a wish that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It waits under this id.
    New(CommandId),
    /// The same was asked for before, under the same key.
    Same(Box<Command>),
    /// The key was used before, for something else.
    Other,
}

/// How far a command has come, to be written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandStep {
    /// Whether an attempt begins.
    pub begins: bool,
    /// What it has done so far: JSON.
    pub progress: Option<String>,
    /// The item it makes or changes.
    pub graph_id: Option<GraphId>,
    /// Not to be gone on with before.
    pub due_at: Option<Timestamp>,
}

impl Store {
    /// Leaves a wish for the home of a mailbox and signals it.
    pub async fn command_add(
        &self,
        mailbox: MailboxId,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<CommandId, StoreError> {
        let new = NewCommand {
            wish: wish.clone(),
            owner: None,
            key: None,
        };
        match self.command_ask(mailbox, &new, now).await? {
            Asked::New(id) => Ok(id),
            Asked::Same(command) => Ok(command.id),
            Asked::Other => Err(StoreError::Busy),
        }
    }

    /// Leaves a wish for the home of a mailbox and signals it, unless it was left before under the same key.
    pub async fn command_ask(
        &self,
        mailbox: MailboxId,
        new: &NewCommand,
        now: Timestamp,
    ) -> Result<Asked, StoreError> {
        let id = CommandId::generate();
        let (key, digest) = new.key.clone().unzip();
        let mut tx = self.write(Priority::Acknowledgement).await?;
        let added = query(
            "INSERT INTO commands (mailbox_id, id, wish, requested_at, kind, owner, idempotency_key, request_digest)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (mailbox_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
        )
        .bind(mailbox)
        .bind(id)
        .bind(Value::json(json(&new.wish)?))
        .bind(now)
        .bind(new.wish.kind())
        .bind(new.owner.as_ref().map(Owner::as_str))
        .bind(key.clone())
        .bind(digest.clone())
        .execute(&mut tx)
        .await?;
        if added > 0 {
            tx.wake(mailbox);
            tx.commit().await?;
            return Ok(Asked::New(id));
        }
        let before = query("SELECT * FROM commands WHERE mailbox_id = $1 AND idempotency_key = $2")
            .bind(mailbox)
            .bind(key)
            .row(&mut tx)
            .await?;
        tx.rollback().await?;
        let command = before.as_ref().map(read).transpose()?;
        Ok(match command {
            Some(command) if command.request_digest == digest => Asked::Same(Box::new(command)),
            _ => Asked::Other,
        })
    }

    /// The wishes that wait for the home of a mailbox, oldest first.
    pub async fn commands_waiting(&self, mailbox: MailboxId) -> Result<Vec<Command>, StoreError> {
        query(
            "SELECT * FROM commands WHERE mailbox_id = $1 AND finished_at IS NULL ORDER BY requested_at, id",
        )
        .bind(mailbox)
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// One command.
    pub async fn command_get(
        &self,
        mailbox: MailboxId,
        id: CommandId,
    ) -> Result<Option<Command>, StoreError> {
        query("SELECT * FROM commands WHERE mailbox_id = $1 AND id = $2")
            .bind(mailbox)
            .bind(id)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Waits for the outcome of a command, at most so long on the machine's clock. `None` when it has not come; the
    /// wish stays.
    pub async fn command_wait(
        &self,
        mailbox: MailboxId,
        id: CommandId,
        patience: Duration,
    ) -> Result<Option<Result<serde_json::Value, String>>, StoreError> {
        let wait = async {
            let mut wakes = self.wake_listen();
            loop {
                let found = self.command_get(mailbox, id).await?;
                if let Some(outcome) = found.and_then(|command| command.outcome) {
                    return Ok(outcome);
                }
                // The slow look is for outcomes of other processes on SQLite, which cannot signal.
                let _ = tokio::time::timeout(LOOK, outcome_signal(&mut wakes, id)).await;
            }
        };
        match tokio::time::timeout(patience, wait).await {
            Ok(outcome) => outcome.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Deletes finished commands that ended before.
    pub async fn commands_prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write(Priority::Bulk).await?;
        let deleted = query("DELETE FROM commands WHERE finished_at < $1")
            .bind(before)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(deleted)
    }
}

async fn outcome_signal(wakes: &mut super::wake::WakeStream, id: CommandId) {
    loop {
        match wakes.next().await {
            Wake::Everything => return,
            Wake::Outcome(ended) if ended == id => return,
            Wake::Outcome(_) | Wake::Mailbox(_) => {}
        }
    }
}

impl Tx {
    /// Records how a command ended and signals whoever waits for it. False when it had ended before.
    pub async fn command_finish(
        &mut self,
        mailbox: MailboxId,
        id: CommandId,
        outcome: &Result<serde_json::Value, String>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let outcome = match outcome {
            Ok(value) => Outcome::Ok(value.clone()),
            Err(why) => Outcome::Failed(why.clone()),
        };
        let state = match &outcome {
            Outcome::Ok(_) => "done",
            Outcome::Failed(_) => "failed",
        };
        let finished = query(
            "UPDATE commands SET finished_at = $3, outcome = $4, state = $5
             WHERE mailbox_id = $1 AND id = $2 AND finished_at IS NULL",
        )
        .bind(mailbox)
        .bind(id)
        .bind(now)
        .bind(Value::json(json(&outcome)?))
        .bind(state)
        .execute(self)
        .await?;
        self.wake_with(Wake::Outcome(id));
        Ok(finished > 0)
    }

    /// Writes down how far a command has come. What the step does not name stays, but for the instant: none means at
    /// once.
    pub async fn command_step(
        &mut self,
        mailbox: MailboxId,
        command: &Command,
        step: &CommandStep,
    ) -> Result<(), StoreError> {
        query(
            "UPDATE commands SET state = 'running', kind = $3, attempts = attempts + $4,
                progress = COALESCE($5, progress), graph_id = COALESCE($6, graph_id), due_at = $7
             WHERE mailbox_id = $1 AND id = $2 AND finished_at IS NULL",
        )
        .bind(mailbox)
        .bind(command.id)
        .bind(command.wish.kind())
        .bind(i64::from(step.begins))
        .bind(Value::Json(step.progress.as_deref().map(Into::into)))
        .bind(step.graph_id.as_ref())
        .bind(step.due_at)
        .execute(self)
        .await?;
        Ok(())
    }

    /// Keeps of a write that has ended what names its item, and why it failed if it did.
    pub async fn command_bare(
        &mut self,
        mailbox: MailboxId,
        command: &Command,
        failure: Option<FaultCode>,
    ) -> Result<(), StoreError> {
        let bare = match &command.wish {
            Wish::Write(write) => json(&Wish::Write(Box::new(write.bare())))?,
            // What could not be read is kept as it was written.
            Wish::Unreadable { .. } => return self.command_coded(mailbox, command, failure).await,
            other => json(other)?,
        };
        query(
            "UPDATE commands SET wish = $3, kind = $4, failure_code = $5, progress = NULL
             WHERE mailbox_id = $1 AND id = $2",
        )
        .bind(mailbox)
        .bind(command.id)
        .bind(Value::json(bare))
        .bind(command.wish.kind())
        .bind(failure.map(FaultCode::name))
        .execute(self)
        .await?;
        Ok(())
    }

    async fn command_coded(
        &mut self,
        mailbox: MailboxId,
        command: &Command,
        failure: Option<FaultCode>,
    ) -> Result<(), StoreError> {
        query("UPDATE commands SET failure_code = $3 WHERE mailbox_id = $1 AND id = $2")
            .bind(mailbox)
            .bind(command.id)
            .bind(failure.map(FaultCode::name))
            .execute(self)
            .await?;
        Ok(())
    }
}

/// JSON text of one of our own types.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|fault| StoreError::Refused(sqlx::Error::Encode(fault.into())))
}

/// One of our own types from the JSON in a column.
pub(super) fn from_json<T: for<'a> Deserialize<'a>>(
    row: &Row,
    column: &str,
) -> Result<T, StoreError> {
    parse(&row.get::<JsonText<'static>>(column)?.0, column)
}

/// One of our own types from JSON text that stood in a column.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(text: &str, column: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|fault| StoreError::Unreadable {
        column: column.to_owned(),
        source: fault.into(),
    })
}

pub(super) fn read(row: &Row) -> Result<Command, StoreError> {
    let outcome = row
        .find::<JsonText<'static>>("outcome")?
        .map(|text| parse::<Outcome>(&text.0, "outcome"))
        .transpose()?;
    let failure_code = row.find::<String>("failure_code")?;
    Ok(Command {
        id: row.get("id")?,
        mailbox: row.get("mailbox_id")?,
        wish: wish(&row.get::<JsonText<'static>>("wish")?.0),
        requested_at: row.get("requested_at")?,
        outcome: outcome.map(|outcome| match outcome {
            Outcome::Ok(value) => Ok(value),
            Outcome::Failed(why) => Err(why),
        }),
        failure_code: failure_code.as_deref().and_then(FaultCode::from_name),
        attempts: row.get("attempts")?,
        due_at: row.find("due_at")?,
        graph_id: row.find("graph_id")?,
        progress: row
            .find::<JsonText<'static>>("progress")?
            .map(|text| text.0.into_owned()),
        request_digest: row.find("request_digest")?,
    })
}

/// The wish in a row. An application may have written it: one that cannot be read fails alone, and says why.
fn wish(text: &str) -> Wish {
    serde_json::from_str(text).unwrap_or_else(|fault| {
        // The reader of all kinds only says that none fits; that of writes says what is wrong.
        let why = serde_json::from_str::<Write>(text).map_or_else(|why| why, |_| fault);
        Wish::Unreadable {
            why: why.to_string(),
        }
    })
}
