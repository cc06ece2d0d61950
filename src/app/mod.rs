//! Puts the parts together, starts, supervises, stops.
//!
//! In reading order: [`Parts`] (everything rooms are given), [`Service`] (the work of a mailbox, lane by lane, run by a home),
//! [`Schedules`] (what cron sets off), [`sweep`] (contents that nobody points at), `tunnel` with `ngrok` (a public address that changes), `starting` (from the first word to the
//! whole service), and [`App`], which serves until it is told to stop; beside them [`doctor`], which looks at everything they stand on.

pub mod doctor;
pub mod error;
mod ngrok;
pub mod parts;
mod quiet;
mod resident;
mod rests;
pub mod schedule;
pub mod service;
mod starting;
pub mod sweep;
mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

pub use error::{AppError, Named};
pub use parts::Parts;
pub use schedule::{Schedule, Schedules};
pub use service::Service;

use crate::api;
use crate::config::{PublicUrl, Settings};
use crate::home::{HomeSettings, Homes};
use crate::mirror;
use crate::model::chain::chain;
use crate::model::ids::MailboxId;
use crate::model::time::SharedClock;
use crate::notifications;
use crate::telemetry::metrics;
use crate::telemetry::metrics::table::SCHEDULES;
use tunnel::Tunnel;

/// After it was told to stop, the server gets so long to answer what is under way.
const GRACE: Duration = Duration::from_secs(8);

/// How long outcomes, ticks, states of sign-ins and tombstones are kept.
const KEPT: Duration = Duration::from_hours(24 * 30);

/// What makes the schedules fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rhythm {
    /// Cron, by the machine's clock.
    Cron,
    /// The clock of the parts, which somebody may be moving by hand.
    OwnClock,
}

/// The whole service.
#[derive(Clone)]
pub struct App {
    parts: Parts,
    /// The name under which it holds leases.
    holder: String,
    homes: HomeSettings,
    mirror: mirror::Settings,
    rhythm: Rhythm,
}

impl App {
    /// Opens the database and checks that every stored grant can be opened; starts nothing.
    ///
    /// # Errors
    ///
    /// [`AppError::Unreadable`] names the mailboxes whose grants were sealed with a key that is not at hand.
    pub async fn build(settings: Settings, clock: SharedClock) -> Result<Self, AppError> {
        let parts = Parts::open(settings, clock).await?;
        let mut unreadable = Vec::new();
        for (id, _) in parts.keepers.unreadable().await? {
            let mailbox = parts.store.mailbox_get(id).await?;
            let address = mailbox.map(|mailbox| mailbox.address).unwrap_or_default();
            unreadable.push(Named { id, address });
        }
        if !unreadable.is_empty() {
            return Err(AppError::Unreadable {
                mailboxes: unreadable,
            });
        }
        Ok(Self::of(parts))
    }

    /// The service around parts that are put together already.
    pub fn of(parts: Parts) -> Self {
        let limit = usize::try_from(parts.settings.homes.limit).unwrap_or(usize::MAX);
        Self {
            mirror: Service::mirroring(&parts),
            parts,
            holder: format!("{}-{}", std::process::id(), Uuid::new_v4().simple()),
            homes: HomeSettings {
                limit,
                ..HomeSettings::default()
            },
            rhythm: Rhythm::Cron,
        }
    }

    /// The same with other habits of its homes.
    #[must_use]
    pub fn with_homes(mut self, homes: HomeSettings) -> Self {
        self.homes = homes;
        self
    }

    /// The same with changes to how it mirrors that no setting makes.
    #[must_use]
    pub fn with_mirroring(mut self, change: impl FnOnce(&mut mirror::Settings)) -> Self {
        change(&mut self.mirror);
        self
    }

    /// The same with schedules that follow the clock of its parts instead of the machine's.
    #[must_use]
    pub fn with_schedules_by_its_clock(mut self) -> Self {
        self.rhythm = Rhythm::OwnClock;
        self
    }

    /// What it is made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The name under which it holds leases; no other service has it.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Every endpoint: those of applications, those of Graph, and health.
    pub fn router(&self) -> Router {
        let parts = &self.parts;
        let notifications = notifications::router(
            parts.store.clone(),
            parts.signer.clone(),
            Arc::clone(&parts.clock),
        );
        api::router(parts.api())
            .merge(notifications)
            .fallback(api::unknown)
    }

    /// Listens where the settings say.
    pub async fn listen(&self) -> Result<TcpListener, AppError> {
        let address = self.parts.settings.server.listen;
        listen(address).await
    }

