//! The words of the product: data and pure functions. No I/O, nothing async but the clock.
//!
//! Every other room may import this one; it imports none. In reading order: [`ids`], [`time`],
//! [`mailbox`], [`mail`], [`calendar`], [`blob`], [`work`], [`feed`]; [`chain`] says errors.

pub mod blob;
pub mod calendar;
pub mod chain;
pub mod feed;
pub mod ids;
pub mod mail;
pub mod mailbox;
pub mod time;
pub mod work;
