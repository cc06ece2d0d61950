//! The encryption keys, as `OAUTH_ENCRYPTION_KEY` gives them: several, separated by commas or spaces. The first seals and signs,
//! all open and verify, so that keys are rotated by putting a new one in front.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fernet::Fernet;
use secrecy::{ExposeSecret, SecretString};

/// Padding may have been lost on the way through a shell.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is wrong with the keys. The keys themselves never show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// None was given.
    #[error("no encryption key is given")]
    Empty,
    /// One is not a key.
    #[error("encryption key {position} of {of} is not 32 bytes in URL-safe base64")]
    Malformed {
        /// Which, counted from one.
        position: usize,
        /// Of how many.
        of: usize,
    },
    /// One was given twice, which is a mistake in a rotation.
    #[error("encryption keys {first} and {second} are the same")]
    Repeated {
        /// Which, counted from one.
        first: usize,
        /// And which.
        second: usize,
    },
}

/// One or more keys, the first being the present one.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<[u8; 32]>,
}

impl Keyring {
    /// Reads the keys.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let words: Vec<&str> = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect();
        let mut keys: Vec<[u8; 32]> = Vec::with_capacity(words.len());
        for (place, word) in words.iter().enumerate() {
            let malformed = KeyringError::Malformed {
                position: place + 1,
                of: words.len(),
            };
            let key = BASE64.decode(word).map_err(|_| malformed.clone())?;
            let key = <[u8; 32]>::try_from(key).map_err(|_| malformed)?;
            if let Some(same) = keys.iter().position(|other| *other == key) {
                return Err(KeyringError::Repeated {
                    first: same + 1,
                    second: place + 1,
                });
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeyringError::Empty);
        }
        Ok(Self { keys })
    }

    /// The same keys, one by one.
    pub fn of(keys: &[SecretString]) -> Result<Self, KeyringError> {
        let words: Vec<&str> = keys.iter().map(ExposeSecret::expose_secret).collect();
        Self::parse(&words.join(","))
    }

    /// A new key, as text for `OAUTH_ENCRYPTION_KEY`.
    pub fn generate_key() -> String {
        Fernet::generate_key()
    }

    /// A ring of one new key.
    pub fn generate() -> Self {
        Self::parse(&Self::generate_key()).expect("a generated key is well formed")
    }

    pub(super) fn fernets(&self) -> Vec<Fernet> {
        self.keys
            .iter()
            .map(|key| Fernet::new(&BASE64.encode(key)).expect("the key has 32 bytes"))
            .collect()
    }

    pub(super) fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_keys_may_be_given() {
        let (a, b) = (Keyring::generate_key(), Keyring::generate_key());

        let ring = Keyring::parse(&format!(" {a}, {}\n", b.trim_end_matches('='))).expect("a ring");

        assert_eq!(ring.keys().len(), 2);
        assert_eq!(format!("{ring:?}"), "Keyring(2 keys)");
    }

    #[test]
    fn what_is_not_a_key_is_named_by_its_place() {
        let key = Keyring::generate_key();
        assert_eq!(
            Keyring::parse(" , ").expect_err("none"),
            KeyringError::Empty
        );
        let error = Keyring::parse(&format!("{key},password")).expect_err("not a key");
        assert_eq!(error, KeyringError::Malformed { position: 2, of: 2 });
        assert!(!error.to_string().contains("password"));
        let error = Keyring::parse(&format!("{key},{key}")).expect_err("twice");
        assert_eq!(
            error,
            KeyringError::Repeated {
                first: 1,
                second: 2
            }
        );
    }
}
