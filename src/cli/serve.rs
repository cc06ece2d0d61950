//! `graph-mirror serve`: the service.

use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Ended;
use super::ambience::{Loudness, Source};
use super::report::Failure;
use super::stop::asked_to_stop;
use crate::app::{self, App};

/// Whoever stops a service waits ten seconds for it; the last of them belongs to the end of the process.
const STOPS_WITHIN: Duration = Duration::from_secs(9);

const EXAMPLES: &str = "Examples:
  With the settings of the environment and of .env:
    graph-mirror serve
  With those of another file:
    graph-mirror serve --env-file /etc/graph-mirror/production.env
  On a laptop, with notifications by way of an ngrok tunnel:
    PUBLIC_URL=ngrok graph-mirror serve
  Against a sandbox that runs on this machine:
    graph-mirror serve --sandbox http://127.0.0.1:8090/sandbox/control";

/// Run the service: the API, the intake of notifications, and the mirroring
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.settings(Loudness::Service).await?;
    let clock = arguments.source.clock().await?;
    let database = settings.database.url.to_string();
    if settings.sandbox_tenant.is_some() {
        info!(
            "this service speaks to the sandbox at {}, not to Microsoft",
            settings.microsoft.graph_base_url
        );
    }
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        asked_to_stop().await;
        info!("stopping: answering what is under way and giving mailboxes back");
        stopping.cancel();
        // Whoever asks twice does not want to wait.
        asked_to_stop().await;
        std::process::exit(130);
    });
    let listener = app::listen(settings.server.listen).await?;
    let Some((app, listener)) = App::start(settings, clock, listener, &stop).await? else {
        return Ok(Ended::Well);
    };
    let listen = listener.local_addr()?;
    info!(
        "graph-mirror {} listens on {listen} and mirrors to {database}",
        env!("CARGO_PKG_VERSION")
    );
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(STOPS_WITHIN).await;
    };
    tokio::select! {
        ended = app.run(listener, stop.clone()) => ended?,
        () = late => warn!(
            "not everything could be given back within {STOPS_WITHIN:?}: what is left is taken over when its lease ends"
        ),
    }
    Ok(Ended::Well)
}
