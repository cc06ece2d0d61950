-- Mailboxes and who may do what with them.

-- A connected Microsoft 365 account, owned by one owner of the host application.
CREATE TABLE mailboxes (
    id uuid NOT NULL,
    owner text NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    tenant_id text,
    address text NOT NULL,
    display_name text,
    state text NOT NULL CHECK (state IN ('connected', 'needs_reauth', 'suspended', 'disconnected')),
    state_reason text,
    state_since timestamptz NOT NULL,
    connected_at timestamptz NOT NULL,
    lease_token uuid,
    lease_holder text,
    lease_until timestamptz,
    not_before timestamptz,
    requests_spent jsonb,
    work_at timestamptz,
    feed_position bigint NOT NULL DEFAULT 0,
    push_healthy boolean NOT NULL DEFAULT false,
    push_reason text,
    folders_at timestamptz,
    calendars_at timestamptz,
    synced_at timestamptz,
    backfilled_at timestamptz,
    noticed_at timestamptz,
    audit_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (owner, user_id)
);
CREATE INDEX mailboxes_work ON mailboxes (work_at) WHERE work_at IS NOT NULL;
CREATE INDEX mailboxes_lease ON mailboxes (lease_until) WHERE lease_until IS NOT NULL;
COMMENT ON TABLE mailboxes IS 'A connected Microsoft 365 account, owned by one owner of the host application.';
COMMENT ON COLUMN mailboxes.id IS
    'Our id of the mailbox.';
COMMENT ON COLUMN mailboxes.owner IS
    'Who owns it in the host application.';
COMMENT ON COLUMN mailboxes.user_id IS
    'The account''s object id in Microsoft Graph.';
COMMENT ON COLUMN mailboxes.tenant_id IS
    'The tenant the account belongs to, when known.';
COMMENT ON COLUMN mailboxes.address IS
    'Its mail address as Graph reports it.';
COMMENT ON COLUMN mailboxes.display_name IS
    'The person''s name.';
COMMENT ON COLUMN mailboxes.state IS
    'connected: mirrored. needs_reauth: the person must sign in again. suspended: Graph cannot reach the mailbox. disconnected: ended on purpose.';
COMMENT ON COLUMN mailboxes.state_reason IS
    'Why it is not connected; a closed list of words.';
COMMENT ON COLUMN mailboxes.state_since IS
    'Since when it is in this state.';
COMMENT ON COLUMN mailboxes.connected_at IS
    'When it was first connected.';
COMMENT ON COLUMN mailboxes.lease_token IS
    'The fencing token of the process that serves it now.';
COMMENT ON COLUMN mailboxes.lease_holder IS
    'The name of that process.';
COMMENT ON COLUMN mailboxes.lease_until IS
    'Until when that process holds it.';
COMMENT ON COLUMN mailboxes.not_before IS
    'No request to Graph before this instant, as Graph asked.';
COMMENT ON COLUMN mailboxes.requests_spent IS
    'Requests to Graph of the last ten minutes: pairs of when a slice of five seconds ended (Unix time) and how many.';
COMMENT ON COLUMN mailboxes.work_at IS
    'When it needs attention next, notices, cursors and commands aside.';
COMMENT ON COLUMN mailboxes.feed_position IS
    'The position of the last entry of its feed in changes.';
COMMENT ON COLUMN mailboxes.push_healthy IS
    'Whether change notifications are believed to arrive.';
COMMENT ON COLUMN mailboxes.push_reason IS
    'Why they are or are not, for people.';
COMMENT ON COLUMN mailboxes.folders_at IS
    'When the folder tree was last walked whole.';
COMMENT ON COLUMN mailboxes.calendars_at IS
    'When the calendars were last listed.';
COMMENT ON COLUMN mailboxes.synced_at IS
    'The mirror is complete as of this instant.';
COMMENT ON COLUMN mailboxes.backfilled_at IS
    'When everything had been copied for the first time.';
COMMENT ON COLUMN mailboxes.noticed_at IS
    'When the last change notification was taken up.';
COMMENT ON COLUMN mailboxes.audit_at IS
    'When mirror and mailbox are to be compared next.';
