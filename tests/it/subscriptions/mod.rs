//! subscriptions.
