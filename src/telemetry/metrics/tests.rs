//! The table holds to the rules of the field, and nothing personal can enter it.

use std::collections::BTreeSet;

use super::table::ALL;
use super::*;

#[test]
fn names_say_their_unit_and_no_two_are_equal() {
    let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), ALL.len());
    for metric in ALL {
        let name = metric.name;
        assert!(name.starts_with("graph_mirror_"), "{name}");
        assert_eq!(
            name.ends_with("_total"),
            metric.kind == Kind::Counter,
            "{name}"
        );
        if matches!(metric.kind, Kind::Histogram(_)) {
            assert!(name.ends_with("_seconds"), "{name}");
        }
        assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
    }
}

#[test]
fn no_label_names_a_mailbox_or_a_person() {
    for metric in ALL {
        for label in metric.labels {
            let is_fixed = label.values.is_empty() && metric.source == Source::Scrape;
            assert!(
                is_fixed || (1..=12).contains(&label.values.len()),
                "{}: the values of {} are no closed list",
                metric.name,
                label.name
            );
            for word in ["mailbox", "owner", "address", "subscription", "user", "id"] {
                assert_ne!(label.name, word, "{}", metric.name);
            }
        }
    }
}

#[test]
fn every_combination_of_labels_is_a_series() {
    const TWO: Label = Label {
        name: "a",
        values: &["x", "y"],
    };
    const ONE: Label = Label {
        name: "b",
        values: &["z"],
    };

    assert_eq!(combinations(&[]), [Vec::<&str>::new()]);
    assert_eq!(combinations(&[TWO, ONE]), [["x", "z"], ["y", "z"]]);
}

#[test]
fn what_is_rendered_once_holds_nothing_of_the_process() {
    install();
    table::NOTICES_WAITING.set(1.0, &["live"]);

    let text = render_once(|| table::NOTICES_WAITING.set(7.0, &["repair"]));

    assert!(
        text.contains("graph_mirror_notices_waiting{lane=\"repair\"} 7\n"),
        "{text}"
    );
    assert!(!text.contains("lane=\"live\""), "{text}");
    assert!(
        text.contains("# TYPE graph_mirror_notices_waiting gauge"),
        "{text}"
    );
}

#[test]
fn a_histogram_has_buckets_from_the_start() {
    install();

    let text = render();

    assert!(
        text.contains("# TYPE graph_mirror_notification_store_lag_seconds histogram"),
        "{text}"
    );
    assert!(
        text.contains("graph_mirror_notification_store_lag_seconds_bucket{le=\"0.25\"}"),
        "{text}"
    );
}
