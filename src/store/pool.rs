//! The connections: many readers, and writers behind a gate.
//!
//! SQLite has one writing connection that everybody's transactions go through in the order of their priority,
//! and a few that can only read. PostgreSQL has a pool, and one connection apart for acknowledgements, so that no
//! backfill can keep an intake waiting; nobody may use it for rows that a home locks, such as a mailbox's. A transaction is opened and committed in a task of its own: a caller who is
//! cancelled in between leaves neither a lock nor a half-open transaction behind.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, PgPool, SqlitePool};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::checkpoint::Checkpoints;
use super::codec::Row;
use super::dispatch::{On, Query, query};
use super::error::StoreError;
use super::file::{check_writable, make_folder};
use super::gate::{Gate, Priority};
use super::intake::Intake;
use super::tx::{Open, Tx};
use super::wake::{WakeStream, Wakes};
use super::writes::Writes;
use crate::model::time::SharedClock;

/// A host that swallows what is sent to it would keep the first connection waiting for minutes.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// How much of the database we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSettings {
    /// Connections of the pool on PostgreSQL; two more are kept for acknowledgements and for listening.
    pub connections: u32,
    /// Reading connections on SQLite.
    pub readers: u32,
    /// Whether what is committed on SQLite outlasts a power cut. Only what is thrown away afterwards may do without.
    pub durable: bool,
    /// Late writers are not refused: a mistake that tests plant. No setting leads here.
    #[doc(hidden)]
    pub trusts_every_lease: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            connections: 16,
            readers: 4,
            durable: true,
            trusts_every_lease: false,
        }
    }
}

/// The database. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(super) core: Arc<Core>,
    pub(super) intake: Intake,
    /// Ends the tasks of the store with its last clone.
    _alive: Arc<DropGuard>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.backend()).finish()
    }
}

/// What the store and its own tasks share.
pub(super) struct Core {
    pub(super) pools: Pools,
    pub(super) clock: SharedClock,
    pub(super) wakes: Wakes,
    pub(super) writes: Writes,
    stop: CancellationToken,
    pub(super) trusts_every_lease: bool,
    /// How many statements outside of transactions and how many transactions are under way.
    under_way: watch::Sender<usize>,
}

/// One of those that are under way, until dropped.
pub(super) struct UnderWay(Arc<Core>);

impl UnderWay {
    fn begin(core: &Arc<Core>) -> Self {
        core.under_way.send_modify(|count| *count += 1);
        Self(Arc::clone(core))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

pub(super) enum Pools {
    Postgres {
        pool: PgPool,
        acknowledgements: PgPool,
        listening: PgPool,
        /// Since a write was refused because the database may only be read, until one succeeds. Connections that were made
        /// meanwhile may stay like that for good: none goes back to its pool.
        is_read_only: Arc<AtomicBool>,
    },
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        gate: Gate,
        checkpoints: Checkpoints,
    },
}

impl Store {
    /// Opens the database at a `sqlite:` or `postgres:` address. The file of an SQLite database and its folder are
    /// made when they don't exist; the schema is not looked at.
    pub async fn open(url: &str, clock: SharedClock) -> Result<Self, StoreError> {
        Self::open_with(url, StoreSettings::default(), clock).await
    }

    /// The same with other sizes.
    pub async fn open_with(
        url: &str,
        settings: StoreSettings,
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        let stop = CancellationToken::new();
        let wakes = Wakes::new();
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(url, settings, &stop).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let pools = open_postgres(url, settings).await?;
            if let Pools::Postgres { listening, .. } = &pools {
                wakes.relay(listening.clone(), stop.clone()).await?;
            }
            pools
        } else {
            return Err(StoreError::Address {
                reason: "it must begin with sqlite:// or postgres://".to_owned(),
                source: None,
            });
        };
        let core = Arc::new(Core {
            pools,
            clock,
            wakes,
            writes: Writes::default(),
            stop: stop.clone(),
            trusts_every_lease: settings.trusts_every_lease,
            under_way: watch::Sender::new(0),
        });
        Ok(Self {
            intake: Intake::start(Arc::clone(&core)),
            core,
            _alive: Arc::new(stop.drop_guard()),
        })
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.core.backend()
    }

