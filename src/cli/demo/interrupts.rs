//! Ctrl-C while the demo runs.
//!
//! The first ends what people do and lets the demo come to its end: the last changes are waited for and every mailbox is compared. The
//! second ends the waiting too. Neither ends the process by itself: what the demo made must be cleared away first.

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use crate::cli::stop::asked_to_stop;

/// How often somebody asked to end.
pub(super) struct Interrupts {
    /// Once.
    pub first: CancellationToken,
    /// Twice.
    pub second: CancellationToken,
}

impl Interrupts {
    /// Hears of them from now on.
    pub(super) fn listen() -> Self {
        let this = Self::none();
        let (first, second) = (this.first.clone(), this.second.clone());
        tokio::spawn(async move {
            asked_to_stop().await;
            first.cancel();
            asked_to_stop().await;
            second.cancel();
        });
        this
    }

    /// Nobody interrupts.
    pub(super) fn none() -> Self {
        Self {
            first: CancellationToken::new(),
            second: CancellationToken::new(),
        }
    }
}

/// The work's outcome, or an error when `interrupt` comes first.
pub(super) async fn unless<T>(
    interrupt: &CancellationToken,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        () = interrupt.cancelled() => bail!("interrupted"),
    }
}
