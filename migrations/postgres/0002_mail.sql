-- Mail: folders, threads, messages, attachments, and what is gone.

-- The folders of a mailbox.
CREATE TABLE mail_folders (
    mailbox_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    provider text NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    parent_external_id text COLLATE "C",
    display_name text NOT NULL,
    well_known_name text,
    is_hidden boolean NOT NULL,
    total_item_count bigint NOT NULL,
    unread_item_count bigint NOT NULL,
    fetched_at timestamptz NOT NULL,
    round bigint,
    content_digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    raw jsonb NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
);
COMMENT ON TABLE mail_folders IS 'The folders of a mailbox.';
COMMENT ON COLUMN mail_folders.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN mail_folders.external_id IS
    'Graph''s id; constant over rename and move.';
COMMENT ON COLUMN mail_folders.provider IS
    'Always outlook.';
COMMENT ON COLUMN mail_folders.parent_external_id IS
    'The folder it lies in.';
COMMENT ON COLUMN mail_folders.display_name IS
    'The localised name; may contain a slash.';
COMMENT ON COLUMN mail_folders.well_known_name IS
    'inbox, sentitems and so on, when it is one of those.';
COMMENT ON COLUMN mail_folders.is_hidden IS
    'Whether it is hidden.';
COMMENT ON COLUMN mail_folders.total_item_count IS
    'Items that Graph counts in it.';
COMMENT ON COLUMN mail_folders.unread_item_count IS
    'Unread items that Graph counts in it.';
COMMENT ON COLUMN mail_folders.fetched_at IS
    'When the request that produced this row was sent; an earlier fetch never overwrites a later one.';
COMMENT ON COLUMN mail_folders.round IS
    'The last full round that saw it.';
COMMENT ON COLUMN mail_folders.content_digest IS
    'Digest of the mirrored content, by which a replay is known; of no use to readers.';
COMMENT ON COLUMN mail_folders.created_at IS
    'When this row was made here.';
COMMENT ON COLUMN mail_folders.updated_at IS
    'When this row last changed here.';
COMMENT ON COLUMN mail_folders.raw IS
    'What Graph sent.';

-- Conversations, as summaries of their messages.
CREATE TABLE email_threads (
    mailbox_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    provider text NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    subject text,
    participants jsonb NOT NULL,
    message_count bigint NOT NULL,
    unread_count bigint NOT NULL,
    has_attachments boolean NOT NULL,
    first_message_at timestamptz,
    last_message_at timestamptz,
    last_message_external_id text COLLATE "C",
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
);
CREATE INDEX email_threads_latest ON email_threads (mailbox_id, last_message_at);
COMMENT ON TABLE email_threads IS 'Conversations, as summaries of their messages.';
COMMENT ON COLUMN email_threads.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN email_threads.external_id IS
    'Graph''s conversation id.';
COMMENT ON COLUMN email_threads.provider IS
    'Always outlook.';
COMMENT ON COLUMN email_threads.subject IS
    'The subject of the first message.';
COMMENT ON COLUMN email_threads.participants IS
    'Everybody in from, to and cc: an array of {name, address}, ordered by address.';
COMMENT ON COLUMN email_threads.message_count IS
    'Messages in it.';
COMMENT ON COLUMN email_threads.unread_count IS
    'Unread messages in it.';
COMMENT ON COLUMN email_threads.has_attachments IS
    'Whether one of them has attachments.';
COMMENT ON COLUMN email_threads.first_message_at IS
    'When the first message was received.';
COMMENT ON COLUMN email_threads.last_message_at IS
    'When the last message was received.';
COMMENT ON COLUMN email_threads.last_message_external_id IS
    'The last message.';
COMMENT ON COLUMN email_threads.created_at IS
    'When this row was made here.';
COMMENT ON COLUMN email_threads.updated_at IS
    'When this row last changed here.';

-- The messages of a mailbox.
CREATE TABLE email_messages (
    mailbox_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    provider text NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    folder_external_id text COLLATE "C" NOT NULL,
    thread_external_id text COLLATE "C",
    change_key text,
    internet_message_id text,
    item_type text NOT NULL,
    is_read boolean NOT NULL,
    is_draft boolean NOT NULL,
    has_attachments boolean NOT NULL,
    importance text,
    flag_status text,
    inference text,
    received_at timestamptz,
    sent_at timestamptz,
    graph_created_at timestamptz,
    graph_modified_at timestamptz,
    fetched_at timestamptz NOT NULL,
    round bigint,
    content_digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    from_name text,
    from_address text,
    sender_name text,
    sender_address text,
    subject text,
    to_recipients jsonb NOT NULL,
    cc_recipients jsonb NOT NULL,
    bcc_recipients jsonb NOT NULL,
    reply_to jsonb NOT NULL,
    categories jsonb NOT NULL,
    web_link text,
    body_type text,
    body_preview text,
    body text,
    raw jsonb NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
);
CREATE INDEX email_messages_folder ON email_messages (mailbox_id, folder_external_id, received_at);
CREATE INDEX email_messages_thread ON email_messages (mailbox_id, thread_external_id, received_at);
DO $$
BEGIN
    ALTER TABLE email_messages ALTER COLUMN body SET COMPRESSION lz4;
    ALTER TABLE email_messages ALTER COLUMN raw SET COMPRESSION lz4;
EXCEPTION
    -- A server built without lz4 compresses by its own method.
    WHEN feature_not_supported THEN NULL;
END
$$;
COMMENT ON TABLE email_messages IS 'The messages of a mailbox.';
COMMENT ON COLUMN email_messages.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN email_messages.external_id IS
    'Graph''s immutable id.';
