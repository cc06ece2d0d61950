//! The keys id tokens and validation tokens are signed with, and the set a verifier reads (S10).
//!
//! A key of 2048 bits takes a good part of a second in a debug build, so each is made when it is
//! first needed, on a thread that may block, never under the world's lock. The keys, and what
//! seals resource data, are all in the sandbox that does not grow from the seed. The first of every ring in a process is the same,
//! whatever its id: somebody may start a thousand sandboxes, one after the other.

use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::der::element;
use super::opaque;

/// How many keys are published: the one that signs and the one before it.
const PUBLISHED: usize = 2;

/// The key ring; clones share it.
#[derive(Debug, Clone)]
pub struct SigningKeys(Arc<Mutex<Ring>>);

#[derive(Debug)]
struct Ring {
    /// The newest last.
    keys: Vec<Key>,
    rng: fastrand::Rng,
}

#[derive(Debug, Clone)]
struct Key {
    kid: String,
    pair: Arc<OnceLock<KeyPair>>,
}

/// The pair that every ring begins with.
static FIRST: LazyLock<Arc<OnceLock<KeyPair>>> = LazyLock::new(Arc::default);

/// A pair that no ring has.
static FOREIGN: LazyLock<Arc<OnceLock<KeyPair>>> = LazyLock::new(Arc::default);

impl Key {
    fn new(rng: &mut fastrand::Rng) -> Self {
        Self {
            kid: opaque(rng, 20),
            pair: Arc::default(),
        }
    }

    fn pair(&self) -> &KeyPair {
        self.pair.get_or_init(|| {
            KeyPair::generate(KeySize::Rsa2048).expect("the system has randomness for a key")
        })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.kid});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = format!("{}.{}", part(&header), part(claims));
        let pair = self.pair();
        let mut signature = vec![0_u8; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            token.as_bytes(),
            &mut signature,
        )
        .expect("the buffer is as long as the modulus");
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    fn public(&self, issuer: &str) -> Value {
        let (n, e) = modulus_and_exponent(self.pair().public_key().as_ref())
            .expect("the library writes RSAPublicKey as RFC 8017 says");
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": URL_SAFE_NO_PAD.encode(n),
            "e": URL_SAFE_NO_PAD.encode(e),
            "issuer": issuer,
        })
    }
}

impl SigningKeys {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Self {
        let mut rng = rng.fork();
        let first = Key {
            pair: Arc::clone(&FIRST),
            ..Key::new(&mut rng)
        };
        let keys = vec![first];
        Self(Arc::new(Mutex::new(Ring { keys, rng })))
    }

    fn published(&self) -> Vec<Key> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.keys.clone()
    }

    /// A token of these claims, signed with the newest key.
    pub async fn sign(&self, claims: Value) -> String {
        let keys = self.published();
        // With the key at hand a signature is done sooner than another thread is woken.
        if let Some(newest) = keys.last().filter(|key| key.pair.get().is_some()) {
            return newest.sign(&claims);
        }
        blocking(move || {
            let newest = keys.last().expect("a ring is never empty");
            newest.sign(&claims)
        })
        .await
    }

    /// A token of these claims, signed with a key that no set ever holds.
    pub async fn sign_unpublished(&self, claims: Value) -> String {
        let kid = {
            let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            opaque(&mut ring.rng, 20)
        };
        let foreign = Key {
            kid,
            pair: Arc::clone(&FOREIGN),
        };
        blocking(move || foreign.sign(&claims)).await
    }

    /// The key set.
    pub async fn key_set(&self, issuer: String) -> Value {
        let keys = self.published();
        blocking(move || {
            let keys: Vec<_> = keys.iter().map(|key| key.public(&issuer)).collect();
            json!({ "keys": keys })
        })
        .await
    }

    /// A new key signs from now on; answers the ids that are published, the newest last.
    pub fn rotate(&self) -> Vec<String> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::new(&mut ring.rng);
        ring.keys.push(key);
        let surplus = ring.keys.len().saturating_sub(PUBLISHED);
        ring.keys.drain(..surplus);
        ring.keys.iter().map(|key| key.kid.clone()).collect()
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("making a key and signing do not panic")
}

/// The two integers of a DER `RSAPublicKey`, without leading zeros.
fn modulus_and_exponent(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    Some((without_sign(modulus), without_sign(exponent)))
}

fn without_sign(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;

    fn verifies(set: &Value, token: &str) -> bool {
        let mut parts = token.rsplitn(2, '.');
        let signature = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        let signed = parts.next().unwrap();
        let header = URL_SAFE_NO_PAD
            .decode(signed.split('.').next().unwrap())
            .unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        set["keys"].as_array().unwrap().iter().any(|key| {
            let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
            let key_matches = key["kid"] == header["kid"];
            let components = RsaPublicKeyComponents {
                n: part("n"),
                e: part("e"),
            };
            key_matches
                && components
                    .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
                    .is_ok()
        })
    }

    #[tokio::test]
    async fn s10_a_token_verifies_with_the_set_until_its_key_has_been_rotated_out() {
        let keys = SigningKeys::new(&mut fastrand::Rng::with_seed(1));
        let token = keys.sign(json!({"sub": "anna"})).await;

        assert!(verifies(&keys.key_set("issuer".to_owned()).await, &token));
        keys.rotate();
        let set = keys.key_set("issuer".to_owned()).await;
        assert!(verifies(&set, &token));
        assert!(verifies(&set, &keys.sign(json!({"sub": "anna"})).await));
        keys.rotate();
        assert!(!verifies(&keys.key_set("issuer".to_owned()).await, &token));
    }

    #[tokio::test]
    async fn s67_a_foreign_key_is_in_no_set() {
        let keys = SigningKeys::new(&mut fastrand::Rng::with_seed(1));

        let token = keys.sign_unpublished(json!({"sub": "anna"})).await;

        assert!(!verifies(&keys.key_set("issuer".to_owned()).await, &token));
    }
}
