-- Contents: the bytes of attachments and originals, kept apart and named by their digest, and what applications sent to be attached.

-- Bytes kept apart from the database, once each whoever points at them.
CREATE TABLE blobs (
    -- SHA-256 of the bytes, 64 hexadecimal digits; they lie at sha256/ab/cd/… below BLOBS_URL.
    digest TEXT NOT NULL,
    -- Bytes.
    size INTEGER NOT NULL,
    -- When they were first kept.
    created_at TEXT NOT NULL,
    -- Since when no row is known to point at them; a day later they are deleted. Null while one does.
    unreferenced_at TEXT,
    PRIMARY KEY (digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_unreferenced ON blobs (unreferenced_at) WHERE unreferenced_at IS NOT NULL;

-- What applications sent to be attached to something.
CREATE TABLE uploads (
    -- The mailbox.
    mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    -- Its id.
    id TEXT NOT NULL,
    -- The bytes: digest in blobs.
    digest TEXT NOT NULL,
    -- File name.
    name TEXT NOT NULL,
    -- The declared content type.
    content_type TEXT NOT NULL,
    -- Bytes.
    size INTEGER NOT NULL,
    -- When it came.
    created_at TEXT NOT NULL,
    -- Until when it is kept.
    expires_at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, id)
) STRICT;
CREATE INDEX uploads_digest ON uploads (digest);
CREATE INDEX uploads_expiry ON uploads (expires_at);

-- The Content-ID by which a body shows it.
ALTER TABLE email_attachments ADD COLUMN content_id TEXT;
-- Where a reference leads.
ALTER TABLE email_attachments ADD COLUMN url TEXT;
-- For a part of an attached item: the attachment it is a part of. Its own external_id is made here.
ALTER TABLE email_attachments ADD COLUMN parent_external_id TEXT;
-- For a part of an attached item: its place among its siblings, from 0.
ALTER TABLE email_attachments ADD COLUMN position INTEGER;
-- unfetched, stored, unreadable, too_large, or reference, which has no content of its own.
ALTER TABLE email_attachments ADD COLUMN content_state TEXT NOT NULL DEFAULT 'unfetched'
    CHECK (content_state IN ('unfetched', 'stored', 'unreadable', 'too_large', 'reference'));
-- The bytes, once stored: digest in blobs.
ALTER TABLE email_attachments ADD COLUMN blob TEXT;
-- Bytes as stored; what size says includes overhead.
ALTER TABLE email_attachments ADD COLUMN stored_size INTEGER;
-- When the content was asked for last.
ALTER TABLE email_attachments ADD COLUMN content_at TEXT;
CREATE INDEX email_attachments_blob ON email_attachments (blob) WHERE blob IS NOT NULL;
CREATE INDEX email_attachments_unfetched ON email_attachments (mailbox_id, size) WHERE content_state = 'unfetched';
UPDATE email_attachments SET content_state = 'reference' WHERE kind = 'reference';

-- The message as MIME, where originals are kept: digest in blobs.
ALTER TABLE email_messages ADD COLUMN original TEXT;
-- All internet headers, where they are mirrored: an array of {name, value}, in their order.
ALTER TABLE email_messages ADD COLUMN internet_headers TEXT;
CREATE INDEX email_messages_original ON email_messages (original) WHERE original IS NOT NULL;

-- Whether its messages are mirrored with all their internet headers.
ALTER TABLE mailboxes ADD COLUMN internet_headers INTEGER NOT NULL DEFAULT 0 CHECK (internet_headers IN (0, 1));
