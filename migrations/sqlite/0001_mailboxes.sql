-- Mailboxes and who may do what with them.

-- A connected Microsoft 365 account, owned by one owner of the host application.
CREATE TABLE mailboxes (
    -- Our id of the mailbox.
    id TEXT NOT NULL,
    -- Who owns it in the host application.
    owner TEXT NOT NULL,
    -- The account's object id in Microsoft Graph.
    user_id TEXT NOT NULL,
    -- The tenant the account belongs to, when known.
    tenant_id TEXT,
    -- Its mail address as Graph reports it.
    address TEXT NOT NULL,
    -- The person's name.
    display_name TEXT,
    -- connected: mirrored. needs_reauth: the person must sign in again. suspended: Graph cannot reach
    -- the mailbox. disconnected: ended on purpose.
    state TEXT NOT NULL CHECK (state IN ('connected', 'needs_reauth', 'suspended', 'disconnected')),
    -- Why it is not connected; a closed list of words.
    state_reason TEXT,
    -- Since when it is in this state.
    state_since TEXT NOT NULL,
    -- When it was first connected.
    connected_at TEXT NOT NULL,
    -- The fencing token of the process that serves it now.
    lease_token TEXT,
    -- The name of that process.
    lease_holder TEXT,
    -- Until when that process holds it.
    lease_until TEXT,
    -- No request to Graph before this instant, as Graph asked.
    not_before TEXT,
    -- Requests to Graph of the last ten minutes: pairs of when a slice of five seconds ended (Unix time) and how many.
    requests_spent TEXT,
    -- When it needs attention next, notices, cursors and commands aside.
    work_at TEXT,
    -- The position of the last entry of its feed in changes.
    feed_position INTEGER NOT NULL DEFAULT 0,
    -- Whether change notifications are believed to arrive.
    push_healthy INTEGER NOT NULL DEFAULT 0 CHECK (push_healthy IN (0, 1)),
    -- Why they are or are not, for people.
    push_reason TEXT,
    -- When the folder tree was last walked whole.
    folders_at TEXT,
    -- When the calendars were last listed.
    calendars_at TEXT,
    -- The mirror is complete as of this instant.
    synced_at TEXT,
    -- When everything had been copied for the first time.
    backfilled_at TEXT,
    -- When the last change notification was taken up.
    noticed_at TEXT,
    -- When mirror and mailbox are to be compared next.
    audit_at TEXT,
    -- When this row was made here.
    created_at TEXT NOT NULL,
    -- When this row last changed here.
    updated_at TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (owner, user_id)
) STRICT;
CREATE INDEX mailboxes_work ON mailboxes (work_at) WHERE work_at IS NOT NULL;
CREATE INDEX mailboxes_lease ON mailboxes (lease_until) WHERE lease_until IS NOT NULL;

-- The sealed tokens of a mailbox. Only graph-mirror can open them.
CREATE TABLE oauth_tokens (
    -- The mailbox.
    mailbox_id TEXT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    -- Always microsoft.
    provider TEXT NOT NULL DEFAULT 'microsoft' CHECK (provider IN ('microsoft')),
    -- The account's object id in Microsoft Graph.
    external_id TEXT NOT NULL,
    -- The access token, sealed with Fernet.
    sealed_access_token TEXT,
    -- The refresh token, sealed with Fernet.
    sealed_refresh_token TEXT,
    -- When the access token ends.
    access_expires_at TEXT,
    -- The granted scopes, separated by blanks.
    scopes TEXT NOT NULL,
    -- Grows with every save; a refresh is saved only over the rotation it began with.
    rotation INTEGER NOT NULL,
    -- When this row was made here.
    created_at TEXT NOT NULL,
    -- When this row last changed here.
    updated_at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, provider)
) STRICT;

-- Sign-ins under way; each may come back once, within minutes, to the owner who began it.
CREATE TABLE oauth_states (
    -- Hash of the state that travels through the browser.
    state_hash TEXT NOT NULL,
    -- Who began it.
    owner TEXT NOT NULL,
    -- The PKCE verifier, sealed with Fernet.
    sealed_verifier TEXT NOT NULL,
    -- The redirect address it was begun with.
    redirect_uri TEXT NOT NULL,
    -- The account it was begun for, when named.
    login_hint TEXT,
    -- When it was begun.
    created_at TEXT NOT NULL,
    -- When it ends.
    expires_at TEXT NOT NULL,
    -- When it came back.
    used_at TEXT,
    PRIMARY KEY (state_hash)
) STRICT;
CREATE INDEX oauth_states_expiry ON oauth_states (expires_at);

-- Bearer keys of the API. The key itself is shown once and kept nowhere.
CREATE TABLE api_keys (
    -- Its id.
    id TEXT NOT NULL,
    -- Whose mailboxes it opens.
    owner TEXT NOT NULL,
    -- Hash of the key.
    key_hash TEXT NOT NULL,
    -- What it is for.
    label TEXT,
    -- When it was made.
    created_at TEXT NOT NULL,
    -- When it was withdrawn.
    revoked_at TEXT,
    PRIMARY KEY (id),
    UNIQUE (key_hash)
) STRICT;
