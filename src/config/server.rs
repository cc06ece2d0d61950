//! Where we listen, and under which address Graph reaches us.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::Url;

use super::environment::Environment;
use super::error::ConfigError;
use super::microsoft::{Microsoft, is_loopback};
use super::reader::Reader;
use super::variables::{LISTEN, NGROK_API_URL, PUBLIC_URL};

/// Where we listen, and under which address Graph reaches us.
#[derive(Debug, Clone)]
pub struct Server {
    /// The socket.
    pub listen: SocketAddr,
    /// The address Graph posts to.
    pub public_url: PublicUrl,
    /// Where the ngrok agent answers, for [`PublicUrl::Ngrok`].
    pub ngrok_api: Url,
}

/// The address under which Graph reaches us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicUrl {
    /// There is none: no subscriptions, the mirror polls.
    Unset,
    /// This one, without a slash at its end when shown by [`PublicUrl::base`].
    Fixed(Url),
    /// The one of the ngrok agent's tunnel, which comes, goes and changes while the service runs.
    Ngrok,
}

impl PublicUrl {
    /// The base to which paths like `/webhooks/…` are appended: no slash at its end.
    pub fn base(&self) -> Option<String> {
        match self {
            Self::Fixed(url) => Some(url.as_str().trim_end_matches('/').to_owned()),
            Self::Unset | Self::Ngrok => None,
        }
    }
}

impl Server {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = reader.read(&LISTEN, parse_listen);
        let public_url = reader.optional(&PUBLIC_URL, parse_public_url);
        let ngrok_api = reader.read(&NGROK_API_URL, parse_ngrok_api);
        Some(Self {
            listen: listen?,
            public_url: public_url?.unwrap_or(PublicUrl::Unset),
            ngrok_api: ngrok_api?,
        })
    }

    /// The address a program on this machine reaches us under.
    pub fn local_url(&self) -> String {
        local_url(self.listen)
    }

    /// Graph posts only to https (S45); plain http and loopback are for a Graph that stands on this machine.
    pub(super) fn check_against(&self, microsoft: &Microsoft, reader: &mut Reader<'_>) {
        let PublicUrl::Fixed(url) = &self.public_url else {
            return;
        };
        if is_loopback(&microsoft.graph_base_url) {
            return;
        }
        if is_loopback(url) {
            reader.problem(
                &PUBLIC_URL,
                "Microsoft cannot reach an address on this machine",
                "set it to a public https address or to `ngrok`, or leave it empty to poll",
            );
        } else if url.scheme() != "https" {
            reader.problem(
                &PUBLIC_URL,
                "Microsoft posts notifications to https only",
                "set it to an https address",
            );
        }
    }
}

/// The address a program on this machine reaches the service under, from nothing but `LISTEN`.
pub fn local_url_of(environment: &Environment) -> Result<String, ConfigError> {
    let mut reader = Reader::new(environment);
    let listen = reader.read(&LISTEN, parse_listen);
    reader.finish(listen).map(local_url)
}

fn local_url(listen: SocketAddr) -> String {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(host, listen.port()))
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let text = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse()
        .map_err(|_| format!("`{text}` is not an address with a port"))
}

fn parse_ngrok_api(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address ({error})"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(format!("`{text}` is no http address"));
    }
    if url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err("it has more than scheme, host and port".to_owned());
    }
    Ok(url)
}

fn parse_public_url(text: &str) -> Result<PublicUrl, String> {
    if text == "ngrok" {
        return Ok(PublicUrl::Ngrok);
    }
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address ({error})"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(format!("`{text}` is no http address"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment, to which no path can be appended".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "it carries a user name or a password, which Microsoft does not send".to_owned(),
        );
    }
    Ok(PublicUrl::Fixed(url))
}
