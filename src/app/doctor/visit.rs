//! The steps of an examination: each takes a probe, has it judged, and mends what it was told to.

use std::collections::HashSet;
use std::sync::Arc;

use super::address::{self, Live, Seen};
use super::finding::{Check, Finding, Severity};
use super::live::{self, Borrowed, Open};
use super::{Orders, database, grants, graph, keys, registration, service, subscriptions, work};
use crate::app::error::{AppError, Named};
use crate::app::parts::{self, Parts};
use crate::app::service::Service;
use crate::app::{KEPT, ngrok};
use crate::config::{PublicUrl, Settings};
use crate::graph::MailboxGraph;
use crate::graph::reach::Heard;
use crate::mirror::ladder::QUARANTINE_AFTER;
use crate::model::chain::chain;
use crate::model::ids::MailboxId;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::{SharedClock, Timestamp, until};
use crate::model::work::Wish;
use crate::secrets::Label;
use crate::store::{Store, StoreError, StoreSettings};
use crate::subscriptions::list;

/// So many mailboxes are asked about at Graph and at the identity platform.
const MOST_ASKED: usize = 20;

/// So many items at rest are counted a mailbox.
const MOST_COUNTED: u32 = 1_000;

/// A step that could not be taken.
type Stumble = Box<dyn std::error::Error + Send + Sync>;

/// An examination under way.
pub(super) struct Visit {
    settings: Settings,
    clock: SharedClock,
    orders: Orders,
    heard: Option<Heard>,
    store: Option<Store>,
    parts: Option<Parts>,
    mailboxes: Vec<Mailbox>,
    /// Mailboxes that something is wrong with already: nothing else is said about them.
    sick: HashSet<MailboxId>,
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

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn parts(&self) -> Result<&Parts, Stumble> {
        self.parts
            .as_ref()
            .ok_or_else(|| "the database is not open".into())
    }

