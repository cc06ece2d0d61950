//! The page a person sees when the sign-in has come back: that it worked, or what to do.
//!
//! It loads nothing from anywhere and runs no script. Everything that came from outside is escaped.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::problem::{Code, Problem};

/// A page for a person.
#[derive(Debug, Clone)]
pub struct Page {
    status: StatusCode,
    is_good: bool,
    title: String,
    sentences: Vec<String>,
    small: Option<String>,
}

impl Page {
    /// The mailbox is connected.
    pub fn connected(address: &str, is_new: bool) -> Self {
        let first = if is_new {
            format!(
                "The mailbox {address} is connected. Its mail and calendar are being copied now."
            )
        } else {
            format!(
                "The mailbox {address} is connected again. Nothing that was copied before is lost."
            )
        };
        Self {
            status: StatusCode::OK,
            is_good: true,
            title: "Connected".to_owned(),
            sentences: vec![first, "You can close this window.".to_owned()],
            small: None,
        }
    }

    /// An administrator has granted the permissions for everybody (F1.17).
    pub fn granted() -> Self {
        Self {
            status: StatusCode::OK,
            is_good: true,
            title: "Permissions granted".to_owned(),
            sentences: vec![
                "The permissions are granted for the whole organisation. Its people can connect their mailboxes now, \
                 and none of them is asked again."
                    .to_owned(),
                "You can close this window.".to_owned(),
            ],
            small: None,
        }
    }

    /// The sign-in did not succeed.
    pub fn failed(problem: &Problem) -> Self {
        let problem = problem.body();
        let remedy = match problem.code {
            Code::StateUnknown | Code::StateUsed | Code::StateExpired | Code::StateForeign => {
                "Go back to the application and begin the sign-in again; it must be finished within ten minutes and in \
                 one go."
            }
            Code::SignInRefused => problem.hint.as_str(),
            Code::AppRefused => {
                "You can do nothing about it: please tell the people who run this service. They find the cause in its \
                 log and the remedy in docs/guides/entra-app.md."
            }
            Code::MicrosoftUnavailable | Code::DatabaseUnavailable => {
                "Please begin the sign-in again in a minute."
            }
            _ => {
                "Please begin the sign-in again, and tell the people who run this service if it happens twice."
            }
        };
        Self {
            status: problem.code.status(),
            is_good: false,
            title: problem.title.clone(),
            sentences: vec![capitalised(&problem.detail), remedy.to_owned()],
            small: Some(match &problem.microsoft_code {
                Some(code) => format!("{} ({code})", problem.code.name()),
                None => problem.code.name().to_owned(),
            }),
        }
    }

    fn html(&self) -> String {
        let paragraphs = self.sentences.iter().fold(String::new(), |text, sentence| {
            text + "<p>" + &escaped(sentence) + "</p>\n"
        });
        let small = self
            .small
            .as_ref()
            .map(|small| format!("<p class=\"small\">{}</p>\n", escaped(small)))
            .unwrap_or_default();
        let (mark, tone) = if self.is_good {
            ("✓", "good")
        } else {
            ("!", "bad")
        };
        let title = escaped(&self.title);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<div class=\"mark {tone}\" aria-hidden=\"true\">{mark}</div>\n\
             <h1>{title}</h1>\n{paragraphs}{small}</main>\n</body>\n</html>\n"
        )
    }
}

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #f4f5f7; color: #1d2129;
  font: 17px/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 1rem; padding: 2.5rem; border-radius: 12px; background: #fff;
  box-shadow: 0 1px 3px rgb(0 0 0 / 15%); text-align: center; }
h1 { margin: 0 0 .75rem; font-size: 1.4rem; }
p { margin: .5rem 0; }
.small { margin-top: 1.5rem; font: .8rem ui-monospace, monospace; color: #5f6673; }
.mark { width: 3rem; height: 3rem; margin: 0 auto 1rem; border-radius: 50%; color: #fff; font: 700 1.6rem/3rem system-ui, sans-serif; }
.good { background: #1f7a4d; }
.bad { background: #b3372f; }
@media (prefers-color-scheme: dark) {
  body { background: #14161a; color: #e6e8ec; }
  main { background: #1f2329; }
  .small { color: #98a0ad; }
}
";

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [
            (
                CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // The address of this page holds the code and the state.
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                ),
            ),
        ];
        (self.status, headers, self.html()).into_response()
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let end = if sentence.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// Text that stands in a page as text.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_outside_is_escaped() {
        let html = Page::connected("<script>@example.org", true).html();

        assert!(html.contains("&lt;script&gt;@example.org") && !html.contains("<script"));
    }

    #[test]
    fn a_failure_says_what_to_do_and_names_its_code() {
        let problem = Problem::new(
            Code::StateExpired,
            "the sign-in took longer than ten minutes",
        );

        let html = Page::failed(&problem).html();

        assert!(html.contains("begin the sign-in again"), "{html}");
        assert!(
            html.contains("The sign-in took longer than ten minutes."),
            "{html}"
        );
        assert!(html.contains("state_expired"), "{html}");
    }
}
