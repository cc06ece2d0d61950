//! Commands for people and shells.
