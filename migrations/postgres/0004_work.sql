-- What waits to be done.

-- Change notification subscriptions, registered here before Graph knows them.
CREATE TABLE subscriptions (
    mailbox_id uuid NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    key uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('messages', 'events')),
    calendar_external_id text COLLATE "C",
    state text NOT NULL CHECK (state IN ('creating', 'active', 'retiring')),
    graph_id text,
    public_url text NOT NULL,
    expires_at timestamptz,
    renew_at timestamptz,
    not_before timestamptz,
    failures bigint NOT NULL,
    created_at timestamptz NOT NULL,
    touched_at timestamptz,
    PRIMARY KEY (mailbox_id, key)
);
CREATE INDEX subscriptions_key ON subscriptions (key);
CREATE INDEX subscriptions_renewal ON subscriptions (renew_at) WHERE renew_at IS NOT NULL;
COMMENT ON TABLE subscriptions IS 'Change notification subscriptions, registered here before Graph knows them.';
COMMENT ON COLUMN subscriptions.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN subscriptions.key IS
    'Our key; it stands in the notification address.';
COMMENT ON COLUMN subscriptions.kind IS
    'messages: the whole mailbox. events: one calendar.';
COMMENT ON COLUMN subscriptions.calendar_external_id IS
    'The calendar, for events.';
COMMENT ON COLUMN subscriptions.state IS
    'creating, active, or retiring when it has a successor.';
COMMENT ON COLUMN subscriptions.graph_id IS
    'Graph''s id, once known.';
COMMENT ON COLUMN subscriptions.public_url IS
    'The public base address it was made for.';
COMMENT ON COLUMN subscriptions.expires_at IS
    'When it ends, as Graph granted.';
COMMENT ON COLUMN subscriptions.renew_at IS
    'When it is to be renewed.';
COMMENT ON COLUMN subscriptions.not_before IS
    'No further attempt before.';
COMMENT ON COLUMN subscriptions.failures IS
    'Failures in a row.';
COMMENT ON COLUMN subscriptions.created_at IS
    'When it was registered.';
COMMENT ON COLUMN subscriptions.touched_at IS
    'The last attempt to renew or re-authorise it.';

-- Items that changed or may have: hints, one row per item however often it was named.
CREATE TABLE notices (
    mailbox_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('message', 'event', 'attachments')),
    external_id text COLLATE "C" NOT NULL,
    lane text NOT NULL CHECK (lane IN ('live', 'repair')),
    hint text NOT NULL CHECK (hint IN ('created', 'updated', 'deleted', 'suspected')),
    generation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    attempts bigint NOT NULL,
    PRIMARY KEY (mailbox_id, kind, external_id)
);
CREATE INDEX notices_due ON notices (due_at);
CREATE INDEX notices_waiting ON notices (mailbox_id, lane, due_at);
COMMENT ON TABLE notices IS 'Items that changed or may have: hints, one row per item however often it was named.';
COMMENT ON COLUMN notices.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN notices.kind IS
    'message, event, or attachments of a message.';
COMMENT ON COLUMN notices.external_id IS
    'Graph''s id of the item.';
COMMENT ON COLUMN notices.lane IS
    'live: announced. repair: suspected.';
COMMENT ON COLUMN notices.hint IS
    'What the last notice said.';
COMMENT ON COLUMN notices.generation IS
    'Grows with every further notice; only the generation that was looked at is settled.';
COMMENT ON COLUMN notices.received_at IS
    'When the first unsettled one arrived.';
COMMENT ON COLUMN notices.due_at IS
    'Not to be looked at before.';
COMMENT ON COLUMN notices.attempts IS
    'Failed attempts.';

-- Notices that name a subscription nobody here knows yet.
CREATE TABLE parked_notices (
    id uuid NOT NULL,
    key uuid NOT NULL,
    graph_subscription_id text,
    external_id text COLLATE "C" NOT NULL,
    hint text NOT NULL CHECK (hint IN ('created', 'updated', 'deleted', 'suspected')),
    received_at timestamptz NOT NULL,
    raw jsonb,
    PRIMARY KEY (id)
);
CREATE INDEX parked_notices_age ON parked_notices (received_at);
COMMENT ON TABLE parked_notices IS 'Notices that name a subscription nobody here knows yet.';
COMMENT ON COLUMN parked_notices.id IS
    'Our id.';
