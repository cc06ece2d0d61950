//! `/metrics` of a running service: what the table names, all of it and nothing else (M56).

use std::collections::{BTreeMap, BTreeSet};

use graph_mirror::model::time::Clock as _;
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::sandbox::{Options, browser};
use graph_mirror::store::Backend;
use graph_mirror::telemetry::metrics::table::ALL;
use graph_mirror::telemetry::metrics::{Kind, Metric, Source};
use regex::Regex;
use serde_json::json;

use super::rig::Rig;

/// Series by their name and labels, as they stand in the text.
struct Scrape {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(rig: &Rig) -> Self {
        let page = browser::open(&rig.address("/metrics"))
            .await
            .expect("the service answers");
        assert_eq!(page.status, 200);
        let series = page.page.lines().filter(|line| !line.is_empty());
        let series = series.filter(|line| !line.starts_with('#')).map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Self {
            series: series.collect(),
            text: page.page,
        }
    }

    /// Whether this line is there, without the prefix.
    fn shows(&self, line: &str) -> bool {
        let line = format!("graph_mirror_{line}");
        self.text.lines().any(|shown| shown == line)
    }

    /// The value of a series; its name without the prefix.
    fn value(&self, series: &str) -> f64 {
        let name = format!("graph_mirror_{series}");
        self.series.get(&name).copied().unwrap_or_else(|| {
            panic!("there is no {name} in\n{}", self.text);
        })
    }

    /// All that the table names is there, with its labels, and nothing else.
    fn is_what_the_table_names(&self) {
        let label = Regex::new(r#"(\w+)="([^"]*)""#).expect("the pattern is valid");
        let mut shown = BTreeSet::new();
        for series in self.series.keys() {
            let metric = metric_of(series).unwrap_or_else(|| panic!("nobody knows {series}"));
            shown.insert(metric.name);
            let labels: Vec<(&str, &str)> = label
                .captures_iter(series)
                .map(|found| found.extract::<2>().1)
                .map(|[name, value]| (name, value))
                .filter(|(name, _)| *name != "le")
                .collect();
            assert_eq!(labels.len(), metric.labels.len(), "{series}");
            for (known, (name, value)) in metric.labels.iter().zip(labels) {
                assert_eq!(known.name, name, "{series}");
                let is_fixed = known.values.is_empty();
                assert!(is_fixed || known.values.contains(&value), "{series}");
            }
        }
        let missing: Vec<&str> = ALL
            .iter()
            .map(|metric| metric.name)
            .filter(|name| !shown.contains(name))
            .collect();
        assert!(missing.is_empty(), "{missing:?} in\n{}", self.text);
        for metric in ALL {
            let help = format!("# HELP {} {}", metric.name, metric.help);
            assert!(self.text.contains(&help), "{help}");
            let combinations: usize = metric.labels.iter().map(|l| l.values.len()).product();
            let series = self
                .series
                .keys()
                .filter(|series| metric_of(series).is_some_and(|of| of.name == metric.name));
            if metric.source == Source::Process {
                assert!(series.count() >= combinations, "{}", metric.name);
            }
        }
    }
}

/// The metric that a series belongs to.
fn metric_of(series: &str) -> Option<&'static Metric> {
    let name = series.split('{').next().unwrap_or_default();
    ALL.iter().copied().find(|metric| match metric.kind {
        Kind::Counter | Kind::Gauge => metric.name == name,
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|suffix| name.strip_suffix(suffix) == Some(metric.name)),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_shows_what_the_table_names_and_nothing_of_anybody() {
    // M56
    let options = Options {
        mailboxes: 1,
        messages: Some(20),
        ..Options::default()
    };
    let rig = Rig::start(Backend::Sqlite, options, json!({}), &[]).await;
    rig.connect().await;
    rig.copied().await;
    let now = rig.clock.now();
    let ticked = rig.parts.store.ticks_take("upkeep", now, now).await;
    assert!(ticked.expect("the database answers"));

    // Folders are not announced.
    let kinds = ["message_deliver", "message_read", "event_edit"];
    let order = EditOrder {
        count: 10,
        seed: 7,
        kinds: kinds.map(str::to_owned).to_vec(),
    };
    let user = &rig.sandbox.settings().users[0].id;
    let edited = rig.sandbox.world().edit(user, &order);
    assert_eq!(edited.expect("the person exists").len(), 10);
    rig.equal().await;
    rig.until("a notification's way", async || {
        let scrape = Scrape::of(&rig).await;
        scrape.value("notification_store_lag_seconds_count") > 0.0
    })
    .await;

    let scrape = Scrape::of(&rig).await;
    scrape.is_what_the_table_names();
    for moved in [
        "intake_seconds_count{answer=\"accepted\"}",
        "intake_seconds_count{answer=\"handshake\"}",
        "notifications_total{outcome=\"recorded\"}",
        "change_store_lag_seconds_count{found_by=\"notification\"}",
        "rows_written_total{effect=\"created\"}",
        "graph_requests_total{kind=\"messages_delta\",answer=\"2xx\"}",
        "graph_requests_total{kind=\"subscriptions\",answer=\"2xx\"}",
        "graph_request_seconds_count",
        "graph_quota_requests_total",
        "rounds_total{walk=\"full\",outcome=\"ended\"}",
        "delta_pages_total",
        "audits_total{outcome=\"equal\"}",
        "homes_held",
        "subscription_soonest_end_seconds",
        "start_time_seconds",
    ] {
        assert!(scrape.value(moved) > 0.0, "{moved} in\n{}", scrape.text);
    }
    assert!(scrape.shows("mailboxes{state=\"connected\"} 1"));
    assert!(scrape.shows("database_up 1"));
    assert!(scrape.value("schedule_tick_age_seconds{schedule=\"upkeep\"}") >= 0.0);
    let mailbox = &rig.mailboxes().await[0];
    for personal in [
        mailbox.id.to_string(),
        mailbox.address.clone(),
        mailbox.user_id.0.clone(),
    ] {
        assert!(!scrape.text.contains(&personal), "{personal}");
    }

    rig.parts.store.close().await;
    rig.until("a database that is away", async || {
        Scrape::of(&rig).await.shows("database_up 0")
    })
    .await;
    let away = Scrape::of(&rig).await;
    assert!(away.value("notification_store_lag_seconds_count") > 0.0);
    assert!(!away.text.contains("graph_mirror_mailboxes{"));
    rig.stop().await;
}