    /// Begins a transaction. Hold it for milliseconds, and never over a request to anybody else.
    pub async fn write(&self, priority: Priority) -> Result<Tx, StoreError> {
        self.core.write(priority).await
    }

    /// Whether somebody who is waited for outside wants the one writer these seconds; never on PostgreSQL, which has many.
    pub fn is_hurried(&self) -> bool {
        match &self.core.pools {
            Pools::Sqlite { gate, .. } => gate.is_hurried(),
            Pools::Postgres { .. } => false,
        }
    }

    /// Completes once no statement and no transaction is under way; for whoever must know that nothing is.
    pub async fn idle(&self) {
        let mut under_way = self.core.under_way.subscribe();
        // The sender lives as long as `self`.
        let _ = under_way.wait_for(|count| *count == 0).await;
    }

    /// Whether a statement or a transaction is under way.
    pub fn is_busy(&self) -> bool {
        *self.core.under_way.borrow() > 0
    }

    /// Asks the database the least there is to ask.
    pub async fn ping(&self) -> Result<(), StoreError> {
        query("SELECT 1").read(self).await.map(drop)
    }

    /// Signals from now on; a hint only. Listen first, look second.
    pub fn wake_listen(&self) -> WakeStream {
        self.core.wakes.listen()
    }

    /// Has everybody in this process look at everything, as after lost signals; for schedules.
    pub fn wake_all(&self) {
        self.core.wakes.tell(&[super::Wake::Everything]);
    }

    /// Closes the connections; what is committed stays, everything else fails from now on.
    pub async fn close(&self) {
        self.core.stop.cancel();
        match &self.core.pools {
            Pools::Postgres {
                pool,
                acknowledgements,
                listening,
                ..
            } => {
                listening.close().await;
                acknowledgements.close().await;
                pool.close().await;
            }
            Pools::Sqlite {
                writer, readers, ..
            } => {
                close_all(readers).await;
                close_all(writer).await;
            }
        }
    }

    pub(super) async fn reading(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        let _under_way = UnderWay::begin(&self.core);
        match &self.core.pools {
            Pools::Postgres { pool, .. } => {
                let mut connection = pool.acquire().await?;
                query.rows_on(On::Postgres(&mut connection)).await
            }
            Pools::Sqlite { readers, .. } => {
                let mut connection = readers.acquire().await?;
                query.rows_on(On::Sqlite(&mut connection)).await
            }
        }
    }
}

impl Core {
    pub(super) fn backend(&self) -> Backend {
        match self.pools {
            Pools::Postgres { .. } => Backend::Postgres,
            Pools::Sqlite { .. } => Backend::Sqlite,
        }
    }

    /// Keeps in mind whether PostgreSQL takes writes, by what came of one.
    pub(super) fn heed<T>(&self, written: Result<T, StoreError>) -> Result<T, StoreError> {
        self.note(written.as_ref().err());
        written
    }

    pub(super) fn note(&self, refusal: Option<&StoreError>) {
        if let Some(error) = refusal {
            self.writes.failed(error, self.backend(), self.clock.now());
        }
        if let Pools::Postgres { is_read_only, .. } = &self.pools {
            match refusal {
                None => is_read_only.store(false, Ordering::Relaxed),
                Some(StoreError::ReadOnly(_)) => is_read_only.store(true, Ordering::Relaxed),
                Some(_) => {}
            }
        }
    }

    pub(super) async fn write(self: &Arc<Self>, priority: Priority) -> Result<Tx, StoreError> {
        let under_way = UnderWay::begin(self);
        let open = match &self.pools {
            Pools::Postgres {
                pool,
                acknowledgements,
                ..
            } => {
                let pool = match priority {
                    Priority::Acknowledgement => acknowledgements,
                    Priority::Live | Priority::Bulk => pool,
                }
                .clone();
                alone(async move { Ok(Open::Postgres(pool.begin().await?)) }).await?
            }
            Pools::Sqlite { writer, gate, .. } => {
                let pass = gate.enter(priority).await;
                let writer = writer.clone();
                alone(async move {
                    let transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                    Ok(Open::Sqlite(transaction, pass))
                })
                .await?
            }
        };
        Ok(Tx::of(open, self, under_way))
    }
}

