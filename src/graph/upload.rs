//! Upload sessions: how a file of 3 MB or more comes to a draft (F8.8 to F8.10).
//!
//! The address of a session needs no token: whoever has it may write. It is followed over https, or on this machine, and no
//! Authorization ever goes with it.

use std::fmt;

use bytes::Bytes;
use reqwest::{Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::error::{GraphError, Refused};
use super::links::segment;
use super::mailbox::MailboxGraph;
use super::transport::unreachable;
use crate::model::ids::GraphId;
use crate::model::work::Lane;

/// The address of a session. A secret: it never enters a log line.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadUrl(pub String);

impl fmt::Debug for UploadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadUrl(…)")
    }
}

/// A session as Graph describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where the bytes go.
    pub url: UploadUrl,
    /// From which byte on it wants them.
    pub next: u64,
}

/// Graph writes it in two spellings (F8.10).
#[derive(Deserialize)]
struct Told {
    #[serde(default, alias = "uploadUrl", alias = "UploadUrl")]
    url: Option<String>,
    #[serde(default, alias = "nextExpectedRanges", alias = "NextExpectedRanges")]
    ranges: Vec<String>,
}

/// The first byte of the first range: `2097152`, `2097152-` or `2097152-4194303`.
fn first_byte(ranges: &[String]) -> Option<u64> {
    ranges.first()?.split('-').next()?.parse().ok()
}

/// A file that is to be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadItem<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many bytes.
    pub size: u64,
    /// What it says it holds.
    pub content_type: &'a str,
    /// Whether the body shows it.
    pub is_inline: bool,
    /// By what the body names it.
    pub content_id: Option<&'a str>,
}

impl MailboxGraph {
    /// Opens a session for a file of a draft.
    pub async fn upload_open(
        &self,
        draft: &GraphId,
        item: UploadItem<'_>,
    ) -> Result<Session, GraphError> {
        let mut told = json!({
            "attachmentType": "file",
            "name": item.name,
            "size": item.size,
            "contentType": item.content_type,
            "isInline": item.is_inline,
        });
        if let (Some(id), Some(object)) = (item.content_id, told.as_object_mut()) {
            object.insert("contentId".to_owned(), json!(id));
        }
        let path = format!(
            "/messages/{}/attachments/createUploadSession",
            segment(draft)
        );
        let body = json!({ "AttachmentItem": told });
        let answer = self
            .post(Lane::Command, &self.path(&path), Some(&body))
            .await?;
        let told: Told = answer.json()?;
        let url = told.url.ok_or(GraphError::Missing)?;
        Ok(Session {
            next: first_byte(&told.ranges).unwrap_or(0),
            url: UploadUrl(url),
        })
    }

    /// Writes one range; from which byte on more is wanted, none when the file is whole.
    pub async fn upload_range(
        &self,
        url: &UploadUrl,
        from: u64,
        size: u64,
        bytes: Bytes,
    ) -> Result<Option<u64>, GraphError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let last = from.saturating_add(length).saturating_sub(1);
        let request = self
            .graph()
            .http()
            .request(Method::PUT, address(url)?)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_RANGE, format!("bytes {from}-{last}/{size}"))
            .body(bytes);
        let (status, body) = self.upload_exchange(request).await?;
        if status == StatusCode::CREATED {
            return Ok(None);
        }
        let told: Told = serde_json::from_slice(&body)
            .map_err(|error| GraphError::Malformed(std::sync::Arc::new(error)))?;
        Ok(Some(first_byte(&told.ranges).unwrap_or(last + 1)))
    }

    /// From which byte on a session wants more; none when it is not there any more: whole, or run out.
    pub async fn upload_ask(&self, url: &UploadUrl) -> Result<Option<u64>, GraphError> {
        let request = self.graph().http().request(Method::GET, address(url)?);
        match self.upload_exchange(request).await {
            Ok((_, body)) => {
                let told: Option<Told> = serde_json::from_slice(&body).ok();
                Ok(told.and_then(|told| first_byte(&told.ranges)))
            }
            Err(error) if matches!(error.status(), Some(404 | 410)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn upload_exchange(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, Bytes), GraphError> {
        let deadline = self.graph().deadline();
        let exchange = async {
            let response = request.send().await.map_err(unreachable)?;
            let status = response.status();
            let body = response.bytes().await.map_err(unreachable)?;
            Ok::<_, GraphError>((status, body))
        };
        let _permit = self.admit().await?;
        let (status, body) = tokio::time::timeout(deadline, exchange)
            .await
            .unwrap_or(Err(GraphError::TimedOut { deadline }))?;
        self.graph().count(1, 0);
        if status.is_success() {
            return Ok((status, body));
        }
        let refused = GraphError::Refused(Box::new(Refused::read(status.as_u16(), &body)));
        Err(self.fence(refused))
    }
}

fn address(url: &UploadUrl) -> Result<Url, GraphError> {
    let url = Url::parse(&url.0).map_err(|_| GraphError::ForeignLink)?;
    let is_here = url.host().is_some_and(|host| match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    });
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    if is_safe && url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(GraphError::ForeignLink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_range_are_read() {
        // F8.10
        for (text, expected) in [
            (
                r#"{"uploadUrl":"https://x","nextExpectedRanges":["0-"]}"#,
                Some(0),
            ),
            (r#"{"NextExpectedRanges":["2097152"]}"#, Some(2_097_152)),
            (r#"{"NextExpectedRanges":["5-9","20-30"]}"#, Some(5)),
            (r#"{"NextExpectedRanges":[]}"#, None),
            (r"{}", None),
        ] {
            let told: Told = serde_json::from_str(text).expect("it can be read");
            assert_eq!(first_byte(&told.ranges), expected, "{text}");
        }
    }

    #[test]
    fn an_address_in_the_open_is_not_followed() {
        for (url, is_followed) in [
            ("https://outlook.office.com/upload?authtoken=x", true),
            ("http://127.0.0.1:4000/upload", true),
            ("http://outlook.office.com/upload", false),
            ("https://user@outlook.office.com/upload", false),
            ("ftp://outlook.office.com/upload", false),
        ] {
            assert_eq!(
                address(&UploadUrl(url.to_owned())).is_ok(),
                is_followed,
                "{url}"
            );
        }
    }
}
