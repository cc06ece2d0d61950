//! Where the databases of a campaign come from, and that nothing is left of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::cli::place::{Place, is_postgres};
use crate::model::time::SystemClock;
use crate::store::{Store, StoreError, StoreSettings, trouble};

/// Where the databases of a campaign come from: an empty one with its schema costs more than most scripts.
pub(super) struct Ground {
    place: Place,
    kind: Kind,
}

enum Kind {
    /// Copies of a file that was brought up to date once.
    Sqlite { folder: PathBuf, template: PathBuf },
    /// Schemas of a database.
    Postgres { url: String },
}

impl Ground {
    /// Prepared beside the file or in the database that `url` names; in a temporary folder when there is none.
    pub(super) async fn prepare(url: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = url.filter(|url| is_postgres(url)) {
            return Ok(Self {
                place: Place::Kept,
                kind: Kind::Postgres {
                    url: url.to_owned(),
                },
            });
        }
        let parent = match url {
            None => std::env::temp_dir(),
            Some(url) => {
                let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
                Path::new(file)
                    .parent()
                    .map(Path::to_owned)
                    .unwrap_or_default()
            }
        };
        let (place, template_url) = Place::in_folder(&parent, "campaign")?;
        let Place::Folder(folder) = &place else {
            anyhow::bail!("a folder was asked for");
        };
        let folder = folder.clone();
        match migrated(&template_url).await {
            Ok(()) => Ok(Self {
                place,
                kind: Kind::Sqlite {
                    template: folder.join("mirror.db"),
                    folder,
                },
            }),
            Err(error) => {
                place.clear().await?;
                Err(error.into())
            }
        }
    }

    /// A database for one run with its schema, watched, and its address.
    pub(super) async fn plot(&self) -> anyhow::Result<(Place, String)> {
        match &self.kind {
            Kind::Postgres { url } => {
                let (place, url) = Place::in_postgres(url, "campaign").await?;
                match migrated(&url).await {
                    Ok(()) => Ok((place, url)),
                    Err(error) => {
                        place.clear().await?;
                        Err(error.into())
                    }
                }
            }
            Kind::Sqlite { folder, template } => {
                let (place, url) = Place::in_folder(folder, "seed")?;
                let file = url.trim_start_matches("sqlite://");
                std::fs::copy(template, file)
                    .with_context(|| format!("could not copy the empty database to {file}"))?;
                Ok((place, url))
            }
        }
    }

    /// A database without a schema for one run, and its address.
    pub(super) async fn bare_plot(&self) -> anyhow::Result<(Place, String)> {
        match &self.kind {
            Kind::Postgres { url } => Place::in_postgres(url, "campaign").await,
            Kind::Sqlite { folder, .. } => Place::in_folder(folder, "seed"),
        }
    }

    /// Leaves nothing behind.
    pub(super) async fn clear(&self) -> anyhow::Result<()> {
        self.place.clear().await
    }
}

async fn migrated(url: &str) -> Result<(), StoreError> {
    let store = Store::open_with(url, StoreSettings::default(), Arc::new(SystemClock)).await?;
    store.migrate().await?;
    trouble::watch(&store, url).await?;
    store.close().await;
    Ok(())
}