impl Core {
    /// Runs a text of one or several statements on SQLite's writer, in one trip to the thread that holds the connection;
    /// all rows of all of them. Each statement is a transaction of its own.
    pub(super) async fn write_at_once(
        self: &Arc<Self>,
        priority: Priority,
        query: Query<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let Pools::Sqlite {
            writer,
            gate,
            checkpoints,
            ..
        } = &self.pools
        else {
            return Err(StoreError::Busy);
        };
        let _under_way = UnderWay::begin(self);
        let pass = gate.enter(priority).await;
        let mut connection = writer.acquire().await?;
        let rows = query.rows_on(On::Sqlite(&mut connection)).await;
        self.note(rows.as_ref().err());
        drop(connection);
        drop(pass);
        checkpoints.ask();
        rows
    }
}

/// Runs something in a task of its own, so that it is done whole even when nobody waits for it any more.
pub(super) async fn alone<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(join) => match join.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(StoreError::Unreachable(sqlx::Error::PoolClosed)),
        },
    }
}

/// A connection that is on its way back while the pool closes is put down in it, and left: the last one to close copies
/// the log into the file, so closing goes on until there is none.
async fn close_all(pool: &SqlitePool) {
    while pool.size() > 0 {
        pool.close().await;
    }
    pool.close().await;
}

async fn open_sqlite(
    url: &str,
    settings: StoreSettings,
    stop: &CancellationToken,
) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::from_str(url).map_err(unusable)?;
    let file = options.get_filename().to_owned();
    if url.contains(":memory:") || url.contains("mode=memory") || file.as_os_str().is_empty() {
        return Err(StoreError::Address {
            reason: "it needs a file: readers and the writer are connections of their own"
                .to_owned(),
            source: None,
        });
    }
    make_folder(&file)?;
    check_writable(&file)?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged notice and a published feed position survive a power cut (design §6).
        .synchronous(if settings.durable {
            SqliteSynchronous::Full
        } else {
            SqliteSynchronous::Off
        })
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("temp_store", "memory")
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // When the disk fails a transaction SQLite undoes it by itself, and sqlx, whose ROLLBACK then finds nothing, takes it for
        // open: no other could ever begin on this connection.
        .after_release(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    // One that was dropped is being undone.
                    connection.ping().await?;
                }
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(
            options
                .clone()
                .pragma("cache_size", "-32768")
                // Checkpoints are made beside the writer, see `checkpoint`.
                .pragma("wal_autocheckpoint", "0"),
        )
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(settings.readers.max(1))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.clone().pragma("query_only", "true"))
        .await?;
    let gate = Gate::default();
    let checkpoints = Checkpoints::start(&file, options, gate.clone(), stop.clone());
    Ok(Pools::Sqlite {
        writer,
        readers,
        gate,
        checkpoints,
    })
}

async fn open_postgres(url: &str, settings: StoreSettings) -> Result<Pools, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(unusable)?
        .application_name("graph-mirror")
        // The net under a transaction whose owner has gone: the server ends it.
        .options([
            ("idle_in_transaction_session_timeout", "15s"),
            ("plan_cache_mode", "force_custom_plan"),
        ])
        .disable_statement_logging();
    // The pool would try for seconds and then only say that it took too long.
    let connecting = async { options.connect().await?.close().await };
    tokio::time::timeout(CONNECT_WITHIN, connecting)
        .await
        .map_err(|_| StoreError::Busy)??;
    let is_read_only = Arc::new(AtomicBool::new(false));
    let pools = || {
        let is_read_only = Arc::clone(&is_read_only);
        PgPoolOptions::new().after_release(move |_, _| {
            let is_kept = !is_read_only.load(Ordering::Relaxed);
            Box::pin(async move { Ok(is_kept) })
        })
    };
    let pool = pools()
        .max_connections(settings.connections.max(1))
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.clone());
    let acknowledgements = pools()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(2))
        // Its one statement takes arrays, and planning it anew costs more than running it.
        .connect_lazy_with(
            options
                .clone()
                .options([("plan_cache_mode", "force_generic_plan")]),
        );
    let listening = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options);
    Ok(Pools::Postgres {
        pool,
        acknowledgements,
        listening,
        is_read_only,
    })
}

fn unusable(error: sqlx::Error) -> StoreError {
    StoreError::Address {
        reason: "it cannot be understood".to_owned(),
        source: Some(error.into()),
    }
}
