//! A true, queryable, near real-time copy of Microsoft 365 mailboxes and calendars in SQL.

pub mod api;
pub mod app;
pub mod blobs;
pub mod cli;
pub mod config;
pub mod content;
pub mod graph;
pub mod home;
pub mod mailboxes;
pub mod mirror;
pub mod model;
pub mod notifications;
pub mod oauth;
pub mod sandbox;
pub mod secrets;
pub mod store;
pub mod subscriptions;
pub mod telemetry;
