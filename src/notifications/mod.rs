//! Turns notices into durable work, and nothing more.
