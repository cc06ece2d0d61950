//! `graph-mirror serve`: the service.

use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Ended;
use super::ambience::{Loudness, Source};
use super::report::Failure;
use super::stop::asked_to_stop;
use crate::app::App;

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
    let database = settings.database.url.to_string();
    let app = App::build(settings, arguments.source.clock().await?).await?;
    let listener = app.listen().await?;
    let listen = listener.local_addr()?;
    info!(
        "graph-mirror {} listens on {listen} and mirrors to {database}",
        env!("CARGO_PKG_VERSION")
    );
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
    app.run(listener, stop).await?;
    Ok(Ended::Well)
}
