//! Whether a service runs, and what it says of itself.

use std::time::Duration;

use serde::Deserialize;

use super::finding::{Check, Finding};
use crate::api::health::SCHEDULES_STALE_AFTER;
use crate::model::chain::chain;

const CHECK: Check = Check::Service;
const DEADLINE: Duration = Duration::from_secs(5);

/// What answers at our own address.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nobody, and why.
    Nobody(String),
    /// A service that is ready.
    Ready(Ready),
    /// A service that is not.
    NotReady(Problem),
    /// Something else.
    Stranger(u16),
}

/// The body of `/readyz`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Ready {
    version: String,
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Debug, Deserialize)]
struct Warning {
    code: String,
    detail: String,
    #[serde(default)]
    microsoft_code: Option<String>,
}

/// The body of a refusal.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    detail: String,
    #[serde(default)]
    hint: Option<String>,
}

/// Asks the service at `url`, on this machine.
pub(super) async fn probe(url: &str) -> Heard {
    let asked = async {
        let client = reqwest::Client::builder()
            .timeout(DEADLINE)
            .no_proxy()
            .build()?;
        let answer = client.get(format!("{url}/readyz")).send().await?;
        let status = answer.status().as_u16();
        Ok::<_, reqwest::Error>((status, answer.bytes().await?))
    };
    match asked.await {
        Err(error) => Heard::Nobody(chain(&error.without_url())),
        Ok((status, body)) => read(status, &body),
    }
}

fn read(status: u16, body: &[u8]) -> Heard {
    match status {
        200 => serde_json::from_slice(body).map_or(Heard::Stranger(status), Heard::Ready),
        503 => serde_json::from_slice(body).map_or(Heard::Stranger(status), Heard::NotReady),
        _ => Heard::Stranger(status),
    }
}

/// What that says; `last_tick` is how long ago any schedule fired.
pub(super) fn judge(url: &str, heard: &Heard, last_tick: Option<Duration>) -> Vec<Finding> {
    let ready = match heard {
        Heard::Ready(ready) => ready,
        Heard::NotReady(problem) => {
            let found = format!("the service at {url} is not ready: {}", problem.detail);
            let advice = problem
                .hint
                .clone()
                .unwrap_or_else(|| "look into its log".to_owned());
            return vec![Finding::broken(CHECK, "not_ready", found).advising(advice)];
        }
        Heard::Nobody(_) | Heard::Stranger(_)
            if last_tick.is_some_and(|age| age <= SCHEDULES_STALE_AFTER) =>
        {
            let found = format!("none answers at {url}, but one works on this database elsewhere");
            return vec![Finding::note(CHECK, "elsewhere", found).advising(
                "right where it runs on another machine or in a container; else check LISTEN",
            )];
        }
        Heard::Stranger(status) => {
            let found =
                format!("something else than graph-mirror answers at {url}, with status {status}");
            return vec![
                Finding::warning(CHECK, "stranger", found)
                    .advising("set LISTEN to a free address, or stop what uses this one")
                    .stopping(),
            ];
        }
        Heard::Nobody(why) => {
            let found =
                format!("no service answers at {url} ({why}), and no schedule has fired lately");
            return vec![
                Finding::warning(CHECK, "not_running", found)
                    .advising("start it with `graph-mirror serve`")
                    .stopping(),
            ];
        }
    };
    let mut findings: Vec<Finding> = ready.warnings.iter().map(told).collect();
    if ready.version != env!("CARGO_PKG_VERSION") {
        let found = format!(
            "the service is version {}, this program is {}",
            ready.version,
            env!("CARGO_PKG_VERSION")
        );
        findings.push(
            Finding::warning(CHECK, "other_version", found)
                .advising("examine it with the program that it runs, or restart it with this one"),
        );
    }
    if findings.is_empty() {
        let found = format!("it answers at {url}, version {}", ready.version);
        findings.push(Finding::well(CHECK, found));
    }
    findings
}

/// A warning of the service's own: each says that something as a whole does not work.
fn told(warning: &Warning) -> Finding {
    let code = match warning.code.as_str() {
        "database_not_writable" => "database_not_writable",
        "app_refused" => "app_refused",
        "schedules_stale" => "schedules_stale",
        _ => "warning",
    };
    let microsoft = warning
        .microsoft_code
        .as_ref()
        .map(|code| format!(" ({code})"))
        .unwrap_or_default();
    let found = format!("the service warns: {}{microsoft}", warning.detail);
    Finding::broken(CHECK, code, found).advising("mend what it names, or look into its log")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Severity;
    use super::*;

    const URL: &str = "http://127.0.0.1:8080";

    fn ready(version: &str, warnings: &serde_json::Value) -> Heard {
        let body = json!({ "status": "ok", "version": version, "last_tick_seconds": 3, "warnings": warnings });
        read(200, body.to_string().as_bytes())
    }

    fn codes(heard: &Heard, last_tick: Option<u64>) -> Vec<(&'static str, Severity)> {
        judge(URL, heard, last_tick.map(Duration::from_secs))
            .iter()
            .map(|finding| (finding.code, finding.severity))
            .collect()
    }

    #[test]
    fn what_the_service_says_of_itself_is_passed_on() {
        let here = env!("CARGO_PKG_VERSION");

        assert_eq!(
            codes(&ready(here, &json!([])), None),
            [("well", Severity::Well)]
        );
        assert_eq!(
            codes(&ready("0.0.1", &json!([])), None),
            [("other_version", Severity::Warning)]
        );
        let warnings = json!([{ "code": "database_not_writable", "detail": "full", "since": "x" }]);
        assert_eq!(
            codes(&ready(here, &warnings), None),
            [("database_not_writable", Severity::Broken)]
        );
        let problem = json!({ "type": "about:blank", "status": 503, "detail": "another version" });
        assert_eq!(
            codes(&read(503, problem.to_string().as_bytes()), None),
            [("not_ready", Severity::Broken)]
        );
    }

    #[test]
    fn a_service_that_does_not_answer_here_may_run_elsewhere() {
        let nobody = Heard::Nobody("refused".to_owned());

        assert_eq!(codes(&nobody, Some(20)), [("elsewhere", Severity::Note)]);
        assert_eq!(
            codes(&nobody, Some(3_600)),
            [("not_running", Severity::Warning)]
        );
        assert_eq!(codes(&nobody, None), [("not_running", Severity::Warning)]);
        for status in [200, 404, 503] {
            let stranger = read(status, b"<html>");
            assert_eq!(codes(&stranger, None), [("stranger", Severity::Warning)]);
        }
        assert!(judge(URL, &nobody, None)[0].stops);
    }
}
