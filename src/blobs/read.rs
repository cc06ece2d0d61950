//! Bytes on their way out.

use std::io::SeekFrom;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{BlobError, Blobs, place_error};
use crate::model::blob::Digest;

/// Read from a file at a time.
const PIECE: usize = 256 << 10;

/// Bytes, or a part of them.
pub struct Content {
    /// How many there are in all.
    pub size: u64,
    /// Those that were asked for.
    pub bytes: BoxStream<'static, Result<Bytes, std::io::Error>>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Blobs {
    /// The bytes, or those of a range that lies within them.
    pub async fn get(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<Content, BlobError> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = match self.store()?.get_opts(&self.address(digest), options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Err(BlobError::Missing(digest)),
            Err(error) => return Err(place_error(error)),
        };
        let size = found.meta.size;
        let range = found.range.clone();
        let bytes = match found.payload {
            // The store's own stream goes by 8 kB.
            GetResultPayload::File(file, _) => {
                let mut file = tokio::fs::File::from_std(file);
                file.seek(SeekFrom::Start(range.start))
                    .await
                    .map_err(|error| BlobError::Place(Box::new(error)))?;
                let part = file.take(range.end - range.start);
                ReaderStream::with_capacity(part, PIECE).boxed()
            }
            GetResultPayload::Stream(stream) => stream.map_err(std::io::Error::other).boxed(),
        };
        Ok(Content { size, bytes })
    }
}
