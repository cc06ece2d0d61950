//! The words of the product: data and pure functions. No I/O, nothing async but the clock.

pub mod time;
