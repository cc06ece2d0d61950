//! Takes log lines and writes them to standard error.
//!
//! Libraries that log connection strings, header values or statements with their values are held at
//! `warn` whatever the filter says, because a level asked for in haste must not bring secrets to a log.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use tracing::{Subscriber, warn};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error("could not read the log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Somebody started it before.
    #[error("could not start logging a second time")]
    AlreadyStarted(#[source] tracing_subscriber::util::TryInitError),
    /// The collector's address or another variable of OpenTelemetry makes no sense.
    #[cfg(feature = "otel")]
    #[error("could not start to hand out traces")]
    Traces(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Rooms of others that are never heard below `warn`: at `debug` or `trace` they show addresses, headers or values, or speak
/// of themselves only.
const QUIET: [&str; 8] = [
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "sqlx",
    "h2",
    "oauth2",
    "tokio_cron_scheduler",
];

/// What is said, and how.
#[derive(Debug, Clone, Copy)]
pub struct Speech<'a> {
    /// A filter as `tracing` understands it.
    pub filter: &'a str,
    /// The form of a line.
    pub format: Format,
    /// Where traces go, for a binary that was built with them.
    pub collector: Option<&'a str>,
}

/// Starts logging for the whole process.
pub fn start(filter: &str, format: Format) -> Result<(), TelemetryError> {
    let speech = Speech {
        filter,
        format,
        collector: None,
    };
    start_with(speech, io::stderr)
}

/// The same to a writer of the caller's, because a progress bar must be able to step aside for a line, and with traces.
pub fn start_with<W>(speech: Speech<'_>, writer: W) -> Result<(), TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let is_terminal = io::stderr().is_terminal();
    let is_json = speech.format.is_json(is_terminal);
    let filter = filter_of(speech.filter)?;
    let registry = tracing_subscriber::registry();
    #[cfg(feature = "otel")]
    if let Some(collector) = speech.collector {
        // Each listener has a filter of its own: traces do not become thinner when the log does.
        return registry
            .with(
                lines_to(is_json, is_terminal, writer)
                    .with_filter(quiet())
                    .with_filter(filter),
            )
            .with(super::otel::layer(collector)?)
            .try_init()
            .map_err(TelemetryError::AlreadyStarted);
    }
    registry
        .with(filter)
        .with(quiet())
        .with(lines_to(is_json, is_terminal, writer))
        .try_init()
        .map_err(TelemetryError::AlreadyStarted)?;
    if speech.collector.is_some() {
        warn!(
            "this graph-mirror was built without traces: OTEL_EXPORTER_OTLP_ENDPOINT is not heeded (docs/guides/traces.md)"
        );
    }
    Ok(())
}

impl Format {
    fn is_json(self, is_terminal: bool) -> bool {
        match self {
            Self::Auto => !is_terminal,
            Self::Human => false,
            Self::Json => true,
        }
    }
}

/// Writes lines in one of the two forms.
fn lines_to<S, W>(is_json: bool, is_terminal: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    if is_json {
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_writer(writer);
        Box::new(layer)
    } else {
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(has_colours(is_terminal, |name| std::env::var_os(name)))
            .with_target(false)
            .with_writer(writer);
        Box::new(layer)
    }
}

fn filter_of(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(TelemetryError::Filter)
}

/// A filter of its own: it takes away from what was asked for, and never adds to it. As directives among those that were asked
/// for they would have their warnings heard where nothing was to be, and give way to more exact ones.
fn quiet() -> Targets {
    Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_targets(QUIET.map(|room| (room, LevelFilter::WARN)))
}

/// Whether lines carry colours: on a terminal that knows them, unless `NO_COLOR` or `CLICOLOR=0` says no (no-color.org,
/// bixense.com/clicolors), as help and errors do too.
fn has_colours(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let is = |name, text: &str| variable(name).is_some_and(|value| value == text);
    is_terminal && !is_set("NO_COLOR") && !is("CLICOLOR", "0") && !is("TERM", "dumb")
}

/// Writes a line to standard error while a progress bar is not in its way; see [`start_with`].
#[derive(Debug, Clone, Copy)]
pub struct Aside<F>(pub F);

/// A line being written through [`Aside`].
#[derive(Debug)]
pub struct AsideLine<F: Fn(&[u8])> {
    line: Vec<u8>,
    print: F,
}

impl<'a, F: Fn(&[u8]) + Clone + 'a> MakeWriter<'a> for Aside<F> {
    type Writer = AsideLine<F>;

    fn make_writer(&'a self) -> Self::Writer {
        AsideLine {
            line: Vec::new(),
            print: self.0.clone(),
        }
    }
}

