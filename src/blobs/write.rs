//! Bytes on their way in: hashed while they are written, and only then given their name.
//!
//! They are staged first and published when the store knows of them: between the two stands the claim that keeps a sweep away.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use uuid::Uuid;

use super::{BlobError, Blobs, place_error};
use crate::config::BlobPlace;
use crate::model::blob::{Digest, Stored};

/// Where bytes lie before they are whole.
pub(super) const INCOMING: &str = "incoming";

/// Bytes gathered before they are written: the least that a bucket takes as a part of an object.
const PART: usize = 5 << 20;

/// The same for a folder, which has no such wish.
const PIECE: usize = 1 << 20;

/// How long something may be on its way in.
const HALF_WRITTEN_FOR: Duration = Duration::from_hours(24);

/// Bytes that are whole and have no name yet. Forgotten ones are swept a day later.
#[derive(Debug)]
#[must_use = "bytes that are not published are lost"]
pub struct Staged {
    stored: Stored,
    at: At,
}

#[derive(Debug)]
enum At {
    /// Too few to be worth a detour on the way to a bucket.
    Hand(PutPayload),
    /// In a place of their own.
    Incoming(Path),
}

impl Staged {
    /// What they will be found by.
    pub fn stored(&self) -> Stored {
        self.stored
    }
}

impl Blobs {
    /// Takes bytes in, at most `limit` of them.
    pub async fn stage<S>(&self, bytes: S, limit: u64) -> Result<Staged, BlobError>
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send,
    {
        let store = self.store()?;
        let in_folder = matches!(self.0.kind(), BlobPlace::Folder(_));
        let part = if in_folder { PIECE } else { PART };
        let incoming = self
            .0
            .path([INCOMING, &Uuid::new_v4().simple().to_string()]);
        let mut upload = None;
        let mut hash = Context::new(&SHA256);
        let mut size: u64 = 0;
        let mut held: Vec<Bytes> = Vec::new();
        let mut held_size = 0;
        let mut bytes = std::pin::pin!(bytes);
        let taken = loop {
            let chunk = match bytes.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(BlobError::Source(error)),
                Some(Ok(chunk)) => chunk,
            };
            size += chunk.len() as u64;
            if size > limit {
                break Err(BlobError::TooLarge { limit });
            }
            hash.update(&chunk);
            held_size += chunk.len();
            held.push(chunk);
            if held_size < part {
                continue;
            }
            let upload = match &mut upload {
                Some(upload) => upload,
                none => none.insert(store.put_multipart(&incoming).await.map_err(place_error)?),
            };
            held_size = 0;
            if let Err(error) = upload.put_part(held.drain(..).collect()).await {
                break Err(place_error(error));
            }
        };
        let digest = finished(hash);
        let stored = Stored { digest, size };
        let rest: PutPayload = held.into_iter().collect();
        if taken.is_ok() && upload.is_none() && !in_folder {
            let at = At::Hand(rest);
            return Ok(Staged { stored, at });
        }
        let (mut upload, ended) = match (upload, taken) {
            (Some(mut upload), Ok(())) => {
                let ended = upload.put_part(rest).await.map_err(place_error);
                (upload, ended)
            }
            (Some(upload), Err(error)) => (upload, Err(error)),
            (None, taken) => {
                taken?;
                let mut upload = store.put_multipart(&incoming).await.map_err(place_error)?;
                let ended = upload.put_part(rest).await.map_err(place_error);
                (upload, ended)
            }
        };
        if let Err(error) = ended {
            // What cannot be taken back now is swept later.
            let _ = upload.abort().await;
            return Err(error);
        }
        upload.complete().await.map_err(place_error)?;
        let at = At::Incoming(incoming);
        Ok(Staged { stored, at })
    }

    /// Gives bytes their name. They must have been claimed in the store before.
    pub async fn publish(&self, staged: Staged) -> Result<Stored, BlobError> {
        let store = self.store()?;
        let address = self.address(staged.stored.digest);
        match staged.at {
            At::Hand(payload) => store.put(&address, payload).await.map(drop),
            At::Incoming(path) => store.rename(&path, &address).await,
        }
        .map_err(place_error)?;
        Ok(staged.stored)
    }

    /// Throws staged bytes away.
    pub async fn discard(&self, staged: Staged) -> Result<(), BlobError> {
        match staged.at {
            At::Hand(_) => Ok(()),
            At::Incoming(path) => self.store()?.delete(&path).await.map_err(place_error),
        }
    }

    /// Deletes what was half written when a process was killed, or staged and never published, once it is a day old.
    pub fn clear_half_written(&self) -> Result<u64, BlobError> {
        self.clear_half_written_for(HALF_WRITTEN_FOR)
    }

    fn clear_half_written_for(&self, age: Duration) -> Result<u64, BlobError> {
        self.0
            .clear_half_written(age)
            .map_err(|error| BlobError::Place(Box::new(error)))
    }
}

