//! Keys, seals and signatures.
//!
//! Its promise: a sealed secret opens only with one of our keys and only in the place it was sealed for; a failed opening
//! is an error and never a reason to drop what was sealed, because the cause is a key or a clock, not the
//! secret (design §10). Nothing here prints a secret.
//!
//! In reading order: [`keyring`] (the keys as the operator gives them), [`vault`] (seals), [`sign`] (clientState, API keys,
//! hashes).

pub mod keyring;
pub mod sign;
pub mod vault;

pub use keyring::{Keyring, KeyringError};
pub use sign::{Signer, api_key_generate, hash};
pub use vault::{Label, Vault, VaultError};
