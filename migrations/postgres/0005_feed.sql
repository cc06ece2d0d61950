-- What the mirror tells outward.

-- The feed: what became of which row, in the order in which it became visible. Read on from the last
-- position seen.
CREATE TABLE changes (
    mailbox_id uuid NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('message', 'event', 'folder', 'calendar', 'thread')),
    external_id text COLLATE "C" NOT NULL,
    change text NOT NULL CHECK (change IN ('created', 'updated', 'deleted')),
    at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, position)
);
COMMENT ON TABLE changes IS 'The feed: what became of which row, in the order in which it became visible. Read on from the last position seen.';
COMMENT ON COLUMN changes.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN changes.position IS
    'Counts up by one within a mailbox; whoever sees an entry sees all before it.';
COMMENT ON COLUMN changes.kind IS
    'message, event, folder, calendar or thread.';
COMMENT ON COLUMN changes.external_id IS
    'The row''s external_id.';
COMMENT ON COLUMN changes.change IS
    'created, updated or deleted.';
COMMENT ON COLUMN changes.at IS
    'When it was written.';

-- Comparisons of mirror and mailbox.
CREATE TABLE audits (
    mailbox_id uuid NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    as_of timestamptz NOT NULL,
    equal boolean NOT NULL,
    difference_count bigint NOT NULL,
    differences jsonb NOT NULL,
    messages bigint NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (mailbox_id, as_of)
);
COMMENT ON TABLE audits IS 'Comparisons of mirror and mailbox.';
COMMENT ON COLUMN audits.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN audits.as_of IS
    'The instant for which it speaks.';
COMMENT ON COLUMN audits.equal IS
    'Whether nothing differed.';
COMMENT ON COLUMN audits.difference_count IS
    'How many things differed.';
COMMENT ON COLUMN audits.differences IS
    'The first of them: an array of {kind, external_id, field, ours, theirs}.';
COMMENT ON COLUMN audits.messages IS
    'Messages compared.';
COMMENT ON COLUMN audits.events IS
    'Events compared.';
