//! `graph-mirror health`: whether the service on this machine is ready, by asking it.
//!
//! For healthchecks of containers, whose image then needs no other program. It reads `LISTEN` and nothing else, so that no
//! other setting and no database can make a service look ill that is well.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::ambience::environment;
use super::report::Failure;
use super::{Ended, output};
use crate::config::server::local_url_of;

/// Whoever asks for health asks again soon.
const PATIENCE: Duration = Duration::from_secs(4);

const EXAMPLES: &str = "Examples:
  The service at the port of LISTEN:
    graph-mirror health
  What it answers, as JSON, for a script:
    graph-mirror health --json
  Another address, for example a sandbox's:
    graph-mirror health --url http://127.0.0.1:8090/sandbox/control/settings";

/// Ask the service on this machine whether it is ready; the exit code is the answer
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Ask this address instead of `/readyz` at the port of `LISTEN`
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Read the settings that are not in the environment from this file instead of .env
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// What was heard.
struct Heard {
    status: Option<u16>,
    answer: Value,
    trouble: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let url = if let Some(told) = &arguments.url {
        told.clone()
    } else {
        let base = local_url_of(&environment(arguments.env_file.as_ref())?)?;
        Url::parse(&format!("{base}/readyz"))?
    };
    let heard = ask(&url).await?;
    let is_ready = heard.trouble.is_none();
    if arguments.json {
        output::json(&json!({
            "ready": is_ready,
            "url": url.as_str(),
            "status": heard.status,
            "answer": heard.answer,
            "reason": heard.trouble,
        }));
    } else {
        output::line(&match &heard.trouble {
            None => format!("ready: {url}"),
            Some(trouble) => format!("not ready: {url}: {trouble}"),
        });
    }
    Ok(if is_ready {
        Ended::Well
    } else {
        Ended::Unequal
    })
}

async fn ask(url: &Url) -> Result<Heard, Failure> {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build()?;
    let answer = match client.get(url.clone()).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let reason = if error.is_timeout() {
                "it does not answer in time"
            } else {
                "nothing answers there"
            };
            return Ok(Heard {
                status: None,
                answer: Value::Null,
                trouble: Some(reason.to_owned()),
            });
        }
    };
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap_or_default();
    let trouble = (!status.is_success()).then(|| {
        answer
            .get("detail")
            .and_then(Value::as_str)
            .map_or_else(|| format!("it answers {status}"), str::to_owned)
    });
    Ok(Heard {
        status: Some(status.as_u16()),
        answer,
        trouble,
    })
}
