//! The certificate that resource data is encrypted for (F10.33, F10.35).
//!
//! Nobody vouches for it: it may be signed by itself and long past its end. Only its public key counts.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rsa::PublicEncryptingKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::der::{element, whole_element};
use super::super::error::GraphFault;

/// The most letters of an encryptionCertificateId (F9.1).
const MOST_ID: usize = 128;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const VERSION: u8 = 0xa0;

/// A certificate that resource data can be encrypted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The client's name for it.
    pub id: String,
    /// SHA-1 of the whole, in hexadecimal.
    pub thumbprint: String,
    /// Its `SubjectPublicKeyInfo`, an RSA key.
    public_key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate in base64 and the client's name for it.
    pub fn parse(certificate: &str, id: &str) -> Result<Self, GraphFault> {
        if id.is_empty() || id.chars().count() > MOST_ID {
            return Err(refused(format!(
                "The encryptionCertificateId must have 1 to {MOST_ID} characters."
            )));
        }
        let der = STANDARD.decode(certificate).unwrap_or_default();
        let Some(public_key) = public_key(&der) else {
            return Err(refused(
                "The encryptionCertificate is not a base64-encoded X.509 certificate.",
            ));
        };
        let strength = PublicEncryptingKey::from_der(public_key).map(|key| key.key_size_bits());
        if !strength.is_ok_and(|bits| (2048..=4096).contains(&bits)) {
            return Err(refused(
                "The encryptionCertificate must hold an RSA key of 2048 to 4096 bits.",
            ));
        }
        Ok(Self {
            id: id.to_owned(),
            thumbprint: hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref()),
            public_key: public_key.to_vec(),
        })
    }

    /// Its public key.
    pub fn public_key(&self) -> PublicEncryptingKey {
        PublicEncryptingKey::from_der(&self.public_key).expect("it was read before it was kept")
    }
}

/// The `SubjectPublicKeyInfo` of a DER `Certificate` (RFC 5280, 4.1).
fn public_key(der: &[u8]) -> Option<&[u8]> {
    let (certificate, after) = element(der, SEQUENCE)?;
    let (signed, rest) = element(certificate, SEQUENCE)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_signature, rest) = element(rest, BIT_STRING)?;
    if !rest.is_empty() || !after.is_empty() {
        return None;
    }
    // The first version does not name itself.
    let rest = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_serial, rest) = element(rest, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (_validity, rest) = element(rest, SEQUENCE)?;
    let (_subject, rest) = element(rest, SEQUENCE)?;
    let (public_key, _) = whole_element(rest, SEQUENCE)?;
    Some(public_key)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn refused(message: impl Into<String>) -> GraphFault {
    GraphFault::bad_request("InvalidRequest", message)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Test certificates; nothing but these tests trusts them.
    pub const FIRST: &[u8] = include_bytes!("../../../tests/it/sandbox/rich/first.der");
    const WEAK: &[u8] = include_bytes!("../../../tests/it/sandbox/rich/weak.der");
    const ELLIPTIC: &[u8] = include_bytes!("../../../tests/it/sandbox/rich/elliptic.der");

    fn parse(der: &[u8]) -> Result<Certificate, GraphFault> {
        Certificate::parse(&STANDARD.encode(der), "one")
    }

    #[test]
    fn s67_the_thumbprint_is_the_hash_of_the_whole_certificate() {
        let certificate = parse(FIRST).unwrap();

        assert_eq!(
            certificate.thumbprint,
            "F04A1CBF236F2CABDC80F96452CEF4B100211218"
        );
        assert_eq!(certificate.public_key().key_size_bits(), 2048);
    }

    #[test]
    fn s54_what_is_no_certificate_with_a_strong_rsa_key_is_refused() {
        let mut longer = FIRST.to_vec();
        longer.push(0);
        let bare_key = whole_element(public_key(FIRST).unwrap(), SEQUENCE)
            .unwrap()
            .0;
        let no_certificates: [&[u8]; 5] = [
            b"no certificate",
            &[0x30, 0x82, 0, 0],
            &FIRST[..FIRST.len() - 1],
            &longer,
            bare_key,
        ];
        for der in no_certificates {
            let message = parse(der).unwrap_err().message;
            assert!(message.contains("not a base64-encoded X.509"), "{message}");
        }
        for der in [WEAK, ELLIPTIC] {
            let message = parse(der).unwrap_err().message;
            assert!(message.contains("an RSA key of 2048"), "{message}");
        }
        assert!(Certificate::parse("%%", "one").is_err());
        for id in [String::new(), "x".repeat(129)] {
            assert!(Certificate::parse(&STANDARD.encode(FIRST), &id).is_err());
        }
    }
}
