//! The `Prefer` header: what the client wants of this one answer.
//!
//! Nothing of it is remembered: each page and each part of a batch speaks for itself (F4.2, S17, S19).

use axum::http::HeaderMap;
use axum::http::header::HeaderName;

/// The preferences of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `IdType="ImmutableId"` (F12.2).
    pub immutable_ids: bool,
    /// `odata.maxpagesize` (F4.4).
    pub max_page_size: Option<usize>,
    /// `outlook.timezone` as written (F7.3).
    pub time_zone: Option<String>,
    /// `outlook.body-content-type="text"` or `"html"` (F5.6).
    pub body_type: Option<BodyType>,
}

/// The format a client wants bodies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyType {
    /// Plain text.
    Text,
    /// HTML.
    Html,
}

impl Prefer {
    /// Reads every `Prefer` header; what is unknown is ignored.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        for value in headers.get_all(HeaderName::from_static("prefer")) {
            if let Ok(text) = value.to_str() {
                prefer.read(text);
            }
        }
        prefer
    }

    /// Reads one header's worth of preferences.
    pub fn read(&mut self, header: &str) {
        for part in split_outside_quotes(header) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "idtype" => self.immutable_ids = value.eq_ignore_ascii_case("ImmutableId"),
                "odata.maxpagesize" | "maxpagesize" => {
                    self.max_page_size = value.parse().ok().filter(|size| *size > 0);
                }
                "outlook.timezone" => self.time_zone = Some(value.to_owned()),
                "outlook.body-content-type" => {
                    self.body_type = match value.to_ascii_lowercase().as_str() {
                        "text" => Some(BodyType::Text),
                        "html" => Some(BodyType::Html),
                        _ => None,
                    }
                }
                _ => {}
            }
        }
    }

    /// What `Preference-Applied` says, if anything was applied.
    pub fn applied(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.immutable_ids {
            parts.push("IdType=\"ImmutableId\"".to_owned());
        }
        if let Some(size) = self.max_page_size {
            parts.push(format!("odata.maxpagesize={size}"));
        }
        if let Some(zone) = &self.time_zone {
            parts.push(format!("outlook.timezone=\"{zone}\""));
        }
        match self.body_type {
            Some(BodyType::Text) => parts.push("outlook.body-content-type=\"text\"".to_owned()),
            Some(BodyType::Html) => parts.push("outlook.body-content-type=\"html\"".to_owned()),
            None => {}
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        if c == '"' {
            quoted = !quoted;
        }
        !quoted && (c == ',' || c == ';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_preferences_stand_in_one_header() {
        // F4.4
        let mut prefer = Prefer::default();

        prefer.read("odata.maxpagesize=50, IdType=\"ImmutableId\",outlook.timezone=\"A, B\"");
        prefer.read("outlook.body-content-type=\"text\"");

        assert!(prefer.immutable_ids);
        assert_eq!(prefer.max_page_size, Some(50));
        assert_eq!(prefer.time_zone.as_deref(), Some("A, B"));
        assert_eq!(prefer.body_type, Some(BodyType::Text));
    }

    #[test]
    fn an_unknown_or_broken_preference_is_ignored() {
        let mut prefer = Prefer::default();

        prefer.read("respond-async, odata.maxpagesize=none, IdType=\"Other\"");

        assert_eq!(prefer, Prefer::default());
        assert_eq!(prefer.applied(), None);
    }
}
