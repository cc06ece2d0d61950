//! `graph-mirror migrate`: brings the schema up to date.

use clap::Args;
use serde_json::json;

use super::ambience::{LocalSource, clock};
use super::report::Failure;
use super::{Ended, output};
use crate::store::Store;

const EXAMPLES: &str = "Examples:
  The database of the settings:
    graph-mirror migrate
  Another one, and the versions before and after as JSON:
    DATABASE_URL=postgres://me:secret@localhost/mirror graph-mirror migrate --json";

/// Bring the database's schema up to date
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: LocalSource,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.settings()?;
    let store = Store::open(settings.database.url.expose(), clock()).await?;
    let migrated = store.migrate().await?;
    store.close().await;
    let database = settings.database.url.to_string();
    if arguments.json {
        output::json(&json!({ "database": database, "from": migrated.from, "to": migrated.to }));
    } else if migrated.from == migrated.to {
        output::line(&format!(
            "{database} is up to date: version {}",
            migrated.to
        ));
    } else {
        output::line(&format!(
            "{database} went from version {} to {}",
            migrated.from, migrated.to
        ));
    }
    Ok(Ended::Well)
}
