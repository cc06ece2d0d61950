//! Numbers for whoever watches over the service, in Prometheus' text form.
//!
//! The list of metrics is closed and stands in [`table`]: nothing else can be recorded, the reference is written from it, and
//! a test compares it with a scrape. No label ever names a mailbox, an owner, an address or a subscription; the values of a
//! label are a closed list too, so that the number of series is known and each begins at zero.
//!
//! What a process counts goes to one recorder for the process, which [`install`] sets up and which costs nothing before. What
//! stands in the database is read at the time of a scrape and rendered by a recorder of that moment ([`render_once`]): a
//! number that can no longer be read is missing then, instead of standing still.

mod reference;
pub mod table;

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub use reference::reference;

/// The form of the text that is rendered.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Samples of histograms are gathered so often; between two of them they wait in memory.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// One metric of the closed list.
#[derive(Debug)]
pub struct Metric {
    /// Its name, unit included.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Where its values come from.
    pub source: Source,
    /// What it tells, in a sentence or two.
    pub help: &'static str,
    /// Its labels, in the order in which their values are given.
    pub labels: &'static [Label],
}

/// What kind a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, up to each of these bounds.
    Histogram(&'static [f64]),
}

/// Where the values of a metric come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This process counts; sum it over replicas.
    Process,
    /// The database, which all replicas share: each of them says the same.
    Database,
    /// What this process knows of itself when it is asked.
    Scrape,
}

/// A label and the only values it takes.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values; an empty list stands for a text that the build or the settings fix.
    pub values: &'static [&'static str],
}

impl Label {
    /// The value with this text, if it is one.
    pub fn value(&self, text: &str) -> Option<&'static str> {
        self.values.iter().copied().find(|value| *value == text)
    }
}

impl Metric {
    /// Adds to a counter.
    pub fn add(&self, by: u64, values: &[&'static str]) {
        if by > 0 {
            counter!(self.name, self.labelled(values)).increment(by);
        }
    }

    /// Adds one to a counter.
    pub fn count(&self, values: &[&'static str]) {
        self.add(1, values);
    }

    /// Adds to a counter what is counted in `usize`.
    pub fn add_all(&self, by: usize, values: &[&'static str]) {
        self.add(u64::try_from(by).unwrap_or(u64::MAX), values);
    }

    /// Sets a gauge.
    pub fn set(&self, to: f64, values: &[&'static str]) {
        gauge!(self.name, self.labelled(values)).set(to);
    }

    /// Moves a gauge.
    pub fn change(&self, by: f64) {
        gauge!(self.name).increment(by);
    }

    /// Takes a duration into a histogram.
    pub fn observe(&self, took: Duration, values: &[&'static str]) {
        histogram!(self.name, self.labelled(values)).record(took.as_secs_f64());
    }

    fn labelled(&self, values: &[&'static str]) -> Vec<metrics::Label> {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        self.labels
            .iter()
            .zip(values)
            .map(|(label, value)| {
                debug_assert!(
                    label.values.is_empty() || label.values.contains(value),
                    "{}: {} is no {}",
                    self.name,
                    value,
                    label.name
                );
                metrics::Label::from_static_parts(label.name, value)
            })
            .collect()
    }

    fn describe(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.help),
            Kind::Gauge => describe_gauge!(self.name, self.help),
            Kind::Histogram(_) => describe_histogram!(self.name, self.help),
        }
    }

    /// Begins every series at zero, so that the first event is seen as a growth.
    fn begin(&self) {
        self.describe();
        for values in combinations(self.labels) {
            let labels = self.labelled(&values);
            match self.kind {
                Kind::Counter => counter!(self.name, labels).increment(0),
                Kind::Gauge => gauge!(self.name, labels).set(0.0),
                Kind::Histogram(_) => drop(histogram!(self.name, labels)),
            }
        }
    }
}

/// Every combination of the labels' values.
fn combinations(labels: &[Label]) -> Vec<Vec<&'static str>> {
    labels.iter().fold(vec![Vec::new()], |found, label| {
        found
            .iter()
            .flat_map(|before| {
                label.values.iter().map(|value| {
                    let mut longer = before.clone();
                    longer.push(*value);
                    longer
                })
            })
            .collect()
    })
}

/// The one recorder of this process, once it is installed.
static PROCESS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Has this process count from now on; a second call changes nothing.
pub fn install() {
    PROCESS.get_or_init(|| {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        let own = |metric: &&&Metric| metric.source == Source::Process;
        for metric in table::ALL.iter().filter(own) {
            metric.begin();
        }
        Some(handle)
    });
}

fn handle() -> Option<&'static PrometheusHandle> {
    PROCESS.get().and_then(Option::as_ref)
}

/// Gathers the samples of histograms; to be called every [`UPKEEP_EVERY`].
pub fn upkeep() {
    if let Some(handle) = handle() {
        handle.run_upkeep();
    }
}

/// What this process has counted.
pub fn render() -> String {
    handle().map(PrometheusHandle::render).unwrap_or_default()
}

/// What `record` records, and nothing else.
pub fn render_once(record: impl FnOnce()) -> String {
    let recorder = builder().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let others = |metric: &&&Metric| metric.source != Source::Process;
        for metric in table::ALL.iter().filter(others) {
            metric.describe();
        }
        record();
    });
    recorder.handle().render()
}

/// Without buckets a histogram would be rendered as a summary, which cannot be added up over replicas.
fn builder() -> PrometheusBuilder {
    table::ALL
        .iter()
        .fold(PrometheusBuilder::new(), |builder, metric| {
            match metric.kind {
                Kind::Counter | Kind::Gauge => builder,
                Kind::Histogram(bounds) => builder
                    .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                    .expect("there are bounds"),
            }
        })
}

#[cfg(test)]
mod tests;
