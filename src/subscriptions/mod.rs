//! Keeps Graph telling us what changes.
//!
//! The wished-for subscriptions stand beside those we know and those Graph lists; [`mod@plan`] names the difference as steps,
//! `reconcile` takes them. One watches all messages of a mailbox, one each calendar (F9.5). A row is registered before
//! Graph is asked, so that no notification is a stranger (R1), and after each creation the cursors it covers are
//! marked: first the subscription, then the round, so that nothing falls in between (M28). Losing every subscription
//! costs speed, never truth.
//!
//! In reading order: [`address`], [`reach`], [`mod@plan`], [`reconcile`] with `steps`, `listing`, `lifetime` and `health`, and
//! `signers` (when keys change).

pub mod address;
mod error;
mod health;
mod lifetime;
mod listing;
mod plan;
pub mod reach;
pub mod reconcile;
mod signers;
mod steps;

pub use error::SubscriptionsError;
pub use listing::list;
pub use plan::{Action, Listed, Situation, plan};
pub use reach::{Addresses, Reach};
pub use reconcile::{Reconciled, Reconciler};
pub use signers::replace_former;
