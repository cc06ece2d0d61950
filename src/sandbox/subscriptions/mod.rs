//! Subscriptions: who watches what, and what of it waits to be notified (facts §9, §10).
//!
//! Reading order: `request` and `resource` (what a client may ask for), `handshake` (its endpoint must
//! answer first), `subscription` and `book` (what is kept), `endpoints` (the calls below `/subscriptions`),
//! `notice`, `rich` and `parcel` (what is sent), `queue` and `health` (what waits for which endpoint). The posting
//! itself is in `delivery`, lifecycle events in `lifecycle`. Nothing here reads a clock or waits.

mod annotation;
mod book;
mod certificate;
mod endpoints;
mod handshake;
mod health;
mod membership;
mod notice;
pub mod parcel;
pub mod queue;
pub mod request;
pub mod resource;
mod rich;
mod select;
mod subscription;

pub use book::{Renewal, Scene, SubscriptionBook};
pub use certificate::Certificate;
pub use endpoints::handle;
pub use health::Standing;
pub(super) use notice::{expiry, render};
pub(super) use rich::content;
pub use subscription::{ChangeTypes, Subscription, SubscriptionStatus, reauthorization_due};
