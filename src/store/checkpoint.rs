//! Moving what is in SQLite's write-ahead log into the database file.
//!
//! Left to itself, SQLite does this inside some commit, and whoever waits behind that commit waits for the disk. Here
//! a connection of its own copies beside the writer, which it does not block; only when the log has grown very long
//! does it take the writer's turn for the short rest, so that the log can begin anew. Whoever waits for an acknowledgement
//! waits for that rest, so it is kept as short as it gets: the file keeps its length and is written over, because both to cut
//! it off and to let it grow again cost the writer more than the rest itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::gate::{Gate, Priority};

/// Bytes of a page in the log, with its header.
const FRAME: u64 = 4_096 + 24;

/// The log is copied once its file is this long.
const COPY_FROM: u64 = 16 << 20;

/// The log begins anew once it is this long.
const RESTART_FROM: u64 = 128 << 20;

/// Once it is this long, those who still read an old state are waited for, and the file is made short.
const TRUNCATE_FROM: u64 = 512 << 20;

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Whether those who read an old state are waited for, for 20 milliseconds.
const PATIENT: &str = "PRAGMA busy_timeout = 20";
const IMPATIENT: &str = "PRAGMA busy_timeout = 0";

/// The shortest time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The handle by which commits ask for a look at the log.
#[derive(Debug, Clone)]
pub(super) struct Checkpoints {
    asked: Arc<Notify>,
}

impl Checkpoints {
    pub(super) fn start(
        file: &Path,
        options: SqliteConnectOptions,
        gate: Gate,
        stop: CancellationToken,
    ) -> Self {
        let asked = Arc::new(Notify::new());
        let copier = Copier {
            log: log_of(file),
            options,
            gate,
            connection: None,
        };
        tokio::spawn(copier.run(Arc::clone(&asked), stop));
        Self { asked }
    }

    /// Says that something was committed.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }
}

fn log_of(file: &Path) -> PathBuf {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

struct Copier {
    log: PathBuf,
    options: SqliteConnectOptions,
    gate: Gate,
    connection: Option<SqliteConnection>,
}

impl Copier {
    async fn run(mut self, asked: Arc<Notify>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = asked.notified() => {}
            }
            if let Err(error) = self.look().await {
                // The next commit asks again; meanwhile the log only grows.
                warn!(error = %error, "could not copy the write-ahead log into the database");
                self.connection = None;
            }
            // The file keeps its length when the log begins anew: without a pause, every commit would be copied by itself.
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), sqlx::Error> {
        if self.file_length().await < COPY_FROM {
            return Ok(());
        }
        let length = self.checkpoint(PASSIVE).await?;
        if length >= RESTART_FROM {
            // What was written while most of it was copied: only what comes during this is left for the writer's turn.
            self.checkpoint(PASSIVE).await?;
            let is_last = length >= TRUNCATE_FROM;
            self.set(if is_last { PATIENT } else { IMPATIENT }).await?;
            let _pass = self.gate.enter(Priority::Bulk).await;
            self.checkpoint(if is_last { TRUNCATE } else { RESTART })
                .await?;
        }
        Ok(())
    }

    /// Asked of the folder: whoever opens one of SQLite's files by himself and closes it again takes its locks from this whole
    /// process, and other processes then write where this one reads.
    async fn file_length(&self) -> u64 {
        tokio::fs::metadata(&self.log)
            .await
            .map_or(0, |file| file.len())
    }

    /// How many bytes of the log are in use.
    async fn checkpoint(&mut self, how: &'static str) -> Result<u64, sqlx::Error> {
        let connection = self.connection().await?;
        let (_is_busy, frames, _copied): (i64, i64, i64) =
            sqlx::query_as(how).fetch_one(connection).await?;
        // Minus one where there is no log.
        Ok(u64::try_from(frames).unwrap_or(0) * FRAME)
    }

    async fn set(&mut self, pragma: &'static str) -> Result<(), sqlx::Error> {
        let connection = self.connection().await?;
        sqlx::query(pragma).execute(connection).await.map(drop)
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.options.connect().await?)),
        }
    }
}
