//! Addresses: paths we make, links Graph gives.
//!
//! A link carries tokens in its query and is followed with our bearer token, so it is followed verbatim (F4.2) and only on
//! the scheme, host and port that were configured (F2.3, M13); a link is a secret and never enters an error or a log.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::error::GraphError;
use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::Link;

/// Everything but RFC 3986's unreserved characters: ids hold `/`, `+` and `=` (F5.22).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What to ask for: a path of ours under `/v1.0`, or a link that Graph gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path with its query, starting with `/`, relative to `/v1.0`.
    Path(String),
    /// A next link, a delta link or a `Location`.
    Link(Link),
}

impl From<String> for Target {
    fn from(path: String) -> Self {
        Self::Path(path)
    }
}

impl From<&str> for Target {
    fn from(path: &str) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<Link> for Target {
    fn from(link: Link) -> Self {
        Self::Link(link)
    }
}

impl From<&Link> for Target {
    fn from(link: &Link) -> Self {
        Self::Link(link.clone())
    }
}

/// An id as one segment of a path.
pub fn segment(id: &GraphId) -> String {
    utf8_percent_encode(id.as_str(), SEGMENT).to_string()
}

/// Text as a value of a query.
pub fn query_value(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// An instant as a value of a query: with `Z`, because a `+` would have to be encoded and a value without a zone is read
/// as whatever Graph likes (F7.4, F6.23).
pub fn instant(at: Timestamp) -> String {
    query_value(&at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// The host that may be spoken to.
#[derive(Debug, Clone)]
pub struct Base(Url);

impl Base {
    /// `url` is the service's root without version, for example `https://graph.microsoft.com`.
    pub fn new(url: &Url) -> Self {
        let mut root = url.clone();
        root.set_query(None);
        root.set_fragment(None);
        let path = root.path().trim_end_matches('/').to_owned();
        root.set_path(&path);
        Self(root)
    }

    /// The address of a target, if it may be spoken to.
    pub fn resolve(&self, target: &Target) -> Result<Url, GraphError> {
        match target {
            Target::Path(path) => self.path(path),
            Target::Link(link) => self.follow(link),
        }
    }

    fn path(&self, path: &str) -> Result<Url, GraphError> {
        let root = self.0.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{root}/v1.0{path}")).map_err(|_| GraphError::ForeignLink)?;
        // A path that did not start with a slash could have changed the host.
        if self.is_home(&url) {
            Ok(url)
        } else {
            Err(GraphError::ForeignLink)
        }
    }

    /// A link is followed only where scheme, host and port are ours and nobody's name stands before the host.
    fn follow(&self, link: &Link) -> Result<Url, GraphError> {
        match Url::parse(&link.0) {
            Ok(url) if self.is_home(&url) => Ok(url),
            _ => Err(GraphError::ForeignLink),
        }
    }

    fn is_home(&self, url: &Url) -> bool {
        url.scheme() == self.0.scheme()
            && url.host() == self.0.host()
            && url.port_or_known_default() == self.0.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Base {
        Base::new(&Url::parse("https://graph.microsoft.com/").expect("a URL"))
    }

    fn follow(link: &str) -> Result<Url, GraphError> {
        base().resolve(&Target::Link(Link(link.to_owned())))
    }

    #[test]
    fn a_link_on_the_configured_host_is_followed_verbatim() {
        let link =
            "https://graph.microsoft.com/v1.0/users/a/messages/delta?$skiptoken=A%2Fb+c%3D&x=%27";

        let url = follow(link).expect("its own host");

        assert_eq!(url.as_str(), link);
    }

    #[test]
    fn a_link_elsewhere_is_refused() {
        // F2.3, M13
        for link in [
            "http://graph.microsoft.com/v1.0/me",
            "https://graph.microsoft.com.evil.example/v1.0/me",
            "https://evil.example/v1.0/me",
            "https://graph.microsoft.com@evil.example/v1.0/me",
            "https://user:secret@graph.microsoft.com/v1.0/me",
            "https://graph.microsoft.com:8443/v1.0/me",
            "//graph.microsoft.com/v1.0/me",
            "/v1.0/me",
            "file:///etc/passwd",
            "",
        ] {
            let refused = follow(link).expect_err(link);
            assert!(matches!(refused, GraphError::ForeignLink), "{link}");
        }
    }

    #[test]
    fn the_default_port_may_be_written_out() {
        assert!(follow("https://graph.microsoft.com:443/v1.0/me").is_ok());
        assert!(follow("HTTPS://GRAPH.MICROSOFT.COM/v1.0/me").is_ok());
    }

    #[test]
    fn a_path_cannot_change_the_host() {
        let refused = base().resolve(&Target::from("@evil.example/me"));
        assert!(
            refused.is_err()
                || refused.is_ok_and(|url| url.host_str() == Some("graph.microsoft.com"))
        );
        let url = base().resolve(&Target::from("/me")).expect("a path");
        assert_eq!(url.as_str(), "https://graph.microsoft.com/v1.0/me");
    }

    #[test]
    fn an_id_stays_one_segment() {
        // F5.22
        assert_eq!(
            segment(&GraphId::from("AA/b+c=?#é")),
            "AA%2Fb%2Bc%3D%3F%23%C3%A9"
        );
    }
}
