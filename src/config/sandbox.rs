//! Settings that a sandbox gives, so that nothing is copied by hand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use url::Url;

use super::environment::Environment;
use super::error::ConfigError;
use super::reader::Reader;
use super::variables;

/// What a sandbox says of itself under its control address.
#[derive(Clone, Deserialize)]
pub struct SandboxSettings {
    /// Scheme, host and port of its Graph.
    pub graph_base_url: String,
    /// Scheme, host and port of its identity platform.
    pub login_base_url: String,
    /// Its tenant.
    pub tenant_id: String,
    /// Its app registration.
    pub client_id: String,
    /// The secret of it; worth nothing elsewhere.
    pub client_secret: String,
    /// The people with mailboxes.
    #[serde(default)]
    pub users: Vec<SandboxUser>,
}

/// A person of the sandbox.
#[derive(Debug, Clone, Deserialize)]
pub struct SandboxUser {
    /// Object id.
    pub id: String,
    /// Address.
    pub address: String,
    /// Name.
    pub display_name: String,
}

/// The control address of the sandbox to speak to instead of Microsoft, where one is set.
pub fn control_url(environment: &Environment) -> Result<Option<Url>, ConfigError> {
    let mut reader = Reader::new(environment);
    let url = reader.optional(&variables::SANDBOX_URL, |text| {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            .ok_or_else(|| format!("`{text}` is no http address"))
    });
    reader.finish(url)
}

impl SandboxSettings {
    /// The environment in which the service speaks to this sandbox. What concerns Microsoft comes from the
    /// sandbox; the rest stays as it was, with two gaps filled: the public address is our own on this
    /// machine, and the encryption key follows from the sandbox's secret, so that a second start opens what
    /// the first one sealed. The database stays the one that is set, so that a sandbox can be mirrored anywhere; that it holds no
    /// mailboxes of another tenant is checked when it is opened.
    pub fn applied_to(&self, environment: Environment) -> Environment {
        let listen = environment
            .get("LISTEN")
            .or(variables::LISTEN.default)
            .unwrap_or_default()
            .to_owned();
        let public_url = match listen.rsplit_once(':') {
            Some((_, port)) => format!("http://127.0.0.1:{port}"),
            None => String::new(),
        };
        let key = URL_SAFE.encode(Sha256::digest(format!(
            "graph-mirror sandbox\n{}",
            self.client_secret
        )));
        environment
            .with("GRAPH_BASE_URL", &self.graph_base_url)
            .with("LOGIN_BASE_URL", &self.login_base_url)
            .with("MICROSOFT_CLOUD", "")
            .with("MICROSOFT_TENANT_ID", &self.tenant_id)
            .with("MICROSOFT_CLIENT_ID", &self.client_id)
            .with("MICROSOFT_CLIENT_SECRET", &self.client_secret)
            .or("PUBLIC_URL", public_url)
            .or("OAUTH_ENCRYPTION_KEY", key)
    }
}

impl std::fmt::Debug for SandboxSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxSettings")
            .field("graph_base_url", &self.graph_base_url)
            .field("login_base_url", &self.login_base_url)
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}
