//! The shapes Graph sends, as it sends them.
//!
//! Each shape borrows from the text of its answer; unknown fields are passed over, because the text itself is kept as the
//! row's raw object (F5.2, M14). Every field may be missing: deltas bring partial objects (F6.5), and where absent
//! and null mean different things a [`Field`] tells them apart. Enums stay text: Graph adds values when it likes.

pub mod attachment;
pub mod batch;
pub mod calendar;
pub mod error;
pub mod event;
pub mod field;
pub mod folder;
pub mod me;
pub mod message;
pub mod page;
pub mod subscription;

pub use attachment::AttachmentObject;
pub use calendar::CalendarObject;
pub use event::EventObject;
pub use field::{Field, Text};
pub use folder::FolderObject;
pub use me::MeObject;
pub use message::MessageObject;
pub use page::{ItemHead, Page, Removed};
pub use subscription::SubscriptionObject;
