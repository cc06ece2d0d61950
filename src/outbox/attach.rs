//! Files on their way to a draft: small ones in one request, others by an upload session, a range at a time (F8.8 to F8.10).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use secrecy::ExposeSecret as _;

use super::failure::{self, unseen};
use super::{Job, Stop, Went};
use crate::graph::{FileAttachment, GraphError, UploadItem, UploadUrl};
use crate::model::blob::Digest;
use crate::model::ids::{GraphId, UploadId};
use crate::model::write::{Fault, FaultCode, NewAttachment, Write};
use crate::secrets::Label;

/// From this size on a file comes by a session.
const LARGE: u64 = 3 << 20;

/// Bytes of one range: a multiple of 320 KiB, under 4 MB.
const RANGE: u64 = 12 * (320 << 10);

/// Ranges whose answer is lost, and sessions that run out, in one go.
const MOST_TROUBLES: u32 = 8;

/// Where a file's bytes are.
enum Source {
    Here(Vec<u8>),
    Kept(Digest),
}

struct File<'a> {
    told: &'a NewAttachment,
    name: String,
    content_type: String,
    size: u64,
    bytes: Source,
}

/// How a file came on.
enum Came {
    /// It is there.
    Whole,
    /// This go ends so.
    Ends(Went),
}

impl Job<'_> {
    /// Remembers what hangs on the draft before the first of our files does: a message that goes on brings its own.
    pub(super) async fn count_files(&mut self) -> Result<Option<Went>, Stop> {
        if self.progress.counted {
            return Ok(None);
        }
        if !matches!(self.write, Write::Send { .. }) {
            let graph = self.graph().clone();
            match self
                .outbox
                .call(graph.attachment_ids(&self.draft()))
                .await?
            {
                Ok(ids) => self.progress.known = ids,
                Err(error) => return unseen(error, self.progress.looks).map(Some),
            }
        }
        self.progress.counted = true;
        Ok(None)
    }

    /// Brings the next file to the draft.
    pub(super) async fn attach(&mut self) -> Result<Option<Went>, Stop> {
        let Some(told) = self.files().get(self.progress.attached) else {
            return Ok(None);
        };
        let file = match self.open_file(told).await? {
            Ok(file) => file,
            Err(fault) => return Ok(Some(Went::Failed(fault))),
        };
        if file.size < LARGE {
            return self.attach_small(&file).await;
        }
        match self.attach_large(&file).await? {
            // The session does not tell the id under which others see it.
            Came::Whole => self.look_for_file().await,
            Came::Ends(went) => Ok(Some(went)),
        }
    }

    /// Looks whether the file came, whose answer was lost.
    pub(super) async fn look_for_file(&mut self) -> Result<Option<Went>, Stop> {
        match self.new_files().await? {
            Ok(new) => {
                if !new.is_empty() {
                    self.file_is_there(new);
                }
                self.progress.end();
                Ok(None)
            }
            Err(error) => unseen(error, self.progress.looks).map(Some),
        }
    }

    fn file_is_there(&mut self, ids: Vec<GraphId>) {
        self.progress.end();
        self.progress.known.extend(ids);
        self.progress.attached += 1;
        self.progress.session = None;
    }

    async fn new_files(&self) -> Result<Result<Vec<GraphId>, GraphError>, Stop> {
        let graph = self.graph().clone();
        let ids = self
            .outbox
            .call(graph.attachment_ids(&self.draft()))
            .await?;
        let known = &self.progress.known;
        Ok(ids.map(|ids| ids.into_iter().filter(|id| !known.contains(id)).collect()))
    }

    async fn open_file<'f>(
        &self,
        told: &'f NewAttachment,
    ) -> Result<Result<File<'f>, Fault>, Stop> {
        let named = |other: &str| told.name.clone().unwrap_or_else(|| other.to_owned());
        let typed = |other: &str| {
            told.content_type
                .clone()
                .unwrap_or_else(|| other.to_owned())
        };
        if let Some(id) = told.upload_id {
            let mailbox = self.outbox.mailbox;
            let upload = self.outbox.store.upload_get(mailbox, UploadId(id)).await?;
            let Some(upload) = upload else {
                return Ok(Err(gone()));
            };
            return Ok(Ok(File {
                told,
                name: named(&upload.name),
                content_type: typed(&upload.content_type),
                size: upload.stored.size,
                bytes: Source::Kept(upload.stored.digest),
            }));
        }
        let text = told.content_base64.as_deref().unwrap_or_default();
        let Ok(bytes) = STANDARD.decode(text) else {
            let detail = "the bytes of an attachment are no base64";
            return Ok(Err(Fault::new(FaultCode::InvalidRequest, detail)));
        };
        Ok(Ok(File {
            told,
            name: named("attachment"),
            content_type: typed("application/octet-stream"),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            bytes: Source::Here(bytes),
        }))
    }

    /// A part of a file. None when its bytes are not to be had.
    async fn part(&self, file: &File<'_>, from: u64, length: u64) -> Option<Bytes> {
        let until = from.saturating_add(length).min(file.size);
        match &file.bytes {
            Source::Here(bytes) => {
                let range = usize::try_from(from).ok()?..usize::try_from(until).ok()?;
                Some(Bytes::copy_from_slice(bytes.get(range)?))
            }
            Source::Kept(digest) => {
                let content = self
                    .outbox
                    .blobs
                    .get(*digest, Some(from..until))
                    .await
                    .ok()?;
                let mut pieces = content.bytes;
                let mut part = BytesMut::with_capacity(usize::try_from(until - from).ok()?);
                while let Some(piece) = pieces.next().await {
                    part.extend_from_slice(&piece.ok()?);
                }
                Some(part.freeze())
            }
        }
    }

    async fn attach_small(&mut self, file: &File<'_>) -> Result<Option<Went>, Stop> {
        let whole = match file.size {
            // No range of bytes lies within nothing.
            0 => Some(Bytes::new()),
            size => self.part(file, 0, size).await,
        };
        let Some(whole) = whole else {
            return Ok(Some(Went::Failed(gone())));
        };
        let text = STANDARD.encode(&whole);
        let graph = self.graph().clone();
        let draft = self.draft();
        let attachment = FileAttachment {
            name: &file.name,
            content_type: &file.content_type,
            content_base64: &text,
            is_inline: file.told.is_inline,
            content_id: file.told.content_id.as_deref(),
        };
        let added = graph.attachment_add(&draft, &attachment);
        match self.outbox.call(added).await? {
            Ok(id) => {
                self.file_is_there(vec![id]);
                Ok(None)
            }
            Err(error) => self.failed(error).await.map(Some),
        }
    }

    async fn attach_large(&mut self, file: &File<'_>) -> Result<Came, Stop> {
        let graph = self.graph().clone();
        let mut troubles = 0;
        loop {
            if troubles > MOST_TROUBLES {
                return Ok(Came::Ends(Went::Later(failure::pause(3))));
            }
            let (url, from) = match self.session(file).await? {
                Ok(Some(open)) => open,
                Ok(None) => return Ok(Came::Whole),
                Err(went) => return Ok(Came::Ends(went)),
            };
            let Some(part) = self.part(file, from, RANGE).await else {
                return Ok(Came::Ends(Went::Failed(gone())));
            };
            let mut at = Some((from, part));
            while let Some((from, part)) = at.take() {
                let written = graph.upload_range(&url, from, file.size, part);
                match self.outbox.call(written).await? {
                    Ok(None) => return Ok(Came::Whole),
                    Ok(Some(next)) => match self.part(file, next, RANGE).await {
                        Some(part) => at = Some((next, part)),
                        None => return Ok(Came::Ends(Went::Failed(gone()))),
                    },
                    Err(error) if matches!(error.status(), Some(404 | 410 | 416)) => {
                        // It ran out, or wants other bytes: the session is asked, or opened anew.
                        troubles += 1;
                    }
                    Err(error) => match failure::read(error)? {
                        failure::Failed::Unknown => troubles += 1,
                        failure::Failed::Later(wait) => return Ok(Came::Ends(Went::Later(wait))),
                        failure::Failed::For(fault) => {
                            return Ok(Came::Ends(Went::Failed(fault)));
                        }
                    },
                }
            }
        }
    }

    /// The session that is open, and from which byte on it wants more; a new one where there is none. None when the file
    /// turned out to be whole.
    async fn session(
        &mut self,
        file: &File<'_>,
    ) -> Result<Result<Option<(UploadUrl, u64)>, Went>, Stop> {
        let graph = self.graph().clone();
        let label = Label::Upload(self.command.id);
        let sealed = self.progress.session.take();
        let opened = sealed.and_then(|sealed| {
            let url = self.outbox.vault.open(&label, &sealed).ok()?;
            Some((sealed, UploadUrl(url.expose_secret().to_owned())))
        });
        if let Some((sealed, url)) = opened {
            match self.outbox.call(graph.upload_ask(&url)).await? {
                Ok(Some(next)) if next < file.size => {
                    self.progress.session = Some(sealed);
                    return Ok(Ok(Some((url, next))));
                }
                Ok(_) => {}
                Err(error) => {
                    self.progress.session = Some(sealed);
                    return unseen(error, self.progress.looks).map(Err);
                }
            }
            // It is not there any more: because the file is whole, or because it ran out.
            match self.new_files().await? {
                Ok(new) if !new.is_empty() => return Ok(Ok(None)),
                Ok(_) => {}
                Err(error) => return unseen(error, self.progress.looks).map(Err),
            }
        }
        let item = UploadItem {
            name: &file.name,
            size: file.size,
            content_type: &file.content_type,
            is_inline: file.told.is_inline,
            content_id: file.told.content_id.as_deref(),
        };
        let draft = self.draft();
        match self.outbox.call(graph.upload_open(&draft, item)).await? {
            Ok(session) => {
                let sealed = self.outbox.vault.seal(&label, &session.url.0);
                self.progress.session = Some(sealed);
                self.save().await?;
                Ok(Ok(Some((session.url, session.next))))
            }
            // A session that nobody uses attaches nothing.
            Err(error) => unseen(error, self.progress.looks).map(Err),
        }
    }
}

fn gone() -> Fault {
    Fault::new(
        FaultCode::AttachmentUnknown,
        "the bytes of an attachment are not there any more: upload them again",
    )
}
