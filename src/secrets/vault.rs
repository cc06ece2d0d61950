//! Seals secrets for the database.
//!
//! Fernet has no room for a context, so the plaintext names the place it was sealed for: a sealed value that was copied to
//! another row does not open there. Fernet also refuses what was sealed in the future, so a clock that was set back makes
//! every seal unreadable until it has caught up: that is told apart where it can be, and nothing is ever dropped for it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use chrono::DateTime;
use fernet::Fernet;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::{Deserialize, Serialize};

use super::keyring::Keyring;
use crate::model::ids::{CommandId, MailboxId};
use crate::model::time::{Clock, SystemClock, Timestamp};

/// What a secret is, and whose; it opens only where the same is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// The access token of a mailbox.
    AccessToken(MailboxId),
    /// The refresh token of a mailbox.
    RefreshToken(MailboxId),
    /// The PKCE verifier of a sign-in, by the hash of its state.
    Verifier(String),
    /// The address of an upload session, by the command it belongs to.
    Upload(CommandId),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessToken(mailbox) => write!(f, "access_token/{mailbox}"),
            Self::RefreshToken(mailbox) => write!(f, "refresh_token/{mailbox}"),
            Self::Verifier(state) => write!(f, "verifier/{state}"),
            Self::Upload(command) => write!(f, "upload/{command}"),
        }
    }
}

/// Why a seal does not open. The sealed value is to be kept in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// None of the keys fits, or the value was changed.
    #[error("none of the {keys} encryption keys opens the sealed value")]
    NoKeyFits {
        /// How many were tried.
        keys: usize,
    },
    /// It says it was sealed later than now: this machine's clock is behind.
    #[error("the sealed value was made at {sealed_at}, which this machine's clock has not reached")]
    FromTheFuture {
        /// When it says it was sealed.
        sealed_at: Timestamp,
    },
    /// It opens, and was sealed for another place.
    #[error("the sealed value belongs to another row")]
    Foreign,
}

/// Seals with the first key, opens with any.
#[derive(Clone)]
pub struct Vault {
    ring: Vec<Fernet>,
}

#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    #[serde(rename = "for")]
    label: std::borrow::Cow<'a, str>,
    secret: std::borrow::Cow<'a, str>,
}

/// Fernet lets clocks differ by so many seconds.
const SKEW: i64 = 60;

impl Vault {
    /// A vault with these keys.
    pub fn new(keyring: &Keyring) -> Self {
        Self {
            ring: keyring.fernets(),
        }
    }

    /// Seals a secret for one place.
    pub fn seal(&self, label: &Label, secret: &str) -> String {
        let plain = Plain {
            label: label.to_string().into(),
            secret: secret.into(),
        };
        let plain = serde_json::to_vec(&plain).expect("two texts are JSON");
        let plain = Zeroizing::new(plain);
        let first = self.ring.first().expect("a keyring is never empty");
        first.encrypt(&plain)
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, label: &Label, sealed: &str) -> Result<SecretString, VaultError> {
        let plain = self
            .ring
            .iter()
            .find_map(|key| key.decrypt(sealed).ok())
            .map(Zeroizing::new)
            .ok_or_else(|| self.why_not(sealed))?;
        let plain: Plain = serde_json::from_slice(&plain).map_err(|_| VaultError::Foreign)?;
        if plain.label != label.to_string() {
            return Err(VaultError::Foreign);
        }
        Ok(SecretString::from(plain.secret.into_owned()))
    }

    /// Whether it was sealed with the present key; if not, it is to be sealed anew before the old key is taken away.
    pub fn is_current(&self, sealed: &str) -> bool {
        self.ring
            .first()
            .is_some_and(|key| key.decrypt(sealed).is_ok())
    }

    /// Opens and seals again, with the present key.
    pub fn reseal(&self, label: &Label, sealed: &str) -> Result<String, VaultError> {
        let secret = self.open(label, sealed)?;
        Ok(self.seal(label, secret.expose_secret()))
    }

