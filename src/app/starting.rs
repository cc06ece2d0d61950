//! From the first word of a process to the whole service: it listens at once, waits for its database, and only then is ready.
//!
//! A database that comes up a minute after us is no reason to end, and none to pretend: until the service stands, `/healthz`
//! says that the process lives, and everything else is refused with the request to come again, which Graph heeds too. The wait is
//! bounded, and it is only for a database that may still come up: what waiting does not mend ends the process with the reason.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{App, AppError};
use crate::api::health::healthz;
use crate::api::{Code, Problem};
use crate::config::Settings;
use crate::model::time::{SharedClock, Timestamp, later, until};

/// The pause after the first attempt; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(250);

/// No pause is longer, so that the service is ready soon after its database.
const LONGEST: Duration = Duration::from_secs(2);

/// While it waits, it says so again after so long.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// So long the last answers of the waiting server may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl App {
    /// Builds the service while `listener` answers that it is not ready yet; gives the listener back with it, no connection
    /// lost in between. `None` when it was told to stop meanwhile.
    pub async fn start(
        settings: Settings,
        clock: SharedClock,
        listener: TcpListener,
        stop: &CancellationToken,
    ) -> Result<Option<(Self, TcpListener)>, AppError> {
        let doorkeeper = Doorkeeper::at(&listener)?;
        let built = tokio::select! {
            built = build_patiently(settings, clock) => built.map(Some),
            () = stop.cancelled() => Ok(None),
        };
        doorkeeper.leave().await;
        Ok(built?.map(|app| (app, listener)))
    }
}

/// Builds it as often as waiting can help.
async fn build_patiently(settings: Settings, clock: SharedClock) -> Result<App, AppError> {
    let limit = settings.database.wait;
    let began_at = clock.now();
    let mut told_at: Option<Timestamp> = None;
    let mut attempt = 0;
    loop {
        let error = match App::build(settings.clone(), clock.clone()).await {
            Err(AppError::Database(error)) if error.may_come_up() => error,
            built => {
                if told_at.is_some() && built.is_ok() {
                    let waited = until(began_at, clock.now()).as_secs();
                    info!("the database answers after {waited} seconds");
                }
                return built;
            }
        };
        let waited = until(began_at, clock.now());
        let Some(pause) = pause(attempt, waited, limit) else {
            return Err(match limit {
                Duration::ZERO => AppError::Database(error),
                _ => AppError::DatabaseAway {
                    waited,
                    source: error,
                },
            });
        };
        if told_at.is_none_or(|told_at| clock.now() >= later(told_at, TELL_EVERY)) {
            told_at = Some(clock.now());
            warn!(
                error = %error.chain(),
                "waiting for the database, which cannot be reached yet: {} of {} seconds (DATABASE_WAIT), then this process ends",
                waited.as_secs(),
                limit.as_secs()
            );
        }
        clock.sleep(pause).await;
        attempt += 1;
    }
}

/// How long to pause before the next attempt; none when the wait is over.
fn pause(attempt: u32, waited: Duration, limit: Duration) -> Option<Duration> {
    let pause = FIRST.saturating_mul(1 << attempt.min(4)).min(LONGEST);
    let left = limit.saturating_sub(waited);
    (!left.is_zero()).then(|| pause.min(left))
}

/// Answers until the service stands.
struct Doorkeeper {
    leaving: CancellationToken,
    answering: JoinHandle<()>,
}

impl Doorkeeper {
    /// Begins to answer on a second handle of the same socket.
    fn at(listener: &TcpListener) -> Result<Self, AppError> {
        let own = second_handle(listener).map_err(AppError::Serve)?;
        let leaving = CancellationToken::new();
        let left = leaving.clone().cancelled_owned();
        let router = Router::new()
            .route("/healthz", get(healthz))
            .fallback(not_yet);
        let answering = tokio::spawn(async move {
            // What fails here fails again, and is told, when the service itself serves.
            let _ = axum::serve(own, router).with_graceful_shutdown(left).await;
        });
        Ok(Self { leaving, answering })
    }

    /// Leaves the socket to the service. Who comes meanwhile waits in front of it.
    async fn leave(mut self) {
        self.leaving.cancel();
        if tokio::time::timeout(LAST_WORDS, &mut self.answering)
            .await
            .is_err()
        {
            self.answering.abort();
        }
    }
}

fn second_handle(listener: &TcpListener) -> std::io::Result<TcpListener> {
    use std::os::fd::AsFd as _;
    let handle = listener.as_fd().try_clone_to_owned()?;
    TcpListener::from_std(handle.into())
}

async fn not_yet() -> Problem {
    Problem::new(
        Code::DatabaseUnavailable,
        "the service is starting: its database is not open yet",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_with_the_wait() {
        let limit = Duration::from_mins(5);

        assert_eq!(pause(0, Duration::ZERO, limit), Some(FIRST));
        assert_eq!(pause(1, FIRST, limit), Some(FIRST * 2));
        assert_eq!(pause(900, FIRST, limit), Some(LONGEST));
        let nearly = limit.checked_sub(Duration::from_millis(10)).expect("more");
        assert_eq!(pause(900, nearly, limit), Some(Duration::from_millis(10)));
        assert_eq!(pause(900, limit, limit), None);
        assert_eq!(pause(0, Duration::ZERO, Duration::ZERO), None);
    }
}
