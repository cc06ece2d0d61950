//! Who may write next.
//!
//! SQLite has one writer. Everybody who wants to write waits here, and whoever is most urgent goes
//! first: somebody waits for the answer to an intake, nobody for a page of a backfill. The pass goes from hand
//! to hand, so that no late comer slips in between; a waiter who gives up is skipped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// How urgent a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody outside waits for an answer: intake, commands, sign-in.
    Acknowledgement,
    /// A change that a notice announced, a lease.
    Live,
    /// Pages of a round, sweeps, audits. Keep the transaction short: the others wait for its end.
    Bulk,
}

/// Where an acknowledgement came, more will come within this time.
const HURRY: Duration = Duration::from_secs(2);

/// The door before the one writer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    taken: bool,
    /// When somebody last came for whom somebody waits outside.
    hurried_at: Option<Instant>,
    waiting: [VecDeque<oneshot::Sender<Pass>>; 3],
}

/// The right to write; given back by dropping it.
#[derive(Debug)]
pub(crate) struct Pass {
    state: Option<Arc<Mutex<State>>>,
}

impl Gate {
    /// Waits for the turn.
    pub(crate) async fn enter(&self, priority: Priority) -> Pass {
        let turn = {
            let mut state = lock(&self.state);
            if priority == Priority::Acknowledgement {
                state.hurried_at = Some(Instant::now());
            }
            if !state.taken {
                state.taken = true;
                return self.pass();
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting[priority as usize].push_back(sender);
            receiver
        };
        turn.await
            .expect("a waiting sender is only dropped with the whole gate")
    }

    /// Whether acknowledgements come these seconds: then whoever writes in bulk keeps it short.
    pub(crate) fn is_hurried(&self) -> bool {
        let hurried_at = lock(&self.state).hurried_at;
        hurried_at.is_some_and(|at| at.elapsed() < HURRY)
    }

    fn pass(&self) -> Pass {
        Pass {
            state: Some(Arc::clone(&self.state)),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(shared) = self.state.take() else {
            return;
        };
        loop {
            let next = {
                let mut state = lock(&shared);
                let next = state.waiting.iter_mut().find_map(VecDeque::pop_front);
                if next.is_none() {
                    state.taken = false;
                }
                next
            };
            let Some(waiter) = next else {
                return;
            };
            let pass = Pass {
                state: Some(Arc::clone(&shared)),
            };
            match waiter.send(pass) {
                Ok(()) => return,
                // The waiter has gone. Disarm the returned pass: this loop looks for the next one itself.
                Err(mut pass) => pass.state = None,
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing that can panic runs under the lock; if it did, the queues are still whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_most_urgent_waiter_goes_first_and_equals_go_in_order() {
        let gate = Gate::default();
        let first = gate.enter(Priority::Bulk).await;
        let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
        for (name, priority) in [
            ("bulk", Priority::Bulk),
            ("live one", Priority::Live),
            ("live two", Priority::Live),
            ("acknowledgement", Priority::Acknowledgement),
        ] {
            let (gate, sender) = (gate.clone(), sender.clone());
            tokio::spawn(async move {
                let pass = gate.enter(priority).await;
                let _ = sender.send(name);
                drop(pass);
            });
            tokio::task::yield_now().await;
        }

        drop(first);

        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(order.recv().await.expect("four waiters"));
        }
        assert_eq!(seen, ["acknowledgement", "live one", "live two", "bulk"]);
    }

    #[tokio::test]
    async fn an_acknowledgement_hurries_those_who_write_in_bulk() {
        let gate = Gate::default();
        drop(gate.enter(Priority::Live).await);
        assert!(!gate.is_hurried());

        drop(gate.enter(Priority::Acknowledgement).await);
        assert!(gate.is_hurried());
    }

    #[tokio::test]
    async fn a_waiter_who_gave_up_does_not_keep_the_pass() {
        let gate = Gate::default();
        let first = gate.enter(Priority::Live).await;
        let waiting = gate.clone();
        let quitter = tokio::spawn(async move { waiting.enter(Priority::Live).await });
        tokio::task::yield_now().await;
        quitter.abort();
        let _ = quitter.await;

        drop(first);

        let _second = gate.enter(Priority::Bulk).await;
    }
}
