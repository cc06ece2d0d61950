//! Signatures and hashes.
//!
//! A clientState is an HMAC over the subscription's key: nobody without our key can make one, each subscription has its
//! own, and checking it needs no database (M18, M30). The key of the HMAC derives from each encryption key, so a rotation keeps the
//! clientStates that Graph already has. Comparisons take the same time whatever they compare.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::keyring::Keyring;
use crate::model::ids::SubscriptionKey;

/// Tells this use of the key from every other.
const CLIENT_STATE: &[u8] = b"graph-mirror client state 1";

/// What a fingerprint is made of; no clientState is, because its key has 16 bytes.
const FINGERPRINT: &[u8] = b"graph-mirror key fingerprint 1";

/// Makes and checks clientStates.
#[derive(Clone)]
pub struct Signer {
    present: Hmac<Sha256>,
    former: Vec<Hmac<Sha256>>,
}

impl Signer {
    /// A signer whose keys derive from these.
    pub fn new(keyring: &Keyring) -> Self {
        let mut macs = keyring.keys().iter().map(|key| {
            let derived = mac(key).chain_update(CLIENT_STATE).finalize().into_bytes();
            mac(&derived)
        });
        Self {
            present: macs.next().expect("a keyring is never empty"),
            former: macs.collect(),
        }
    }

    /// What tells the key that signs from others, and gives nothing of it away.
    pub fn fingerprint(&self) -> String {
        use std::fmt::Write as _;
        let tag = self.present.clone().chain_update(FINGERPRINT);
        let mut text = String::with_capacity(16);
        for byte in tag.finalize().into_bytes().iter().take(8) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Whether there are keys that only verify.
    pub fn has_former_keys(&self) -> bool {
        !self.former.is_empty()
    }

    /// The clientState of a subscription: its key and a signature, 76 characters of the 128 allowed (F9.1).
    pub fn client_state(&self, key: SubscriptionKey) -> String {
        let tag = self.present.clone().chain_update(key.0.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(tag.finalize().into_bytes());
        format!("{}.{tag}", key.0.simple())
    }

    /// The subscription that a clientState was made for, if it was made here.
    pub fn client_state_verify(&self, text: &str) -> Option<SubscriptionKey> {
        let (key, tag) = text.split_once('.')?;
        // 43 characters hold 32 bytes; a longer one is not decoded at all.
        if key.len() != 32 || tag.len() != 43 {
            return None;
        }
        let key = Uuid::try_parse(key).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let verifies = |mac: &Hmac<Sha256>| {
            mac.clone()
                .chain_update(key.as_bytes())
                .verify_slice(&tag)
                .is_ok()
        };
        // Every key is tried, so that the time taken does not tell which one it was.
        let all = std::iter::once(&self.present).chain(&self.former);
        let fitting = all.filter(|mac| verifies(mac)).count();
        (fitting > 0).then_some(SubscriptionKey(key))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({} keys)", 1 + self.former.len())
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("an HMAC takes a key of any length")
}

/// The hash under which something random and long, an API key or a sign-in's state, is kept: SHA-256 in hex. Such secrets
/// can't be guessed, so they need no salt and no slowness, and can be looked up by their hash.
pub fn hash(secret: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(secret.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A new bearer key of the API: 256 random bits. Shown once, kept as its [`hash`].
pub fn api_key_generate() -> SecretString {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    SecretString::from(format!("gm_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_client_state_names_its_subscription_and_no_other() {
        // M30
        let signer = Signer::new(&Keyring::generate());
        let (one, two) = (SubscriptionKey::generate(), SubscriptionKey::generate());

        let state = signer.client_state(one);

        assert!(state.len() <= 128);
        assert_eq!(signer.client_state_verify(&state), Some(one));
        let swapped = state.replace(&one.0.simple().to_string(), &two.0.simple().to_string());
        assert_eq!(signer.client_state_verify(&swapped), None);
        assert_eq!(
            Signer::new(&Keyring::generate()).client_state_verify(&state),
            None
        );
    }

    #[test]
    fn a_rotation_keeps_the_client_states_that_graph_has() {
        let (old, new) = (Keyring::generate_key(), Keyring::generate_key());
        let signer = |text: &str| Signer::new(&Keyring::parse(text).expect("a ring"));
        let key = SubscriptionKey::generate();
        let state = signer(&old).client_state(key);

        assert_eq!(
            signer(&format!("{new},{old}")).client_state_verify(&state),
            Some(key)
        );
        assert_eq!(signer(&new).client_state_verify(&state), None);

        let both = signer(&format!("{new},{old}"));
        assert!(both.has_former_keys() && !signer(&new).has_former_keys());
        assert_eq!(both.fingerprint(), signer(&new).fingerprint());
        assert_ne!(both.fingerprint(), signer(&old).fingerprint());
        assert_eq!(both.fingerprint().len(), 16);
    }

    #[test]
    fn what_is_no_client_state_is_refused() {
        let signer = Signer::new(&Keyring::generate());
        let state = signer.client_state(SubscriptionKey::generate());
        let padded = format!("{state}=");
        let doubled = format!("{state}.{state}");
        let umlauts = "ä".repeat(16) + "." + &"ö".repeat(21) + "x";
        for text in [
            "",
            ".",
            "x.y",
            &state[1..],
            &padded,
            &doubled,
            &umlauts,
            &state.to_uppercase(),
        ] {
            assert_eq!(signer.client_state_verify(text), None, "{text}");
        }
    }

    #[test]
    fn an_api_key_is_new_each_time_and_kept_as_a_hash() {
        let (one, two) = (api_key_generate(), api_key_generate());

        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 46);
        assert_eq!(
            hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
