//! Identity: sign-in, tokens, and keeping them fresh.
