//! Writes the reference of the metrics from their table.

use std::fmt::Write;

use super::table::ALL;
use super::{Kind, Metric, Source};

/// The text of `docs/reference/metrics.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         `GET /metrics` answers in Prometheus' text form, on the address and port of everything else (`LISTEN`). It asks for no \
         key, like `/healthz`: it tells numbers, and no label names a mailbox, an owner, an address or a subscription. Whoever \
         publishes the service on the internet publishes `/webhooks/microsoft/` only, or keeps `/metrics` out by the proxy.\n\n\
         Times are in seconds. `deploy/prometheus/` has a scrape configuration and alert rules. This page is generated: \
         `graph-mirror openapi --metrics` prints it, and a test compares the two; another compares the list with a scrape.\n",
    );
    for (source, title, about) in [
        (
            Source::Process,
            "Counted by each process",
            "Since its start, every series from zero: add them up over replicas.",
        ),
        (
            Source::Database,
            "Read from the database",
            "By whichever replica is asked, at most every two seconds: all of them say the same, so take `max()` over replicas, \
             never the sum. While the database does not answer they are missing, and `graph_mirror_database_up` is 0.",
        ),
        (
            Source::Scrape,
            "What a process knows of itself",
            "When it is asked.",
        ),
    ] {
        let _ = write!(
            text,
            "\n## {title}\n\n{about}\n\n| metric | kind | labels | what it tells |\n| --- | --- | --- | --- |\n"
        );
        for metric in ALL.iter().filter(|metric| metric.source == source) {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                metric.name,
                kind(metric),
                labels(metric),
                metric.help
            );
        }
    }
    text
}

fn kind(metric: &Metric) -> &'static str {
    match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
}

fn labels(metric: &Metric) -> String {
    let labels: Vec<String> = metric
        .labels
        .iter()
        .map(|label| {
            let values: Vec<String> = label
                .values
                .iter()
                .map(|value| format!("`{value}`"))
                .collect();
            if values.is_empty() {
                format!("`{}`", label.name)
            } else {
                format!("`{}`: {}", label.name, values.join(", "))
            }
        })
        .collect();
    labels.join("; ")
}
