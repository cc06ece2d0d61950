//! Making notices durable before the 202 is given: group commit.
//!
//! Everybody who waits is written together, in one transaction, by one task; while that commit is under way, the
//! next group forms by itself. A lone notice is written at once; after a group of several the next one is given some turns
//! of the runtime to gather, because whoever was answered together comes again together, and a commit for the first of
//! them alone costs all the others as much as their own. Whoever finds the line full, or waits longer than two seconds,
//! is told that the database is busy, and Graph delivers again later.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::bulk;
use super::codec::{Row, Value, Word, clean_json};
use super::dispatch::{On, Query, Sql, query};
use super::error::StoreError;
use super::gate::Priority;
use super::notices::COALESCE;
use super::pool::{Backend, Core, Pools, Store};
use super::wake::Wake;
use crate::model::ids::{GraphId, MailboxId, SubscriptionKey, TraceId};
use crate::model::time::Timestamp;
use crate::model::work::ChangeHint;
use crate::telemetry::metrics::table;

/// How many intakes may wait; one more is told that the database is busy.
const LINE: usize = 4_096;

/// How long an intake waits for its commit.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many notices one transaction takes.
const GROUP: usize = 2_000;

/// A group that gathers is closed once nobody came for so many turns of the runtime, which are short when nothing else
/// runs and long when everybody who was answered is about to come again, and for a twentieth of what a commit costs.
const TURNS: u32 = 8;
const GATHERING: Duration = Duration::from_micros(60);

/// A notice as it came in, its clientState checked already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingNotice {
    /// The subscription its clientState names.
    pub subscription: SubscriptionKey,
    /// Graph's id of that subscription, as the notice says.
    pub graph_subscription_id: Option<String>,
    /// The item.
    pub external_id: GraphId,
    /// What the notice says happened.
    pub hint: ChangeHint,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The notice as it came, its secrets cut out; kept only while it is parked.
    pub raw: Option<String>,
    /// What the post that brought it is followed by.
    pub trace: Option<TraceId>,
}

/// What became of the notices of one intake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IntakeOutcome {
    /// They wait for the home of their mailbox.
    pub recorded: usize,
    /// Their subscription is not known (yet).
    pub parked: usize,
    /// Their mailbox is not mirrored at present.
    pub dropped: usize,
}

/// An array on PostgreSQL holds no NULL here.
const NO_TRACE: uuid::Uuid = uuid::Uuid::nil();

/// The way into the line.
#[derive(Clone)]
pub(super) struct Intake {
    line: mpsc::Sender<Waiting>,
}

struct Waiting {
    notices: Vec<IncomingNotice>,
    answer: oneshot::Sender<Result<IntakeOutcome, Arc<StoreError>>>,
}

impl Store {
    /// Makes notices durable; returns once they are. See [`IntakeOutcome`] for what may become of them.
    pub async fn notices_intake(
        &self,
        notices: Vec<IncomingNotice>,
    ) -> Result<IntakeOutcome, StoreError> {
        if notices.is_empty() {
            return Ok(IntakeOutcome::default());
        }
        let (answer, answered) = oneshot::channel();
        self.intake
            .line
            .try_send(Waiting { notices, answer })
            .map_err(|_| StoreError::Busy.counted())?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome.map_err(StoreError::Notices),
            Ok(Err(_)) | Err(_) => Err(StoreError::Busy.counted()),
        }
    }
}

impl Intake {
    pub(super) fn start(core: Arc<Core>) -> Self {
        let (line, waiting) = mpsc::channel(LINE);
        tokio::spawn(serve(core, waiting));
        Self { line }
    }
}

