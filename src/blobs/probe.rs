//! Whether the place for contents does what is asked of it, tried with bytes that nobody needs.
//!
//! They lie where what is half written lies, so that a probe that is killed is swept like everything else there.

use object_store::{ObjectStoreExt, PutPayload};
use uuid::Uuid;

use super::write::INCOMING;
use super::{BlobError, Blobs, place_error};

/// What a place does not do.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It takes nothing.
    #[error("it takes no bytes")]
    NotTaken(#[source] BlobError),
    /// It does not give what it took.
    #[error("it does not give back the bytes that it took")]
    NotGiven(#[source] BlobError),
    /// It gives something else than what it took.
    #[error("it gives back other bytes than it took")]
    Altered,
    /// It does not let go of what it took.
    #[error("it does not delete the bytes that it took")]
    NotDeleted(#[source] BlobError),
}

impl Blobs {
    /// Writes some bytes under a name of their own, reads them back, and deletes them.
    pub async fn probe(&self) -> Result<(), ProbeError> {
        let store = self.store().map_err(ProbeError::NotTaken)?;
        let mark = Uuid::new_v4();
        let path = self.0.path([INCOMING, &format!("probe-{mark}")]);
        let taken = mark.as_bytes().to_vec();
        store
            .put(&path, PutPayload::from(taken.clone()))
            .await
            .map_err(|error| ProbeError::NotTaken(place_error(error)))?;
        let given = async { store.get(&path).await?.bytes().await };
        let given = given.await;
        // Deleted whatever came of reading it.
        let deleted = store.delete(&path).await;
        let given = given.map_err(|error| ProbeError::NotGiven(place_error(error)))?;
        if given.as_ref() != taken.as_slice() {
            return Err(ProbeError::Altered);
        }
        deleted.map_err(|error| ProbeError::NotDeleted(place_error(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::BlobSettings;
    use crate::config::BlobPlace;

    fn blobs(folder: std::path::PathBuf) -> Blobs {
        let place = BlobPlace::Folder(folder);
        Blobs::open(&BlobSettings { place }).expect("a folder")
    }

    #[tokio::test]
    async fn a_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");

        let probed = blobs(folder.path().to_owned()).probe().await;

        assert!(probed.is_ok(), "{probed:?}");
        let incoming = folder.path().join(INCOMING);
        assert_eq!(std::fs::read_dir(incoming).expect("it was used").count(), 0);
    }

    #[tokio::test]
    async fn a_place_that_takes_nothing_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "no folder").expect("it is written");
        // What must be a folder inside of it is a file.
        std::fs::write(folder.path().join(INCOMING), "no folder").expect("it is written");

        for place in [file, folder.path().to_owned()] {
            let probed = blobs(place).probe().await;

            assert!(matches!(probed, Err(ProbeError::NotTaken(_))), "{probed:?}");
        }
    }
}
