//! Keeps Graph telling us about changes: the wished-for subscriptions beside those that are.