/// Ends when the last store is dropped.
async fn serve(core: Arc<Core>, mut line: mpsc::Receiver<Waiting>) {
    let mut group = Vec::new();
    let mut is_crowded = false;
    while let Some(first) = line.recv().await {
        let mut size = first.notices.len();
        group.push(first);
        let (mut came_at, mut turns) = (Instant::now(), 0);
        while size < GROUP {
            if let Ok(next) = line.try_recv() {
                size += next.notices.len();
                group.push(next);
                (came_at, turns) = (Instant::now(), 0);
            } else if is_crowded && (turns < TURNS || came_at.elapsed() < GATHERING) {
                turns += 1;
                tokio::task::yield_now().await;
            } else {
                break;
            }
        }
        is_crowded = group.len() > 1;
        // Whoever has given up will deliver again: not written, not answered.
        group.retain(|waiting| !waiting.answer.is_closed());
        let mut recorded = record(&core, &group).await;
        if matches!(recorded, Err(StoreError::Busy | StoreError::Unreachable(_))) {
            // A deadlock that the server resolved at our cost, or a connection that had died while it was idle.
            recorded = record(&core, &group).await;
        }
        match recorded {
            Ok(known) => {
                for waiting in group.drain(..) {
                    let outcome = outcome(&waiting.notices, &known);
                    let _ = waiting.answer.send(Ok(outcome));
                }
            }
            Err(error) => {
                error!(
                    error = %error.chain(),
                    notices = size,
                    "could not make {size} notices durable"
                );
                let error = Arc::new(error);
                for waiting in group.drain(..) {
                    let _ = waiting.answer.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}

/// What is known of a subscription that notices named.
#[derive(Debug, Clone, Copy)]
struct Known {
    mailbox: MailboxId,
    is_connected: bool,
}

fn outcome(notices: &[IncomingNotice], known: &HashMap<SubscriptionKey, Known>) -> IntakeOutcome {
    let mut outcome = IntakeOutcome::default();
    for notice in notices {
        match known.get(&notice.subscription) {
            None => outcome.parked += 1,
            Some(known) if known.is_connected => outcome.recorded += 1,
            Some(_) => outcome.dropped += 1,
        }
    }
    outcome
}

/// One item of the group: the first time it was received, the last thing that was said of it.
struct Item<'a> {
    first_received_at: Timestamp,
    first_trace: Option<TraceId>,
    last: &'a IncomingNotice,
}

/// The items that the group names, each once, in the order of their keys.
fn items(group: &[Waiting]) -> BTreeMap<(SubscriptionKey, &GraphId), Item<'_>> {
    let mut items = BTreeMap::new();
    for notice in group.iter().flat_map(|waiting| &waiting.notices) {
        items
            .entry((notice.subscription, &notice.external_id))
            .and_modify(|item: &mut Item<'_>| item.last = notice)
            .or_insert(Item {
                first_received_at: notice.received_at,
                first_trace: notice.trace,
                last: notice,
            });
    }
    items
}

async fn record(
    core: &Arc<Core>,
    group: &[Waiting],
) -> Result<HashMap<SubscriptionKey, Known>, StoreError> {
    let items = items(group);
    let known = match core.backend() {
        Backend::Postgres => record_postgres(core, &items).await,
        Backend::Sqlite => record_sqlite(core, &items).await,
    }?;
    let named: usize = group.iter().map(|waiting| waiting.notices.len()).sum();
    table::NOTIFICATIONS_REPEATED.add_all(named - items.len(), &[]);
    Ok(known)
}

type Items<'a> = BTreeMap<(SubscriptionKey, &'a GraphId), Item<'a>>;

/// One statement, which is its own transaction: one round trip and one commit for the whole group. The order of the key
/// is the order in which rows are locked, as in `Tx::notices_settle`.
async fn record_postgres(
    core: &Arc<Core>,
    items: &Items<'_>,
) -> Result<HashMap<SubscriptionKey, Known>, StoreError> {
    const RECORD: Sql = Sql {
        postgres: "WITH named AS (
                SELECT n.*, NULLIF(n.trace, '00000000-0000-0000-0000-000000000000') AS trace_id
                FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $9::uuid[])
                    AS n (key, external_id, hint, received_at, graph_subscription_id, raw, trace)
            ), known AS (
                SELECT n.external_id COLLATE \"C\" AS external_id, n.hint, n.received_at, n.trace_id, s.key, s.mailbox_id,
                    s.kind, m.state
                FROM named n JOIN subscriptions s ON s.key = n.key JOIN mailboxes m ON m.id = s.mailbox_id
            ), noted AS (
                INSERT INTO notices (mailbox_id, kind, external_id, lane, hint, generation, received_at, due_at,
                    attempts, trace_id)
                SELECT mailbox_id, CASE kind WHEN 'events' THEN 'event' ELSE 'message' END, external_id, 'live',
                    max(hint), 1, min(received_at), min(received_at), 0, (array_agg(trace_id ORDER BY received_at))[1]
                FROM known WHERE state = 'connected'
                GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                ON CONFLICT (mailbox_id, kind, external_id) DO UPDATE SET generation = notices.generation + 1,
                    lane = 'live', hint = excluded.hint, due_at = LEAST(notices.due_at, excluded.due_at), attempts = 0,
                    trace_id = COALESCE(notices.trace_id, excluded.trace_id)
                RETURNING mailbox_id
            ), parked AS (
                INSERT INTO parked_notices (id, key, graph_subscription_id, external_id, hint, received_at, raw, trace_id)
                SELECT gen_random_uuid(), n.key, NULLIF(n.graph_subscription_id, ''), n.external_id, n.hint,
                    n.received_at, CAST(NULLIF(n.raw, '') AS jsonb), n.trace_id
                FROM named n WHERE NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.key = n.key)
            ), told AS (
                SELECT count(*) AS mailboxes, string_agg(' m' || replace(CAST(mailbox_id AS text), '-', ''), '') AS names
                FROM (SELECT DISTINCT mailbox_id FROM noted) d
            )
            SELECT DISTINCT key, mailbox_id, state, (
                SELECT CAST(pg_notify($7, $8 || CASE WHEN mailboxes > 150 THEN ' *' ELSE names END) AS text)
                FROM told WHERE mailboxes > 0
            ) AS told
            FROM known",
        sqlite: "",
    };
    let Pools::Postgres {
        acknowledgements, ..
    } = &core.pools
    else {
        return Err(StoreError::Busy);
    };
    let texts = |text: fn(&Item<'_>) -> String| {
        Value::Texts(items.values().map(|item| text(item).into()).collect())
    };
    let (channel, sender) = core.wakes.notify(&[]);
    let query = query(RECORD)
        .bind(Value::Uuids(items.keys().map(|(key, _)| key.0).collect()))
        .bind(Value::Texts(
            items.keys().map(|(_, id)| id.as_str().into()).collect(),
        ))
        .bind(texts(|item| item.last.hint.word().to_owned()))
        .bind(Value::Times(
            items.values().map(|item| item.first_received_at).collect(),
        ))
        .bind(texts(|item| {
            item.last.graph_subscription_id.clone().unwrap_or_default()
        }))
        .bind(texts(|item| {
            clean_json(item.last.raw.as_deref().unwrap_or_default().into()).into_owned()
        }))
        .bind(channel)
        .bind(sender)
        .bind(Value::Uuids(
            items
                .values()
                .map(|item| item.first_trace.map_or(NO_TRACE, TraceId::uuid))
                .collect(),
        ));
    let mut connection = acknowledgements.acquire().await?;
    let rows = core.heed(query.rows_on(On::Postgres(&mut connection)).await)?;
    let known = read_known(&rows)?;
    tell(core, &known);
    Ok(known)
}

