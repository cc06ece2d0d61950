//! What is logged and how.

use std::str::FromStr;

use url::Url;

use super::reader::Reader;
use super::variables::{LOG, LOG_FORMAT, OTEL_EXPORTER_OTLP_ENDPOINT};

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// A filter as `tracing` understands it, like `info` or `info,graph_mirror::mirror=debug`.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
    /// Where traces go.
    pub collector: Option<Url>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people when standard error is a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is no log format")),
        }
    }
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let filter = reader.read(&LOG, |text| {
            tracing_subscriber::EnvFilter::try_new(text)
                .map(|_| text.to_owned())
                .map_err(|_| format!("`{text}` is no log filter"))
        });
        let format = reader.read(&LOG_FORMAT, LogFormat::from_str);
        let collector = reader.optional(&OTEL_EXPORTER_OTLP_ENDPOINT, collector);
        Some(Self {
            filter: filter?,
            format: format?,
            collector: collector?,
        })
    }
}

/// An address that errors may name: what opens the collector stands in its own variable.
fn collector(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no address")?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("it is no http address");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("it holds more than scheme, host, port and path");
    }
    Ok(url)
}
