//! What a client may ask for when it subscribes or renews, before anyone is called (S50, S52, S54).

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value};
use url::Url;

use super::super::error::GraphFault;
use super::super::identity::is_loopback;
use super::super::knobs::Knobs;
use super::super::stamp;
use super::resource::Resource;
use super::select;
use super::{Certificate, ChangeTypes};
use crate::model::time::{Timestamp, later};

/// What is asked to end sooner is made to last this long (F9.10).
const LEAST_LIFE: Duration = Duration::from_mins(45);

/// The most letters of a clientState (F9.1).
const MOST_CLIENT_STATE: usize = 128;

/// The properties a subscription may be created with.
const KNOWN: [&str; 13] = [
    "changeType",
    "notificationUrl",
    "lifecycleNotificationUrl",
    "resource",
    "expirationDateTime",
    "clientState",
    "includeResourceData",
    "encryptionCertificate",
    "encryptionCertificateId",
    "latestSupportedTlsVersion",
    "notificationUrlAppId",
    "notificationQueryOptions",
    "notificationContentType",
];

/// A request that reads well.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What to watch.
    pub resource: Resource,
    /// The same as written.
    pub resource_text: String,
    /// The kinds of change.
    pub types: ChangeTypes,
    /// The same as written.
    pub change_type: String,
    /// Where notifications go.
    pub notification_url: Url,
    /// Where lifecycle events go.
    pub lifecycle_url: Option<Url>,
    /// What every notification repeats.
    pub client_state: Option<String>,
    /// The expiry that is granted.
    pub expires_at: Timestamp,
    /// With resource data.
    pub certificate: Option<Certificate>,
    /// The lowest TLS.
    pub tls: String,
}

fn invalid(message: impl Into<String>) -> GraphFault {
    GraphFault::bad_request("InvalidRequest", message)
}

/// F9.11: what cannot be read at all.
fn garbled() -> GraphFault {
    invalid(
        "Could not process subscription creation payload. Are all property names spelled and camelCased properly? Are the expirationDateTime and other values in the documented format?",
    )
}

fn object(body: &[u8]) -> Result<Map<String, Value>, GraphFault> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(garbled()),
    }
}

/// A text that may be absent or null.
fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<Option<&'f str>, GraphFault> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(garbled()),
    }
}

fn needed<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<&'f str, GraphFault> {
    text(fields, name)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid(format!("The '{name}' property is required.")))
}

impl Wanted {
    /// Reads the body of `POST /subscriptions`.
    pub fn parse(body: &[u8], now: Timestamp, knobs: &Knobs) -> Result<Self, GraphFault> {
        let fields = object(body)?;
        let unknown = |name: &&String| !KNOWN.contains(&name.as_str()) && !name.starts_with('@');
        if fields.keys().find(unknown).is_some() {
            return Err(garbled());
        }
        if text(&fields, "notificationQueryOptions")?.is_some() {
            return Err(invalid(
                "notificationQueryOptions is not supported for this resource.",
            ));
        }
        let change_type = needed(&fields, "changeType")?;
        let types = ChangeTypes::parse(change_type).ok_or_else(|| {
            invalid(format!(
                "The value '{change_type}' of parameter 'ChangeType' is not supported."
            ))
        })?;
        let resource_text = needed(&fields, "resource")?;
        let resource = Resource::parse(resource_text)?;
        let notification_url = endpoint("notificationUrl", needed(&fields, "notificationUrl")?)?;
        let lifecycle_url = text(&fields, "lifecycleNotificationUrl")?
            .map(|url| endpoint("lifecycleNotificationUrl", url))
            .transpose()?;
        let client_state = text(&fields, "clientState")?.map(str::to_owned);
        if client_state
            .as_ref()
            .is_some_and(|state| state.chars().count() > MOST_CLIENT_STATE)
        {
            return Err(invalid(format!(
                "The clientState cannot be longer than {MOST_CLIENT_STATE} characters."
            )));
        }
        let rich = match fields.get("includeResourceData") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(rich)) => *rich,
            Some(_) => return Err(garbled()),
        };
        let certificate = if rich {
            Some(certificate(&fields, &resource)?)
        } else {
            None
        };
        let end = needed(&fields, "expirationDateTime")?;
        let expires_at = expiry(end, rich, Operation::Create, now, knobs)?;
        let tls = text(&fields, "latestSupportedTlsVersion")?.unwrap_or("v1_2");
        if !["v1_0", "v1_1", "v1_2", "v1_3"].contains(&tls) {
            return Err(invalid(format!(
                "The TLS version '{tls}' is not supported."
            )));
        }
        Ok(Self {
            resource,
            resource_text: resource_text.to_owned(),
            types,
            change_type: change_type.to_owned(),
            notification_url,
            lifecycle_url,
            client_state,
            expires_at,
            certificate,
            tls: tls.to_owned(),
        })
    }
}

