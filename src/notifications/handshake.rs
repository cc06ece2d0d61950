//! Graph's question whether we are there (F9.17 to F9.19).
//!
//! It is asked while our own request to create a subscription is still open, by nobody we could authenticate, and
//! must be answered within seconds: so nothing here may touch a database or wait for anything (M17).

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

const NAME: &str = "validationToken";

/// The decoded token in a query, if it holds one (F9.17, S51).
pub(super) fn token(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| name.eq_ignore_ascii_case(NAME).then(|| value.into_owned()))
}

/// The token and nothing else, as plain text that no browser takes for a page.
pub(super) fn echo(token: String) -> Response {
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, token).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_decoded_whatever_it_holds() {
        // F9.17, S51.
        let cases = [
            ("validationToken=abc", "abc"),
            (
                "s=1&validationToken=Validation%3A+Testing+client",
                "Validation: Testing client",
            ),
            ("validationToken=a%2Bb%20c%25d%3A%26%3D", "a+b c%d:&="),
            ("validationToken=", ""),
            ("ValidationToken=%E2%9C%93&s=2", "✓"),
            ("validationToken=%ff%zz%", "\u{fffd}%zz%"),
        ];
        for (query, decoded) in cases {
            assert_eq!(token(query).as_deref(), Some(decoded), "{query}");
        }
        assert_eq!(token("s=validationToken"), None);
        assert_eq!(token(""), None);
    }
}
