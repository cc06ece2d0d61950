//! The steps that need what a person has granted: permissions, tokens, the test subscription, the list of subscriptions.

use std::sync::Arc;

use super::address::{self, Live, Seen};
use super::finding::{Check, Finding, Severity};
use super::live::{self, Borrowed, Open};
use super::visit::{Stumble, Visit};
use super::{grants, subscriptions};
use crate::app::error::AppError;
use crate::app::parts::Parts;
use crate::app::tunnel;
use crate::config::PublicUrl;
use crate::graph::MailboxGraph;
use crate::model::chain::chain;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::subscriptions::list;

/// So many mailboxes are asked about at Graph and at the identity platform.
const MOST_ASKED: usize = 20;

impl Visit {
    pub(super) async fn scopes(&mut self) -> Result<Vec<Finding>, Stumble> {
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
            let mut lacking = grants::lacking(&grant.scopes);
            let wanted = self.settings.microsoft.write_scopes.iter();
            let wanted = wanted.filter(|scope| !scope.is_granted(&grant.scopes));
            lacking.extend(wanted.map(|scope| scope.name()));
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

    pub(super) async fn grants(&mut self) -> Result<Vec<Finding>, Stumble> {
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
            return tunnel::present(&self.settings).await.map(Some);
        }
        Ok(self.settings.server.public_url.base())
    }

    pub(super) async fn public_url(&mut self) -> Result<Vec<Finding>, Stumble> {
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

    pub(super) async fn subscriptions(&mut self) -> Result<Vec<Finding>, Stumble> {
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
}
