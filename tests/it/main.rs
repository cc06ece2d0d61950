//! The integration tests.

mod api;
mod app;
mod cli;
mod conformance;
mod contents;
mod documents;
mod failing;
mod graph;
mod home;
mod hostile;
mod mailboxes;
mod mirror;
mod notifications;
mod oauth;
mod races;
mod replicas;
mod sandbox;
mod stack;
mod store;
mod subscriptions;
mod support;
mod tiers;
