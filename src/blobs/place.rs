//! Where contents are kept: a folder, or a bucket.
//!
//! A folder belongs to one machine; replicas on several need a bucket, or a folder that they all see.

use std::path::Path as FilePath;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::BlobError;
use crate::config::BlobPlace;

/// Where contents are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobSettings {
    /// A folder, or a bucket.
    pub place: BlobPlace,
}

/// A place that may not have been touched yet.
pub(super) struct Place {
    kind: BlobPlace,
    prefix: Path,
    store: OnceLock<Arc<dyn ObjectStore>>,
}

impl Place {
    pub(super) fn open(settings: &BlobSettings) -> Result<Self, BlobError> {
        let kind = settings.place.clone();
        let prefix = match &kind {
            BlobPlace::Folder(_) => Path::default(),
            BlobPlace::S3(url) | BlobPlace::Azure(url) => Path::from_url_path(url.path())
                .map_err(|_| BlobError::Address("has a path that no object can have".to_owned()))?,
        };
        Ok(Self {
            kind,
            prefix,
            store: OnceLock::new(),
        })
    }

    pub(super) fn kind(&self) -> &BlobPlace {
        &self.kind
    }

    pub(super) fn path<const N: usize>(&self, steps: [&str; N]) -> Path {
        steps.into_iter().fold(self.prefix.clone(), Path::join)
    }

    pub(super) fn store(&self) -> Result<Arc<dyn ObjectStore>, BlobError> {
        if let Some(store) = self.store.get() {
            return Ok(Arc::clone(store));
        }
        let made = self.make()?;
        Ok(Arc::clone(self.store.get_or_init(|| made)))
    }

    fn make(&self) -> Result<Arc<dyn ObjectStore>, BlobError> {
        match &self.kind {
            BlobPlace::Folder(folder) => {
                let fault = |error: std::io::Error| BlobError::Place(Box::new(error));
                std::fs::create_dir_all(folder).map_err(fault)?;
                // What an application was told is kept outlasts a power cut, as the rows do.
                let store = LocalFileSystem::new_with_prefix(folder)
                    .map_err(super::place_error)?
                    .with_fsync(true);
                Ok(Arc::new(store))
            }
            #[cfg(feature = "s3")]
            BlobPlace::S3(url) => Ok(Arc::new(
                object_store::aws::AmazonS3Builder::from_env()
                    .with_url(url.as_str())
                    .build()
                    .map_err(super::place_error)?,
            )),
            #[cfg(feature = "azure")]
            BlobPlace::Azure(url) => Ok(Arc::new(
                object_store::azure::MicrosoftAzureBuilder::from_env()
                    .with_url(url.as_str())
                    .build()
                    .map_err(super::place_error)?,
            )),
            #[cfg(not(all(feature = "s3", feature = "azure")))]
            other => Err(BlobError::Address(format!(
                "names a place that this binary cannot use ({other:?})"
            ))),
        }
    }

    /// Deletes what was being written when a process was killed, once it is that old. A bucket has rules of its own for that.
    pub(super) fn clear_half_written(&self, older_than: Duration) -> std::io::Result<u64> {
        let BlobPlace::Folder(folder) = &self.kind else {
            return Ok(0);
        };
        clear(&folder.join(super::write::INCOMING), older_than)
    }
}

fn clear(folder: &FilePath, older_than: Duration) -> std::io::Result<u64> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut cleared = 0;
    for entry in entries {
        let entry = entry?;
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map(|changed| SystemTime::elapsed(&changed).unwrap_or_default());
        if age.is_ok_and(|age| age >= older_than) && std::fs::remove_file(entry.path()).is_ok() {
            cleared += 1;
        }
    }
    Ok(cleared)
}
