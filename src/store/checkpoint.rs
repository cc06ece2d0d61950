//! Moving what is in SQLite's write-ahead log into the database file.
//!
//! Left to itself, SQLite does this inside some commit, and whoever waits behind that commit waits for the disk. Here
//! a connection of its own copies beside the writer, which it does not block; only when the log has grown very long
//! does it take the writer's turn for the short rest, so that the log can begin anew. Whoever waits for an acknowledgement
//! waits for that rest, so it is kept as short as it gets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::gate::{Gate, Priority};

/// Bytes of a page in the log, with its header.
const FRAME: u64 = 4_096 + 24;

/// The log is copied once it is this long.
const COPY_FROM: u64 = 16 << 20;

/// The log begins anew once it is this long. Its file keeps its length: to grow it again costs more than to write over it.
const CUT_FROM: u64 = 128 << 20;

/// Once it is this long, those who still read an old state are waited for, and the file is made short.
const CUT_AT_LAST_FROM: u64 = 512 << 20;

/// Whether those are waited for, for 20 milliseconds.
const PATIENT: &str = "PRAGMA busy_timeout = 20";
const IMPATIENT: &str = "PRAGMA busy_timeout = 0";

const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

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
            index: index_of(file),
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

fn index_of(file: &Path) -> PathBuf {
    let mut index = file.as_os_str().to_owned();
    index.push("-shm");
    index.into()
}

/// How many bytes of the log are in use: the number of its frames stands in the header of its index, in the machine's order
/// of bytes (<https://www.sqlite.org/walformat.html>). None while there is no log.
fn length(header: &[u8]) -> u64 {
    header
        .get(16..20)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, |bytes| u64::from(u32::from_ne_bytes(bytes)) * FRAME)
}

struct Copier {
    index: PathBuf,
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
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), sqlx::Error> {
        let length = self.length().await;
        if length < COPY_FROM {
            return Ok(());
        }
        self.copy("PRAGMA wal_checkpoint(PASSIVE)").await?;
        if length >= CUT_FROM {
            // What was written while most of it was copied: a tenth, and then a tenth of that is left for the writer's turn.
            self.copy("PRAGMA wal_checkpoint(PASSIVE)").await?;
            let is_last = length >= CUT_AT_LAST_FROM;
            self.copy(if is_last { PATIENT } else { IMPATIENT }).await?;
            let _pass = self.gate.enter(Priority::Bulk).await;
            self.copy(if is_last { TRUNCATE } else { RESTART }).await?;
        }
        Ok(())
    }

    async fn length(&self) -> u64 {
        let mut header = [0; 20];
        let read = async {
            let mut file = tokio::fs::File::open(&self.index).await?;
            file.read_exact(&mut header).await
        };
        if read.await.is_err() {
            return 0;
        }
        length(&header)
    }

    async fn copy(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            // Whoever reads an old state keeps the log from being cut: then it is cut another time, not waited for.
            none => none.insert(self.options.connect().await?),
        };
        sqlx::query(statement).execute(connection).await.map(drop)
    }
}