fn finished(hash: Context) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    Digest::new(digest)
}

#[cfg(test)]
mod tests {
    use futures_util::{TryStreamExt, stream};

    use super::*;
    use crate::blobs::BlobSettings;

    fn blobs(folder: &std::path::Path) -> Blobs {
        let place = BlobPlace::Folder(folder.join("blobs"));
        Blobs::open(&BlobSettings { place }).expect("a folder")
    }

    fn pieces(
        count: usize,
        length: usize,
    ) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
        stream::iter((0..count).map(move |number| {
            let byte = u8::try_from(number % 251).unwrap_or_default();
            Ok(Bytes::from(vec![byte; length]))
        }))
    }

    async fn read(blobs: &Blobs, digest: Digest, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
        let content = blobs.get(digest, range).await.expect("it is there");
        let chunks: Vec<Bytes> = content.bytes.try_collect().await.expect("it can be read");
        chunks.concat()
    }

    #[tokio::test]
    async fn what_was_published_is_read_back_whole_and_in_part() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = blobs(folder.path());
        let staged = blobs
            .stage(pieces(30, 100_000), 3_000_000)
            .await
            .expect("it fits");
        let Stored { digest, size } = staged.stored();
        assert!(!blobs.holds(digest).await.expect("it can be asked"));

        blobs.publish(staged).await.expect("it is published");

        assert_eq!(size, 3_000_000);
        let whole = read(&blobs, digest, None).await;
        assert_eq!(whole.len(), 3_000_000);
        assert_eq!(whole[2_950_000], 29);
        assert_eq!(read(&blobs, digest, Some(99_999..100_002)).await, [0, 1, 1]);
        blobs.delete(digest).await.expect("it goes");
        blobs.delete(digest).await.expect("it is gone");
        assert!(matches!(
            blobs.get(digest, None).await,
            Err(BlobError::Missing(missing)) if missing == digest
        ));
    }

    #[tokio::test]
    async fn nothing_stays_of_what_is_too_large_or_breaks_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = blobs(folder.path());

        let too_large = blobs.stage(pieces(30, 100_000), 2_999_999).await;
        let broken =
            pieces(30, 100_000).chain(stream::iter([Err(std::io::ErrorKind::BrokenPipe.into())]));
        let broken = blobs.stage(broken, 9_999_999).await;

        assert!(matches!(
            too_large,
            Err(BlobError::TooLarge { limit: 2_999_999 })
        ));
        assert!(matches!(broken, Err(BlobError::Source(_))));
        let incoming = folder.path().join("blobs").join(INCOMING);
        assert_eq!(std::fs::read_dir(incoming).expect("it was used").count(), 0);
    }

    #[tokio::test]
    async fn what_was_staged_and_forgotten_is_cleared_once_it_is_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = blobs(folder.path());
        let staged = blobs.stage(pieces(1, 10), 10).await.expect("it fits");
        drop(staged);

        assert_eq!(blobs.clear_half_written().expect("it looks"), 0);
        assert_eq!(
            blobs
                .clear_half_written_for(Duration::ZERO)
                .expect("it looks"),
            1
        );
        assert_eq!(
            blobs
                .clear_half_written_for(Duration::ZERO)
                .expect("it looks"),
            0
        );
    }
}
