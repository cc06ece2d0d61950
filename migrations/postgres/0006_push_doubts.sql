-- Which subscription the rounds have found silent.

ALTER TABLE subscriptions ADD COLUMN doubted_at timestamptz;
COMMENT ON COLUMN subscriptions.doubted_at IS
    'When a round last found a change that this subscription, or the one it replaced, should have announced and did not; null while it is believed.';
