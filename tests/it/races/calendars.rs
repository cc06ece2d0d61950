//! A series that changes under the round that shows it.

use std::time::Duration;

use graph_mirror::model::time::Clock;
use graph_mirror::model::work::CursorScope;
use serde_json::json;

use crate::mirror::calendars::{
    PATIENCE, change, delete, instances, kinds, mirrored, series, slot,
};
use crate::mirror::on_both;

on_both!(r15_a_rescheduled_series_leaves_no_ghosts, |backend| {
    // R15, Q13: one occurrence is an exception, another is cancelled
    let bench = mirrored(backend).await;
    let master = series(&bench).await;
    bench.poll().await;
    let all = instances(&bench, &master).await;
    change(&bench, &all[4], json!({ "subject": "Stand-up, longer" })).await;
    delete(&bench, &all[6]).await;
    bench.poll().await;
    bench.assert_true().await;

    change(
        &bench,
        &master,
        json!({
            "start": slot("2026-03-03", 14),
            "end": slot("2026-03-03", 15),
            "recurrence": {
                "pattern": { "type": "daily", "interval": 2 },
                "range": { "type": "numbered", "startDate": "2026-03-03", "numberOfOccurrences": 6,
                    "recurrenceTimeZone": "W. Europe Standard Time" },
            },
        }),
    )
    .await;
    bench.poll().await;

    bench.assert_true().await;
});

on_both!(
    r16_a_window_rolls_without_a_gap_while_a_series_is_edited,
    |backend| {
        // R16, M53
        let bench = mirrored(backend).await;
        let master = series(&bench).await;
        bench.poll().await;

        // A month later the next window is due.
        bench.clock.advance(Duration::from_hours(24 * 30));
        bench
            .mirror
            .structure()
            .await
            .expect("the structure is there");
        change(&bench, &master, json!({ "subject": "In between" })).await;
        bench.poll().await;
        bench
            .mirror
            .structure()
            .await
            .expect("the structure is there");
        bench.settle(PATIENCE).await;

        bench.assert_true().await;
        let cursors = bench
            .store
            .cursors_list(bench.mailbox)
            .await
            .expect("cursors");
        let calendars = bench
            .store
            .calendars_list(bench.mailbox)
            .await
            .expect("calendars");
        let windows: Vec<_> = cursors
            .iter()
            .filter_map(|cursor| match &cursor.scope {
                CursorScope::View { start, .. } => Some(*start),
                _ => None,
            })
            .collect();
        assert_eq!(windows.len(), calendars.len(), "the old windows are closed");
        let month_start: graph_mirror::model::time::Timestamp =
            "2025-09-01T00:00:00Z".parse().expect("an instant");
        assert!(
            windows.iter().all(|start| *start == month_start),
            "{windows:?} at {}",
            bench.clock.now()
        );
    }
);

on_both!(
    r17_a_deleted_occurrence_goes_although_nothing_says_so,
    |backend| {
        // R17, Q12
        let bench = mirrored(backend).await;
        let master = series(&bench).await;
        bench.poll().await;
        let third = instances(&bench, &master).await.swap_remove(2);

        delete(&bench, &third).await;
        bench.poll().await;

        bench.assert_true().await;
        assert_eq!(kinds(&bench, &master).await.len(), 9);
    }
);
