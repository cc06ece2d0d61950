//! A true, queryable, near real-time copy of Microsoft 365 mailboxes and calendars in SQL.

pub mod model;
pub mod sandbox;
