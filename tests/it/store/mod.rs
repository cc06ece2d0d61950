//! The contract of the store: every method on both databases.

mod attachments;
mod audits;
mod calendars;
mod changes;
mod commands;
mod contract;
mod cursors;
mod events;
mod folders;
mod grants;
mod heads;
mod intake;
mod keys;
mod leases;
mod mailboxes;
mod messages;
mod notices;
mod opening;
mod reference;
pub(crate) mod samples;
mod schema;
mod subscriptions;
mod threads;
mod ticks;
mod transactions;
mod trouble;
