-- Calendars and their events.

-- The calendars of a mailbox.
CREATE TABLE calendars (
    mailbox_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    provider text NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    name text NOT NULL,
    color text,
    is_default boolean NOT NULL,
    can_edit boolean NOT NULL,
    owner_address text,
    fetched_at timestamptz NOT NULL,
    round bigint,
    content_digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    raw jsonb NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
);
COMMENT ON TABLE calendars IS 'The calendars of a mailbox.';
COMMENT ON COLUMN calendars.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN calendars.external_id IS
    'Graph''s id.';
COMMENT ON COLUMN calendars.provider IS
    'Always outlook.';
COMMENT ON COLUMN calendars.name IS
    'Its name.';
COMMENT ON COLUMN calendars.color IS
    'Its colour''s name.';
COMMENT ON COLUMN calendars.is_default IS
    'Whether it is the default one.';
COMMENT ON COLUMN calendars.can_edit IS
    'Whether the account may write to it.';
COMMENT ON COLUMN calendars.owner_address IS
    'Whose it is; another''s for a shared calendar.';
COMMENT ON COLUMN calendars.fetched_at IS
    'When the request that produced this row was sent; an earlier fetch never overwrites a later one.';
COMMENT ON COLUMN calendars.round IS
    'The last full round that saw it.';
COMMENT ON COLUMN calendars.content_digest IS
    'Digest of the mirrored content, by which a replay is known; of no use to readers.';
COMMENT ON COLUMN calendars.created_at IS
    'When this row was made here.';
COMMENT ON COLUMN calendars.updated_at IS
    'When this row last changed here.';
COMMENT ON COLUMN calendars.raw IS
    'What Graph sent.';

-- Events: single ones, masters of series, and the occurrences and exceptions of series inside the
-- mirrored windows.
CREATE TABLE calendar_events (
    mailbox_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    provider text NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    calendar_external_id text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('single_instance', 'series_master', 'occurrence', 'exception')),
    series_master_external_id text COLLATE "C",
    change_key text,
    ical_uid text,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    start_date date,
    end_date date,
    original_zone text,
    iana_zone text,
    start_raw text NOT NULL,
    end_raw text NOT NULL,
    is_all_day boolean NOT NULL,
    is_cancelled boolean NOT NULL,
    is_organizer boolean NOT NULL,
    is_online_meeting boolean NOT NULL,
    online_meeting_url text,
    has_attachments boolean NOT NULL,
    show_as text,
    sensitivity text,
    importance text,
    response text,
    reminder_minutes bigint,
    original_start_at timestamptz,
    graph_created_at timestamptz,
    graph_modified_at timestamptz,
    fetched_at timestamptz NOT NULL,
    round bigint,
    content_digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    subject text,
    location text,
    organizer_name text,
    organizer_address text,
    attendees jsonb NOT NULL,
    categories jsonb NOT NULL,
    recurrence jsonb,
    web_link text,
    body_type text,
    body_preview text,
    body text,
    raw jsonb NOT NULL,
    PRIMARY KEY (mailbox_id, external_id)
);
CREATE INDEX calendar_events_time ON calendar_events (mailbox_id, calendar_external_id, start_at);
CREATE INDEX calendar_events_series ON calendar_events (mailbox_id, series_master_external_id) WHERE series_master_external_id IS NOT NULL;
DO $$
BEGIN
    ALTER TABLE calendar_events ALTER COLUMN body SET COMPRESSION lz4;
    ALTER TABLE calendar_events ALTER COLUMN raw SET COMPRESSION lz4;
EXCEPTION
    -- A server built without lz4 compresses by its own method.
    WHEN feature_not_supported THEN NULL;
END
$$;
COMMENT ON TABLE calendar_events IS 'Events: single ones, masters of series, and the occurrences and exceptions of series inside the mirrored windows.';
COMMENT ON COLUMN calendar_events.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN calendar_events.external_id IS
    'Graph''s immutable id.';
COMMENT ON COLUMN calendar_events.provider IS
    'Always outlook.';
COMMENT ON COLUMN calendar_events.calendar_external_id IS
    'The calendar it lies in.';
COMMENT ON COLUMN calendar_events.kind IS
    'single_instance, series_master, occurrence or exception.';
