//! What every request for a write is read into, so that a handler says only what is wanted.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::super::caller::Caller;
use super::super::problem::{Code, Problem};
use super::super::query::{Parameters, body, mailbox_in_path};
use super::super::state::Api;
use super::ask;
use crate::model::ids::GraphId;
use crate::model::write::Write;

/// The longest time a request may wait for an outcome.
const LONGEST_WAIT: u32 = 60;

/// A body that says what is wrong with it: it is the caller's own.
#[derive(Debug)]
pub struct Wanted<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Wanted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let too_large = "the body is larger than 4 MB: send files by POST …/uploads";
        let bytes = body(request, state, too_large).await?;
        let bytes = if bytes.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            bytes
        };
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Problem::new(
                Code::InvalidRequest,
                format!("the body is not understood: {error}"),
            )
        })
    }
}

/// A request for a write: who asks, in which mailbox, about which item, and in what manner. What the body wants is the
/// handler's to say.
pub struct Asking {
    api: Api,
    caller: Caller,
    /// What stands in the path, in its order: the mailbox, unless the owner's only one is meant, and the item.
    path: Vec<String>,
    /// What else the handler takes out of the query.
    pub(super) query: Parameters,
    manner: Manner,
}

impl FromRequestParts<Api> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, api).await?;
        let mut query = Parameters::from_request_parts(parts, api).await?;
        let manner = Manner::read(&parts.headers, &mut query);
        let path = Path::<Vec<(String, String)>>::from_request_parts(parts, api)
            .await
            .map_err(|_| Problem::new(Code::InvalidRequest, "the path cannot be read"))?;
        Ok(Self {
            api: api.clone(),
            caller,
            path: path.0.into_iter().map(|(_, value)| value).collect(),
            query,
            manner,
        })
    }
}

impl Asking {
    /// The item in the path.
    pub(super) fn item(&self) -> GraphId {
        GraphId::from(self.path.get(1).cloned().unwrap_or_default())
    }

    /// The version that must be the present one.
    pub(super) fn if_match(&self) -> Option<String> {
        self.manner.if_match.clone()
    }

    /// Leaves the write for the mailbox's home, once the query is taken and everything that can be known says that it may.
    pub(super) async fn write(mut self, write: Write) -> Result<Response, Problem> {
        let named = match self.path.first() {
            Some(_) => None,
            None => self.query.mailbox("mailbox_id"),
        };
        self.query.finish()?;
        let mailbox = match self.path.first() {
            Some(id) => self.caller.mailbox(&self.api, mailbox_in_path(id)?).await?,
            None => self.caller.only_mailbox(&self.api, named).await?,
        };
        ask(&self.api, &self.caller, &mailbox, write, self.manner).await
    }
}

/// How a write is asked for.
#[derive(Debug)]
pub(super) struct Manner {
    /// How long to wait for the outcome.
    pub(super) wait: Option<Duration>,
    /// The caller's key for asking once.
    pub(super) key: Option<String>,
    /// The version that must be the present one.
    if_match: Option<String>,
}

impl Manner {
    fn read(headers: &HeaderMap, query: &mut Parameters) -> Self {
        let wait = query.number("wait", 1, LONGEST_WAIT);
        let mut text = |name: &str| {
            let value = headers.get(name)?;
            let value = value.to_str().ok().map(str::trim);
            let value = value.filter(|value| (1..=200).contains(&value.len()));
            if value.is_none() {
                query.wrong(name, "the header must be plain text of 1 to 200 characters");
            }
            value.map(str::to_owned)
        };
        let key = text("idempotency-key");
        // A change key, with or without the dress of an entity tag.
        let if_match = text(IF_MATCH.as_str())
            .filter(|tag| tag != "*")
            .map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned());
        Self {
            wait: wait.map(|seconds| Duration::from_secs(u64::from(seconds))),
            key,
            if_match,
        }
    }
}
