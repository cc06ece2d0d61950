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
use crate::model::ids::{CommandId, MailboxId};
use crate::model::time::Timestamp;
use crate::model::work::{Command, Wish};

/// How often a waiting caller looks when no signal comes.
const LOOK: Duration = Duration::from_millis(500);

/// An outcome as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Ok(serde_json::Value),
    Failed(String),
}

impl Store {
    /// Leaves a wish for the home of a mailbox and signals it.
    pub async fn command_add(
        &self,
        mailbox: MailboxId,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<CommandId, StoreError> {
        let id = CommandId::generate();
        let mut tx = self.write(Priority::Acknowledgement).await?;
        query("INSERT INTO commands (mailbox_id, id, wish, requested_at) VALUES ($1, $2, $3, $4)")
            .bind(mailbox)
            .bind(id)
            .bind(Value::json(json(wish)?))
            .bind(now)
            .execute(&mut tx)
            .await?;
        tx.wake(mailbox);
        tx.commit().await?;
        Ok(id)
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
        let finished = query(
            "UPDATE commands SET finished_at = $3, outcome = $4
             WHERE mailbox_id = $1 AND id = $2 AND finished_at IS NULL",
        )
        .bind(mailbox)
        .bind(id)
        .bind(now)
        .bind(Value::json(json(&outcome)?))
        .execute(self)
        .await?;
        self.wake_with(Wake::Outcome(id));
        Ok(finished > 0)
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
    Ok(Command {
        id: row.get("id")?,
        mailbox: row.get("mailbox_id")?,
        wish: from_json(row, "wish")?,
        requested_at: row.get("requested_at")?,
        outcome: outcome.map(|outcome| match outcome {
            Outcome::Ok(value) => Ok(value),
            Outcome::Failed(why) => Err(why),
        }),
    })
}