/// An address notifications may go to: https, or http to this machine.
fn endpoint(name: &str, text: &str) -> Result<Url, GraphFault> {
    let url = Url::parse(text).map_err(|_| invalid(format!("The '{name}' is not a valid URL.")))?;
    match url.scheme() {
        "https" if url.host().is_some() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(invalid(format!("The '{name}' must be an https URL."))),
    }
}

/// What a refusal of the mailbox's own names as its operation (§3b).
#[derive(Debug, Clone, Copy)]
enum Operation {
    Create,
    Update,
}

/// S52: raised to 45 minutes, refused beyond the maximum, never cut.
fn expiry(
    text: &str,
    rich: bool,
    operation: Operation,
    now: Timestamp,
    knobs: &Knobs,
) -> Result<Timestamp, GraphFault> {
    let asked = stamp::parse(text).ok_or_else(garbled)?;
    let most = if rich {
        knobs.max_rich_expiry_minutes
    } else {
        knobs.max_expiry_minutes
    };
    if asked > now + chrono::TimeDelta::minutes(most) {
        return Err(GraphFault::bad_request(
            "ExtensionError",
            format!(
                "Operation: {operation:?}; Exception: [Status Code: BadRequest; Reason: Subscription expiration can only be {most} minutes in the future.]"
            ),
        ));
    }
    Ok(asked.max(later(now, LEAST_LIFE)))
}

/// S54: resource data needs `$select` of properties there are, and a certificate.
fn certificate(
    fields: &Map<String, Value>,
    resource: &Resource,
) -> Result<Certificate, GraphFault> {
    select::check(resource)?;
    let certificate = needed(fields, "encryptionCertificate")?;
    let id = needed(fields, "encryptionCertificateId")?;
    Certificate::parse(certificate, id)
}

/// What a PATCH changes (F9.23).
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The new end.
    pub expires_at: Option<Timestamp>,
    /// The new address; it is validated first.
    pub notification_url: Option<Url>,
    /// The new certificate.
    pub certificate: Option<Certificate>,
}

