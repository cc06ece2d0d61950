//! The service and a sandbox in this process, on real loopback HTTP, for benchmarks.
//!
//! Homes look at the database twice a second, so that a look never explains a delay that a signal should have spared.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use graph_mirror::home::HomeSettings;
use graph_mirror::model::time::SystemClock;
use graph_mirror::sandbox::Options;

use super::folder::scratch;
use service::{Service, Start};

#[path = "service.rs"]
mod service;

/// Both, running.
pub struct Rig {
    service: Service,
    folder: PathBuf,
}

impl Deref for Rig {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl Rig {
    /// Starts both. `knobs` are the sandbox's; `settings` are further variables of the service; `push` whether it subscribes.
    pub async fn start(
        options: Options,
        knobs: serde_json::Value,
        settings: &[(&str, &str)],
        push: bool,
    ) -> Self {
        let folder = scratch(&format!("rig-{}", uuid::Uuid::new_v4().simple()));
        let start = Start {
            options,
            knobs,
            database: format!("sqlite://{}", folder.join("mirror.db").display()),
            settings,
            push,
            homes: Some(HomeSettings {
                poll: Duration::from_millis(500),
                ..HomeSettings::default()
            }),
        };
        Self {
            service: Service::start(start, Some(Arc::new(SystemClock))).await,
            folder,
        }
    }

    /// Messages in the mirror.
    pub async fn messages(&self) -> i64 {
        let mut sum = 0;
        for mailbox in self.mailboxes().await {
            let counts = self.parts.store.mailbox_counts(mailbox.id).await;
            sum += counts.expect("the database answers").messages;
        }
        sum
    }

    /// Waits until every mailbox is copied.
    pub async fn copied(&self) {
        loop {
            let mailboxes = self.mailboxes().await;
            if mailboxes
                .iter()
                .all(|mailbox| mailbox.backfilled_at.is_some())
            {
                return;
            }
            // Seldom: the looks compete with what is measured.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Ends both and clears away.
    pub async fn stop(self) {
        self.service.stop().await;
        let _ = std::fs::remove_dir_all(self.folder);
    }
}
