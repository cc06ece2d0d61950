//! Follows a tunnel whose address comes, goes and changes.
//!
//! Every few seconds, on the service's clock, the agent is asked. A new address is written where the reconcilers look, and every
//! mailbox is woken: each then subscribes under the new address before it ends what it had under the old one (M28). An agent
//! that is away changes nothing: it may be restarting, and what was subscribed to is worth keeping until there is better.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::error::AppError;
use super::ngrok::{Agent, Sight, Wanted};
use super::parts::Parts;
use crate::config::Settings;
use crate::config::microsoft::is_loopback;
use crate::model::mailbox::MailboxState;
use crate::model::time::SharedClock;
use crate::store::{MailboxMark, Priority, Store, StoreError};
use crate::subscriptions::{Addresses, Reach};

/// How often the agent is asked.
const LOOK: Duration = Duration::from_secs(5);

/// The tunnel to us.
pub(super) struct Tunnel {
    agent: Agent,
    /// Where the agent is, for people.
    api: String,
    port: u16,
    reach: Reach,
    store: Store,
    clock: SharedClock,
    /// What was seen last, so that each change is told once.
    last: Option<Sight>,
    /// Whether every mailbox has been woken since the address changed.
    are_woken: bool,
}

/// What a look brought that was not known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    /// Nobody answers.
    Away,
    /// There is no tunnel of ours.
    Nothing,
    /// The first address, or another one.
    Address { url: String, is_ours: bool },
    /// The agent is back, with the address we had.
    Back,
}

/// What is new, for somebody who saw `last` and has the address `present`.
fn news(last: Option<&Sight>, present: Option<&str>, now: &Sight) -> Option<News> {
    match now {
        Sight::Away => (last != Some(&Sight::Away)).then_some(News::Away),
        Sight::Nothing => (last != Some(&Sight::Nothing)).then_some(News::Nothing),
        Sight::Tunnel { url, is_ours, .. } if present != Some(url) => Some(News::Address {
            url: url.clone(),
            is_ours: *is_ours,
        }),
        Sight::Tunnel { .. } => {
            let was_there = matches!(last, Some(Sight::Tunnel { .. }));
            (!was_there).then_some(News::Back)
        }
    }
}

/// The tunnels that lead to `port` and will do for our Graph.
fn wanted(settings: &Settings, port: u16) -> Wanted {
    Wanted {
        port,
        takes_http: is_loopback(&settings.microsoft.graph_base_url),
    }
}

/// The address of the tunnel to us, asked for once; for whoever does not follow it.
pub(super) async fn present(settings: &Settings) -> Result<String, AppError> {
    let (api, port) = (&settings.server.ngrok_api, settings.server.listen.port());
    let agent = Agent::at(api, wanted(settings, port)).map_err(AppError::Agent)?;
    match agent.look().await {
        Sight::Tunnel { url, .. } => Ok(url),
        Sight::Away | Sight::Nothing => Err(AppError::NoTunnel {
            agent: api.as_str().trim_end_matches('/').to_owned(),
            port,
        }),
    }
}

impl Tunnel {
    /// The tunnel to `port`, about which nothing is known yet.
    pub(super) fn to(parts: &Parts, port: u16) -> Result<Self, reqwest::Error> {
        let settings = &parts.settings;
        let api = &settings.server.ngrok_api;
        Ok(Self {
            agent: Agent::at(api, wanted(settings, port))?,
            api: api.as_str().trim_end_matches('/').to_owned(),
            port,
            reach: parts.reach.clone(),
            store: parts.store.clone(),
            clock: Arc::clone(&parts.clock),
            last: None,
            are_woken: true,
        })
    }

