//! Connecting, disconnecting, and the states between.
//!
//! Its promise: a mailbox that is connected again keeps its data; one that is disconnected leaves nothing behind at Graph
//! that could be deleted, no token and no work here; one that cannot be mirrored is in a named state that says who must
//! do what (M7), and is never tried in a loop.
//!
//! In reading order: [`connect`], [`mod@disconnect`], [`states`] (stopping, and taking up again), [`mod@explain`] (what people
//! are told).

pub mod connect;
pub mod disconnect;
pub mod explain;
pub mod states;

pub use connect::{Connected, Connections};
pub use disconnect::{Disconnected, disconnect};
pub use explain::{Actor, Explanation, explain};