COMMENT ON COLUMN calendar_events.series_master_external_id IS
    'The master of its series.';
COMMENT ON COLUMN calendar_events.change_key IS
    'Graph''s version of it.';
COMMENT ON COLUMN calendar_events.ical_uid IS
    'The id shared between calendars; for masters and single events.';
COMMENT ON COLUMN calendar_events.start_at IS
    'Start.';
COMMENT ON COLUMN calendar_events.end_at IS
    'End, exclusive.';
COMMENT ON COLUMN calendar_events.start_date IS
    'The first day, for all-day events.';
COMMENT ON COLUMN calendar_events.end_date IS
    'The day after the last, for all-day events.';
COMMENT ON COLUMN calendar_events.original_zone IS
    'The zone it was made in, as Graph names it.';
COMMENT ON COLUMN calendar_events.iana_zone IS
    'The same as an IANA name, when it could be resolved.';
COMMENT ON COLUMN calendar_events.start_raw IS
    'Start as Graph sent it.';
COMMENT ON COLUMN calendar_events.end_raw IS
    'End as Graph sent it.';
COMMENT ON COLUMN calendar_events.is_all_day IS
    'Whether it takes whole days.';
COMMENT ON COLUMN calendar_events.is_cancelled IS
    'Whether the organiser cancelled it.';
COMMENT ON COLUMN calendar_events.is_organizer IS
    'Whether this account organises it.';
COMMENT ON COLUMN calendar_events.is_online_meeting IS
    'Whether it has an online meeting.';
COMMENT ON COLUMN calendar_events.online_meeting_url IS
    'Where to join.';
COMMENT ON COLUMN calendar_events.has_attachments IS
    'Whether it has attachments.';
COMMENT ON COLUMN calendar_events.show_as IS
    'busy, free and so on.';
COMMENT ON COLUMN calendar_events.sensitivity IS
    'normal, private and so on.';
COMMENT ON COLUMN calendar_events.importance IS
    'low, normal, high.';
COMMENT ON COLUMN calendar_events.response IS
    'This account''s answer.';
COMMENT ON COLUMN calendar_events.reminder_minutes IS
    'Reminder, in minutes before the start.';
COMMENT ON COLUMN calendar_events.original_start_at IS
    'The slot that an exception replaced.';
COMMENT ON COLUMN calendar_events.graph_created_at IS
    'Graph''s createdDateTime.';
COMMENT ON COLUMN calendar_events.graph_modified_at IS
    'Graph''s lastModifiedDateTime.';
COMMENT ON COLUMN calendar_events.fetched_at IS
    'When the request that produced this row was sent; an earlier fetch never overwrites a later one.';
COMMENT ON COLUMN calendar_events.round IS
    'The last full round that saw it.';
COMMENT ON COLUMN calendar_events.content_digest IS
    'Digest of the mirrored content, by which a replay is known; of no use to readers.';
COMMENT ON COLUMN calendar_events.created_at IS
    'When this row was made here.';
COMMENT ON COLUMN calendar_events.updated_at IS
    'When this row last changed here.';
COMMENT ON COLUMN calendar_events.subject IS
    'Subject.';
COMMENT ON COLUMN calendar_events.location IS
    'The location''s display name.';
COMMENT ON COLUMN calendar_events.organizer_name IS
    'The organiser''s name.';
COMMENT ON COLUMN calendar_events.organizer_address IS
    'The organiser''s address.';
COMMENT ON COLUMN calendar_events.attendees IS
    'An array of {name, address, kind, response}.';
COMMENT ON COLUMN calendar_events.categories IS
    'Categories: an array of names.';
COMMENT ON COLUMN calendar_events.recurrence IS
    'The recurrence as Graph sent it, for masters.';
COMMENT ON COLUMN calendar_events.web_link IS
    'Where Outlook shows it.';
COMMENT ON COLUMN calendar_events.body_type IS
    'text or html.';
COMMENT ON COLUMN calendar_events.body_preview IS
    'The first characters of the body.';
COMMENT ON COLUMN calendar_events.body IS
    'The body as Graph gave it.';
COMMENT ON COLUMN calendar_events.raw IS
    'What Graph sent, without the content of the body.';
