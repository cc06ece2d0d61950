//! The closed list of metrics: the one place that knows a name, its kind, its labels and what it tells.

use super::Kind::{Counter, Gauge, Histogram};
use super::Source::{Database, Process, Scrape};
use super::{Label, Metric};

/// Bounds for what people wait for.
const LAG: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];
/// Bounds for what Graph waits for: it holds back from whoever takes more than ten seconds.
const ANSWER: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// Bounds for a request to Graph.
const REQUEST: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0];
/// Bounds for the waits that Graph asks for.
const WAIT: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3_600.0];

const fn label(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values }
}

macro_rules! metrics {
    ($($const:ident = $name:literal, $kind:expr, $source:expr, [$($label:expr),*], $help:expr;)*) => {
        $(
            #[doc = $help]
            pub const $const: Metric = Metric {
                name: concat!("graph_mirror_", $name),
                kind: $kind,
                source: $source,
                help: $help,
                labels: &[$($label),*],
            };
        )*

        /// All of them, in the order of the reference.
        pub const ALL: &[&Metric] = &[$(&$const),*];
    };
}

metrics! {
    INTAKE = "intake_seconds", Histogram(ANSWER), Process,
        [label("answer", &["accepted", "handshake", "refused", "unavailable"])],
        "From the first byte of a post of Graph's to our answer; `unavailable` is a 503, after which Graph delivers again.";
    NOTIFICATIONS = "notifications_total", Counter, Process,
        [label("outcome", &["recorded", "parked", "not_connected", "malformed", "forged", "unknown"])],
        "Change notifications by what became of them; `parked` names a subscription that is not known yet, `forged` carries no clientState of ours.";
    NOTIFICATIONS_REPEATED = "notifications_repeated_total", Counter, Process, [],
        "Notifications of an item for which one waited already: they cost nothing more.";
    LIFECYCLE = "lifecycle_events_total", Counter, Process,
        [label("event", &["reauthorization_required", "subscription_removed", "missed"])],
        "Lifecycle events of subscriptions; after `missed` and `subscription_removed` a round looks for what was lost.";
    NOTIFICATION_LAG = "notification_store_lag_seconds", Histogram(LAG), Process, [],
        "From the receipt of a notification to the committed row.";
    CHANGE_LAG = "change_store_lag_seconds", Histogram(LAG), Process,
        [label("found_by", &["notification", "round"])],
        "From an item's lastModifiedDateTime to the committed row; first copies aside.";
    ROWS = "rows_written_total", Counter, Process,
        [label("effect", &["created", "updated", "deleted"])],
        "Rows of messages and events that a commit changed.";
    NOTICES_POSTPONED = "notices_postponed_total", Counter, Process, [],
        "Items that could not be read yet and are looked at again.";
    GRAPH_REQUESTS = "graph_requests_total", Counter, Process,
        [
            label("kind", &["batch", "messages", "messages_delta", "folders", "attachments", "events", "calendars", "calendar_view", "subscriptions", "other"]),
            label("answer", &["2xx", "404", "410", "429", "4xx", "503", "5xx", "none"])
        ],
        "Requests to Graph by what they ask for and how they were answered; `none` is no answer in time.";
    GRAPH_REQUEST = "graph_request_seconds", Histogram(REQUEST), Process, [],
        "From a request to Graph to the last byte of its answer.";
    GRAPH_QUOTA = "graph_quota_requests_total", Counter, Process, [],
        "Requests as Graph counts them against the quota of mailboxes: each part of a batch is one.";
    GRAPH_THROTTLED = "graph_throttled_requests_total", Counter, Process, [],
        "Requests and parts of batches that were throttled (429).";
    GRAPH_WAIT = "graph_throttle_wait_seconds", Histogram(WAIT), Process,
        [label("answer", &["429", "503", "504"])],
        "Waits that Graph asked for, or that we chose where it named none; the mailbox is left alone for so long.";
    ROUNDS = "rounds_total", Counter, Process,
        [label("walk", &["full", "incremental"]), label("outcome", &["ended", "put_off"])],
        "Delta rounds of folders and calendar windows.";
    PAGES = "delta_pages_total", Counter, Process, [],
        "Pages of delta rounds that were applied.";
    RESYNCS = "resyncs_total", Counter, Process,
        [label("reason", &["token_refused", "unusable_answer", "audit", "command"])],
        "Cursors that were thrown away, so that a full round begins: Graph refused the delta token, answered with what leads nowhere, an audit found the folders different, or somebody asked for it.";
    PUSH_DOUBTS = "push_doubts_total", Counter, Process,
        [label("watches", &["messages", "events"])],
        "Changes that a round found though a subscription should have announced them: notifications are slow or dropped.";
    QUARANTINED = "items_quarantined_total", Counter, Process, [],
        "Items that failed so often that they are put aside for a week.";
    AUDITS = "audits_total", Counter, Process,
        [label("outcome", &["equal", "different"])],
        "Comparisons of a mailbox with its mirror.";
    DIFFERENCES = "audit_differences_total", Counter, Process,
        [label("healed", &["yes", "no"])],
        "Differences that audits found; those of `verify` without repair are not healed.";
    HOMES = "homes_held", Gauge, Process, [],
        "Mailboxes that this process serves now.";
    LEASES_LOST = "leases_lost_total", Counter, Process,
        [label("reason", &["taken", "not_extended"])],
        "Leases that were lost while a mailbox was served: another process has it, or the database could not be reached in time.";
    HOME_PANICS = "home_panics_total", Counter, Process, [],
        "Spells of work that ended in a panic: a fault of ours.";
    TOKEN_REFRESHES = "token_refreshes_total", Counter, Process,
        [label("outcome", &["refreshed", "overtaken", "failed", "needs_sign_in", "app_refused"])],
        "Attempts to refresh a mailbox's tokens; `failed` is tried again, `needs_sign_in` waits for its person, `app_refused` for the operator.";
    DATABASE_ERRORS = "database_errors_total", Counter, Process,
        [label("kind", &["busy", "unreachable", "disk_full", "read_only", "refused"])],
        "Errors of the database by kind; `refused` is a fault of ours.";
    SCHEDULES = "schedule_runs_total", Counter, Process,
        [label("schedule", SCHEDULE_NAMES), label("outcome", &["done", "failed"])],
        "Ticks that this process carried out.";

    MAILBOXES = "mailboxes", Gauge, Database,
        [label("state", &["connected", "needs_reauth", "suspended", "disconnected"])],
        "Mailboxes by state; `needs_reauth` waits until its person signs in again.";
    MAILBOXES_COPYING = "mailboxes_copying", Gauge, Database, [],
        "Connected mailboxes whose first copy has not ended.";
    MAILBOXES_WITHOUT_PUSH = "mailboxes_without_push", Gauge, Database, [],
        "Connected mailboxes whose notifications are missing or not believed in: they are polled.";
    MIRROR_AGE = "oldest_mirror_age_seconds", Gauge, Database, [],
        "Age of the state that the least recently completed mirror shows; first copies aside, 0 when there is none.";
    DIRTY_CURSOR = "oldest_dirty_cursor_seconds", Gauge, Database, [],
        "How long the delta cursor waits that was asked for a round and is overdue the longest; 0 when none is.";
    SUBSCRIPTION_END = "subscription_soonest_end_seconds", Gauge, Database, [],
        "Until the subscription ends that ends first; NaN when there is none, negative when it has ended.";
    SUBSCRIPTIONS_DOUBTED = "subscriptions_doubted", Gauge, Database, [],
        "Subscriptions that did not announce a change and have not announced one since.";
    NOTICES_WAITING = "notices_waiting", Gauge, Database,
        [label("lane", &["live", "repair"])],
        "Items of connected mailboxes that wait to be looked at: announced ones and suspected ones.";
    NOTICES_OLDEST = "notices_oldest_seconds", Gauge, Database, [],
        "How long the announced item waits that waits the longest and has not failed; 0 when none does.";
    NOTICES_QUARANTINED = "notices_quarantined", Gauge, Database, [],
        "Items that failed so often that they are put aside; `graph-mirror quarantine list` names them.";
    TICK_AGE = "schedule_tick_age_seconds", Gauge, Database,
        [label("schedule", SCHEDULE_NAMES)],
        "Since a schedule last fired in any process; missing until it has.";

    DATABASE_UP = "database_up", Gauge, Scrape, [],
        "1 when the database answered this scrape, else 0.";
    DATABASE_READ_ONLY = "database_read_only", Gauge, Scrape, [],
        "1 since PostgreSQL refused a write because it may only be read, until one succeeds.";
    DATABASE_CONNECTIONS = "database_connections", Gauge, Scrape,
        [label("pool", &["shared", "acknowledgements", "writer", "readers"]), label("state", &["idle", "used"])],
        "Open connections to the database; `shared` and `acknowledgements` on PostgreSQL, `writer` and `readers` on SQLite.";
    BUILD = "build_info", Gauge, Scrape,
        [label("version", &[]), label("database", &["postgres", "sqlite"])],
        "Always 1; its labels tell the version and the kind of database.";
    START = "start_time_seconds", Gauge, Scrape, [],
        "When this process began to serve, in seconds since 1970.";
}

/// The schedules by the names they have in the table of ticks.
pub const SCHEDULE_NAMES: &[&str] = &["subscriptions", "due", "parked", "upkeep"];