COMMENT ON COLUMN mailboxes.created_at IS
    'When this row was made here.';
COMMENT ON COLUMN mailboxes.updated_at IS
    'When this row last changed here.';

-- The sealed tokens of a mailbox. Only graph-mirror can open them.
CREATE TABLE oauth_tokens (
    mailbox_id uuid NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    provider text NOT NULL DEFAULT 'microsoft' CHECK (provider IN ('microsoft')),
    external_id text COLLATE "C" NOT NULL,
    sealed_access_token text,
    sealed_refresh_token text,
    access_expires_at timestamptz,
    scopes text NOT NULL,
    rotation bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_id, provider)
);
COMMENT ON TABLE oauth_tokens IS 'The sealed tokens of a mailbox. Only graph-mirror can open them.';
COMMENT ON COLUMN oauth_tokens.mailbox_id IS
    'The mailbox.';
COMMENT ON COLUMN oauth_tokens.provider IS
    'Always microsoft.';
COMMENT ON COLUMN oauth_tokens.external_id IS
    'The account''s object id in Microsoft Graph.';
COMMENT ON COLUMN oauth_tokens.sealed_access_token IS
    'The access token, sealed with Fernet.';
COMMENT ON COLUMN oauth_tokens.sealed_refresh_token IS
    'The refresh token, sealed with Fernet.';
COMMENT ON COLUMN oauth_tokens.access_expires_at IS
    'When the access token ends.';
COMMENT ON COLUMN oauth_tokens.scopes IS
    'The granted scopes, separated by blanks.';
COMMENT ON COLUMN oauth_tokens.rotation IS
    'Grows with every save; a refresh is saved only over the rotation it began with.';
COMMENT ON COLUMN oauth_tokens.created_at IS
    'When this row was made here.';
COMMENT ON COLUMN oauth_tokens.updated_at IS
    'When this row last changed here.';

-- Sign-ins under way; each may come back once, within minutes, to the owner who began it.
CREATE TABLE oauth_states (
    state_hash text COLLATE "C" NOT NULL,
    owner text NOT NULL,
    sealed_verifier text NOT NULL,
    redirect_uri text NOT NULL,
    login_hint text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (state_hash)
);
CREATE INDEX oauth_states_expiry ON oauth_states (expires_at);
COMMENT ON TABLE oauth_states IS 'Sign-ins under way; each may come back once, within minutes, to the owner who began it.';
COMMENT ON COLUMN oauth_states.state_hash IS
    'Hash of the state that travels through the browser.';
COMMENT ON COLUMN oauth_states.owner IS
    'Who began it.';
COMMENT ON COLUMN oauth_states.sealed_verifier IS
    'The PKCE verifier, sealed with Fernet.';
COMMENT ON COLUMN oauth_states.redirect_uri IS
    'The redirect address it was begun with.';
COMMENT ON COLUMN oauth_states.login_hint IS
    'The account it was begun for, when named.';
COMMENT ON COLUMN oauth_states.created_at IS
    'When it was begun.';
COMMENT ON COLUMN oauth_states.expires_at IS
    'When it ends.';
COMMENT ON COLUMN oauth_states.used_at IS
    'When it came back.';

-- Bearer keys of the API. The key itself is shown once and kept nowhere.
CREATE TABLE api_keys (
    id uuid NOT NULL,
    owner text NOT NULL,
    key_hash text COLLATE "C" NOT NULL,
    label text,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (id),
    UNIQUE (key_hash)
);
COMMENT ON TABLE api_keys IS 'Bearer keys of the API. The key itself is shown once and kept nowhere.';
COMMENT ON COLUMN api_keys.id IS
    'Its id.';
COMMENT ON COLUMN api_keys.owner IS
    'Whose mailboxes it opens.';
COMMENT ON COLUMN api_keys.key_hash IS
    'Hash of the key.';
COMMENT ON COLUMN api_keys.label IS
    'What it is for.';
COMMENT ON COLUMN api_keys.created_at IS
    'When it was made.';
COMMENT ON COLUMN api_keys.revoked_at IS
    'When it was withdrawn.';
