//! Seeded random edits of all kinds.