    /// Serves on `listener` until `stop`; then answers what is under way, gives every mailbox back and returns.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) -> Result<(), AppError> {
        metrics::install();
        let (store, clock) = (self.parts.store.clone(), Arc::clone(&self.parts.clock));
        let (schedules, due) = match self.rhythm {
            Rhythm::Cron => Schedules::start(store, clock).await?,
            Rhythm::OwnClock => Schedules::start_by(&store, &clock),
        };
        let tunnel = self.reach(&listener).await?;
        let homes = tokio::spawn(self.clone().keep_homes(stop.clone()));
        let ticking = tokio::spawn(self.clone().tick(due, stop.clone()));
        let watching = tokio::spawn(schedule::watch(
            self.parts.store.clone(),
            Arc::clone(&self.parts.clock),
            stop.clone(),
        ));
        let following = tokio::spawn({
            let stop = stop.clone();
            async move {
                if let Some(tunnel) = tunnel {
                    tunnel.follow(stop).await;
                }
            }
        });
        let measuring = tokio::spawn(measure(stop.clone()));
        let served = serve(self.router(), listener, stop.clone()).await;
        // Whatever ended the server ends the rest too.
        stop.cancel();
        for task in [homes, ticking, watching, following, measuring] {
            if let Err(error) = task.await {
                error!(%error, "a part of the service ended badly");
            }
        }
        schedules.stop().await;
        self.parts.store.close().await;
        served
    }

    /// Says where Graph reaches us. A tunnel has been looked at once when this returns, so that no home ends subscriptions
    /// for want of an address that the agent knows.
    async fn reach(&self, listener: &TcpListener) -> Result<Option<Tunnel>, AppError> {
        let server = &self.parts.settings.server;
        match &server.public_url {
            PublicUrl::Fixed(_) => {
                let url = self.parts.reach.present().unwrap_or_default();
                info!(public_url = %url, "notifications are expected at {url}");
                Ok(None)
            }
            PublicUrl::Unset => {
                warn!(
                    "PUBLIC_URL is not set: Microsoft sends no notifications, every mailbox is polled, each {} seconds; set it to \
                     the https address of this service, or to `ngrok`, to have changes within seconds",
                    self.parts
                        .settings
                        .mirror
                        .poll_interval_without_push
                        .as_secs()
                );
                Ok(None)
            }
            PublicUrl::Ngrok => {
                let port = listener
                    .local_addr()
                    .map_or(server.listen.port(), |at| at.port());
                let mut tunnel = Tunnel::to(&self.parts, port).map_err(AppError::Agent)?;
                tunnel.look().await;
                Ok(Some(tunnel))
            }
        }
    }

    /// Serves one mailbox here and now until it is idle; for commands of the shell when no process serves. `false` when another
    /// process has it.
    pub async fn serve_one(
        &self,
        mailbox: MailboxId,
        stop: CancellationToken,
    ) -> Result<bool, crate::home::HomeError> {
        let homes = self.make_homes();
        let service = Service::mirroring_so(self.parts.clone(), self.mirror.clone());
        let resident = Arc::new(service.deaf());
        Ok(homes.serve_one(mailbox, resident, stop).await?.is_some())
    }

    /// Takes only the way back of sign-ins, on `listener` until `stop`: it serves no mailbox, ends no subscription and
    /// runs no schedule, because the process goes away with the command that runs it.
    pub async fn receive(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), AppError> {
        let router = api::callback_router(self.parts.api()).fallback(api::unknown);
        serve(router, listener, stop).await
    }

    fn make_homes(&self) -> Homes {
        Homes::new(
            self.parts.store.clone(),
            Arc::clone(&self.parts.clock),
            self.holder.clone(),
            self.homes,
        )
    }

    async fn keep_homes(self, stop: CancellationToken) {
        let service = Service::mirroring_so(self.parts.clone(), self.mirror.clone());
        let resident = Arc::new(service);
        self.make_homes().run(resident, stop).await;
    }

    /// Does what the schedules set off, one after the other.
    async fn tick(self, mut due: mpsc::Receiver<Schedule>, stop: CancellationToken) {
        loop {
            let schedule = tokio::select! {
                schedule = due.recv() => schedule,
                () = stop.cancelled() => return,
            };
            let Some(schedule) = schedule else { return };
            let carried_out = self.carry_out(schedule).await;
            let outcome = if carried_out.is_ok() {
                "done"
            } else {
                "failed"
            };
            SCHEDULES.count(&[schedule.name(), outcome]);
            if let Err(error) = carried_out {
                warn!(schedule = schedule.name(), error = %chain(&error), "the schedule {} failed", schedule.name());
            }
        }
    }

    async fn carry_out(&self, schedule: Schedule) -> Result<(), AppError> {
        let parts = &self.parts;
        let now = parts.clock.now();
        debug!(
            schedule = schedule.name(),
            "carrying out the schedule {}",
            schedule.name()
        );
        match schedule {
            Schedule::Subscriptions | Schedule::Due => parts.store.wake_all(),
            Schedule::Parked => {
                notifications::settle_parked(&parts.store, now).await?;
            }
            Schedule::Upkeep => {
                let kept_from = now - KEPT;
                parts.store.expired_prune(kept_from).await?;
                parts.store.commands_prune(kept_from).await?;
                sweep::sweep(parts).await?;
            }
        }
        Ok(())
    }
}

/// Gathers what was measured, until `stop`.
async fn measure(stop: CancellationToken) {
    let mut beat = tokio::time::interval(metrics::UPKEEP_EVERY);
    loop {
        tokio::select! {
            _ = beat.tick() => metrics::upkeep(),
            () = stop.cancelled() => return,
        }
    }
}

/// Answers until `stop`, then for a little longer what is under way.
async fn serve(
    router: Router,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), AppError> {
    let stopping = stop.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    let limit = async {
        stopping.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = serving => ended.map_err(AppError::Serve),
        () = limit => {
            warn!("some connections were still open after {GRACE:?} and were cut");
            Ok(())
        }
    }
}

/// Listens at `address`.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| AppError::Listen { address, source })
}
