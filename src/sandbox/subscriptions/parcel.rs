//! What goes out in one POST, and what became of it (F10.1, F10.12 to F10.14).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::model::time::Timestamp;

/// The answer to a first attempt must have come by then (F10.14).
pub const FIRST_ALLOWANCE: Duration = Duration::from_secs(3);

/// The answer to a further attempt.
pub const RETRY_ALLOWANCE: Duration = Duration::from_secs(10);

/// Whom a validation token is for (F10.30).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Audience {
    /// The application.
    pub app_id: String,
    /// Its tenant.
    pub tenant_id: String,
}

/// One item on its way.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Whose it is.
    pub subscription_id: String,
    /// The item as JSON.
    pub body: String,
    /// Whom it has resource data for.
    pub audience: Option<Audience>,
}

/// What goes out in one POST.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Where to.
    pub url: String,
    /// The items.
    pub notices: Vec<Notice>,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When it was first tried.
    pub first_at: Timestamp,
}

impl Parcel {
    /// Whom its items have resource data for, each once.
    pub fn audiences(&self) -> BTreeSet<Audience> {
        self.notices
            .iter()
            .filter_map(|notice| notice.audience.clone())
            .collect()
    }

    /// The body of the POST (F10.1), with `validationTokens` if there are any.
    pub fn body(&self, validation_tokens: Option<&Value>) -> String {
        let size: usize = self
            .notices
            .iter()
            .map(|notice| notice.body.len() + 1)
            .sum();
        let mut body = String::with_capacity(size + 16);
        body.push_str("{\"value\":[");
        for (index, notice) in self.notices.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&notice.body);
        }
        body.push(']');
        if let Some(tokens) = validation_tokens {
            body.push_str(",\"validationTokens\":");
            body.push_str(&tokens.to_string());
        }
        body.push('}');
        body
    }

    /// How long its answer may take.
    pub fn allowance(&self) -> Duration {
        if self.attempt == 1 {
            FIRST_ALLOWANCE
        } else {
            RETRY_ALLOWANCE
        }
    }
}

/// What became of a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// A 2xx within the allowance.
    pub taken: bool,
    /// How long it took.
    pub took: Duration,
}
