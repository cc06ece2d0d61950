-- Which key signed the clientState that Graph has, so that an old key is not taken away while notifications prove themselves by it.

-- Fingerprint of the encryption key that the clientState at Graph was signed with; null where that was not kept yet.
ALTER TABLE subscriptions ADD COLUMN client_state_key TEXT;
