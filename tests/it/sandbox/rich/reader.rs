//! A subscriber that trusts nothing: it checks the tokens of a POST, then opens its items (F10.30 to F10.34).
//!
//! Written against the published description alone, it shares no code with the sandbox.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::super::bench::Bench;

/// The application that Microsoft publishes changes as.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// Why something is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NoToken,
    UnknownKey,
    Signature,
    Expired,
    Audience,
    Tenant,
    Publisher,
    Hmac,
}

/// What the subscriber knows of itself and of the identity platform.
pub struct Reader {
    pub client_id: String,
    pub tenant_id: String,
    pub login: String,
    pub now: i64,
    pub keys: Value,
}

impl Reader {
    /// The first application's, with the keys as they are published now.
    pub async fn of(bench: &Bench) -> Self {
        let settings = bench.sandbox.settings();
        let tenant_id = settings.tenant_id.clone();
        let login = settings.login_base_url.clone();
        let url = format!("{login}/{tenant_id}/discovery/v2.0/keys");
        let keys = bench.client.get(url).send().await.unwrap();
        let now = bench.world().lock().now().timestamp();
        Self {
            client_id: settings.client_id.clone(),
            tenant_id,
            login,
            now,
            keys: keys.json().await.unwrap(),
        }
    }

    /// The claims of the only token of a POST, once it is trusted.
    pub fn trust(&self, body: &Value) -> Result<Value, Fault> {
        let Some([token]) = body["validationTokens"].as_array().map(Vec::as_slice) else {
            return Err(Fault::NoToken);
        };
        self.claims(token.as_str().unwrap())
    }

    pub fn claims(&self, token: &str) -> Result<Value, Fault> {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let (header, claims) = (json_part(header), json_part(claims));
        assert_eq!(header["alg"], "RS256");
        let keys = self.keys["keys"].as_array().unwrap();
        let key = keys
            .iter()
            .find(|key| key["kid"] == header["kid"])
            .ok_or(Fault::UnknownKey)?;
        let components = RsaPublicKeyComponents {
            n: bytes(key["n"].as_str().unwrap()),
            e: bytes(key["e"].as_str().unwrap()),
        };
        components
            .verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed.as_bytes(),
                &bytes(signature),
            )
            .map_err(|_| Fault::Signature)?;
        let (issuer, publisher) = match claims["ver"].as_str() {
            Some("1.0") => (
                format!("https://sts.windows.net/{}/", self.tenant_id),
                &claims["appid"],
            ),
            Some("2.0") => (
                format!("{}/{}/v2.0", self.login, self.tenant_id),
                &claims["azp"],
            ),
            other => panic!("version {other:?}"),
        };
        let instant = |name: &str| claims[name].as_i64().unwrap();
        if !(instant("nbf")..instant("exp")).contains(&self.now) {
            return Err(Fault::Expired);
        }
        if claims["aud"] != self.client_id {
            return Err(Fault::Audience);
        }
        if claims["iss"] != issuer || claims["tid"] != self.tenant_id {
            return Err(Fault::Tenant);
        }
        if *publisher != PUBLISHER {
            return Err(Fault::Publisher);
        }
        Ok(claims)
    }
}

/// What an item shows, and the key it was sealed with.
pub fn open(item: &Value, private_key: &[u8]) -> Result<(Value, Vec<u8>), Fault> {
    let content = &item["encryptedContent"];
    let part = |name: &str| STANDARD.decode(content[name].as_str().unwrap()).unwrap();
    let private_key = PrivateDecryptingKey::from_pkcs8(private_key).unwrap();
    let private_key = OaepPrivateDecryptingKey::new(private_key).unwrap();
    let mut room = vec![0_u8; private_key.min_output_size()];
    let key = private_key
        .decrypt(&OAEP_SHA1_MGF1SHA1, &part("dataKey"), &mut room, None)
        .unwrap()
        .to_vec();
    assert_eq!(key.len(), 32);
    let mut data = part("data");
    let check = hmac::Key::new(hmac::HMAC_SHA256, &key);
    hmac::verify(&check, &data, &part("dataSignature")).map_err(|_| Fault::Hmac)?;
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let cipher = UnboundCipherKey::new(&AES_256, &key).unwrap();
    let plain = PaddedBlockDecryptingKey::cbc_pkcs7(cipher)
        .unwrap()
        .decrypt(&mut data, DecryptionContext::Iv128(FixedLength::from(iv)))
        .unwrap();
    Ok((serde_json::from_slice(plain).unwrap(), key))
}

fn bytes(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn json_part(part: &str) -> Value {
    serde_json::from_slice(&bytes(part)).unwrap()
}
