//! Waits until somebody asks the process to end.

use tokio::signal::unix::{SignalKind, signal};

/// Completes at Ctrl-C or SIGTERM.
pub(super) async fn asked_to_stop() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        // Without signal handlers the system's own way of ending a process stands.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
