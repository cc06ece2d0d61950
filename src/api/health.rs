//! Whether the process lives, and whether it can do its work.
//!
//! What only a person can mend, and what no restart mends, is a warning: the answer stays 200, or a load balancer would
//! take a service out of use that answers as well as before. A database that takes no writes is one of them: every replica meets
//! it at once, so 503 would take them all away, and with them the reads that go on; Graph is told 503 by the intake itself.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Code, Problem, ProblemBody};
use super::state::Api;
use crate::model::time::{Timestamp, later, until};

/// How old the newest tick may be before the schedules count as stopped: the most frequent fires every ten seconds.
pub const SCHEDULES_STALE_AFTER: Duration = Duration::from_mins(5);

/// The process is well.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: String,
    /// The version that answers.
    pub version: String,
}

/// Requests can be answered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Readiness {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: String,
    /// The version that answers.
    pub version: String,
    /// Seconds since any replica's schedules last fired; none when they never did.
    pub last_tick_seconds: Option<u64>,
    /// What the operator must mend.
    pub warnings: Vec<Warning>,
}

/// What kind of warning it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Microsoft refuses the app registration: its id, its secret or its tenant is wrong.
    AppRefused,
    /// The schedules have not fired for minutes.
    SchedulesStale,
    /// The database can be read and not written: its disk is full, or it may only be read.
    DatabaseNotWritable,
}

/// What hinders the service as a whole; no mailbox is to blame.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Warning {
    /// What kind it is.
    pub code: WarningCode,
    /// What happened and what to do.
    pub detail: String,
    /// Microsoft's own code, to look up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invalid_client AADSTS7000215")]
    pub microsoft_code: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

fn ok() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Since when the schedules have stood still: when neither a tick nor the start is recent.
pub fn schedules_stale_since(
    last_tick: Option<Timestamp>,
    started_at: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let alive = last_tick.map_or(started_at, |tick| tick.max(started_at));
    (now > later(alive, SCHEDULES_STALE_AFTER)).then_some(alive)
}

/// The identity platform refuses the app registration, as far as this process has met it (M7).
pub(super) fn app_refused(api: &Api) -> Option<Warning> {
    api.platform.alarm().map(|alarm| Warning {
        code: WarningCode::AppRefused,
        detail: "Microsoft refuses the app registration: check MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET and \
                 MICROSOFT_TENANT_ID; docs/guides/entra-app.md explains the code"
            .to_owned(),
        microsoft_code: Some(alarm.code),
        since: alarm.since,
    })
}

fn schedules_stale(last_tick: Option<Timestamp>, api: &Api) -> Option<Warning> {
    let since = schedules_stale_since(last_tick, api.started_at, api.clock.now())?;
    Some(Warning {
        code: WarningCode::SchedulesStale,
        detail: "the schedules have stopped: nothing polls, renews or audits by itself; restart the service, its log \
                 may say why"
            .to_owned(),
        microsoft_code: None,
        since,
    })
}

/// Writes are refused, as far as this process has met it: its schedules write every few seconds.
fn database_not_writable(api: &Api) -> Option<Warning> {
    api.store.writes_refused().map(|refused| Warning {
        code: WarningCode::DatabaseNotWritable,
        detail: format!(
            "{}; nothing is mirrored meanwhile, and Microsoft is told to deliver again. Make room on its disk, end its read-only \
             mode or give back the privileges; nothing has to be restarted",
            refused.reason
        ),
        microsoft_code: None,
        since: refused.since,
    })
}

/// Says that the process lives. Looks at nothing else: a database that is away is no reason to restart us.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    responses((status = OK, description = "The process lives.", body = Health))
)]
pub async fn healthz() -> Json<Health> {
    ok()
}

/// Says that requests can be answered: the database is there and has the schema of this version.
///
/// A database that takes no writes still answers: that is a warning, and the status stays 200.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = OK, description = "Requests can be answered; `warnings` names what the operator must mend.", body = Readiness),
        (status = SERVICE_UNAVAILABLE, description = "The database is away, busy, or of another version.", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn readyz(State(api): State<Api>) -> Result<(StatusCode, Json<Readiness>), Problem> {
    api.store.schema_check().await.map_err(|error| {
        if error.is_transient() {
            Problem::from(error)
        } else {
            let detail = error.to_string();
            Problem::new(Code::DatabaseUnavailable, detail)
                .hinting("run `graph-mirror migrate` with this version")
        }
    })?;
    let last_tick = api.store.ticks_last().await?;
    let warnings = [
        database_not_writable(&api),
        app_refused(&api),
        schedules_stale(last_tick, &api),
    ];
    let Json(health) = ok();
    let readiness = Readiness {
        status: health.status,
        version: health.version,
        last_tick_seconds: last_tick.map(|at| until(at, api.clock.now()).as_secs()),
        warnings: warnings.into_iter().flatten().collect(),
    };
    Ok((StatusCode::OK, Json(readiness)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{Clock, ManualClock};

    #[test]
    fn the_schedules_are_stale_when_neither_a_tick_nor_the_start_is_recent() {
        let clock = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
        let yesterday = Timestamp::UNIX_EPOCH - chrono::TimeDelta::days(1);
        let started_at = clock.now();

        assert_eq!(
            schedules_stale_since(Some(yesterday), started_at, clock.now()),
            None
        );
        clock.advance(SCHEDULES_STALE_AFTER);
        assert_eq!(schedules_stale_since(None, started_at, clock.now()), None);
        clock.advance(Duration::from_secs(1));
        assert_eq!(
            schedules_stale_since(None, started_at, clock.now()),
            Some(started_at)
        );
        assert_eq!(
            schedules_stale_since(Some(yesterday), started_at, clock.now()),
            Some(started_at)
        );
        assert_eq!(
            schedules_stale_since(Some(clock.now()), started_at, clock.now()),
            None
        );
    }
}