COMMENT ON COLUMN email_messages.provider IS
    'Always outlook.';
COMMENT ON COLUMN email_messages.folder_external_id IS
    'The folder it lies in.';
COMMENT ON COLUMN email_messages.thread_external_id IS
    'The conversation it belongs to: external_id in email_threads.';
COMMENT ON COLUMN email_messages.change_key IS
    'Graph''s version of it.';
COMMENT ON COLUMN email_messages.internet_message_id IS
    'The Message-ID header; not unique.';
COMMENT ON COLUMN email_messages.item_type IS
    'message, eventMessageRequest and so on.';
COMMENT ON COLUMN email_messages.is_read IS
    'Whether it is read.';
COMMENT ON COLUMN email_messages.is_draft IS
    'Whether it is a draft.';
COMMENT ON COLUMN email_messages.has_attachments IS
    'Graph''s flag; false when all attachments are inline.';
COMMENT ON COLUMN email_messages.importance IS
    'low, normal, high.';
COMMENT ON COLUMN email_messages.flag_status IS
    'notFlagged, flagged, complete.';
COMMENT ON COLUMN email_messages.inference IS
    'focused or other.';
COMMENT ON COLUMN email_messages.received_at IS
    'When it was received.';
COMMENT ON COLUMN email_messages.sent_at IS
    'When it was sent.';
COMMENT ON COLUMN email_messages.graph_created_at IS
    'Graph''s createdDateTime.';
COMMENT ON COLUMN email_messages.graph_modified_at IS
    'Graph''s lastModifiedDateTime; not a version.';
COMMENT ON COLUMN email_messages.fetched_at IS
    'When the request that produced this row was sent; an earlier fetch never overwrites a later one.';
COMMENT ON COLUMN email_messages.round IS
    'The last full round that saw it.';
COMMENT ON COLUMN email_messages.content_digest IS
    'Digest of the mirrored content, by which a replay is known; of no use to readers.';
COMMENT ON COLUMN email_messages.created_at IS
    'When this row was made here.';
COMMENT ON COLUMN email_messages.updated_at IS
    'When this row last changed here.';
COMMENT ON COLUMN email_messages.from_name IS
    'The name in From.';
COMMENT ON COLUMN email_messages.from_address IS
    'The address in From.';
COMMENT ON COLUMN email_messages.sender_name IS
    'The name in Sender.';
COMMENT ON COLUMN email_messages.sender_address IS
    'The address in Sender.';
COMMENT ON COLUMN email_messages.subject IS
    'Subject.';
COMMENT ON COLUMN email_messages.to_recipients IS
    'To: an array of {name, address}.';
COMMENT ON COLUMN email_messages.cc_recipients IS
    'Cc, likewise.';
COMMENT ON COLUMN email_messages.bcc_recipients IS
    'Bcc, likewise.';
COMMENT ON COLUMN email_messages.reply_to IS
    'Reply-To, likewise.';
COMMENT ON COLUMN email_messages.categories IS
    'Categories: an array of names.';
COMMENT ON COLUMN email_messages.web_link IS
    'Where Outlook shows it.';
COMMENT ON COLUMN email_messages.body_type IS
    'text or html.';
COMMENT ON COLUMN email_messages.body_preview IS
    'The first characters of the body.';
COMMENT ON COLUMN email_messages.body IS
    'The body as Graph gave it.';
COMMENT ON COLUMN email_messages.raw IS
    'What Graph sent, without the content of the body.';

-- What is known of the attachments of a message, without their bytes.
CREATE TABLE email_attachments (
    mailbox_id uuid NOT NULL,
    message_external_id text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    name text,
    content_type text,
    size bigint NOT NULL,
    is_inline boolean NOT NULL,
    kind text NOT NULL,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, message_external_id, external_id)
);
COMMENT ON TABLE email_attachments IS 'What is known of the attachments of a message, without their bytes.';
COMMENT ON COLUMN email_attachments.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN email_attachments.message_external_id IS
    'The message.';
COMMENT ON COLUMN email_attachments.external_id IS
    'Graph''s id of the attachment.';
COMMENT ON COLUMN email_attachments.name IS
    'File name.';
COMMENT ON COLUMN email_attachments.content_type IS
    'The declared content type.';
COMMENT ON COLUMN email_attachments.size IS
    'Bytes, overhead included.';
COMMENT ON COLUMN email_attachments.is_inline IS
    'Whether the body shows it.';
COMMENT ON COLUMN email_attachments.kind IS
    'file, item, reference, or what Graph calls it.';
COMMENT ON COLUMN email_attachments.fetched_at IS
    'When the request that produced this row was sent.';

-- What is gone, so that an answer sent before its end cannot bring it back.
CREATE TABLE tombstones (
    mailbox_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('message', 'event', 'folder', 'calendar')),
    external_id text COLLATE "C" NOT NULL,
    fetched_at timestamptz NOT NULL,
    deleted_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, kind, external_id)
);
CREATE INDEX tombstones_age ON tombstones (deleted_at);
COMMENT ON TABLE tombstones IS 'What is gone, so that an answer sent before its end cannot bring it back.';
COMMENT ON COLUMN tombstones.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN tombstones.kind IS
    'message, event, folder or calendar.';
COMMENT ON COLUMN tombstones.external_id IS
    'Graph''s id.';
COMMENT ON COLUMN tombstones.fetched_at IS
    'When the request was sent that found it gone.';
COMMENT ON COLUMN tombstones.deleted_at IS
    'When its row was deleted here.';