    fn store(&self) -> Result<&Store, Stumble> {
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
    fn sound(&self) -> impl Iterator<Item = &Mailbox> {
        self.mailboxes
            .iter()
            .filter(|mailbox| mailbox.state == MailboxState::Connected)
            .filter(|mailbox| !self.sick.contains(&mailbox.id))
    }

    async fn scopes(&mut self) -> Result<Vec<Finding>, Stumble> {
        let stored = self.store()?.grants_list().await?;
        let mut findings = Vec::new();
        let mut sick = Vec::new();
        let mut looked = 0;
        for mailbox in self
            .mailboxes
            .iter()
            .filter(|one| one.state == MailboxState::Connected)
        {
            let Some(grant) = stored.iter().find(|grant| grant.mailbox == mailbox.id) else {
                continue;
            };
            looked += 1;
            let lacking = grants::lacking(&grant.scopes);
            let can_refresh = grant.sealed_refresh_token.is_some();
            if let Some(finding) = grants::scopes_missing(&mailbox.address, &lacking, can_refresh) {
                findings.push(finding);
                sick.push(mailbox.id);
            }
        }
        self.sick.extend(sick);
        if findings.is_empty() {
            let found = format!("every connected mailbox has granted what is needed ({looked})");
            findings.push(Finding::well(Check::Scopes, found));
        }
        Ok(findings)
    }

    async fn grants(&mut self) -> Result<Vec<Finding>, Stumble> {
        let mut findings: Vec<Finding> =
            self.mailboxes.iter().filter_map(grants::stopped).collect();
        let mut sick = Vec::new();
        let mut asked = 0;
        if !self.orders.offline {
            let keepers = &self.parts()?.keepers;
            for mailbox in self.sound().take(MOST_ASKED) {
                asked += 1;
                if let Err(error) = keepers.glance(mailbox.id, None).await {
                    findings.push(grants::refused(&mailbox.address, &error));
                    sick.push(mailbox.id);
                }
            }
        }
        self.sick.extend(sick);
        if findings.is_empty() {
            let connected = self.sound().count();
            let found = format!(
                "nobody waits for a sign-in ({connected} connected), and a token is there for all asked for ({asked})"
            );
            findings.push(Finding::well(Check::Grants, found));
        }
        Ok(findings)
    }

    /// Graph for one mailbox, with a borrowed token and nothing spent of its quota.
    fn graph_of(parts: &Parts, mailbox: &Mailbox) -> MailboxGraph {
        let tokens = Borrowed {
            keepers: parts.keepers.clone(),
            mailbox: mailbox.id,
        };
        MailboxGraph::new(
            parts.graph.clone(),
            mailbox.user_id.clone(),
            Arc::new(tokens),
            Arc::new(Open),
        )
    }

    /// The public address, where there is one; `ngrok`'s agent is asked for it.
    async fn base(&mut self) -> Result<Option<String>, AppError> {
        if self.settings.server.public_url == PublicUrl::Ngrok {
            let port = self.settings.server.listen.port();
            let url = ngrok::public_url(ngrok::AGENT, port).await?;
            self.settings.server.public_url = PublicUrl::Fixed(url);
        }
        Ok(self.settings.server.public_url.base())
    }

    async fn public_url(&mut self) -> Result<Vec<Finding>, Stumble> {
        let check = Check::PublicUrl;
        let base = match self.base().await {
            Ok(Some(base)) => base,
            Ok(None) => {
                return Ok(vec![
                    Finding::well(check, "there is none to be reached at").stopping(),
                ]);
            }
            Err(error) => {
                return Ok(vec![
                    Finding::broken(check, "no_tunnel", chain(&error)).advising(
                        "start the tunnel, or set PUBLIC_URL to an https address that leads to this service",
                    ),
                ]);
            }
        };
        let parts = self.parts()?;
        let live = match self.sound().next() {
            None => Live::NoMailbox,
            Some(mailbox) => {
                let graph = Self::graph_of(parts, mailbox);
                live::subscribe(
                    &parts.store,
                    &parts.signer,
                    &base,
                    mailbox,
                    &graph,
                    self.now(),
                )
                .await
            }
        };
        let seen = Seen {
            name: live::resolve(&base.parse()?).await,
            here: live::look(&base).await,
            url: base,
            live,
        };
        Ok(address::judge(&seen))
    }

    async fn subscriptions(&mut self) -> Result<Vec<Finding>, Stumble> {
        let Some(base) = self.base().await? else {
            return Ok(Vec::new());
        };
        let parts = self.parts()?;
        let (mut findings, mut asked, mut serving) = (Vec::new(), 0, 0);
        for mailbox in self.sound().take(MOST_ASKED) {
            let graph = Self::graph_of(parts, mailbox);
            let listed = list(&parts.store, mailbox.id, &graph).await?;
            let stored = parts.store.subscriptions_list(mailbox.id).await?;
            let differences = subscriptions::compare(&stored, &listed, &base, self.now());
            asked += 1;
            serving += differences.serving;
            for finding in subscriptions::judge(mailbox, &differences) {
                findings.push(match finding.code {
                    "missing_at_graph" if self.orders.fix => {
                        let missing = &differences.missing;
                        let done = subscriptions::renew(&parts.store, mailbox, missing, self.now());
                        finding.mended(done.await?)
                    }
                    "left_at_graph" if self.orders.fix => {
                        let done = subscriptions::remove(&graph, &differences.left);
                        finding.mended(done.await)
                    }
                    _ => finding,
                });
            }
        }
        if findings
            .iter()
            .all(|finding| finding.severity == Severity::Note && finding.fixed.is_none())
        {
            let found = format!(
                "Graph has every subscription ({serving}) of the mailboxes asked for ({asked})"
            );
            findings.insert(0, Finding::well(Check::Subscriptions, found));
        }
        Ok(findings)
    }

    async fn throttling(&self) -> Result<Vec<Finding>, Stumble> {
        let store = self.store()?;
        let (mut findings, now) = (Vec::new(), self.now());
        for mailbox in self
            .mailboxes
            .iter()
            .filter(|one| one.state == MailboxState::Connected)
        {
            let spent = store.mailbox_requests_spent(mailbox.id).await?;
            findings.extend(work::throttled(mailbox, spent.as_deref(), now));
        }
        if findings.is_empty() {
            let found = "Graph wants no mailbox left alone, and no quota is nearly spent";
            findings.push(Finding::well(Check::Throttling, found));
        }
        Ok(findings)
    }

    async fn schedules(&self) -> Result<Vec<Finding>, Stumble> {
        let store = self.store()?;
        let (newest, now) = (store.ticks_newest().await?, self.now());
        let mut findings = work::judge_schedules(&newest, now);
        let is_stale = findings
            .iter()
            .any(|finding| finding.severity == Severity::Broken);
        if is_stale && self.orders.fix {
            let kept_from = now - KEPT;
            let pruned =
                store.expired_prune(kept_from).await? + store.commands_prune(kept_from).await?;
            let told = format!(
                "did the clearing away that waited: {pruned} rows that had served their time"
            );
            findings
                .push(Finding::note(Check::Schedules, "pruned", "upkeep was overdue").mended(told));
        }
        Ok(findings)
    }

    async fn lag(&self) -> Result<Vec<Finding>, Stumble> {
        let parts = self.parts()?;
        let mirroring = Service::mirroring(parts);
        let (mut standings, now) = (Vec::new(), self.now());
        for mailbox in self.sound() {
            let backlog = parts.store.notices_backlog(mailbox.id).await?;
            let cursors = parts.store.cursors_list(mailbox.id).await?.len();
            standings.push(work::Standing {
                mailbox,
                oldest_live_at: backlog.oldest_live_at,
                poll_every: mirroring.poll_every(mailbox.push_healthy, cursors),
            });
        }
        let mut findings = work::judge_lag(&standings, now);
        if self.orders.fix {
            let behind: Vec<_> = standings.iter().filter(|one| one.is_behind(now)).collect();
            for one in &behind {
                let wish = Wish::Sync { full: false };
                parts.store.command_add(one.mailbox.id, &wish, now).await?;
            }
            for finding in findings
                .iter_mut()
                .filter(|finding| finding.code == "behind")
            {
                *finding = finding
                    .clone()
                    .mended("asked the service for a look at it now");
            }
        }
        Ok(findings)
    }

    async fn quarantine(&self) -> Result<Vec<Finding>, Stumble> {
        let store = self.store()?;
        let mut counts = Vec::new();
        for mailbox in &self.mailboxes {
            let resting = store
                .notices_failing(mailbox.id, QUARANTINE_AFTER, MOST_COUNTED)
                .await?;
            if !resting.is_empty() {
                counts.push((mailbox.address.as_str(), resting.len()));
            }
        }
        Ok(work::judge_quarantine(&counts))
    }
}
