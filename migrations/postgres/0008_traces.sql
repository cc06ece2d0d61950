-- How a notification is followed from its post to its row, and what the metrics ask for at every scrape.

ALTER TABLE notices ADD COLUMN trace_id uuid;
COMMENT ON COLUMN notices.trace_id IS
    'The trace of the post that named it first, as in the log and towards Graph; null for suspicions.';
ALTER TABLE parked_notices ADD COLUMN trace_id uuid;
COMMENT ON COLUMN parked_notices.trace_id IS
    'The trace of the post that brought it.';
CREATE INDEX subscriptions_end ON subscriptions (expires_at) WHERE state = 'active';
CREATE INDEX notices_failing ON notices (attempts) WHERE attempts > 0;
