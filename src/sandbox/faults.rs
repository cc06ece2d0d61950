//! Faults set from outside: the next calls that match a rule fail the way it says (S15).

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::Reply;
use super::error::GraphFault;

/// A rule as the control interface takes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Its number, given when it is set.
    #[serde(default)]
    pub id: u64,
    /// The method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A regular expression found anywhere in path and query, such as `/messages/delta`.
    pub path: String,
    /// How many calls are left; without end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The status of the answer; with none the call is only delayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of the answer; `Retry-After` only if it is here.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub headers: serde_json::Map<String, Value>,
    /// The body: text as it is, anything else as JSON. A refusal of Graph's without one has the envelope
    /// (S11); an empty text is no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Milliseconds of the sandbox's clock to wait before anything else.
    #[serde(default)]
    pub delay_ms: u64,
    /// Milliseconds of the sandbox's clock that the answer is held back after it was made.
    #[serde(default)]
    pub hold_ms: u64,
    /// The connection breaks instead of an answer, and nothing has happened.
    #[serde(default)]
    pub reset: bool,
    /// The call is carried out, and then the connection breaks instead of an answer.
    #[serde(default)]
    pub lose: bool,
    /// The upload session that is called has just expired (S71).
    #[serde(default)]
    pub expire_upload: bool,
}

/// Why a rule was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// Not a regular expression.
    #[error("the path of a fault is a regular expression, and this is none")]
    Path(#[source] regex::Error),
    /// Not a status.
    #[error("{0} is not an HTTP status")]
    Status(u16),
    /// An answer that is lost is the call's own.
    #[error("a fault with lose lets the call be carried out: it has neither status nor reset")]
    Lost,
}

/// What happens to a call.
#[derive(Debug, Clone)]
pub struct Effect {
    /// How long to wait first, on the sandbox's clock.
    pub delay: Duration,
    /// How long the answer is held back once it is made: it is as old as that when it comes.
    pub hold: Duration,
    /// Then this is the answer, if there is one.
    pub answer: Option<Struck>,
    /// Or the connection breaks.
    pub reset: bool,
    /// The connection breaks once the call is carried out.
    pub lose: bool,
    /// The upload session that is called has expired.
    pub expire_upload: bool,
}

/// What a fault answers.
#[derive(Debug, Clone)]
pub enum Struck {
    /// Exactly this.
    Reply(Reply),
    /// A refusal the rule gives no body: the side it strikes words it.
    Fault(GraphFault),
}

/// All rules, in the order they were set.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<(Regex, FaultRule)>,
    last_id: u64,
}

impl Faults {
    /// Sets a rule and answers its number.
    pub fn set(&mut self, mut rule: FaultRule) -> Result<u64, FaultError> {
        let path = Regex::new(&rule.path).map_err(FaultError::Path)?;
        if let Some(status) = rule.status {
            StatusCode::from_u16(status).map_err(|_| FaultError::Status(status))?;
        }
        if rule.lose && (rule.status.is_some() || rule.reset) {
            return Err(FaultError::Lost);
        }
        self.last_id += 1;
        rule.id = self.last_id;
        self.rules.push((path, rule));
        Ok(self.last_id)
    }

    /// The rules that still have calls left.
    pub fn list(&self) -> Vec<&FaultRule> {
        self.rules.iter().map(|(_, rule)| rule).collect()
    }

    /// Forgets every rule.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Forgets one rule; whether there was one.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(_, rule)| rule.id != id);
        self.rules.len() < before
    }

    /// What the first matching rule does to a call, which it is charged for.
    pub fn strike(&mut self, method: &str, path_and_query: &str) -> Option<Effect> {
        let position = self.rules.iter().position(|(path, rule)| {
            rule.method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && path.is_match(path_and_query)
        })?;
        let (_, rule) = self.rules.get_mut(position)?;
        let effect = effect(rule);
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.rules.remove(position);
            }
        }
        Some(effect)
    }
}

fn effect(rule: &FaultRule) -> Effect {
    let status = rule
        .status
        .and_then(|status| StatusCode::from_u16(status).ok());
    Effect {
        delay: Duration::from_millis(rule.delay_ms),
        hold: Duration::from_millis(rule.hold_ms),
        answer: status.map(|status| struck(rule, status)),
        reset: rule.reset,
        lose: rule.lose,
        expire_upload: rule.expire_upload,
    }
}

fn struck(rule: &FaultRule, status: StatusCode) -> Struck {
    let mut headers = Vec::new();
    for (name, value) in &rule.headers {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&text),
        ) {
            headers.push((name, value));
        }
    }
    let mut reply = match &rule.body {
        None if status.is_client_error() || status.is_server_error() => {
            return Struck::Fault(GraphFault {
                headers,
                ..GraphFault::usual(status)
            });
        }
        None => Reply::empty(status),
        Some(Value::String(text)) => Reply {
            content_type: (!text.is_empty()).then_some("text/html"),
            body: Bytes::from(text.clone()),
            ..Reply::empty(status)
        },
        Some(value) => Reply::json(status, value),
    };
    reply.headers = headers;
    Struck::Reply(reply)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_strikes_as_often_as_it_says_and_only_what_it_names() {
        // S15
        let mut faults = Faults::default();
        let rule = json!({"method": "GET", "path": "/messages/", "times": 2, "status": 503});
        faults.set(serde_json::from_value(rule).unwrap()).unwrap();

        assert!(faults.strike("PATCH", "/me/messages/x").is_none());
        assert!(faults.strike("GET", "/me/events/x").is_none());
        assert!(faults.strike("get", "/me/messages/x").is_some());
        assert!(faults.strike("GET", "/me/messages/x").is_some());
        assert!(faults.strike("GET", "/me/messages/x").is_none());
    }

    #[test]
    fn an_answer_that_is_lost_cannot_be_made_up() {
        let mut faults = Faults::default();
        let mut set =
            |rule: serde_json::Value| faults.set(serde_json::from_value(rule).unwrap()).is_ok();

        assert!(set(json!({"path": "/send$", "lose": true})));
        assert!(!set(json!({"path": "/send$", "lose": true, "status": 202})));
        assert!(!set(json!({"path": "/send$", "lose": true, "reset": true})));
    }
}
