//! Contents by their digest: attachments, originals and uploads, beside the database.
//!
//! Bytes lie once each, whoever points at them, at `sha256/ab/cd/…`: in a folder, or in a bucket where the binary was built for
//! one. They stream in and out in a few megabytes of memory, and nothing shows under a digest before it is whole. Nothing here
//! knows who points at what; the store does, and bytes are claimed there before they are published, so that a sweep and a writer
//! cannot pass each other.
//!
//! In reading order: [`place`] (where), `write` (stage, then publish), `read`, [`probe`] (whether the place works).

pub mod place;
pub mod probe;
mod read;
mod write;

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

pub use place::BlobSettings;
pub use read::Content;
pub use write::Staged;

use crate::model::blob::Digest;
use place::Place;

/// What can go wrong with contents.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The settings name no place that this binary can use.
    #[error("the place for contents (BLOBS_URL) {0}")]
    Address(String),
    /// The folder cannot be made, or the bucket not be reached.
    #[error("the place for contents (BLOBS_URL) cannot be used")]
    Place(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There are no such bytes.
    #[error("the bytes {0} are not there")]
    Missing(Digest),
    /// Whoever sent the bytes stopped, or sent something unusable.
    #[error("the bytes did not come whole")]
    Source(#[source] std::io::Error),
    /// There are more bytes than are taken.
    #[error("there are more than {limit} bytes")]
    TooLarge {
        /// The most that are taken.
        limit: u64,
    },
}

/// Where contents are kept. Clones share it.
#[derive(Clone)]
pub struct Blobs(Arc<Place>);

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Blobs").field(&self.0.kind()).finish()
    }
}

impl Blobs {
    /// The place that the settings name. A folder is made when something is first kept in it.
    pub fn open(settings: &BlobSettings) -> Result<Self, BlobError> {
        Ok(Self(Arc::new(Place::open(settings)?)))
    }

    /// Deletes the bytes; those that are not there are as good as deleted.
    pub async fn delete(&self, digest: Digest) -> Result<(), BlobError> {
        let store = self.store()?;
        match store.delete(&self.address(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(place_error(error)),
        }
    }

    /// Whether the bytes are there.
    pub async fn holds(&self, digest: Digest) -> Result<bool, BlobError> {
        match self.store()?.head(&self.address(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(place_error(error)),
        }
    }

    fn store(&self) -> Result<Arc<dyn ObjectStore>, BlobError> {
        self.0.store()
    }

    /// `sha256/ab/cd/` and the whole digest, so that no folder grows without end.
    fn address(&self, digest: Digest) -> Path {
        let text = digest.to_string();
        let (first, second) = (text.get(..2), text.get(2..4));
        self.0.path([
            "sha256",
            first.unwrap_or_default(),
            second.unwrap_or_default(),
            &text,
        ])
    }
}

fn place_error(error: object_store::Error) -> BlobError {
    BlobError::Place(Box::new(error))
}
