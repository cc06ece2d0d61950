//! Sign-in and tokens, against a token endpoint made for each test and against the sandbox.

pub mod bench;
mod keeper;
mod platform;
mod sandbox;
mod sign_in;
