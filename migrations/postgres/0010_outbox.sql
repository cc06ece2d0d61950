-- Writing into mailboxes: commands carry what a write needs, and the feed tells what we wrote ourselves.

-- Everything has a default, so that an application can ask for a write in a transaction of its own:
-- INSERT INTO commands (mailbox_id, id, wish, requested_at) VALUES (…).
ALTER TABLE commands
    ADD COLUMN kind text,
    ADD COLUMN idempotency_key text,
    ADD COLUMN request_digest text,
    ADD COLUMN owner text,
    ADD COLUMN state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    ADD COLUMN attempts bigint NOT NULL DEFAULT 0,
    ADD COLUMN due_at timestamptz,
    ADD COLUMN graph_id text COLLATE "C",
    ADD COLUMN progress jsonb,
    ADD COLUMN failure_code text;
UPDATE commands SET state = CASE WHEN jsonb_exists(outcome, 'failed') THEN 'failed' ELSE 'done' END
    WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX commands_idempotency ON commands (mailbox_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
COMMENT ON COLUMN commands.kind IS
    'What kind of wish it is; filled in when its turn comes where an application left it out.';
COMMENT ON COLUMN commands.idempotency_key IS
    'The caller''s Idempotency-Key: the same key asks for the same command.';
COMMENT ON COLUMN commands.request_digest IS
    'The digest of the request that came with the key.';
COMMENT ON COLUMN commands.owner IS
    'Whose key asked for it.';
COMMENT ON COLUMN commands.state IS
    'waiting, running (begun, and perhaps put off), done or failed.';
COMMENT ON COLUMN commands.attempts IS
    'How often it was begun; raised before the first call to Microsoft.';
COMMENT ON COLUMN commands.due_at IS
    'Not to be gone on with before.';
COMMENT ON COLUMN commands.graph_id IS
    'The item it made or changed, once that is known.';
COMMENT ON COLUMN commands.progress IS
    'What a write has done at Microsoft so far.';
COMMENT ON COLUMN commands.failure_code IS
    'What kind of failure it was.';
COMMENT ON COLUMN commands.wish IS
    'What is wanted, with its kind; of a write that has ended only what names the item is kept.';

-- An application that writes a row by itself names no kind: whoever serves the mailbox hears of it with the commit.
CREATE FUNCTION commands_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('graph_mirror', 'application m' || replace(NEW.mailbox_id::text, '-', ''));
    RETURN NULL;
END
$$;
CREATE TRIGGER commands_wake AFTER INSERT ON commands
    FOR EACH ROW WHEN (NEW.kind IS NULL) EXECUTE FUNCTION commands_wake();

-- Which versions of which items we wrote ourselves.
CREATE TABLE origins (
    mailbox_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('message', 'event')),
    external_id text COLLATE "C" NOT NULL,
    change_key text COLLATE "C" NOT NULL,
    command_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, kind, external_id, change_key),
    FOREIGN KEY (mailbox_id, command_id) REFERENCES commands (mailbox_id, id) ON DELETE CASCADE
);
CREATE INDEX origins_command ON origins (mailbox_id, command_id);
COMMENT ON TABLE origins IS 'Which versions of which items were written by a command of ours.';
COMMENT ON COLUMN origins.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN origins.kind IS
    'message or event.';
COMMENT ON COLUMN origins.external_id IS
    'The item.';
COMMENT ON COLUMN origins.change_key IS
    'The version that was written; empty where the command made the item or made it go.';
COMMENT ON COLUMN origins.command_id IS
    'The command.';
COMMENT ON COLUMN origins.at IS
    'When it was written.';

ALTER TABLE changes ADD COLUMN origin_command_id uuid;
COMMENT ON COLUMN changes.origin_command_id IS
    'The command of ours that this change comes from; null for what others did.';