fn read_known(rows: &[Row]) -> Result<HashMap<SubscriptionKey, Known>, StoreError> {
    rows.iter()
        .map(|row| {
            let known = Known {
                mailbox: row.get("mailbox_id")?,
                is_connected: row.get::<String>("state")? == "connected",
            };
            Ok((row.get("key")?, known))
        })
        .collect()
}

fn connected(known: &HashMap<SubscriptionKey, Known>) -> Vec<Wake> {
    let mailboxes = known
        .values()
        .filter(|known| known.is_connected)
        .map(|known| known.mailbox)
        .collect::<HashSet<_>>();
    mailboxes.into_iter().map(Wake::Mailbox).collect()
}

fn tell(core: &Core, known: &HashMap<SubscriptionKey, Known>) {
    core.wakes.tell(&connected(known));
}

/// One trip to the one writer for each chunk, with one statement that is its own transaction: while everybody's processor is
/// busy, each further trip costs as much as the commit. Notices of unknown subscriptions are rare and follow by themselves.
async fn record_sqlite(
    core: &Arc<Core>,
    items: &Items<'_>,
) -> Result<HashMap<SubscriptionKey, Known>, StoreError> {
    let mut known = HashMap::new();
    let all = items.iter().collect::<Vec<_>>();
    for chunk in all.chunks(bulk::LIST_AT_MOST) {
        let rows = core
            .write_at_once(Priority::Acknowledgement, noting(chunk))
            .await?;
        known.extend(read_known(&rows)?);
    }
    tell(core, &known);
    let strangers = all
        .iter()
        .filter(|((key, _), _)| !known.contains_key(key))
        .map(|(_, item)| *item)
        .collect::<Vec<_>>();
    park(core, &strangers).await?;
    Ok(known)
}

