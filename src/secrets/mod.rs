//! Keys and seals.
