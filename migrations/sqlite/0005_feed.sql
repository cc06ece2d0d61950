-- What the mirror tells outward.

-- The feed: what became of which row, in the order in which it became visible. Read on from the last
-- position seen.
CREATE TABLE changes (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- Counts up by one within a mailbox; whoever sees an entry sees all before it.
    position INTEGER NOT NULL,
    -- message, event, folder, calendar or thread.
    kind TEXT NOT NULL CHECK (kind IN ('message', 'event', 'folder', 'calendar', 'thread')),
    -- The row's external_id.
    external_id TEXT NOT NULL,
    -- created, updated or deleted.
    change TEXT NOT NULL CHECK (change IN ('created', 'updated', 'deleted')),
    -- When it was written.
    at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, position)
) STRICT, WITHOUT ROWID;

-- Comparisons of mirror and mailbox.
CREATE TABLE audits (
    -- The mailbox.
    mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    -- The instant for which it speaks.
    as_of TEXT NOT NULL,
    -- Whether nothing differed.
    equal INTEGER NOT NULL CHECK (equal IN (0, 1)),
    -- How many things differed.
    difference_count INTEGER NOT NULL,
    -- The first of them: an array of {kind, external_id, field, ours, theirs}.
    differences TEXT NOT NULL,
    -- Messages compared.
    messages INTEGER NOT NULL,
    -- Events compared.
    events INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, as_of)
) STRICT;
