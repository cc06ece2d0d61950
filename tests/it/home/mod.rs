//! Who serves which mailbox: leases, signals, lingering, budgets that outlive their homes.

mod leases;
mod places;
mod signals;
mod stage;
mod throttled;
