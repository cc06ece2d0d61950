//! The steps of an examination: each takes a probe, has it judged, and mends what it was told to. Here those that need no mailbox;
//! the others stand in `visit_mailboxes` and `visit_work`.

use std::collections::HashSet;
use std::sync::Arc;

use super::finding::{Check, Finding};
use super::{Orders, contents, database, graph, keys, registration, service};
use crate::app::error::Named;
use crate::app::parts::{self, Parts};
use crate::config::{BlobPlace, Settings};
use crate::graph::reach::Heard;
use crate::model::chain::chain;
use crate::model::ids::MailboxId;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::{SharedClock, Timestamp, until};
use crate::secrets::Label;
use crate::store::{Store, StoreError, StoreSettings};

/// A step that could not be taken.
pub(super) type Stumble = Box<dyn std::error::Error + Send + Sync>;

/// An examination under way.
pub(super) struct Visit {
    pub(super) settings: Settings,
    clock: SharedClock,
    pub(super) orders: Orders,
    heard: Option<Heard>,
    store: Option<Store>,
    parts: Option<Parts>,
    pub(super) mailboxes: Vec<Mailbox>,
    /// Mailboxes that something is wrong with already: nothing else is said about them.
    pub(super) sick: HashSet<MailboxId>,
}

impl Visit {
    pub(super) fn begin(settings: Settings, clock: SharedClock, orders: Orders) -> Self {
        Self {
            settings,
            clock,
            orders,
            heard: None,
            store: None,
            parts: None,
            mailboxes: Vec::new(),
            sick: HashSet::new(),
        }
    }

    /// Takes one step.
    pub(super) async fn look(&mut self, check: Check) -> Vec<Finding> {
        let looked = match check {
            Check::Settings => Ok(Vec::new()),
            Check::Graph => self.graph().await,
            Check::Clock => Ok(self.heard.map(graph::judge_clock).into_iter().collect()),
            Check::Database => Ok(vec![self.database().await]),
            Check::Privileges => self.privileges().await,
            Check::Schema => self.schema().await,
            Check::Writes => self.writes().await,
            Check::Disk => Ok(vec![self.disk()]),
            Check::Contents => Ok(self.contents().await),
            Check::Keys => self.keys().await,
            Check::Registration => self.registration().await,
            Check::Service => self.service().await,
            Check::Scopes => self.scopes().await,
            Check::Grants => self.grants().await,
            Check::PublicUrl => self.public_url().await,
            Check::Subscriptions => self.subscriptions().await,
            Check::Throttling => self.throttling().await,
            Check::Schedules => self.schedules().await,
            Check::Lag => self.lag().await,
            Check::Quarantine => self.quarantine().await,
        };
        looked.unwrap_or_else(|error| {
            let found = format!("it cannot be looked at: {}", chain(&*error));
            vec![
                Finding::broken(check, "failed", found)
                    .advising("try again; if it stays so, please report it"),
            ]
        })
    }

