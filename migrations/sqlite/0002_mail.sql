-- Mail: folders, threads, messages, attachments, and what is gone.

-- The folders of a mailbox.
CREATE TABLE mail_folders (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- Graph's id; constant over rename and move.
    external_id TEXT NOT NULL,
    -- Always outlook.
    provider TEXT NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    -- The folder it lies in.
    parent_external_id TEXT,
    -- The localised name; may contain a slash.
    display_name TEXT NOT NULL,
    -- inbox, sentitems and so on, when it is one of those.
    well_known_name TEXT,
    -- Whether it is hidden.
    is_hidden INTEGER NOT NULL CHECK (is_hidden IN (0, 1)),
    -- Items that Graph counts in it.
    total_item_count INTEGER NOT NULL,
    -- Unread items that Graph counts in it.
    unread_item_count INTEGER NOT NULL,
    -- When the request that produced this row was sent; an earlier fetch never overwrites a later one.
    fetched_at TEXT NOT NULL,
    -- The last full round that saw it.
    round INTEGER,
    -- Digest of the mirrored content, by which a replay is known; of no use to readers.
    content_digest BLOB NOT NULL,
    -- When this row was made here.
    created_at TEXT NOT NULL,
    -- When this row last changed here.
    updated_at TEXT NOT NULL,
    -- What Graph sent.
    raw TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
) STRICT;

-- Conversations, as summaries of their messages.
CREATE TABLE email_threads (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- Graph's conversation id.
    external_id TEXT NOT NULL,
    -- Always outlook.
    provider TEXT NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    -- The subject of the first message.
    subject TEXT,
    -- Everybody in from, to and cc: an array of {name, address}, ordered by address.
    participants TEXT NOT NULL,
    -- Messages in it.
    message_count INTEGER NOT NULL,
    -- Unread messages in it.
    unread_count INTEGER NOT NULL,
    -- Whether one of them has attachments.
    has_attachments INTEGER NOT NULL CHECK (has_attachments IN (0, 1)),
    -- When the first message was received.
    first_message_at TEXT,
    -- When the last message was received.
    last_message_at TEXT,
    -- The last message.
    last_message_external_id TEXT,
    -- When this row was made here.
    created_at TEXT NOT NULL,
    -- When this row last changed here.
    updated_at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
) STRICT;
CREATE INDEX email_threads_latest ON email_threads (mailbox_id, last_message_at);

-- The messages of a mailbox.
CREATE TABLE email_messages (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- Graph's immutable id.
    external_id TEXT NOT NULL,
    -- Always outlook.
    provider TEXT NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    -- The folder it lies in.
    folder_external_id TEXT NOT NULL,
    -- The conversation it belongs to: external_id in email_threads.
    thread_external_id TEXT,
    -- Graph's version of it.
    change_key TEXT,
    -- The Message-ID header; not unique.
    internet_message_id TEXT,
    -- message, eventMessageRequest and so on.
    item_type TEXT NOT NULL,
    -- Whether it is read.
    is_read INTEGER NOT NULL CHECK (is_read IN (0, 1)),
    -- Whether it is a draft.
    is_draft INTEGER NOT NULL CHECK (is_draft IN (0, 1)),
    -- Graph's flag; false when all attachments are inline.
    has_attachments INTEGER NOT NULL CHECK (has_attachments IN (0, 1)),
    -- low, normal, high.
    importance TEXT,
    -- notFlagged, flagged, complete.
    flag_status TEXT,
    -- focused or other.
    inference TEXT,
    -- When it was received.
    received_at TEXT,
    -- When it was sent.
    sent_at TEXT,
    -- Graph's createdDateTime.
    graph_created_at TEXT,
    -- Graph's lastModifiedDateTime; not a version.
    graph_modified_at TEXT,
    -- When the request that produced this row was sent; an earlier fetch never overwrites a later one.
    fetched_at TEXT NOT NULL,
    -- The last full round that saw it.
    round INTEGER,
    -- Digest of the mirrored content, by which a replay is known; of no use to readers.
    content_digest BLOB NOT NULL,
    -- When this row was made here.
    created_at TEXT NOT NULL,
    -- When this row last changed here.
    updated_at TEXT NOT NULL,
    -- The name in From.
    from_name TEXT,
    -- The address in From.
    from_address TEXT,
    -- The name in Sender.
    sender_name TEXT,
    -- The address in Sender.
    sender_address TEXT,
    -- Subject.
    subject TEXT,
    -- To: an array of {name, address}.
    to_recipients TEXT NOT NULL,
    -- Cc, likewise.
    cc_recipients TEXT NOT NULL,
    -- Bcc, likewise.
    bcc_recipients TEXT NOT NULL,
    -- Reply-To, likewise.
    reply_to TEXT NOT NULL,
    -- Categories: an array of names.
    categories TEXT NOT NULL,
    -- Where Outlook shows it.
    web_link TEXT,
    -- text or html.
    body_type TEXT,
    -- The first characters of the body.
    body_preview TEXT,
    -- The body as Graph gave it.
    body TEXT,
    -- What Graph sent, without the content of the body.
    raw TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
) STRICT;
CREATE INDEX email_messages_folder ON email_messages (mailbox_id, folder_external_id, received_at);
CREATE INDEX email_messages_thread ON email_messages (mailbox_id, thread_external_id, received_at);

-- What is known of the attachments of a message, without their bytes.
CREATE TABLE email_attachments (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- The message.
    message_external_id TEXT NOT NULL,
    -- Graph's id of the attachment.
    external_id TEXT NOT NULL,
    -- File name.
    name TEXT,
    -- The declared content type.
    content_type TEXT,
    -- Bytes, overhead included.
    size INTEGER NOT NULL,
    -- Whether the body shows it.
    is_inline INTEGER NOT NULL CHECK (is_inline IN (0, 1)),
    -- file, item, reference, or what Graph calls it.
    kind TEXT NOT NULL,
    -- When the request that produced this row was sent.
    fetched_at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, message_external_id, external_id)
) STRICT;

-- What is gone, so that an answer sent before its end cannot bring it back.
CREATE TABLE tombstones (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- message, event, folder or calendar.
    kind TEXT NOT NULL CHECK (kind IN ('message', 'event', 'folder', 'calendar')),
    -- Graph's id.
    external_id TEXT NOT NULL,
    -- When the request was sent that found it gone.
    fetched_at TEXT NOT NULL,
    -- When its row was deleted here.
    deleted_at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, kind, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_age ON tombstones (deleted_at);
