//! The description of the API, from the code itself.

use std::fmt::Write;

use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, PathItem, path::Operation};

use super::problem::Code;
use super::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "graph-mirror",
        description = "A true, queryable, near real-time copy of Microsoft 365 mailboxes and calendars in SQL.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Bearer),
    tags(
        (name = "integration", description = "Connecting mailboxes, and looking at them now."),
        (name = "mailboxes", description = "The mailboxes of an owner, and how they fare."),
        (name = "messages", description = "Messages whole: bodies, attachments, originals, and what is to be attached."),
        (name = "health", description = "For load balancers and people on call."),
    ),
)]
struct Head;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some("A key from `graph-mirror keys api create --owner OWNER`; it opens that owner's mailboxes.".to_owned());
        document
            .components
            .get_or_insert_default()
            .security_schemes
            .insert("bearer".to_owned(), SecurityScheme::Http(scheme).into());
    }
}

pub(super) fn head() -> Document {
    Head::openapi()
}

/// The description of the API (OpenAPI 3.1).
pub fn document() -> Document {
    routes().into_openapi()
}

/// The text of `docs/reference/endpoints.md`.
pub fn reference() -> String {
    let document = document();
    let mut text = String::from(
        "# Endpoints\n\n\
         `docs/openapi.json` describes every parameter and answer; `graph-mirror openapi` prints it. This page is generated: \
         `graph-mirror openapi --reference` prints it, and a test compares the two.\n\n\
         A request to `/api/…` carries `Authorization: Bearer KEY` with a key from `graph-mirror keys api create --owner \
         OWNER`; it opens the mailboxes of that owner and of nobody else. Only the browser's way back from the sign-in \
         carries none: its `state` says whose it is.\n\n\
         Graph posts to `/webhooks/microsoft/notifications` and `/webhooks/microsoft/lifecycle`; they are for Graph alone, \
         and check every item's clientState.\n\n\
         | method | path | what it does |\n| --- | --- | --- |\n",
    );
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            let about = operation
                .summary
                .as_deref()
                .unwrap_or_default()
                .trim_end_matches('.');
            let _ = writeln!(text, "| {method} | `{path}` | {about} |");
        }
    }
    text.push_str(
        "\nEvery refusal is a problem with a code from a closed list: [problems.md](problems.md).\n",
    );
    text
}

/// The text of `docs/reference/problems.md`.
pub fn problems() -> String {
    let mut text = String::from(
        "# Problems\n\n\
         Every refusal of the API is a problem (RFC 9457, `application/problem+json`) with a `code` from this closed list, \
         a `detail` for this case and a `hint`, the way out. An application decides on `code`, people read `detail` and \
         `hint`. `Retry-After` tells when trying again makes sense. This page is generated: `graph-mirror openapi \
         --problems` prints it, and a test compares the two. \
         [Troubleshooting](../guides/troubleshooting.md#problem-codes) says more about each.\n\n\
         | code | status | what it means | the way out |\n| --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            code.name(),
            code.status().as_u16(),
            code.title(),
            code.hint()
        );
    }
    text.push_str("\n## Members\n\n| member | what it says |\n| --- | --- |\n");
    for (name, meaning) in members() {
        let _ = writeln!(text, "| `{name}` | {} |", meaning.trim_end_matches('.'));
    }
    text
}

/// The members of a problem, as the description has them.
fn members() -> Vec<(String, String)> {
    let document = serde_json::to_value(document()).expect("the description is JSON");
    let properties = document
        .pointer("/components/schemas/Problem/properties")
        .and_then(serde_json::Value::as_object)
        .expect("a problem has members");
    let mut members = Vec::new();
    for (name, property) in properties {
        // What may be absent, or is a type of its own, is described beside the reference to it.
        let meaning = property
            .get("description")
            .or_else(|| property.pointer("/oneOf/0/description"))
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        members.push((name.clone(), meaning.to_owned()));
    }
    members
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(path: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn the_committed_description_is_up_to_date() {
        let ours = document().to_pretty_json().expect("it can be written") + "\n";

        assert_eq!(
            committed("docs/openapi.json"),
            ours,
            "docs/openapi.json is out of date: `graph-mirror openapi > docs/openapi.json`"
        );
    }

    #[test]
    fn the_reference_of_endpoints_is_up_to_date() {
        assert_eq!(
            committed("docs/reference/endpoints.md"),
            reference(),
            "docs/reference/endpoints.md is out of date: `graph-mirror openapi --reference > docs/reference/endpoints.md`"
        );
    }

    #[test]
    fn every_member_of_a_problem_is_described() {
        let members = members();

        assert!(members.iter().any(|(name, _)| name == "code"));
        for (name, meaning) in members {
            assert!(!meaning.is_empty(), "{name}");
        }
    }

    #[test]
    fn every_operation_that_reads_the_database_may_answer_503_and_every_body_may_be_too_large() {
        let document = document();
        // The one looks at nothing, the other tells by a number that the database is away.
        let always = ["/healthz", "/metrics"];

        for (path, item) in &document.paths.paths {
            for (method, operation) in operations(item) {
                let responses = &operation.responses.responses;
                assert!(
                    always.contains(&path.as_str()) || responses.contains_key("503"),
                    "{method} {path}"
                );
                assert_eq!(
                    operation.request_body.is_some(),
                    responses.contains_key("413"),
                    "{method} {path}"
                );
            }
        }
    }

    #[test]
    fn it_is_openapi_3_1_and_every_refusal_is_a_problem() {
        let document = serde_json::to_value(document()).expect("it can be written");
        assert_eq!(document.get("openapi"), Some(&serde_json::json!("3.1.0")));

        let paths = document
            .get("paths")
            .and_then(serde_json::Value::as_object)
            .expect("there are paths");
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("a path item is an object") {
                let responses = operation
                    .get("responses")
                    .and_then(serde_json::Value::as_object);
                for (status, response) in responses.expect("an operation has responses") {
                    let is_refusal = status.starts_with('4') || status.starts_with('5');
                    let content = response
                        .get("content")
                        .and_then(serde_json::Value::as_object);
                    let is_problem = content.is_some_and(|content| {
                        content.contains_key("application/problem+json")
                            || content.contains_key("text/html")
                    });
                    assert!(!is_refusal || is_problem, "{method} {path} {status}");
                }
            }
        }
    }
}
