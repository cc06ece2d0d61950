-- Which subscription the rounds have found silent.

-- When a round last found a change that this subscription, or the one it replaced, should have announced and did not; null
-- while it is believed.
ALTER TABLE subscriptions ADD COLUMN doubted_at TEXT;
