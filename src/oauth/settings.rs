//! The application's registration, as the token endpoint wants it.

use secrecy::SecretString;
use url::Url;

/// What is asked for, and no more (F1.18): to stay signed in, to know who signed in, to read mail and calendars.
pub const SCOPES: &[&str] = &[
    "offline_access",
    "openid",
    "profile",
    "User.Read",
    "Mail.Read",
    "Calendars.Read",
];

/// The application's registration.
#[derive(Debug, Clone)]
pub struct OauthSettings {
    /// Application (client) id.
    pub client_id: String,
    /// The value of a client secret.
    pub client_secret: SecretString,
    /// A tenant's id or domain, or `common` and its kin (F1.2).
    pub tenant: String,
    /// Where the browser comes back to; the same in authorize and exchange (F1.4).
    pub redirect_uri: Url,
    /// The identity platform's root: a cloud's (facts §2), or the sandbox's.
    pub login_base_url: Url,
}
