-- Calendars and their events.

-- The calendars of a mailbox.
CREATE TABLE calendars (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- Graph's id.
    external_id TEXT NOT NULL,
    -- Always outlook.
    provider TEXT NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    -- Its name.
    name TEXT NOT NULL,
    -- Its colour's name.
    color TEXT,
    -- Whether it is the default one.
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    -- Whether the account may write to it.
    can_edit INTEGER NOT NULL CHECK (can_edit IN (0, 1)),
    -- Whose it is; another's for a shared calendar.
    owner_address TEXT,
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

-- Events: single ones, masters of series, and the occurrences and exceptions of series inside the
-- mirrored windows.
CREATE TABLE calendar_events (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- Graph's immutable id.
    external_id TEXT NOT NULL,
    -- Always outlook.
    provider TEXT NOT NULL DEFAULT 'outlook' CHECK (provider IN ('outlook')),
    -- The calendar it lies in.
    calendar_external_id TEXT NOT NULL,
    -- single_instance, series_master, occurrence or exception.
    kind TEXT NOT NULL CHECK (kind IN ('single_instance', 'series_master', 'occurrence', 'exception')),
    -- The master of its series.
    series_master_external_id TEXT,
    -- Graph's version of it.
    change_key TEXT,
    -- The id shared between calendars; for masters and single events.
    ical_uid TEXT,
    -- Start.
    start_at TEXT NOT NULL,
    -- End, exclusive.
    end_at TEXT NOT NULL,
    -- The first day, for all-day events.
    start_date TEXT,
    -- The day after the last, for all-day events.
    end_date TEXT,
    -- The zone it was made in, as Graph names it.
    original_zone TEXT,
    -- The same as an IANA name, when it could be resolved.
    iana_zone TEXT,
    -- Start as Graph sent it.
    start_raw TEXT NOT NULL,
    -- End as Graph sent it.
    end_raw TEXT NOT NULL,
    -- Whether it takes whole days.
    is_all_day INTEGER NOT NULL CHECK (is_all_day IN (0, 1)),
    -- Whether the organiser cancelled it.
    is_cancelled INTEGER NOT NULL CHECK (is_cancelled IN (0, 1)),
    -- Whether this account organises it.
    is_organizer INTEGER NOT NULL CHECK (is_organizer IN (0, 1)),
    -- Whether it has an online meeting.
    is_online_meeting INTEGER NOT NULL CHECK (is_online_meeting IN (0, 1)),
    -- Where to join.
    online_meeting_url TEXT,
    -- Whether it has attachments.
    has_attachments INTEGER NOT NULL CHECK (has_attachments IN (0, 1)),
    -- busy, free and so on.
    show_as TEXT,
    -- normal, private and so on.
    sensitivity TEXT,
    -- low, normal, high.
    importance TEXT,
    -- This account's answer.
    response TEXT,
    -- Reminder, in minutes before the start.
    reminder_minutes INTEGER,
    -- The slot that an exception replaced.
    original_start_at TEXT,
    -- Graph's createdDateTime.
    graph_created_at TEXT,
    -- Graph's lastModifiedDateTime.
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
    -- Subject.
    subject TEXT,
    -- The location's display name.
    location TEXT,
    -- The organiser's name.
    organizer_name TEXT,
    -- The organiser's address.
    organizer_address TEXT,
    -- An array of {name, address, kind, response}.
    attendees TEXT NOT NULL,
    -- Categories: an array of names.
    categories TEXT NOT NULL,
    -- The recurrence as Graph sent it, for masters.
    recurrence TEXT,
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
CREATE INDEX calendar_events_time ON calendar_events (mailbox_id, calendar_external_id, start_at);
CREATE INDEX calendar_events_series ON calendar_events (mailbox_id, series_master_external_id) WHERE series_master_external_id IS NOT NULL;