    pub(super) async fn end(&self) {
        if let Some(store) = &self.store {
            store.close().await;
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn parts(&self) -> Result<&Parts, Stumble> {
        self.parts
            .as_ref()
            .ok_or_else(|| "the database is not open".into())
    }

    pub(super) fn store(&self) -> Result<&Store, Stumble> {
        self.store
            .as_ref()
            .ok_or_else(|| "the database is not open".into())
    }

    async fn graph(&mut self) -> Result<Vec<Finding>, Stumble> {
        let microsoft = &self.settings.microsoft;
        let client = parts::graph(microsoft, &self.clock)?;
        let heard = graph::probe(&client).await;
        let host = microsoft.graph_base_url.as_str().trim_end_matches('/');
        let finding = graph::judge(host, &heard);
        self.heard = heard.ok();
        Ok(vec![finding])
    }

    async fn database(&mut self) -> Finding {
        let url = &self.settings.database.url;
        let shown = url.to_string();
        // Opening one would make it.
        let is_missing = url.file().is_some_and(|file| !file.exists());
        if is_missing && !self.orders.fix {
            return database::missing(&shown);
        }
        let pools = StoreSettings {
            connections: 4,
            ..StoreSettings::default()
        };
        let opened = Store::open_with(url.expose(), pools, Arc::clone(&self.clock)).await;
        let finding = database::judge(&shown, opened.as_ref().map(drop));
        self.store = opened.ok();
        finding
    }

    async fn privileges(&self) -> Result<Vec<Finding>, Stumble> {
        let privileges = self.store()?.privileges().await?;
        Ok(vec![database::judge_privileges(privileges.as_ref())])
    }

    async fn schema(&mut self) -> Result<Vec<Finding>, Stumble> {
        let store = self.store()?.clone();
        let checked = store.schema_check().await;
        let mut finding = database::judge_schema(checked.as_ref().copied());
        if self.orders.fix && matches!(checked, Err(StoreError::SchemaTooOld { .. })) {
            finding = database::migrated(finding, store.migrate().await);
        }
        if finding.stops {
            return Ok(vec![finding]);
        }
        if let Some(tenant) = &self.settings.sandbox_tenant {
            let strangers = parts::strangers(&store, tenant).await?;
            if !strangers.is_empty() {
                return Ok(vec![database::not_the_sandboxes(strangers.len())]);
            }
        }
        self.mailboxes = store.mailboxes_list(None).await?;
        let made = Parts::around(self.settings.clone(), Arc::clone(&self.clock), store);
        self.parts = Some(made?);
        Ok(vec![finding])
    }

    async fn writes(&self) -> Result<Vec<Finding>, Stumble> {
        let written = self.store()?.write_probe().await;
        Ok(vec![database::judge_write(written.as_ref().copied())])
    }

    fn disk(&self) -> Finding {
        match self.settings.database.url.file() {
            Some(file) => database::judge_room(&database::room(&file)),
            None => Finding::well(
                Check::Disk,
                "PostgreSQL's disk is its server's, and watched there",
            ),
        }
    }

    async fn contents(&self) -> Vec<Finding> {
        let contents = &self.settings.contents;
        let is_bucket = !matches!(contents.blobs, BlobPlace::Folder(_));
        if is_bucket && self.orders.offline {
            return vec![Finding::skipped(Check::Contents, "--offline was given")];
        }
        let seen = contents::probe(&contents.blobs).await;
        let file = self.settings.database.url.file();
        let room = contents::room(&contents.blobs, file.as_deref());
        contents::judge(contents, &seen, room)
    }

    async fn keys(&mut self) -> Result<Vec<Finding>, Stumble> {
        let parts = self.parts()?;
        let stored = parts.store.grants_list().await?;
        let mut opened = keys::Opened {
            grants: stored.len(),
            ..keys::Opened::default()
        };
        for grant in &stored {
            let Some(sealed) = grant.sealed_refresh_token.as_deref() else {
                continue;
            };
            let label = Label::RefreshToken(grant.mailbox);
            if let Err(error) = parts.vault.open(&label, sealed) {
                let address = self.address_of(grant.mailbox);
                let named = Named {
                    id: grant.mailbox,
                    address,
                };
                opened.closed.push((named, error));
            } else if !parts.vault.is_current(sealed) {
                opened.older += 1;
            }
        }
        self.sick
            .extend(opened.closed.iter().map(|(named, _)| named.id));
        Ok(keys::judge(&opened))
    }

    fn address_of(&self, id: MailboxId) -> String {
        let found = self.mailboxes.iter().find(|mailbox| mailbox.id == id);
        found.map_or_else(|| id.to_string(), |mailbox| mailbox.address.clone())
    }

    async fn registration(&self) -> Result<Vec<Finding>, Stumble> {
        let microsoft = &self.settings.microsoft;
        let Some(tenant) = registration::tenant(&microsoft.tenant, &self.mailboxes) else {
            return Ok(vec![registration::untried(&microsoft.tenant)]);
        };
        let platform = parts::platform(microsoft, &self.clock)?;
        let asked = platform.prove(tenant, &microsoft.graph_base_url).await;
        Ok(vec![registration::judge(tenant, &asked)])
    }

    async fn service(&self) -> Result<Vec<Finding>, Stumble> {
        let url = self.settings.server.local_url();
        let heard = service::probe(&url).await;
        let last = self.store()?.ticks_last().await?;
        let age = last.map(|at| until(at, self.now()));
        Ok(service::judge(&url, &heard, age))
    }

    /// Connected mailboxes that nothing is wrong with so far.
    pub(super) fn sound(&self) -> impl Iterator<Item = &Mailbox> {
        self.mailboxes
            .iter()
            .filter(|mailbox| mailbox.state == MailboxState::Connected)
            .filter(|mailbox| !self.sick.contains(&mailbox.id))
    }
}
