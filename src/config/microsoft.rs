//! The app registration and the cloud it lives in.

use std::str::FromStr;

use secrecy::SecretString;
use url::{Host, Url};
use uuid::Uuid;

use super::reader::Reader;
use super::server::Server;
use super::variables::{
    GRAPH_BASE_URL, LOGIN_BASE_URL, MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET, MICROSOFT_CLOUD,
    MICROSOFT_REDIRECT_URI, MICROSOFT_TENANT_ID, MICROSOFT_WRITE_SCOPES,
};
use crate::model::write::WriteScope;

/// Where the identity platform sends the browser back to, below our own address.
pub const CALLBACK_PATH: &str = "/api/v1/integrations/microsoft/callback";

/// The app registration and the cloud it lives in.
#[derive(Debug, Clone)]
pub struct Microsoft {
    /// Application (client) id.
    pub client_id: String,
    /// The value of a client secret.
    pub client_secret: SecretString,
    /// A tenant's id or domain, or `common`, `organizations`, `consumers` (F1.2).
    pub tenant: String,
    /// Where the browser comes back to; registered with the app.
    pub redirect_uri: Url,
    /// Permissions to write that sign-ins ask for; none where the service only reads.
    pub write_scopes: Vec<WriteScope>,
    /// The cloud, for its peculiarities (F2.2).
    pub cloud: Cloud,
    /// Scheme and host of Graph; `/v1.0` is appended by the client.
    pub graph_base_url: Url,
    /// Scheme and host of the identity platform.
    pub login_base_url: Url,
}

/// A Microsoft cloud (facts §2). Tokens of one are worth nothing in another (F2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// Worldwide, and GCC.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (Department of Defense).
    Dod,
    /// China, run by 21Vianet.
    China,
}

impl Cloud {
    /// Scheme and host of Graph.
    pub const fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::Dod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Scheme and host of the identity platform.
    pub const fn login(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::Dod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }
}

impl FromStr for Cloud {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "global" => Ok(Self::Global),
            "usgov" => Ok(Self::UsGov),
            "dod" => Ok(Self::Dod),
            "china" => Ok(Self::China),
            other => Err(format!("`{other}` is no cloud we know")),
        }
    }
}

impl Microsoft {
    pub(super) fn read(reader: &mut Reader<'_>, server: Option<&Server>) -> Option<Self> {
        let cloud = reader.read(&MICROSOFT_CLOUD, Cloud::from_str);
        let graph = reader.optional(&GRAPH_BASE_URL, parse_base);
        let login = reader.optional(&LOGIN_BASE_URL, parse_base);
        let is_own_cloud =
            reader.text(&GRAPH_BASE_URL).is_some() || reader.text(&LOGIN_BASE_URL).is_some();
        check_hosts(reader);

        let client_id = reader.read(&MICROSOFT_CLIENT_ID, |text| {
            parse_client_id(text, is_own_cloud)
        });
        let client_secret = reader.read(&MICROSOFT_CLIENT_SECRET, parse_secret);
        let tenant = reader.read(&MICROSOFT_TENANT_ID, parse_tenant);
        let redirect_uri = reader.optional(&MICROSOFT_REDIRECT_URI, parse_redirect);

        let write_scopes = reader.optional(&MICROSOFT_WRITE_SCOPES, parse_write_scopes);

        let cloud = cloud?;
        let hosts = (graph?, login?);
        let redirect_uri = match redirect_uri? {
            Some(given) => given,
            None => default_redirect(server?),
        };
        Some(Self {
            client_id: client_id?,
            client_secret: client_secret?,
            tenant: tenant?,
            redirect_uri,
            write_scopes: write_scopes?.unwrap_or_default(),
            cloud,
            graph_base_url: hosts.0.unwrap_or_else(|| known(cloud.graph())),
            login_base_url: hosts.1.unwrap_or_else(|| known(cloud.login())),
        })
    }
}

fn known(text: &str) -> Url {
    Url::parse(text).expect("the hosts of the clouds are valid addresses")
}

/// The seed's path at our public address, or on this machine where there is none or it changes (ngrok).
fn default_redirect(server: &Server) -> Url {
    let base = server
        .public_url
        .base()
        .unwrap_or_else(|| format!("http://localhost:{}", server.listen.port()));
    Url::parse(&format!("{base}{CALLBACK_PATH}"))
        .expect("a checked address with a path stays an address")
}

fn check_hosts(reader: &mut Reader<'_>) {
    let cloud = reader.text(&MICROSOFT_CLOUD);
    let graph = reader.text(&GRAPH_BASE_URL);
    let login = reader.text(&LOGIN_BASE_URL);
    if let (Some(cloud), true) = (cloud, graph.is_some() || login.is_some()) {
        reader.problem(
            &MICROSOFT_CLOUD,
            format!("`{cloud}` and GRAPH_BASE_URL or LOGIN_BASE_URL both name the hosts"),
            "keep MICROSOFT_CLOUD for one of Microsoft's clouds, or the two addresses for another one",
        );
    }
    match (graph, login) {
        (Some(_), None) => reader.problem(
            &LOGIN_BASE_URL,
            "GRAPH_BASE_URL is set and this is not: tokens of one cloud are worth nothing in another",
            "set both, or neither",
        ),
        (None, Some(_)) => reader.problem(
            &GRAPH_BASE_URL,
            "LOGIN_BASE_URL is set and this is not: tokens of one cloud are worth nothing in another",
            "set both, or neither",
        ),
        _ => {}
    }
}

/// Whether an address stands on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn parse_base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address ({error})"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(format!("`{text}` is no https address"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(
            "plain http is allowed on this machine only: tokens would travel in the open"
                .to_owned(),
        );
    }
    if url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
    {
        return Err(
            "it has more than scheme, host and port (`/v1.0` is appended by itself)".to_owned(),
        );
    }
    Ok(url)
}

fn parse_client_id(text: &str, is_own_cloud: bool) -> Result<String, String> {
    if !is_own_cloud && Uuid::parse_str(text).is_err() {
        return Err(format!(
            "`{text}` is no application (client) id, which is a GUID"
        ));
    }
    Ok(text.to_owned())
}

fn parse_secret(text: &str) -> Result<SecretString, String> {
    if Uuid::parse_str(text).is_ok() {
        return Err(
            "it looks like the id of a secret, not like its value (AADSTS7000215)".to_owned(),
        );
    }
    Ok(SecretString::from(text.to_owned()))
}

fn parse_tenant(text: &str) -> Result<String, String> {
    let is_special = matches!(text, "common" | "organizations" | "consumers");
    let is_domain = text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty()
                && label
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        });
    if is_special || is_domain || Uuid::parse_str(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is neither a tenant's id nor a domain"))
    }
}

fn parse_write_scopes(text: &str) -> Result<Vec<WriteScope>, String> {
    let words = text.split(|letter: char| letter == ',' || letter.is_whitespace());
    let mut scopes = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let known = WriteScope::ALL.into_iter();
        let found = known
            .into_iter()
            .find(|scope| scope.name().eq_ignore_ascii_case(word));
        let scope = found.ok_or_else(|| format!("`{word}` is no permission to write"))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.contains(&WriteScope::MailSend) && !scopes.contains(&WriteScope::MailReadWrite) {
        return Err("Mail.Send alone does not suffice: what is sent is a draft first".to_owned());
    }
    Ok(scopes)
}

fn parse_redirect(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address ({error})"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(format!("`{text}` is no http address"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("Microsoft accepts plain http on localhost only".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it has a fragment, which Microsoft refuses".to_owned());
    }
    Ok(url)
}
