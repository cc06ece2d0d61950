//! A database of its own for what a command only tries out, and its clearing away.
//!
//! The demo and the campaigns must not mix with what else lives in a database: they get a file in a folder of their own, or in
//! PostgreSQL a schema of their own, and leave nothing behind that nobody asked for.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use uuid::Uuid;

use crate::store::scratch;

/// Where such a database lives.
pub(super) enum Place {
    /// A folder that goes away with it.
    Folder(PathBuf),
    /// A file that somebody wants to keep.
    Kept,
    /// A schema of its own in somebody's PostgreSQL.
    Schema {
        /// The database.
        url: String,
        /// The schema.
        name: String,
    },
}

/// Whether an address leads to PostgreSQL.
pub(super) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

impl Place {
    /// A schema in the PostgreSQL at `url`, named after `what` it is for; the address at which only that schema is seen.
    pub(super) async fn in_postgres(url: &str, what: &str) -> anyhow::Result<(Self, String)> {
        let name = format!("graph_mirror_{what}_{}", Uuid::new_v4().simple());
        let inner = scratch::schema_create(url, &name).await?;
        let place = Self::Schema {
            url: url.to_owned(),
            name,
        };
        Ok((place, inner))
    }

    /// A folder below `parent`, named after `what` it is for; the address of the file that will be in it.
    pub(super) fn in_folder(parent: &Path, what: &str) -> anyhow::Result<(Self, String)> {
        let folder = parent.join(format!("graph-mirror-{what}-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
        let url = format!("sqlite://{}", folder.join("mirror.db").display());
        Ok((Self::Folder(folder), url))
    }

    /// Leaves nothing behind that nobody asked for.
    pub(super) async fn clear(&self) -> anyhow::Result<()> {
        match self {
            Self::Kept => {}
            Self::Folder(folder) => std::fs::remove_dir_all(folder)
                .with_context(|| format!("could not remove {}", folder.display()))?,
            Self::Schema { url, name } => scratch::schema_drop(url, name).await?,
        }
        Ok(())
    }
}
