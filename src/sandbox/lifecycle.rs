//! Lifecycle events: `reauthorizationRequired`, `subscriptionRemoved`, `missed`.