COMMENT ON COLUMN parked_notices.key IS
    'The subscription they name.';
COMMENT ON COLUMN parked_notices.graph_subscription_id IS
    'Graph''s id of that subscription.';
COMMENT ON COLUMN parked_notices.external_id IS
    'Graph''s id of the item.';
COMMENT ON COLUMN parked_notices.hint IS
    'What the notice said.';
COMMENT ON COLUMN parked_notices.received_at IS
    'When it arrived.';
COMMENT ON COLUMN parked_notices.raw IS
    'The notice as it came, its secrets cut out.';

-- How far the delta rounds of folders and calendar windows have come.
CREATE TABLE cursors (
    mailbox_id uuid NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('folders', 'messages', 'view')),
    container text COLLATE "C" NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz,
    state text NOT NULL CHECK (state IN ('empty', 'fetching', 'idle')),
    link text,
    round bigint NOT NULL,
    is_full boolean NOT NULL,
    round_started_at timestamptz,
    marks bigint NOT NULL,
    settled_marks bigint NOT NULL,
    due_at timestamptz NOT NULL,
    last_ok_at timestamptz,
    failures bigint NOT NULL,
    page_size bigint NOT NULL,
    seen bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, kind, container, window_start)
);
CREATE INDEX cursors_due ON cursors (due_at);
COMMENT ON TABLE cursors IS 'How far the delta rounds of folders and calendar windows have come.';
COMMENT ON COLUMN cursors.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN cursors.kind IS
    'folders: the tree. messages: one folder. view: one window of a calendar.';
COMMENT ON COLUMN cursors.container IS
    'The folder or calendar; empty for the tree.';
COMMENT ON COLUMN cursors.window_start IS
    'Start of the window; 1970 where there is none.';
COMMENT ON COLUMN cursors.window_end IS
    'End of the window.';
COMMENT ON COLUMN cursors.state IS
    'empty, fetching in mid-round, idle between rounds.';
COMMENT ON COLUMN cursors.link IS
    'Graph''s next or delta link.';
COMMENT ON COLUMN cursors.round IS
    'Number of the present or last round.';
COMMENT ON COLUMN cursors.is_full IS
    'Whether that round walks everything.';
COMMENT ON COLUMN cursors.round_started_at IS
    'When that round began.';
COMMENT ON COLUMN cursors.marks IS
    'How often something asked for a round.';
COMMENT ON COLUMN cursors.settled_marks IS
    'How many of those were answered by a round.';
COMMENT ON COLUMN cursors.due_at IS
    'When it is to be polled next.';
COMMENT ON COLUMN cursors.last_ok_at IS
    'When a round last ended well.';
COMMENT ON COLUMN cursors.failures IS
    'Failures in a row.';
COMMENT ON COLUMN cursors.page_size IS
    'Items asked for per page.';
COMMENT ON COLUMN cursors.seen IS
    'Items seen in the present full round.';
COMMENT ON COLUMN cursors.updated_at IS
    'When this row last changed.';

-- What somebody wants done by the process that serves a mailbox, and how it ended.
CREATE TABLE commands (
    mailbox_id uuid NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    wish jsonb NOT NULL,
    requested_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome jsonb,
    PRIMARY KEY (mailbox_id, id)
);
CREATE INDEX commands_waiting ON commands (mailbox_id, requested_at) WHERE finished_at IS NULL;
COMMENT ON TABLE commands IS 'What somebody wants done by the process that serves a mailbox, and how it ended.';
COMMENT ON COLUMN commands.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN commands.id IS
    'Its id.';
COMMENT ON COLUMN commands.wish IS
    'What is wanted.';
COMMENT ON COLUMN commands.requested_at IS
    'When it was asked for.';
COMMENT ON COLUMN commands.finished_at IS
    'When it ended.';
COMMENT ON COLUMN commands.outcome IS
    'How it ended: {"ok": …} or {"failed": "why"}.';

-- What the schedules have set off; one process takes each tick.
CREATE TABLE ticks (
    schedule text NOT NULL,
    instant timestamptz NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (schedule, instant)
);
COMMENT ON TABLE ticks IS 'What the schedules have set off; one process takes each tick.';
COMMENT ON COLUMN ticks.schedule IS
    'The name of the schedule.';
COMMENT ON COLUMN ticks.instant IS
    'The instant it was due.';
COMMENT ON COLUMN ticks.taken_at IS
    'When it was taken.';