    /// Looks again and again until `stop`.
    pub(super) async fn follow(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.clock.sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = self.look() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Asks the agent, and does what follows.
    pub(super) async fn look(&mut self) {
        let sight = self.agent.look().await;
        let present = self.reach.present();
        if let Some(news) = news(self.last.as_ref(), present.as_deref(), &sight) {
            self.tell(&news, present.as_deref());
            if matches!(news, News::Address { .. }) {
                self.are_woken = false;
            }
        }
        if let Sight::Tunnel { url, others, .. } = &sight {
            // Before anybody is woken: whoever looks then must find it.
            self.reach.set(Addresses {
                present: Some(url.clone()),
                others: others.clone(),
            });
        }
        self.last = Some(sight);
        if !self.are_woken {
            match self.wake().await {
                Ok(()) => self.are_woken = true,
                Err(error) => {
                    warn!(error = %error.chain(), "could not wake the mailboxes for the new address of the tunnel; the next look tries again");
                }
            }
        }
    }

    /// Has every mailbox look after its subscriptions now.
    async fn wake(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for mailbox in self.store.mailboxes_list(None).await? {
            if mailbox.state != MailboxState::Connected {
                continue;
            }
            let mut tx = self.store.write(Priority::Live).await?;
            tx.mailbox_mark(mailbox.id, &[MailboxMark::WorkAt(now)], now)
                .await?;
            tx.wake(mailbox.id);
            tx.commit().await?;
        }
        Ok(())
    }

    fn tell(&self, news: &News, present: Option<&str>) {
        let (api, port) = (&self.api, self.port);
        let trouble = match news {
            News::Address { url, is_ours } => {
                match present {
                    None => info!(public_url = %url, "notifications are expected at {url}"),
                    Some(before) => info!(
                        public_url = %url,
                        "the tunnel has moved from {before}: notifications are expected at {url}, subscriptions follow"
                    ),
                }
                if !is_ours {
                    warn!(
                        public_url = %url,
                        "the only tunnel of the ngrok agent does not lead to port {port}; it is taken all the same; if it belongs to \
                         another program, start one with `ngrok http {port}`"
                    );
                }
                return;
            }
            News::Back => {
                info!("the ngrok agent at {api} is back, and the tunnel is where it was");
                return;
            }
            News::Away => format!("no ngrok agent answers at {api}"),
            News::Nothing => format!("the ngrok agent at {api} has no https tunnel to port {port}"),
        };
        match present {
            None => warn!(
                "PUBLIC_URL is `ngrok`, but {trouble}: until there is a tunnel, every mailbox is polled; start it with `scripts/tunnel` \
                 or `ngrok http {port}`, or set NGROK_API_URL to where the agent is"
            ),
            Some(url) => warn!(
                public_url = %url,
                "{trouble} any more: notifications stay expected at {url} until there is another tunnel; what they miss is found by \
                 polling"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Sight {
        Sight::Tunnel {
            url: url.to_owned(),
            is_ours: true,
            others: Vec::new(),
        }
    }

    fn address(url: &str) -> News {
        News::Address {
            url: url.to_owned(),
            is_ours: true,
        }
    }

    #[test]
    fn each_change_is_told_once() {
        let (a, b) = ("https://a.example", "https://b.example");
        let looks = [
            (Sight::Away, Some(News::Away)),
            (Sight::Away, None),
            (Sight::Nothing, Some(News::Nothing)),
            (at(a), Some(address(a))),
            (at(a), None),
            (Sight::Away, Some(News::Away)),
            (Sight::Away, None),
            (at(a), Some(News::Back)),
            (at(b), Some(address(b))),
            (Sight::Nothing, Some(News::Nothing)),
            (at(a), Some(address(a))),
        ];
        let (mut last, mut present) = (None, None);

        for (number, (sight, expected)) in looks.into_iter().enumerate() {
            let told = news(last.as_ref(), present.as_deref(), &sight);
            assert_eq!(told, expected, "look {number}");
            if let Sight::Tunnel { url, .. } = &sight {
                present = Some(url.clone());
            }
            last = Some(sight);
        }
    }
}
