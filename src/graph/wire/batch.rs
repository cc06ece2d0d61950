//! `$batch` (F4.7 to F4.9).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The body of the call.
#[derive(Debug, Serialize)]
pub struct BatchRequest<'a> {
    /// At most 20.
    pub requests: Vec<PartRequest<'a>>,
}

/// One request of it.
#[derive(Debug, Serialize)]
pub struct PartRequest<'a> {
    /// Unique, compared without regard to case.
    pub id: String,
    /// `GET`.
    pub method: &'a str,
    /// Relative to the version root.
    pub url: &'a str,
    /// Its own headers; the outer ones do not reach it (F4.13).
    pub headers: BTreeMap<&'static str, String>,
}

/// The answer.
#[derive(Debug, Deserialize)]
pub struct BatchResponse<'a> {
    /// In any order; some may be missing (F4.9).
    #[serde(borrow)]
    pub responses: Vec<PartResponse<'a>>,
}

/// The answer to one request.
#[derive(Debug, Deserialize)]
pub struct PartResponse<'a> {
    /// Whose.
    pub id: String,
    /// Its status.
    pub status: u16,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, serde_json::Value>,
    /// Its body, as it came.
    #[serde(borrow, default)]
    pub body: Option<&'a RawValue>,
}

impl PartResponse<'_> {
    /// A header in any casing.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        match value {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}
