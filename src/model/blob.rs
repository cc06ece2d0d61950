//! Contents that are kept apart from the rows: named by what they are, not by where they came from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::{MailboxId, UploadId};
use super::time::Timestamp;

/// The largest content that is taken, up or down: what Outlook takes as one attachment (F8.8).
pub const LARGEST: u64 = 150 << 20;

/// The SHA-256 of some bytes, by which they are found. Written as 64 small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// Not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not the SHA-256 of anything: 64 small hexadecimal digits are")]
pub struct NotADigest;

impl Digest {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.as_bytes().iter().all(is_digit) {
            return Err(NotADigest);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotADigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotADigest)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Bytes that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// What they are found by.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

/// What an application has sent us to attach to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The mailbox it is for.
    pub mailbox: MailboxId,
    /// Its id.
    pub id: UploadId,
    /// The bytes.
    pub stored: Stored,
    /// The file's name.
    pub name: String,
    /// The declared content type.
    pub content_type: String,
    /// When it came.
    pub created_at: Timestamp,
    /// Until when it is kept. Whoever still needs it puts that off.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_small_hexadecimal_digits() {
        let text = "00ff".repeat(16);
        let digest: Digest = text.parse().expect("it is one");

        assert_eq!(digest.to_string(), text);
        for wrong in [
            String::new(),
            "00FF".repeat(16),
            "0".repeat(63),
            "+f".repeat(32),
            "é0".repeat(22),
        ] {
            assert_eq!(wrong.parse::<Digest>(), Err(NotADigest), "{wrong}");
        }
    }
}
