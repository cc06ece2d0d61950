//! Resource data: what an item is like after the change, encrypted for the subscriber (F10.33 to F10.38, S67).
//!
//! Each item has a key of its own, which is wrapped with the public key of the subscriber's certificate. It is
//! drawn from the system's randomness, not from the seed: sealing must not change what is drawn afterwards.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::calendar::render::{Style, whole};
use super::super::calendar::state::Target;
use super::super::knobs::RichTampering;
use super::super::mail::fields::Fields;
use super::super::mail::render::{MessageView, push_message};
use super::super::prefer::BodyType;
use super::super::world::{Change, ChangeType, Entity, Mailbox};
use super::certificate::Certificate;
use super::{Subscription, annotation};

/// `encryptedContent` of an item.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptedContent {
    data: String,
    data_signature: String,
    data_key: String,
    encryption_certificate_id: String,
    encryption_certificate_thumbprint: String,
}

/// What an item of a subscription with resource data carries; nothing when the item is gone, or left what is
/// watched, because then there is nothing to show (F10.38).
pub fn content(
    subscription: &Subscription,
    change: &Change,
    what: ChangeType,
    mailbox: &Mailbox,
    tampering: RichTampering,
) -> Option<EncryptedContent> {
    let certificate = subscription.certificate.as_ref()?;
    if what == ChangeType::Deleted {
        return None;
    }
    let payload = match &change.entity {
        Entity::Message { immutable_id, .. } => message(subscription, mailbox, immutable_id)?,
        Entity::Event { immutable_id, .. } => event(subscription, mailbox, immutable_id)?,
    };
    let text = annotated(payload, &subscription.select).to_string();
    Some(seal(text, certificate, tampering))
}

fn message(subscription: &Subscription, mailbox: &Mailbox, id: &str) -> Option<Map<String, Value>> {
    let message = mailbox.mail.message(mailbox.mail.find_message(id)?)?;
    let fields = Fields::selected(&subscription.select).ok()?;
    let view = MessageView {
        // `*` means these, too, and they are never sent (F10.36).
        fields: fields.without(Fields::BODY | Fields::UNIQUE_BODY),
        immutable: subscription.immutable_ids,
        body_type: BodyType::Html,
        attachments: None,
        extended: None,
        typed: true,
    };
    let mut text = String::new();
    push_message(&mut text, &mailbox.mail, message, &view);
    serde_json::from_str(&text).ok()
}

fn event(subscription: &Subscription, mailbox: &Mailbox, id: &str) -> Option<Map<String, Value>> {
    let Ok(Target::Whole(key)) = mailbox.calendar.find(id) else {
        return None;
    };
    let event = mailbox.calendar.event(key).ok()?;
    let style = Style {
        immutable: subscription.immutable_ids,
        ..Style::truth()
    };
    match serde_json::to_value(whole(event, &style).typed()) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// The selected properties, and beside them the type of each that JSON does not tell.
fn annotated(properties: Map<String, Value>, select: &[String]) -> Value {
    let selected = |name: &str| {
        select.iter().any(|wanted| {
            let bare = wanted.rsplit('/').next().unwrap_or(wanted);
            bare == "*" || bare.eq_ignore_ascii_case(name)
        })
    };
    let mut payload = Map::new();
    for (name, value) in properties {
        if name == "@odata.type" {
            payload.insert(name, value);
        } else if !name.starts_with('@') && selected(&name) {
            if let Some(kind) = annotation::of(&name).filter(|_| !value.is_null()) {
                payload.insert(format!("{name}@odata.type"), kind.into());
            }
            payload.insert(name, value);
        }
    }
    Value::Object(payload)
}

/// Encrypts a text for whoever has the private key (F10.34).
fn seal(text: String, certificate: &Certificate, tampering: RichTampering) -> EncryptedContent {
    let mut key = [0_u8; 32];
    rand::fill(&mut key).expect("the system has randomness for a key");
    let mut iv = [0_u8; 16];
    iv.copy_from_slice(&key[..16]);

    let mut data = text.into_bytes();
    let cipher = UnboundCipherKey::new(&AES_256, &key)
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .expect("the key is as long as AES-256 wants it");
    cipher
        .less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(iv)))
        .expect("the vector is as long as a block");

    let mut signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &data)
        .as_ref()
        .to_vec();
    if tampering == RichTampering::BadHmac
        && let Some(first) = signature.first_mut()
    {
        *first ^= 1;
    }

    let wrap = OaepPublicEncryptingKey::new(certificate.public_key())
        .expect("an RSA key can encrypt this way");
    let mut room = vec![0_u8; wrap.ciphertext_size()];
    let data_key = wrap
        .encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut room, None)
        .expect("a key of 2048 bits holds one of 32 bytes");
    EncryptedContent {
        data: STANDARD.encode(&data),
        data_signature: STANDARD.encode(&signature),
        data_key: STANDARD.encode(data_key),
        encryption_certificate_id: certificate.id.clone(),
        encryption_certificate_thumbprint: certificate.thumbprint.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn s67_only_what_is_selected_is_shown_and_its_type_where_json_does_not_tell_it() {
        let Value::Object(properties) = json!({
            "@odata.type": "#microsoft.graph.message",
            "@odata.etag": "W/\"1\"",
            "id": "AAMk",
            "subject": "Plans",
            "isRead": false,
            "receivedDateTime": "2026-03-02T09:00:00Z",
            "importance": "normal",
            "toRecipients": [],
        }) else {
            unreachable!("it is an object")
        };
        let select = ["Subject", "receiveddatetime", "isRead", "toRecipients"].map(str::to_owned);

        let payload = annotated(properties, &select);

        assert_eq!(
            payload,
            json!({
                "@odata.type": "#microsoft.graph.message",
                "subject": "Plans",
                "isRead": false,
                "receivedDateTime@odata.type": "#DateTimeOffset",
                "receivedDateTime": "2026-03-02T09:00:00Z",
                "toRecipients@odata.type": "#Collection(microsoft.graph.recipient)",
                "toRecipients": [],
            })
        );
    }
}
