//! Two replicas on one PostgreSQL: what they share, and what one does when the other dies, stands still or is restarted.
//!
//! Replicas are processes of their own, reached through one public address as behind a load balancer; where one must outlive the
//! other's lease, it runs in this process, so that the lease of thirty seconds is over when the test says so. Nothing is polled:
//! news come by notifications alone, and one that was accepted and lost would be missing at the end.

mod front;
pub mod replica;
pub mod stage;
mod taken_over;
mod together;
