//! The pages a person sees while signing in. They need no script but one line, and nothing from
//! anywhere else; what came with the request is escaped wherever it is shown.

use std::fmt::Write as _;

use serde_json::Value;
use url::form_urlencoded;

use super::authorize::Parameters;
use super::error::TokenError;

/// The parameter the picking page adds when a person declines.
pub(super) const DECLINED: &str = "sandbox_declined";

/// More people than this are found by their address.
const SHOWN: usize = 100;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#2563eb}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;\
font:16px/1.5 system-ui,sans-serif;background:light-dark(#f3f4f6,#111418)}\
main{width:min(30rem,100%);background:light-dark(#fff,#1b1f24);border:1px solid var(--line);\
border-radius:12px;padding:2rem}\
h1{font-size:1.35rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem;opacity:.8}\
ul{margin:0 0 1.25rem;padding-left:1.2rem;font-size:.9rem;opacity:.8}\
nav{display:grid;gap:.5rem;max-height:24rem;overflow:auto;margin-bottom:1.25rem}\
nav a{display:flex;gap:.9rem;align-items:center;padding:.6rem .8rem;border:1px solid var(--line);\
border-radius:8px;text-decoration:none;color:inherit}\
nav a:hover,nav a:focus{border-color:var(--accent);background:var(--soft)}\
nav b{flex:none;width:2.4rem;height:2.4rem;border-radius:50%;display:grid;place-items:center;\
background:var(--accent);color:#fff;font-size:.85rem}\
nav span{min-width:0;overflow:hidden;text-overflow:ellipsis}nav small{display:block;opacity:.7}\
form{display:flex;gap:.5rem;margin-bottom:1rem}\
input{flex:1;min-width:0;padding:.5rem .7rem;border:1px solid var(--line);border-radius:8px;\
font:inherit;background:transparent;color:inherit}\
button{padding:.5rem 1rem;border:0;border-radius:8px;background:var(--accent);color:#fff;font:inherit}\
code{overflow-wrap:anywhere;font-size:.85rem}footer{font-size:.8rem;opacity:.7}";

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn frame(title: &str, main: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{main}</main></body></html>"
    )
}

/// The page a person picks themselves on: each link is the same request with a `login_hint`.
pub(super) fn picking(
    application: &str,
    permissions: &[&str],
    people: &[(String, String)],
    parameters: &Parameters,
) -> String {
    let mut kept: Vec<_> = parameters
        .iter()
        .filter(|(name, _)| *name != "login_hint" && *name != DECLINED)
        .collect();
    kept.sort();
    let link = |name: &str, value: &str| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&kept).append_pair(name, value);
        escape(&format!("?{}", query.finish()))
    };
    let mut main = format!(
        "<h1>Pick an account</h1><p>to sign in to <strong>{}</strong>, which asks to:</p><ul>",
        escape(application)
    );
    for permission in permissions {
        let _ = write!(main, "<li>{}</li>", escape(permission));
    }
    main.push_str("</ul>");
    if let Some(unknown) = parameters.get("login_hint") {
        let _ = write!(
            main,
            "<p>There is no <strong>{}</strong> in this organisation.</p>",
            escape(unknown)
        );
    }
    main.push_str("<nav>");
    for (name, address) in people.iter().take(SHOWN) {
        let initials: String = name
            .split_whitespace()
            .filter_map(|word| word.chars().next())
            .take(2)
            .collect();
        let _ = write!(
            main,
            "<a href=\"{}\"><b>{}</b><span>{}<small>{}</small></span></a>",
            link("login_hint", address),
            escape(&initials),
            escape(name),
            escape(address)
        );
    }
    main.push_str("</nav>");
    if people.len() > SHOWN {
        main.push_str("<form method=\"get\">");
        for (name, value) in &kept {
            let _ = write!(
                main,
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                escape(name),
                escape(value)
            );
        }
        let _ = write!(
            main,
            "<input name=\"login_hint\" type=\"email\" required \
             placeholder=\"one of the {} other addresses\"><button>Sign in</button></form>",
            people.len() - SHOWN
        );
    }
    let _ = write!(
        main,
        "<footer><a href=\"{}\">Decline</a> · This is a sandbox: nobody's mail is in here.</footer>",
        link(DECLINED, "true")
    );
    frame("Sign in", &main)
}

/// The page of a refusal that may not be sent on.
pub(super) fn refusal(error: &TokenError, body: &Value) -> String {
    let text = |name: &str| escape(body.get(name).and_then(Value::as_str).unwrap_or_default());
    frame(
        "Sorry, but we're having trouble signing you in",
        &format!(
            "<h1>Sorry, but we're having trouble signing you in</h1><p>{}</p>\
             <footer><code>Trace ID: {}<br>Correlation ID: {}<br>Timestamp: {}</code></footer>",
            escape(&error.description()),
            text("trace_id"),
            text("correlation_id"),
            text("timestamp"),
        ),
    )
}

/// The page of `response_mode=form_post`: it sends itself.
pub(super) fn form_post(action: &str, fields: &[(&str, String)]) -> String {
    let mut main = format!("<form method=\"post\" action=\"{}\">", escape(action));
    for (name, value) in fields {
        let _ = write!(
            main,
            "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
            escape(name),
            escape(value)
        );
    }
    main.push_str("<button>Continue</button></form><script>document.forms[0].submit()</script>");
    frame("Working...", &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_with_the_request_is_escaped() {
        let hostile = "\"><script>alert(1)</script>".to_owned();
        let parameters = Parameters::from([
            ("login_hint".to_owned(), hostile.clone()),
            ("state".to_owned(), hostile.clone()),
        ]);
        let people = [("Anna Berg".to_owned(), "anna@example.org".to_owned())];

        let page = picking("app", &["Read your mail"], &people, &parameters);

        assert!(!page.contains("<script>alert"));
        assert!(page.contains("login_hint=anna%40example.org"));
        assert!(page.contains("<b>AB</b>"));
    }
}
