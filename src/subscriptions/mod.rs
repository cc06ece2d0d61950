//! Wanted against actual subscriptions.
