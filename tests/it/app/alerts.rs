//! The alert rules name only what the program measures, and lead to what to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use graph_mirror::telemetry::metrics::table::ALL;
use graph_mirror::telemetry::metrics::{Kind, Metric};
use regex::Regex;
use serde_yaml_ng::Value;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(root(path)).expect("it is committed");
    serde_yaml_ng::from_str(&text).expect("it is YAML")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn rules() -> Vec<Value> {
    let groups = read("deploy/prometheus/alerts.yml");
    let groups = groups["groups"].as_sequence().expect("a list").clone();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_sequence().expect("a list").clone())
        .collect()
}

fn metric_of(name: &str) -> Option<&'static Metric> {
    ALL.iter().copied().find(|metric| match metric.kind {
        Kind::Counter | Kind::Gauge => metric.name == name,
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|suffix| name.strip_suffix(suffix) == Some(metric.name)),
    })
}

/// What an expression names that no metric has.
fn strangers(expression: &str) -> Vec<String> {
    let series = Regex::new(r"(graph_mirror_\w+)(?:\{([^}]*)\})?").expect("the pattern is valid");
    let matcher =
        Regex::new(r#"(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)""#).expect("the pattern is valid");
    let grouped = Regex::new(r"by \(([^)]*)\)").expect("the pattern is valid");
    let mut found = Vec::new();
    let mut labels = BTreeSet::from(["le"]);
    for one in series.captures_iter(expression) {
        let Some(metric) = metric_of(&one[1]) else {
            found.push(one[1].to_owned());
            continue;
        };
        labels.extend(metric.labels.iter().map(|label| label.name));
        let selector = one.get(2).map_or("", |selector| selector.as_str());
        for given in matcher.captures_iter(selector) {
            let known = metric.labels.iter().find(|label| label.name == &given[1]);
            let Some(known) = known else {
                found.push(format!("{}{{{}}}", metric.name, &given[1]));
                continue;
            };
            let strange = given[2]
                .split('|')
                .filter(|value| known.value(value).is_none());
            found.extend(strange.map(|value| format!("{}={value}", known.name)));
        }
    }
    for by in grouped.captures_iter(expression) {
        let names = by[1].split(',').map(str::trim);
        let strange = names.filter(|name| !labels.contains(name));
        found.extend(strange.map(|name| format!("by {name}")));
    }
    if !series.is_match(expression) {
        found.push("no metric at all".to_owned());
    }
    found
}

#[test]
fn every_alert_names_metrics_and_labels_that_exist() {
    let rules = rules();
    let mut names = BTreeSet::new();
    let duration = Regex::new(r"^\d+[smhd]$").expect("the pattern is valid");

    for rule in &rules {
        let name = text(rule, "alert");
        assert!(names.insert(name), "{name} stands twice");
        assert_eq!(
            strangers(text(rule, "expr")),
            Vec::<String>::new(),
            "{name}"
        );
        let severity = text(&rule["labels"], "severity");
        assert!(["warning", "critical"].contains(&severity), "{name}");
        assert!(
            text(&rule["annotations"], "summary").ends_with('.'),
            "{name}"
        );
        assert!(duration.is_match(text(rule, "for")), "{name}");
    }

    assert!(rules.len() > 20, "{}", rules.len());
}

#[test]
fn what_no_metric_has_is_found() {
    assert_eq!(
        strangers("max(graph_mirror_nothing) > 0"),
        ["graph_mirror_nothing"]
    );
    // A counter is no histogram.
    assert_eq!(
        strangers("graph_mirror_rounds_total_sum"),
        ["graph_mirror_rounds_total_sum"]
    );
    assert_eq!(
        strangers("sum by (mailbox) (graph_mirror_mailboxes{state=\"lost\",owner=\"x\"})"),
        ["state=lost", "graph_mirror_mailboxes{owner}", "by mailbox"]
    );
    assert_eq!(strangers("up == 0"), ["no metric at all"]);
}

/// The anchor of a heading, as it is made for a link.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
        .collect()
}

#[test]
fn every_alert_leads_to_a_heading_about_its_symptom() {
    const GUIDE: &str = "docs/guides/troubleshooting.md";
    let guide = std::fs::read_to_string(root(GUIDE)).expect("the guide is there");
    let headings: BTreeSet<String> = guide
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect();

    for rule in rules() {
        let runbook = text(&rule["annotations"], "runbook").to_owned();
        let (page, place) = runbook.split_once('#').expect("a page and a place");
        assert_eq!(page, GUIDE, "{runbook}");
        assert!(
            headings.contains(place),
            "{runbook} leads nowhere: {headings:?}"
        );
    }
}

#[test]
fn the_scrape_asks_where_the_service_answers_and_finds_the_rules() {
    let configuration = read("deploy/prometheus/prometheus.yml");

    let rules = configuration["rule_files"].as_sequence().expect("a list");
    for file in rules {
        let file = file.as_str().expect("a name");
        assert!(root("deploy/prometheus").join(file).exists(), "{file}");
    }
    let job = &configuration["scrape_configs"][0];
    assert_eq!(text(job, "metrics_path"), "/metrics");
    let target = job["static_configs"][0]["targets"][0].as_str();
    let port = graph_mirror::config::variables::LISTEN
        .default
        .and_then(|listen| listen.rsplit_once(':'))
        .map(|(_, port)| format!("localhost:{port}"));
    assert_eq!(target, port.as_deref());
}