impl<F: Fn(&[u8])> Write for AsideLine<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: Fn(&[u8])> Drop for AsideLine<F> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            (self.print)(&self.line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The messages that come through.
    fn heard(filter: &str, speak: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let writer = Aside(move |line: &[u8]| {
            let line: serde_json::Value = serde_json::from_slice(line).expect("it is JSON");
            let message = line["message"].as_str().unwrap_or_default().to_owned();
            sink.lock().expect("nobody panics").push(message);
        });
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(writer);
        let subscriber = tracing_subscriber::registry()
            .with(filter_of(filter).expect("a filter"))
            .with(quiet())
            .with(layer);
        tracing::subscriber::with_default(subscriber, speak);
        lines.lock().expect("nobody panics").clone()
    }

    #[test]
    fn libraries_that_show_secrets_stay_quiet_at_any_level() {
        let speak = || {
            tracing::warn!(target: "hyper::proto", "slow");
            tracing::info!(target: "hyper::client", "SELECT 'hidden'");
            tracing::trace!(target: "graph_mirror::mirror", "ours");
        };

        for filter in ["trace", "trace,hyper=trace", "trace,hyper::client=trace"] {
            assert_eq!(heard(filter, speak), ["slow", "ours"], "{filter}");
        }
        assert_eq!(heard("error", speak), Vec::<String>::new());
    }

    #[test]
    fn where_nothing_is_to_be_heard_nothing_is() {
        let speak = || {
            tracing::warn!(target: "sqlx", "it took long to get a connection");
            tracing::error!("ours");
        };

        assert_eq!(heard("off", speak), Vec::<String>::new());
    }

    #[test]
    fn colours_are_for_terminals_whose_owner_has_not_said_no() {
        let colours = |is_terminal, variables: &[(&str, &str)]| {
            has_colours(is_terminal, |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };

        assert!(colours(true, &[]));
        assert!(colours(true, &[("NO_COLOR", ""), ("CLICOLOR", "1")]));
        assert!(!colours(false, &[("CLICOLOR_FORCE", "1")]));
        for no in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
            assert!(!colours(true, &[no]), "{no:?}");
        }
    }

    #[test]
    fn people_at_a_terminal_read_lines_and_everybody_else_gets_json() {
        assert!(!Format::Auto.is_json(true));
        assert!(Format::Auto.is_json(false));
        assert!(!Format::Human.is_json(false));
        assert!(Format::Json.is_json(true));
    }

    #[test]
    fn a_bad_filter_is_refused() {
        assert!(matches!(
            filter_of("graph_mirror=loud"),
            Err(TelemetryError::Filter(_))
        ));
    }

    #[test]
    fn a_json_line_carries_its_fields_under_their_names() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let writer = Aside(move |line: &[u8]| {
            sink.lock()
                .expect("no test panics while holding it")
                .push(line.to_vec());
        });
        let subscriber = tracing_subscriber::registry()
            .with(filter_of("info").expect("a filter"))
            .with(quiet())
            .with(lines_to(true, false, writer));

        tracing::subscriber::with_default(subscriber, || {
            let _refresh = tracing::info_span!("refresh", trace_id = "7").entered();
            tracing::info!(items = 3, "applied a round");
            tracing::info!(target: "sqlx", "SELECT 'hidden'");
        });

        let lines = lines.lock().expect("no test panics while holding it");
        assert_eq!(lines.len(), 1);
        let line: serde_json::Value =
            serde_json::from_slice(lines.first().expect("there is one")).expect("it is JSON");
        assert_eq!(line.get("items"), Some(&serde_json::json!(3)));
        assert_eq!(
            line.get("message"),
            Some(&serde_json::json!("applied a round"))
        );
        assert_eq!(
            line.get("spans"),
            Some(&serde_json::json!([{ "name": "refresh", "trace_id": "7" }]))
        );
    }
}