/// Records what a chunk names of known subscriptions, and shows these. Rows and keys are filled up to a fixed count, rows with
/// NULL, which is nobody's key.
fn noting<'q>(chunk: &[(&(SubscriptionKey, &'q GraphId), &Item<'q>)]) -> Query<'q> {
    let count = bulk::filled_up(chunk.len());
    let mut values = Vec::with_capacity(count * 6);
    for ((key, external_id), item) in chunk {
        values.extend([
            Value::from(*key),
            (*external_id).into(),
            item.last.hint.into(),
            item.first_received_at.into(),
            item.first_trace.into(),
        ]);
    }
    values.resize(count * 5, Value::Text(None));
    values.extend(chunk.iter().map(|((key, _), _)| Value::from(*key)));
    values.resize(count * 6, Value::Text(None));
    query(format!(
        "WITH named (key, external_id, hint, received_at, trace_id) AS (VALUES {})
         INSERT INTO notices (mailbox_id, kind, external_id, lane, hint, generation, received_at, due_at, attempts, trace_id)
         SELECT s.mailbox_id, CASE s.kind WHEN 'events' THEN 'event' ELSE 'message' END, n.external_id, 'live', n.hint, 1,
            n.received_at, n.received_at, 0, n.trace_id
         FROM named n CROSS JOIN subscriptions s ON s.key = n.key CROSS JOIN mailboxes m ON m.id = s.mailbox_id
         WHERE m.state = 'connected' {COALESCE};
         SELECT s.key, s.mailbox_id, m.state
         FROM subscriptions s JOIN mailboxes m ON m.id = s.mailbox_id WHERE s.key IN {}",
        bulk::rows(Backend::Sqlite, count, 5),
        bulk::rows(Backend::Sqlite, 1, count),
    ))
    .bind_all(values)
}

/// Keeps notices of subscriptions that are not known yet (M20).
async fn park(core: &Arc<Core>, strangers: &[&Item<'_>]) -> Result<(), StoreError> {
    if strangers.is_empty() {
        return Ok(());
    }
    let mut tx = core.write(Priority::Acknowledgement).await?;
    for item in strangers {
        query(
            "INSERT INTO parked_notices (id, key, graph_subscription_id, external_id, hint, received_at, raw, trace_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(uuid::Uuid::now_v7())
        .bind(item.last.subscription)
        .bind(&item.last.graph_subscription_id)
        .bind(&item.last.external_id)
        .bind(item.last.hint)
        .bind(item.first_received_at)
        .bind(Value::Json(item.last.raw.as_deref().map(Cow::Borrowed)))
        .bind(item.first_trace)
        .execute(&mut tx)
        .await?;
    }
    tx.commit().await
}
