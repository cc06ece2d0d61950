-- Contents: the bytes of attachments and originals, kept apart and named by their digest, and what applications sent to be attached.

-- Bytes kept apart from the database, once each whoever points at them.
CREATE TABLE blobs (
    digest text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    created_at timestamptz NOT NULL,
    unreferenced_at timestamptz,
    PRIMARY KEY (digest)
);
CREATE INDEX blobs_unreferenced ON blobs (unreferenced_at) WHERE unreferenced_at IS NOT NULL;
COMMENT ON TABLE blobs IS 'Bytes kept apart from the database, once each whoever points at them.';
COMMENT ON COLUMN blobs.digest IS
    'SHA-256 of the bytes, 64 hexadecimal digits; they lie at sha256/ab/cd/… below BLOBS_URL.';
COMMENT ON COLUMN blobs.size IS
    'Bytes.';
COMMENT ON COLUMN blobs.created_at IS
    'When they were first kept.';
COMMENT ON COLUMN blobs.unreferenced_at IS
    'Since when no row is known to point at them; a day later they are deleted. Null while one does.';

-- What applications sent to be attached to something.
CREATE TABLE uploads (
    mailbox_id uuid NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    digest text COLLATE "C" NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    size bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, id)
);
CREATE INDEX uploads_digest ON uploads (digest);
CREATE INDEX uploads_expiry ON uploads (expires_at);
COMMENT ON TABLE uploads IS 'What applications sent to be attached to something.';
COMMENT ON COLUMN uploads.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN uploads.id IS
    'Its id.';
COMMENT ON COLUMN uploads.digest IS
    'The bytes: digest in blobs.';
COMMENT ON COLUMN uploads.name IS
    'File name.';
COMMENT ON COLUMN uploads.content_type IS
    'The declared content type.';
COMMENT ON COLUMN uploads.size IS
    'Bytes.';
COMMENT ON COLUMN uploads.created_at IS
    'When it came.';
COMMENT ON COLUMN uploads.expires_at IS
    'Until when it is kept.';

ALTER TABLE email_attachments
    ADD COLUMN content_id text,
    ADD COLUMN url text,
    ADD COLUMN parent_external_id text COLLATE "C",
    ADD COLUMN position bigint,
    ADD COLUMN content_state text NOT NULL DEFAULT 'unfetched'
        CHECK (content_state IN ('unfetched', 'stored', 'unreadable', 'too_large', 'reference')),
    ADD COLUMN blob text COLLATE "C",
    ADD COLUMN stored_size bigint,
    ADD COLUMN content_at timestamptz;
CREATE INDEX email_attachments_blob ON email_attachments (blob) WHERE blob IS NOT NULL;
CREATE INDEX email_attachments_unfetched ON email_attachments (mailbox_id, size) WHERE content_state = 'unfetched';
UPDATE email_attachments SET content_state = 'reference' WHERE kind = 'reference';
COMMENT ON COLUMN email_attachments.content_id IS
    'The Content-ID by which a body shows it.';
COMMENT ON COLUMN email_attachments.url IS
    'Where a reference leads.';
COMMENT ON COLUMN email_attachments.parent_external_id IS
    'For a part of an attached item: the attachment it is a part of. Its own external_id is made here.';
COMMENT ON COLUMN email_attachments.position IS
    'For a part of an attached item: its place among its siblings, from 0.';
COMMENT ON COLUMN email_attachments.content_state IS
    'unfetched, stored, unreadable, too_large, or reference, which has no content of its own.';
COMMENT ON COLUMN email_attachments.blob IS
    'The bytes, once stored: digest in blobs.';
COMMENT ON COLUMN email_attachments.stored_size IS
    'Bytes as stored; what size says includes overhead.';
COMMENT ON COLUMN email_attachments.content_at IS
    'When the content was asked for last.';

ALTER TABLE email_messages
    ADD COLUMN original text COLLATE "C",
    ADD COLUMN internet_headers jsonb;
CREATE INDEX email_messages_original ON email_messages (original) WHERE original IS NOT NULL;
COMMENT ON COLUMN email_messages.original IS
    'The message as MIME, where originals are kept: digest in blobs.';
COMMENT ON COLUMN email_messages.internet_headers IS
    'All internet headers, where they are mirrored: an array of {name, value}, in their order.';

ALTER TABLE mailboxes ADD COLUMN internet_headers boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN mailboxes.internet_headers IS
    'Whether its messages are mirrored with all their internet headers.';
