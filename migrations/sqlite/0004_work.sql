-- What waits to be done.

-- Change notification subscriptions, registered here before Graph knows them.
CREATE TABLE subscriptions (
    -- The mailbox.
    mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    -- Our key; it stands in the notification address.
    key TEXT NOT NULL,
    -- messages: the whole mailbox. events: one calendar.
    kind TEXT NOT NULL CHECK (kind IN ('messages', 'events')),
    -- The calendar, for events.
    calendar_external_id TEXT,
    -- creating, active, or retiring when it has a successor.
    state TEXT NOT NULL CHECK (state IN ('creating', 'active', 'retiring')),
    -- Graph's id, once known.
    graph_id TEXT,
    -- The public base address it was made for.
    public_url TEXT NOT NULL,
    -- When it ends, as Graph granted.
    expires_at TEXT,
    -- When it is to be renewed.
    renew_at TEXT,
    -- No further attempt before.
    not_before TEXT,
    -- Failures in a row.
    failures INTEGER NOT NULL,
    -- When it was registered.
    created_at TEXT NOT NULL,
    -- The last attempt to renew or re-authorise it.
    touched_at TEXT,
    PRIMARY KEY (mailbox_id, key)
) STRICT;
CREATE INDEX subscriptions_key ON subscriptions (key);
CREATE INDEX subscriptions_renewal ON subscriptions (renew_at) WHERE renew_at IS NOT NULL;

-- Items that changed or may have: hints, one row per item however often it was named.
CREATE TABLE notices (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- message, event, or attachments of a message.
    kind TEXT NOT NULL CHECK (kind IN ('message', 'event', 'attachments')),
    -- Graph's id of the item.
    external_id TEXT NOT NULL,
    -- live: announced. repair: suspected.
    lane TEXT NOT NULL CHECK (lane IN ('live', 'repair')),
    -- What the last notice said.
    hint TEXT NOT NULL CHECK (hint IN ('created', 'updated', 'deleted', 'suspected')),
    -- Grows with every further notice; only the generation that was looked at is settled.
    generation INTEGER NOT NULL,
    -- When the first unsettled one arrived.
    received_at TEXT NOT NULL,
    -- Not to be looked at before.
    due_at TEXT NOT NULL,
    -- Failed attempts.
    attempts INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, kind, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_due ON notices (due_at);
CREATE INDEX notices_waiting ON notices (mailbox_id, lane, due_at);

-- Notices that name a subscription nobody here knows yet.
CREATE TABLE parked_notices (
    -- Our id.
    id TEXT NOT NULL,
    -- The subscription they name.
    key TEXT NOT NULL,
    -- Graph's id of that subscription.
    graph_subscription_id TEXT,
    -- Graph's id of the item.
    external_id TEXT NOT NULL,
    -- What the notice said.
    hint TEXT NOT NULL CHECK (hint IN ('created', 'updated', 'deleted', 'suspected')),
    -- When it arrived.
    received_at TEXT NOT NULL,
    -- The notice as it came, its secrets cut out.
    raw TEXT,
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX parked_notices_age ON parked_notices (received_at);

-- How far the delta rounds of folders and calendar windows have come.
CREATE TABLE cursors (
    -- The mailbox.
    mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    -- folders: the tree. messages: one folder. view: one window of a calendar.
    kind TEXT NOT NULL CHECK (kind IN ('folders', 'messages', 'view')),
    -- The folder or calendar; empty for the tree.
    container TEXT NOT NULL,
    -- Start of the window; 1970 where there is none.
    window_start TEXT NOT NULL,
    -- End of the window.
    window_end TEXT,
    -- empty, fetching in mid-round, idle between rounds.
    state TEXT NOT NULL CHECK (state IN ('empty', 'fetching', 'idle')),
    -- Graph's next or delta link.
    link TEXT,
    -- Number of the present or last round.
    round INTEGER NOT NULL,
    -- Whether that round walks everything.
    is_full INTEGER NOT NULL CHECK (is_full IN (0, 1)),
    -- When that round began.
    round_started_at TEXT,
    -- How often something asked for a round.
    marks INTEGER NOT NULL,
    -- How many of those were answered by a round.
    settled_marks INTEGER NOT NULL,
    -- When it is to be polled next.
    due_at TEXT NOT NULL,
    -- When a round last ended well.
    last_ok_at TEXT,
    -- Failures in a row.
    failures INTEGER NOT NULL,
    -- Items asked for per page.
    page_size INTEGER NOT NULL,
    -- Items seen in the present full round.
    seen INTEGER NOT NULL,
    -- When this row last changed.
    updated_at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, kind, container, window_start)
) STRICT;
CREATE INDEX cursors_due ON cursors (due_at);

-- What somebody wants done by the process that serves a mailbox, and how it ended.
CREATE TABLE commands (
    -- The mailbox.
    mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    -- Its id.
    id TEXT NOT NULL,
    -- What is wanted.
    wish TEXT NOT NULL,
    -- When it was asked for.
    requested_at TEXT NOT NULL,
    -- When it ended.
    finished_at TEXT,
    -- How it ended: {"ok": …} or {"failed": "why"}.
    outcome TEXT,
    PRIMARY KEY (mailbox_id, id)
) STRICT;
CREATE INDEX commands_waiting ON commands (mailbox_id, requested_at) WHERE finished_at IS NULL;

-- What the schedules have set off; one process takes each tick.
CREATE TABLE ticks (
    -- The name of the schedule.
    schedule TEXT NOT NULL,
    -- The instant it was due.
    instant TEXT NOT NULL,
    -- When it was taken.
    taken_at TEXT NOT NULL,
    PRIMARY KEY (schedule, instant)
) STRICT, WITHOUT ROWID;