    /// The time of sealing stands before the ciphertext, readable without a key: a hint only, but the difference between
    /// "find the key" and "set the clock". Fernet asks the machine's clock, so it is asked here too.
    fn why_not(&self, sealed: &str) -> VaultError {
        let no_key = VaultError::NoKeyFits {
            keys: self.ring.len(),
        };
        let Ok(token) = URL_SAFE.decode(sealed) else {
            return no_key;
        };
        let seconds = token
            .get(1..9)
            .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
            .map(u64::from_be_bytes)
            .and_then(|seconds| i64::try_from(seconds).ok());
        match seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)) {
            Some(sealed_at) if sealed_at.timestamp() > SystemClock.now().timestamp() + SKEW => {
                VaultError::FromTheFuture { sealed_at }
            }
            _ => no_key,
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} keys)", self.ring.len())
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, Mac};
    use sha2::Sha256;

    use super::*;

    fn ring(keys: &[&String]) -> Vault {
        let text: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        Vault::new(&Keyring::parse(&text.join(",")).expect("a ring"))
    }

    #[test]
    fn the_first_key_seals_and_every_key_opens() {
        let (old, new) = (Keyring::generate_key(), Keyring::generate_key());
        let label = Label::RefreshToken(MailboxId::generate());
        let sealed_before = ring(&[&old]).seal(&label, "secret");

        let both = ring(&[&new, &old]);
        let opened = both
            .open(&label, &sealed_before)
            .expect("the old key opens");
        let again = both
            .reseal(&label, &sealed_before)
            .expect("it is sealed anew");

        assert_eq!(opened.expose_secret(), "secret");
        assert!(!both.is_current(&sealed_before));
        assert!(both.is_current(&again));
        assert!(ring(&[&new]).open(&label, &again).is_ok());
        assert_eq!(
            ring(&[&new])
                .open(&label, &sealed_before)
                .expect_err("the old key is gone"),
            VaultError::NoKeyFits { keys: 1 }
        );
    }

    #[test]
    fn a_seal_copied_to_another_row_does_not_open() {
        let vault = Vault::new(&Keyring::generate());
        let (mine, yours) = (MailboxId::generate(), MailboxId::generate());
        let sealed = vault.seal(&Label::RefreshToken(mine), "secret");

        for other in [Label::RefreshToken(yours), Label::AccessToken(mine)] {
            assert_eq!(
                vault.open(&other, &sealed).expect_err("foreign"),
                VaultError::Foreign
            );
        }
        assert!(vault.open(&Label::RefreshToken(mine), &sealed).is_ok());
    }

    #[test]
    fn a_seal_from_the_future_is_a_matter_of_the_clock() {
        // Design §10: Fernet refuses it, and the grant must be kept.
        let key = Keyring::generate_key();
        let vault = ring(&[&key]);
        let label = Label::AccessToken(MailboxId::generate());
        let sealed_at = SystemClock.now().timestamp() + 3_600;
        let mut token = URL_SAFE
            .decode(vault.seal(&label, "secret"))
            .expect("base64");
        let signed = token.len() - 32;
        token[1..9].copy_from_slice(&sealed_at.to_be_bytes());
        let signing = URL_SAFE.decode(&key).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&signing[..16]).expect("any length");
        mac.update(&token[..signed]);
        token[signed..].copy_from_slice(&mac.finalize().into_bytes());

        let error = vault
            .open(&label, &URL_SAFE.encode(&token))
            .expect_err("the future");

        let at = DateTime::from_timestamp(sealed_at, 0).expect("an instant");
        assert_eq!(error, VaultError::FromTheFuture { sealed_at: at });
    }

    #[test]
    fn nonsense_does_not_open_and_nothing_secret_shows() {
        // M9
        let vault = Vault::new(&Keyring::generate());
        let label = Label::AccessToken(MailboxId::generate());
        for sealed in ["", "x", "gAAAAA==", "ä", &"A".repeat(1_000)] {
            assert!(vault.open(&label, sealed).is_err(), "{sealed}");
        }
        let mut changed = vault.seal(&label, "secret").into_bytes();
        changed[40] = if changed[40] == b'A' { b'B' } else { b'A' };
        assert!(
            vault
                .open(&label, &String::from_utf8(changed).expect("ASCII"))
                .is_err()
        );
        assert_eq!(format!("{vault:?}"), "Vault(1 keys)");
    }
}
