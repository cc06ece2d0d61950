//! Who serves which mailbox, in what order, within what budget (design §4).
//!
//! At most one process serves a mailbox at any moment. It holds a lease on the mailbox row, taken when there is work,
//! kept by a heartbeat, given back when idle; every write carries the lease's [`Fence`](crate::model::work::Fence).
//! That one rule gives a single flight of everything that must not run twice: the refresh of a token, a round of a
//! cursor, the counting of requests.
//!
//! This room knows *when* and *how much*, never *what*: the work is a [`Resident`]'s, which `app` puts together.
//!
//! In reading order: [`resident`] (what a home is given), [`budget`] with `limits`, `pass`, `lanes` and `window` (how
//! it may spend), [`runner`] (how homes come and go) with `host` (one of them) and `lease` (the heartbeat).

mod books;
pub mod budget;
mod error;
mod host;
mod lanes;
mod lease;
mod limits;
mod pass;
pub mod resident;
pub mod runner;
mod settings;
mod window;

pub use budget::Budget;
pub use error::HomeError;
pub use limits::Limits;
pub use pass::Pass;
pub use resident::{Home, Resident, Served, Wake};
pub use runner::Homes;
pub use settings::HomeSettings;
pub use window::Spent;
