//! The table of facts §6e, row by row.

use super::*;
use crate::model::ids::GraphId;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + seconds, 0).expect("an instant")
}

fn link(text: &str) -> Link {
    Link(text.to_owned())
}

fn scope() -> CursorScope {
    CursorScope::Messages {
        folder: GraphId::from("F"),
    }
}

fn idle() -> Cursor {
    Cursor {
        state: CursorState::Idle,
        link: Some(link("delta")),
        round: 7,
        is_full: true,
        round_started_at: Some(at(-100)),
        last_ok_at: Some(at(-90)),
        ..fresh(scope(), 100, at(-100))
    }
}

fn fetching() -> Cursor {
    Cursor {
        state: CursorState::Fetching,
        link: Some(link("next")),
        is_full: false,
        round_started_at: Some(at(-5)),
        seen: 40,
        ..idle()
    }
}

#[test]
fn an_empty_cursor_starts_a_full_round() {
    let empty = fresh(scope(), 100, at(0));

    assert_eq!(ask(&empty), Ask::First);
    let begun = begin(&empty, at(1));
    assert!(begun.is_full);
    assert_eq!(begun.state, CursorState::Fetching);
    assert_eq!(begun.round_started_at, Some(at(1)));
    assert_eq!(begun.round, at(1).timestamp_micros());
}

#[test]
fn an_idle_cursor_starts_an_incremental_round() {
    assert_eq!(ask(&idle()), Ask::Follow(link("delta")));
    let begun = begin(&idle(), at(1));
    assert!(!begun.is_full);
    assert!(begun.round > idle().round);
    assert_eq!(begun.seen, 0);
}

#[test]
fn a_restarted_process_goes_on_with_the_saved_link_in_the_same_round() {
    // FETCH, crash/restart
    let saved = fetching();

    assert_eq!(ask(&saved), Ask::Follow(link("next")));
    assert_eq!(begin(&saved, at(99)), saved);
}

#[test]
fn a_cursor_that_lost_its_link_starts_again() {
    let lost = Cursor {
        link: None,
        ..fetching()
    };

    assert_eq!(ask(&lost), Ask::First);
    assert!(begin(&lost, at(1)).is_full);
}

#[test]
fn rounds_are_numbered_upwards_even_when_the_clock_steps_back() {
    let ahead = Cursor {
        round: at(1_000).timestamp_micros(),
        ..idle()
    };

    assert_eq!(begin(&ahead, at(1)).round, ahead.round + 1);
}

#[test]
fn a_page_with_a_next_link_leads_on() {
    let after = advance(
        &fetching(),
        Leads::On(link("more")),
        10,
        at(3),
        Duration::from_mins(10),
    );

    assert_eq!(after.state, CursorState::Fetching);
    assert_eq!(after.link, Some(link("more")));
    assert_eq!(after.seen, 50);
    assert_eq!(after.last_ok_at, fetching().last_ok_at);
}

#[test]
fn a_page_with_a_delta_link_ends_the_round() {
    let failed = Cursor {
        failures: 3,
        is_dirty: true,
        ..fetching()
    };

    let after = advance(
        &failed,
        Leads::ToTheEnd(link("d2")),
        0,
        at(3),
        Duration::from_mins(10),
    );

    assert_eq!(after.state, CursorState::Idle);
    assert_eq!(after.link, Some(link("d2")));
    assert_eq!(after.last_ok_at, Some(at(3)));
    assert_eq!(after.due_at, at(603));
    assert_eq!(after.failures, 0);
    assert!(!after.is_dirty);
}

#[test]
fn a_dead_token_starts_a_full_round_at_once_and_not_for_ever() {
    // M44, M49
    let dead = Advice::Resync {
        restart: Some(link("elsewhere")),
    };

    let Setback::Restart(again) = setback(&fetching(), &dead, false, at(0)) else {
        panic!("it starts again");
    };
    assert_eq!(ask(&again), Ask::First);
    assert!(begin(&again, at(1)).round > fetching().round);

    let tired = Cursor {
        failures: 3,
        ..fetching()
    };
    let Setback::Rest(resting) = setback(&tired, &dead, false, at(0)) else {
        panic!("it rests");
    };
    assert_eq!(ask(&resting), Ask::First);
    assert!(resting.due_at > at(0));
}

#[test]
fn a_page_that_is_too_large_is_asked_for_again_and_not_for_ever() {
    // M48
    let large = Advice::Retry {
        after: None,
        smaller_page: true,
    };

    assert_eq!(
        setback(&fetching(), &large, false, at(0)),
        Setback::Smaller(fetching()),
        "the same page, of a size that the walk halves"
    );
    let smallest = Cursor {
        page_size: i64::from(SMALLEST),
        ..fetching()
    };
    let next = setback(&smallest, &large, false, at(0));
    assert!(matches!(next, Setback::Rest(_)), "{next:?}");
}

#[test]
fn failures_are_forgotten_by_a_round_that_has_come_far() {
    let full = Cursor {
        is_full: true,
        failures: 2,
        round_started_at: Some(at(0)),
        ..fetching()
    };
    let on = || Leads::On(link("more"));

    assert_eq!(advance(&full, on(), 1, at(1), Duration::ZERO).failures, 2);
    assert_eq!(advance(&full, on(), 1, at(601), Duration::ZERO).failures, 0);
}

#[test]
fn a_link_that_leads_elsewhere_is_thrown_away() {
    // M13: GraphError::ForeignLink and unreadable pages advise `Bug`.
    let Setback::Rest(resting) = setback(&fetching(), &Advice::Bug, false, at(0)) else {
        panic!("it rests");
    };

    assert_eq!(resting.link, None);
    assert_eq!(ask(&resting), Ask::First);
}

#[test]
fn a_folder_that_is_not_there_sends_us_to_the_tree() {
    for advice in [Advice::Gone, Advice::ContainerGone] {
        let next = setback(&idle(), &advice, false, at(0));
        assert!(matches!(next, Setback::LookAtTheTree(_)), "{next:?}");
    }
}

#[test]
fn what_concerns_the_mailbox_leaves_the_cursor_as_it_is() {
    assert_eq!(
        setback(&idle(), &Advice::RETRY, true, at(0)),
        Setback::HandOn
    );
}

#[test]
fn waits_double_up_to_half_an_hour() {
    assert_eq!(wait(1), Duration::from_secs(5));
    assert_eq!(wait(2), Duration::from_secs(10));
    assert_eq!(wait(50), LONGEST_WAIT);
    assert_eq!(wait(i64::MAX), LONGEST_WAIT);
    assert_eq!(wait(-3), FIRST_WAIT);
}

#[test]
fn a_cursor_thrown_away_on_purpose_is_due_now() {
    let thrown = reset(&idle(), at(9));

    assert_eq!(ask(&thrown), Ask::First);
    assert_eq!(thrown.due_at, at(9));
    assert_eq!(thrown.round, idle().round, "numbers still go upwards");
}
