//! Numbers for Prometheus.
//!
//! Open like `/healthz`: they name no mailbox and no person. Because anybody may ask, the database is asked at most every two
//! seconds, by one request at a time. What is read from it is rendered afresh for each scrape: while it does not answer, its
//! numbers are missing, and `graph_mirror_database_up` says why.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use tokio::sync::Mutex;
use tracing::warn;

use super::state::Api;
use crate::mirror::ladder::QUARANTINE_AFTER;
use crate::model::mailbox::MailboxState;
use crate::model::time::{Timestamp, until};
use crate::store::{Backend, PoolUse, Vitals};
use crate::telemetry::metrics::{self, Metric, table};

/// So long an answer of the database is good.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// A scrape does not wait longer for the database.
const PATIENCE: Duration = Duration::from_secs(4);

/// What the database said last; none when it did not answer.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Mutex<Option<Heard>>>);

/// An answer, or that there was none, and when.
#[derive(Debug)]
struct Heard {
    at: Instant,
    vitals: Option<Vitals>,
}

impl Pulse {
    async fn take(&self, api: &Api) -> Option<Vitals> {
        let mut last = self.0.lock().await;
        if let Some(heard) = last.as_ref()
            && heard.at.elapsed() < GOOD_FOR
        {
            return heard.vitals.clone();
        }
        let asked = api.store.vitals(QUARANTINE_AFTER, api.clock.now());
        let vitals = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(vitals)) => Some(vitals),
            Ok(Err(error)) => {
                warn!(error = %error.chain(), "could not read what the metrics ask of the database");
                None
            }
            Err(_) => None,
        };
        *last = Some(Heard {
            at: Instant::now(),
            vitals: vitals.clone(),
        });
        vitals
    }
}

/// Everything there is to measure, in Prometheus' text form; docs/reference/metrics.md explains each.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses((status = OK, description = "The metrics.", body = String, content_type = "text/plain"))
)]
pub async fn scrape(State(api): State<Api>) -> impl IntoResponse {
    let vitals = api.pulse.take(&api).await;
    let now = api.clock.now();
    let (store, pools) = (&api.store, api.store.pools());
    let mut text = metrics::render();
    text.push_str(&metrics::render_once(|| {
        tell_process(
            store.backend(),
            &pools,
            api.started_at,
            store.is_read_only(),
        );
        table::DATABASE_UP.set(if vitals.is_some() { 1.0 } else { 0.0 }, &[]);
        if let Some(vitals) = &vitals {
            tell(vitals, now);
        }
    }));
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}

fn tell_process(backend: Backend, pools: &[PoolUse], started_at: Timestamp, is_read_only: bool) {
    let database = match backend {
        Backend::Postgres => "postgres",
        Backend::Sqlite => "sqlite",
    };
    table::BUILD.set(1.0, &[env!("CARGO_PKG_VERSION"), database]);
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are exact in a float for longer than anybody serves"
    )]
    table::START.set(started_at.timestamp_millis() as f64 / 1_000.0, &[]);
    table::DATABASE_READ_ONLY.set(if is_read_only { 1.0 } else { 0.0 }, &[]);
    for pool in pools {
        for (state, count) in [("idle", pool.idle), ("used", pool.used)] {
            number(
                &table::DATABASE_CONNECTIONS,
                count as u64,
                &[pool.pool, state],
            );
        }
    }
}

fn tell(vitals: &Vitals, now: Timestamp) {
    for (state, name) in [
        (MailboxState::Connected, "connected"),
        (MailboxState::NeedsReauth, "needs_reauth"),
        (MailboxState::Suspended, "suspended"),
        (MailboxState::Disconnected, "disconnected"),
    ] {
        let found = vitals.mailboxes.iter().find(|(known, _)| *known == state);
        count(
            &table::MAILBOXES,
            found.map_or(0, |(_, count)| *count),
            &[name],
        );
    }
    count(&table::MAILBOXES_COPYING, vitals.copying, &[]);
    count(&table::MAILBOXES_WITHOUT_PUSH, vitals.without_push, &[]);
    count(
        &table::SUBSCRIPTIONS_DOUBTED,
        vitals.subscriptions_doubted,
        &[],
    );
    count(&table::NOTICES_WAITING, vitals.live, &["live"]);
    count(&table::NOTICES_WAITING, vitals.repair, &["repair"]);
    count(&table::NOTICES_QUARANTINED, vitals.failing, &[]);
    age(&table::MIRROR_AGE, vitals.oldest_synced_at, now);
    age(&table::DIRTY_CURSOR, vitals.dirty_since, now);
    age(&table::NOTICES_OLDEST, vitals.oldest_live_at, now);
    let end = vitals.subscription_ends_at.map_or(f64::NAN, |at| {
        until(now, at).as_secs_f64() - until(at, now).as_secs_f64()
    });
    table::SUBSCRIPTION_END.set(end, &[]);
    for (schedule, at) in &vitals.ticks {
        let known = table::TICK_AGE.labels.first();
        if let Some(name) = known.and_then(|label| label.value(schedule)) {
            table::TICK_AGE.set(until(*at, now).as_secs_f64(), &[name]);
        }
    }
}

fn age(metric: &Metric, since: Option<Timestamp>, now: Timestamp) {
    let age = since.map_or(Duration::ZERO, |at| until(at, now));
    metric.set(age.as_secs_f64(), &[]);
}

fn count(metric: &Metric, count: i64, values: &[&'static str]) {
    number(metric, u64::try_from(count).unwrap_or(0), values);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is counted here stays far below what a float holds exactly"
)]
fn number(metric: &Metric, number: u64, values: &[&'static str]) {
    metric.set(number as f64, values);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::later;

    fn told(vitals: &Vitals) -> String {
        let now = later(Timestamp::UNIX_EPOCH, Duration::from_hours(1));
        metrics::render_once(|| tell(vitals, now))
    }

    #[test]
    fn a_subscription_that_has_ended_is_negative_and_none_is_no_number() {
        // M56
        let ended = Vitals {
            subscription_ends_at: Some(Timestamp::UNIX_EPOCH),
            ..Vitals::default()
        };

        assert!(told(&ended).contains("subscription_soonest_end_seconds -3600\n"));
        assert!(told(&Vitals::default()).contains("subscription_soonest_end_seconds NaN\n"));
    }

    #[test]
    fn ages_count_from_their_instant_and_nothing_waiting_is_zero() {
        // M56
        let vitals = Vitals {
            dirty_since: Some(Timestamp::UNIX_EPOCH),
            ticks: vec![
                ("due".to_owned(), Timestamp::UNIX_EPOCH),
                ("of another version".to_owned(), Timestamp::UNIX_EPOCH),
            ],
            ..Vitals::default()
        };

        let text = told(&vitals);

        assert!(
            text.contains("oldest_dirty_cursor_seconds 3600\n"),
            "{text}"
        );
        assert!(text.contains("notices_oldest_seconds 0\n"), "{text}");
        assert!(
            text.contains("schedule_tick_age_seconds{schedule=\"due\"} 3600\n"),
            "{text}"
        );
        assert!(!text.contains("of another version"), "{text}");
        assert!(
            text.contains("mailboxes{state=\"suspended\"} 0\n"),
            "{text}"
        );
    }
}
