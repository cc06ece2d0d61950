//! Signals that there is work: a hint, never the truth.
//!
//! Whoever serves mailboxes listens first and looks second; a signal that gets lost costs one slow poll. In one
//! process a signal travels by a channel, between processes by PostgreSQL's NOTIFY, which is sent with the commit and
//! only if it succeeds. Our own NOTIFY comes back to us too and is told by the name it carries.

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::error::StoreError;
use crate::model::ids::{CommandId, MailboxId};

const CHANNEL: &str = "graph_mirror";

/// How many ids one NOTIFY names; more than that, and everybody looks at everything. PostgreSQL takes 8,000 bytes.
const NAMED_AT_MOST: usize = 150;

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wake {
    /// This mailbox has work.
    Mailbox(MailboxId),
    /// This command has an outcome.
    Outcome(CommandId),
    /// Signals may have been lost: look at everything.
    Everything,
}

/// Signals from now on.
#[derive(Debug)]
pub struct WakeStream {
    receiver: broadcast::Receiver<Wake>,
}

impl WakeStream {
    /// The next signal. Never ends; a store that was closed gives none.
    pub async fn next(&mut self) -> Wake {
        match self.receiver.recv().await {
            Ok(wake) => wake,
            Err(broadcast::error::RecvError::Lagged(_)) => Wake::Everything,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Where signals come together in this process.
#[derive(Debug, Clone)]
pub(crate) struct Wakes {
    sender: broadcast::Sender<Wake>,
    name: Uuid,
}

impl Wakes {
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(1024),
            name: Uuid::new_v4(),
        }
    }

    pub(crate) fn listen(&self) -> WakeStream {
        WakeStream {
            receiver: self.sender.subscribe(),
        }
    }

    /// Tells everybody in this process.
    pub(crate) fn tell(&self, wakes: &[Wake]) {
        for wake in wakes {
            // Nobody listening is fine.
            let _ = self.sender.send(*wake);
        }
    }

    /// The channel and the payload that tells the other processes.
    pub(crate) fn notify(&self, wakes: &[Wake]) -> (&'static str, String) {
        let mut payload = self.name.simple().to_string();
        if wakes.len() > NAMED_AT_MOST || wakes.contains(&Wake::Everything) {
            payload.push_str(" *");
            return (CHANNEL, payload);
        }
        for wake in wakes {
            match wake {
                Wake::Mailbox(id) => {
                    let _ = write!(payload, " m{}", id.0.simple());
                }
                Wake::Outcome(id) => {
                    let _ = write!(payload, " c{}", id.0.simple());
                }
                Wake::Everything => {}
            }
        }
        (CHANNEL, payload)
    }

    fn hear(&self, payload: &str) {
        let mut words = payload.split(' ');
        let own = self.name.simple().to_string();
        if words.next() == Some(own.as_str()) {
            return;
        }
        for word in words {
            self.tell(&[understand(word)]);
        }
    }

    /// Passes on what other processes signal, until `stop`. Returns once it is listening.
    pub(crate) async fn relay(
        &self,
        pool: PgPool,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let mut listener = listen(&pool).await?;
        let wakes = self.clone();
        tokio::spawn(async move {
            loop {
                let heard = tokio::select! {
                    () = stop.cancelled() => return,
                    heard = listener.try_recv() => heard,
                };
                match heard {
                    Ok(Some(signal)) => wakes.hear(signal.payload()),
                    // The connection broke and was made anew: what was signalled between is lost.
                    Ok(None) => wakes.tell(&[Wake::Everything]),
                    // The pool is closed with the store.
                    Err(_) if stop.is_cancelled() => return,
                    Err(error) => {
                        warn!(error = %error, "cannot listen for signals of other processes; trying again");
                        let pause = tokio::time::sleep(Duration::from_secs(1));
                        tokio::select! {
                            () = stop.cancelled() => return,
                            () = pause => {}
                        }
                        wakes.tell(&[Wake::Everything]);
                    }
                }
            }
        });
        Ok(())
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, StoreError> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// A word that is not understood comes from a later version: look at everything.
fn understand(word: &str) -> Wake {
    let id = |text: &str| Uuid::parse_str(text).ok();
    if let Some(mailbox) = word.strip_prefix('m').and_then(id) {
        return Wake::Mailbox(MailboxId(mailbox));
    }
    if let Some(command) = word.strip_prefix('c').and_then(id) {
        return Wake::Outcome(CommandId(command));
    }
    Wake::Everything
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_one_process_signals_another_understands_and_the_first_ignores() {
        let (here, there) = (Wakes::new(), Wakes::new());
        let (mut own, mut foreign) = (here.listen(), there.listen());
        let mailbox = Wake::Mailbox(MailboxId::generate());
        let outcome = Wake::Outcome(CommandId::generate());
        let (_, payload) = here.notify(&[mailbox, outcome]);

        here.hear(&payload);
        there.hear(&payload);
        here.tell(&[Wake::Everything]);

        assert_eq!(own.next().await, Wake::Everything);
        assert_eq!(foreign.next().await, mailbox);
        assert_eq!(foreign.next().await, outcome);
    }

    #[test]
    fn too_many_names_become_everything() {
        let wakes = Wakes::new();
        let many = (0..500)
            .map(|_| Wake::Mailbox(MailboxId::generate()))
            .collect::<Vec<_>>();

        let (_, payload) = wakes.notify(&many);

        assert!(payload.ends_with(" *"), "{payload}");
        assert_eq!(understand("*"), Wake::Everything);
    }
}
