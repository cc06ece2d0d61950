//! `validationTokens`: how Microsoft shows a subscriber that resource data came from it (F10.30 to F10.32, S67).
//!
//! One token for each application and tenant among the items of a POST, signed anew for each attempt with the
//! key that signs id tokens, so that a verifier finds it in the published set. The knobs make tokens that a
//! careful subscriber refuses, one flaw at a time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ids::guid;
use super::knobs::{RichTampering, RichTokenVersion};
use super::subscriptions::parcel::Audience;
use super::world::World;
use crate::model::time::Timestamp;

/// The application that Microsoft publishes changes as (F10.30).
pub const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// How many seconds a token is good for.
const LIFE: i64 = 86_400;

/// The value of `validationTokens` in a POST to these; none when no item has resource data.
pub async fn of(world: &World, audiences: &BTreeSet<Audience>) -> Option<Value> {
    if audiences.is_empty() {
        return None;
    }
    let (claims, keys, tampering) = {
        let mut state = world.lock();
        if state.knobs.rich_null_tokens {
            return Some(Value::Null);
        }
        let tampering = state.knobs.rich_tampering;
        let version = state.knobs.rich_token_version;
        let now = state.now();
        let claims: Vec<_> = audiences
            .iter()
            .map(|audience| {
                let told = tampered(audience, now, tampering, state.identity.rng());
                claims(version, &told, world.base())
            })
            .collect();
        (claims, state.identity.keys(), tampering)
    };
    let mut tokens = Vec::with_capacity(claims.len());
    for claims in claims {
        tokens.push(match tampering {
            RichTampering::UnknownKid => keys.sign_unpublished(claims).await,
            _ => keys.sign(claims).await,
        });
    }
    Some(tokens.into())
}

/// What a token is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    audience: Audience,
    publisher: String,
    issued_at: i64,
}

/// The truth, but for what the knob asks for.
fn tampered(
    audience: &Audience,
    now: Timestamp,
    tampering: RichTampering,
    rng: &mut fastrand::Rng,
) -> Told {
    let mut told = Told {
        audience: audience.clone(),
        publisher: PUBLISHER.to_owned(),
        issued_at: now.timestamp(),
    };
    match tampering {
        RichTampering::WrongAud => told.audience.app_id = guid(rng),
        RichTampering::WrongAzp => told.publisher = guid(rng),
        RichTampering::WrongTenant => told.audience.tenant_id = guid(rng),
        // An hour past its end: no clock is that wrong.
        RichTampering::Expired => told.issued_at -= LIFE + 3_600,
        RichTampering::None | RichTampering::BadHmac | RichTampering::UnknownKid => {}
    }
    told
}

fn claims(version: RichTokenVersion, told: &Told, base: &str) -> Value {
    let Told {
        audience: Audience { app_id, tenant_id },
        publisher,
        issued_at,
    } = told;
    let principal = principal(tenant_id);
    let mut claims = json!({
        "aud": app_id,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + LIFE,
        "oid": principal,
        "sub": principal,
        "tid": tenant_id,
    });
    match version {
        RichTokenVersion::V1 => {
            let issuer = format!("https://sts.windows.net/{tenant_id}/");
            claims["ver"] = "1.0".into();
            claims["idp"] = issuer.clone().into();
            claims["iss"] = issuer.into();
            claims["appid"] = publisher.as_str().into();
            claims["appidacr"] = "2".into();
        }
        RichTokenVersion::V2 => {
            claims["ver"] = "2.0".into();
            claims["iss"] = format!("{base}/{tenant_id}/v2.0").into();
            claims["azp"] = publisher.as_str().into();
            claims["azpacr"] = "2".into();
        }
    }
    claims
}

/// The publisher's object in a tenant: always the same there, and another elsewhere.
fn principal(tenant_id: &str) -> String {
    let seed = tenant_id.bytes().fold(0_u64, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(byte.into())
    });
    guid(&mut fastrand::Rng::with_seed(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience() -> Audience {
        Audience {
            app_id: "app".to_owned(),
            tenant_id: "tenant".to_owned(),
        }
    }

    fn told(tampering: RichTampering) -> Told {
        let mut rng = fastrand::Rng::with_seed(1);
        tampered(&audience(), Timestamp::UNIX_EPOCH, tampering, &mut rng)
    }

    #[test]
    fn s67_each_version_names_issuer_and_publisher_its_own_way() {
        let honest = told(RichTampering::None);

        let first = claims(RichTokenVersion::V1, &honest, "http://login");
        assert_eq!(first["iss"], "https://sts.windows.net/tenant/");
        assert_eq!(
            (&first["ver"], &first["appid"]),
            (&json!("1.0"), &json!(PUBLISHER))
        );
        assert_eq!(first.get("azp"), None);

        let second = claims(RichTokenVersion::V2, &honest, "http://login");
        assert_eq!(second["iss"], "http://login/tenant/v2.0");
        assert_eq!(
            (&second["ver"], &second["azp"]),
            (&json!("2.0"), &json!(PUBLISHER))
        );
        assert_eq!(second.get("appid"), None);
        assert_eq!(second["oid"], first["oid"]);
        assert_ne!(principal("tenant"), principal("another"));
    }

    #[test]
    fn s67_each_flaw_is_the_only_one() {
        let honest = told(RichTampering::None);
        let differences = |tampering| {
            let flawed = told(tampering);
            [
                flawed.audience.app_id != honest.audience.app_id,
                flawed.publisher != honest.publisher,
                flawed.audience.tenant_id != honest.audience.tenant_id,
                flawed.issued_at != honest.issued_at,
            ]
        };

        assert_eq!(
            differences(RichTampering::WrongAud),
            [true, false, false, false]
        );
        assert_eq!(
            differences(RichTampering::WrongAzp),
            [false, true, false, false]
        );
        assert_eq!(
            differences(RichTampering::WrongTenant),
            [false, false, true, false]
        );
        assert_eq!(
            differences(RichTampering::Expired),
            [false, false, false, true]
        );
        assert_eq!(differences(RichTampering::UnknownKid), [false; 4]);
        assert_eq!(differences(RichTampering::BadHmac), [false; 4]);
        assert!(told(RichTampering::Expired).issued_at + LIFE < honest.issued_at);
    }
}
