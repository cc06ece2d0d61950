//! Reads parameters, and says everything that is wrong with them at once.
//!
//! Axum's own extractors stop at the first fault and answer in plain text; a caller deserves the whole list
//! as a problem.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::problem::{Code, ParameterProblem, Problem};
use crate::model::ids::MailboxId;
use crate::model::time::{Timestamp, to_micros};

/// The parameters of a query, to be taken out one by one.
#[derive(Debug)]
pub struct Parameters {
    values: HashMap<String, String>,
    errors: Vec<ParameterProblem>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Code::InvalidRequest, "the query cannot be read"))?
            .0;
        let mut values = HashMap::new();
        let mut errors = Vec::new();
        for (name, value) in pairs {
            if values.insert(name.clone(), value).is_some() {
                errors.push(ParameterProblem {
                    parameter: name,
                    detail: "it stands in the query twice".to_owned(),
                });
            }
        }
        Ok(Self { values, errors })
    }
}

impl Parameters {
    /// A parameter as text; `None` where it is missing or empty.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.wrong(name, detail);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn number(&mut self, name: &str, from: u32, to: u32) -> Option<u32> {
        self.parsed(name, |text| match text.parse::<u32>() {
            Ok(number) if (from..=to).contains(&number) => Ok(number),
            _ => Err(format!("it must be a whole number from {from} to {to}")),
        })
    }

    /// An instant with or without a zone (UTC then), or a date (its beginning in UTC).
    pub fn instant(&mut self, name: &str) -> Option<Timestamp> {
        self.parsed(name, instant)
    }

    /// One of our mailboxes.
    pub fn mailbox(&mut self, name: &str) -> Option<MailboxId> {
        self.parsed(name, |text| {
            Uuid::parse_str(text)
                .map(MailboxId)
                .map_err(|_| "it must be the id of a mailbox".to_owned())
        })
    }

    /// Notes what is wrong.
    pub fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(ParameterProblem {
            parameter: name.to_owned(),
            detail: detail.into(),
        });
    }

    /// Ends the reading: a parameter that nobody took is one the caller misspelt.
    pub fn finish(mut self) -> Result<(), Problem> {
        let mut strangers: Vec<String> = self.values.into_keys().collect();
        strangers.sort();
        self.errors
            .extend(strangers.into_iter().map(|parameter| ParameterProblem {
                parameter,
                detail: "there is no such parameter here".to_owned(),
            }));
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::parameters(self.errors))
        }
    }
}

/// Reads `2026-11-22T08:00:00Z`, with an offset, without one (UTC), or only a date.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    // A plus sign that nobody encoded arrives as a blank.
    let text = text.replace(' ', "+");
    let with_zone = DateTime::parse_from_rfc3339(&text).map(|instant| instant.to_utc());
    let instant = with_zone
        .or_else(|_| {
            NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f")
                .map(|local| local.and_utc())
        })
        .or_else(|_| {
            NaiveDate::parse_from_str(&text, "%Y-%m-%d")
                .map(|date| date.and_time(chrono::NaiveTime::MIN).and_utc())
        });
    instant.map(to_micros).map_err(|_| {
        "it must be a date like 2026-11-22 or an instant like 2026-11-22T08:00:00Z".to_owned()
    })
}

/// The bytes of a body; `too_large` is what is said of one over the limit.
pub(super) async fn body<S: Send + Sync>(
    request: Request,
    state: &S,
    too_large: &'static str,
) -> Result<Bytes, Problem> {
    let bytes = Bytes::from_request(request, state).await;
    bytes.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(Code::BodyTooLarge, too_large)
        } else {
            Problem::new(Code::InvalidRequest, "the body could not be read")
        }
    })
}

/// A JSON body, refused as a problem.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let too_large = "the body is larger than anything this address takes";
        let bytes = body(request, state, too_large).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let detail = match error.classify() {
                serde_json::error::Category::Data => {
                    "the body is JSON, but not of the shape that docs/openapi.json describes"
                }
                _ => "the body is not JSON",
            };
            Problem::new(Code::InvalidRequest, detail)
        })
    }
}

/// The id of a mailbox in the path; anything else there is a mailbox that nobody has.
pub fn mailbox_in_path(text: &str) -> Result<MailboxId, Problem> {
    Uuid::parse_str(text)
        .map(MailboxId)
        .map_err(|_| Problem::new(Code::MailboxNotFound, "that is not the id of a mailbox"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Parameters {
        let values = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        Parameters {
            values,
            errors: Vec::new(),
        }
    }

    #[test]
    fn instants_are_read_with_and_without_a_zone_and_as_dates() {
        let morning = instant("2026-11-22T08:00:00Z").expect("it is one");
        assert_eq!(instant("2026-11-22T09:00:00+01:00"), Ok(morning));
        assert_eq!(instant("2026-11-22T09:00:00 01:00"), Ok(morning));
        assert_eq!(instant("2026-11-22T08:00:00"), Ok(morning));
        assert_eq!(instant("2026-11-22"), instant("2026-11-22T00:00:00Z"));
        for wrong in ["", "yesterday", "2026-13-01", "22.11.2026", "1763798400"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn everything_wrong_with_a_query_is_said_at_once() {
        let mut query = parameters("max_results=0&since_date=soon&sinse=1");
        let number = query.number("max_results", 1, 10);
        let since = query.instant("since_date");

        let problem = query.finish().expect_err("three things are wrong");

        assert_eq!((number, since), (None, None));
        let errors = problem.body().errors;
        let named: Vec<&str> = errors
            .iter()
            .map(|error| error.parameter.as_str())
            .collect();
        assert_eq!(named, ["max_results", "since_date", "sinse"]);
    }
}
