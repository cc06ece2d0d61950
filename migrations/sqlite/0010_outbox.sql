-- Writing into mailboxes: commands carry what a write needs, and the feed tells what we wrote ourselves.

-- Everything has a default, so that an application can ask for a write in a transaction of its own:
-- INSERT INTO commands (mailbox_id, id, wish, requested_at) VALUES (…). The slow poll finds it.
-- What kind of wish it is; filled in when its turn comes where an application left it out.
ALTER TABLE commands ADD COLUMN kind TEXT;
-- The caller's Idempotency-Key: the same key asks for the same command.
ALTER TABLE commands ADD COLUMN idempotency_key TEXT;
-- The digest of the request that came with the key.
ALTER TABLE commands ADD COLUMN request_digest TEXT;
-- Whose key asked for it.
ALTER TABLE commands ADD COLUMN owner TEXT;
-- waiting, running (begun, and perhaps put off), done or failed.
ALTER TABLE commands ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'running', 'done', 'failed'));
-- How often it was begun; raised before the first call to Microsoft.
ALTER TABLE commands ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
-- Not to be gone on with before.
ALTER TABLE commands ADD COLUMN due_at TEXT;
-- The item it made or changed, once that is known.
ALTER TABLE commands ADD COLUMN graph_id TEXT;
-- What a write has done at Microsoft so far.
ALTER TABLE commands ADD COLUMN progress TEXT;
-- What kind of failure it was.
ALTER TABLE commands ADD COLUMN failure_code TEXT;
UPDATE commands SET state = CASE WHEN json_type(outcome, '$.failed') IS NULL THEN 'done' ELSE 'failed' END
    WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX commands_idempotency ON commands (mailbox_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Which versions of which items were written by a command of ours.
CREATE TABLE origins (
    -- The mailbox.
    mailbox_id TEXT NOT NULL,
    -- message or event.
    kind TEXT NOT NULL CHECK (kind IN ('message', 'event')),
    -- The item.
    external_id TEXT NOT NULL,
    -- The version that was written; empty where the command made the item or made it go.
    change_key TEXT NOT NULL,
    -- The command.
    command_id TEXT NOT NULL,
    -- When it was written.
    at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, kind, external_id, change_key),
    FOREIGN KEY (mailbox_id, command_id) REFERENCES commands (mailbox_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX origins_command ON origins (mailbox_id, command_id);

-- The command of ours that this change comes from; null for what others did.
ALTER TABLE changes ADD COLUMN origin_command_id TEXT;