impl Renewed {
    /// Reads the body of `PATCH /subscriptions/{id}` (S55).
    pub fn parse(
        body: &[u8],
        rich: bool,
        now: Timestamp,
        knobs: &Knobs,
    ) -> Result<Self, GraphFault> {
        let fields = object(body)?;
        let updatable = [
            "expirationDateTime",
            "notificationUrl",
            "encryptionCertificate",
            "encryptionCertificateId",
            "id",
        ];
        if let Some(name) = fields
            .keys()
            .find(|name| !updatable.contains(&name.as_str()) && !name.starts_with('@'))
        {
            return Err(invalid(format!(
                "The property '{name}' of a subscription cannot be updated."
            )));
        }
        let expires_at = text(&fields, "expirationDateTime")?
            .map(|asked| expiry(asked, rich, Operation::Update, now, knobs))
            .transpose()?;
        let notification_url = text(&fields, "notificationUrl")?
            .map(|url| endpoint("notificationUrl", url))
            .transpose()?;
        if expires_at.is_none() && notification_url.is_none() {
            return Err(invalid(
                "The expirationDateTime or the notificationUrl property is required to update a subscription.",
            ));
        }
        let certificate = match (
            text(&fields, "encryptionCertificate")?,
            text(&fields, "encryptionCertificateId")?,
        ) {
            (None, None) => None,
            (Some(_), Some(_)) if !rich => {
                return Err(invalid(
                    "A subscription without resource data has no encryptionCertificate.",
                ));
            }
            (Some(certificate), Some(id)) => Some(Certificate::parse(certificate, id)?),
            _ => {
                return Err(invalid(
                    "encryptionCertificate and encryptionCertificateId are updated together.",
                ));
            }
        };
        Ok(Self {
            expires_at,
            notification_url,
            certificate,
        })
    }
}

