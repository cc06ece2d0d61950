//! Ids as Exchange mints them: long, opaque, full of `/`, `+` and `=` (F5.22, S24, S29).
//!
//! Every id comes from a seeded generator and a counter, so that the same seed and the same calls
//! give the same ids.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A guid drawn from `rng`.
pub fn guid(rng: &mut fastrand::Rng) -> String {
    uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes())
        .into_uuid()
        .to_string()
}

/// Mints the ids of one mailbox.
#[derive(Debug, Clone)]
pub struct IdMint {
    rng: fastrand::Rng,
    store: [u8; 16],
    counter: u64,
}

impl IdMint {
    /// A mint of its own stream, drawn from `rng`.
    pub fn new(rng: &mut fastrand::Rng) -> Self {
        Self {
            rng: rng.fork(),
            store: rng.u128(..).to_be_bytes(),
            counter: 0,
        }
    }

    /// An id of the default format, which changes when the item moves.
    pub fn default_id(&mut self) -> String {
        self.mint("AAMkA", 66)
    }

    /// An id of the immutable format.
    pub fn immutable_id(&mut self) -> String {
        self.mint("AAkALgAAAAAAHYQDEapmEc2byACqAC/EWg0A", 42)
    }

    /// The id of a folder or calendar; constant in both formats (F12.3).
    pub fn container_id(&mut self) -> String {
        self.mint("AQMkA", 66)
    }

    /// The part of an attachment's id that follows its item's.
    pub fn attachment_suffix(&mut self) -> String {
        self.mint("BEgAQ", 21)
    }

    /// The id of a conversation.
    pub fn conversation_id(&mut self) -> String {
        self.mint("AAQkA", 42)
    }

    /// A delta or skip token; safe in a query without encoding.
    pub fn delta_token(&mut self) -> String {
        self.mint("R0usmcCM996atia", 48)
            .replace('+', "-")
            .replace('/', "_")
            .replace('=', "")
    }

    /// A generator of the mailbox's own, for whatever else must be drawn.
    pub fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    fn mint(&mut self, prefix: &str, length: usize) -> String {
        self.counter += 1;
        let mut bytes = vec![0_u8; length];
        self.rng.fill(&mut bytes);
        let (store, rest) = bytes.split_at_mut(length.min(16));
        store.copy_from_slice(&self.store[..store.len()]);
        // The counter makes it unique, the random bytes make it look like one of Exchange's.
        for (byte, counted) in rest
            .iter_mut()
            .zip(self.counter.to_be_bytes().iter().skip(3))
        {
            *byte = *counted;
        }
        let mut id = String::with_capacity(prefix.len() + length * 4 / 3 + 8);
        id.push_str(prefix);
        STANDARD.encode_string(&bytes, &mut id);
        id.push_str("AAA=");
        id
    }
}

/// The change key of a version; the etag is `W/"<change key>"` (F5.10).
pub fn change_key(item: u64, version: u64) -> String {
    let mut bytes = [0_u8; 22];
    bytes[0] = 0x09;
    bytes[4] = 0x16;
    bytes[6..14].copy_from_slice(&item.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    bytes[14..22].copy_from_slice(&version.to_be_bytes());
    STANDARD.encode(bytes)
}

/// The etag of a version.
pub fn etag(item: u64, version: u64) -> String {
    format!("W/\"{}\"", change_key(item, version))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_mints_the_same_ids_and_no_id_twice() {
        let mint = || IdMint::new(&mut fastrand::Rng::with_seed(7));
        let (mut one, mut other) = (mint(), mint());

        let ids: Vec<_> = (0..500).map(|_| one.default_id()).collect();
        let again: Vec<_> = (0..500).map(|_| other.default_id()).collect();

        assert_eq!(ids, again);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 500);
    }

    #[test]
    fn ids_hold_characters_that_must_be_encoded_in_a_path() {
        // S29
        let mut mint = IdMint::new(&mut fastrand::Rng::with_seed(7));
        let ids: String = (0..50).map(|_| mint.immutable_id()).collect();

        assert!(ids.contains('/') && ids.contains('+') && ids.contains('='));
    }

    #[test]
    fn every_version_has_its_own_change_key() {
        // F5.10
        assert_ne!(change_key(1, 1), change_key(1, 2));
        assert_ne!(change_key(1, 1), change_key(2, 1));
    }
}
