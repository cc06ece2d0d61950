//! The clock of a command that speaks to a sandbox: the sandbox's.
//!
//! Its time is asked for at the start and then ten times a second, so that a clock that is moved on over the control interface
//! moves on here too.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::ambience::{ask_sandbox, sandbox_client};
use super::report::Failure;
use crate::model::time::{Clock as _, ManualClock, SharedClock, SystemClock, Timestamp, until};

/// Between two questions.
const EVERY: Duration = Duration::from_millis(100);

/// A clock that is ahead by less than this has not been moved: it is the question that took its time.
const MOVED: Duration = Duration::from_secs(1);

/// The clock of the sandbox with this control address, as long as the process lives.
pub(super) async fn follow(control_url: Url) -> Result<SharedClock, Failure> {
    let clock = ManualClock::running();
    let client = sandbox_client()?;
    catch_up(&clock, &client, &control_url).await?;
    let following = clock.clone();
    tokio::spawn(async move {
        loop {
            SystemClock.sleep(EVERY).await;
            // A sandbox that has ended has no time; one that begins again at its address does.
            let _ = catch_up(&following, &client, &control_url).await;
        }
    });
    Ok(Arc::new(clock))
}

async fn catch_up(
    clock: &ManualClock,
    client: &reqwest::Client,
    control_url: &Url,
) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Told {
        now: Timestamp,
    }
    let told: Told = ask_sandbox(client, control_url, "clock").await?;
    if until(clock.now(), told.now) >= MOVED {
        clock.advance_to(told.now);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Options, Sandbox};

    #[tokio::test]
    async fn a_command_has_the_time_of_its_sandbox_and_keeps_it() {
        let ahead = Duration::from_hours(48);
        let theirs = ManualClock::running();
        theirs.advance(ahead);
        let sandbox = Sandbox::start(Options {
            mailboxes: 1,
            messages: Some(0),
            events: false,
            clock: Some(theirs.clone()),
            ..Options::default()
        })
        .await
        .expect("the sandbox starts");
        let control_url = sandbox.settings().control_url.parse().expect("an address");

        let ours = follow(control_url).await.expect("the sandbox answers");

        // It was asked a moment ago, and the answer took some time on its way.
        let apart = Duration::from_mins(5);
        assert!(until(ours.now(), theirs.now()) < apart);
        assert!(until(SystemClock.now(), ours.now()) + apart > ahead);
        theirs.advance(ahead);
        ours.sleep_until(theirs.now()).await;
        assert!(until(SystemClock.now(), ours.now()) + apart > ahead * 2);
    }

    #[tokio::test]
    async fn a_sandbox_that_is_not_there_is_named() {
        let nowhere = "http://127.0.0.1:1/control".parse().expect("an address");

        let refused = follow(nowhere).await.err().expect("nobody answers");

        assert!(
            format!("{refused:?}").contains("clock of the sandbox"),
            "{refused:?}"
        );
    }
}