/// 404 for a subscription that is not there, or not the caller's (F9.25).
pub(super) fn not_found() -> GraphFault {
    GraphFault::new(
        StatusCode::NOT_FOUND,
        "ResourceNotFound",
        "The object was not found.",
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::super::certificate::tests::FIRST;
    use super::*;

    fn asked() -> Value {
        json!({
            "changeType": "created,updated",
            "notificationUrl": "http://127.0.0.1:8080/notify?tag=1",
            "resource": "me/messages",
            "expirationDateTime": "1970-01-02T00:00:00Z",
        })
    }

    fn parse(body: &Value) -> Result<Wanted, GraphFault> {
        let knobs = Knobs::default();
        Wanted::parse(body.to_string().as_bytes(), Timestamp::UNIX_EPOCH, &knobs)
    }

    #[test]
    fn s50_every_field_is_checked_before_anyone_is_called() {
        let cases = [
            ("changeType", json!("created,renamed")),
            ("changeType", Value::Null),
            ("notificationUrl", json!("http://example.org/notify")),
            ("notificationUrl", json!("ftp://127.0.0.1/notify")),
            ("notificationUrl", json!("http://10.0.0.1/notify")),
            (
                "notificationUrl",
                json!("http://127.0.0.1.evil.example/notify"),
            ),
            (
                "notificationUrl",
                json!("http://localhost.evil.example/notify"),
            ),
            ("notificationUrl", json!("nowhere")),
            (
                "lifecycleNotificationUrl",
                json!("http://example.org/lifecycle"),
            ),
            ("resource", json!("me/messages/AAMk")),
            ("expirationDateTime", json!("1970-01-02T00:00:00")),
            ("expirationDateTime", json!("soon")),
            ("clientState", json!("x".repeat(129))),
            ("clientState", json!(7)),
            ("vapidPublicKey", json!("key")),
            ("notificationurl", json!("http://127.0.0.1/")),
        ];
        for (name, value) in cases {
            let mut body = asked();
            body[name] = value.clone();
            let refused = parse(&body).unwrap_err();
            assert_eq!(
                (refused.status.as_u16(), refused.code.as_str()),
                (400, "InvalidRequest"),
                "{name}: {value}"
            );
        }
        for local in ["http://localhost:8080/n", "http://[::1]:8080/n"] {
            let mut body = asked();
            body["notificationUrl"] = local.into();
            assert!(parse(&body).is_ok(), "{local}");
        }
        assert!(Wanted::parse(b"no json", Timestamp::UNIX_EPOCH, &Knobs::default()).is_err());
        assert!(parse(&asked()).is_ok());
    }

    #[test]
    fn s52_a_short_life_is_raised_and_a_long_one_refused() {
        let now = Timestamp::UNIX_EPOCH;
        let ends = |minutes: i64| {
            let mut body = asked();
            body["expirationDateTime"] = (now + chrono::TimeDelta::minutes(minutes))
                .to_rfc3339()
                .into();
            parse(&body).map(|wanted| (wanted.expires_at - now).num_minutes())
        };

        let renewed = |minutes: i64| {
            let end = (now + chrono::TimeDelta::minutes(minutes)).to_rfc3339();
            let body = json!({ "expirationDateTime": end }).to_string();
            Renewed::parse(body.as_bytes(), false, now, &Knobs::default())
        };

        assert_eq!(ends(-5).unwrap(), 45);
        assert_eq!(ends(44).unwrap(), 45);
        assert_eq!(ends(46).unwrap(), 46);
        assert_eq!(ends(10_080).unwrap(), 10_080);
        let refused = ends(10_081).unwrap_err();
        assert_eq!(refused.code, "ExtensionError");
        assert!(
            refused
                .message
                .contains("can only be 10080 minutes in the future")
        );
        assert!(refused.message.starts_with("Operation: Create;"));
        let refused = renewed(10_081).unwrap_err();
        assert_eq!(refused.code, "ExtensionError");
        assert!(refused.message.starts_with("Operation: Update;"));
        let least = renewed(5).unwrap().expires_at.unwrap();
        assert_eq!((least - now).num_minutes(), 45);
    }

    #[test]
    fn s54_resource_data_needs_select_and_a_certificate_and_lasts_a_day() {
        let rich = |change: &dyn Fn(&mut Value)| {
            let mut body = asked();
            body["resource"] = "me/messages?$select=subject".into();
            body["includeResourceData"] = true.into();
            body["encryptionCertificate"] = STANDARD.encode(FIRST).into();
            body["encryptionCertificateId"] = "one".into();
            change(&mut body);
            parse(&body)
        };

        assert!(rich(&|_| {}).is_ok());
        assert!(rich(&|body| body["resource"] = "me/messages".into()).is_err());
        let unknown = rich(&|body| body["resource"] = "me/messages?$select=subjekt".into());
        assert!(unknown.unwrap_err().message.contains("'subjekt'"));
        assert!(rich(&|body| body["encryptionCertificate"] = Value::Null).is_err());
        assert!(rich(&|body| body["encryptionCertificate"] = "%%".into()).is_err());
        assert!(rich(&|body| body["encryptionCertificateId"] = Value::Null).is_err());
        let too_long = rich(&|body| body["expirationDateTime"] = "1970-01-02T00:01:00Z".into());
        assert_eq!(too_long.unwrap_err().code, "ExtensionError");
    }

    #[test]
    fn s55_a_renewal_names_an_end_or_an_address_and_nothing_that_is_fixed() {
        let parse = |body: Value| {
            let knobs = Knobs::default();
            Renewed::parse(
                body.to_string().as_bytes(),
                false,
                Timestamp::UNIX_EPOCH,
                &knobs,
            )
        };

        assert!(parse(json!({})).is_err());
        assert!(parse(json!({"clientState": "new"})).is_err());
        assert!(parse(json!({"lifecycleNotificationUrl": "https://a.example/"})).is_err());
        assert!(parse(json!({"expirationDateTime": "1970-01-02T00:00:00Z"})).is_ok());
        let plain = json!({
            "expirationDateTime": "1970-01-02T00:00:00Z",
            "encryptionCertificate": STANDARD.encode(FIRST),
            "encryptionCertificateId": "one",
        });
        assert!(
            parse(plain)
                .unwrap_err()
                .message
                .contains("without resource data")
        );
        for (url, taken) in [
            ("https://a.example/new", true),
            ("http://localhost:8080/new", true),
            ("http://[::1]:8080/new", true),
            ("http://10.0.0.1/new", false),
            ("http://127.0.0.1.evil.example/new", false),
            ("http://localhost.evil.example/new", false),
        ] {
            assert_eq!(
                parse(json!({ "notificationUrl": url })).is_ok(),
                taken,
                "{url}"
            );
        }
    }
}
