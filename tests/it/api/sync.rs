//! Looking at a mailbox now: what the parameters do, what is answered, and what is refused.

use axum::http::{Method, StatusCode};
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::model::time::Timestamp;
use graph_mirror::model::work::Wish;
use serde_json::json;

use super::bench::{Answer, Bench};
use crate::support::database::on_both_stores;

const MESSAGES: &str = "/api/v1/integrations/microsoft/sync/outlook";
const EVENTS: &str = "/api/v1/integrations/microsoft/sync/calendar";

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

on_both_stores!(
    the_parameters_of_a_sync_reach_the_home_and_its_counts_come_back,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;
        let counts = json!({ "created": 3, "updated": 2, "unchanged": 1 });

        let path = format!("{MESSAGES}?max_results=25&since_date=2026-01-02");
        let (messages, wished_messages) = tokio::join!(
            bench.post(&path, &key),
            bench.fulfil(mailbox, Ok(counts.clone()))
        );
        let path = format!(
            "{EVENTS}?start_time=2026-01-01T00:00:00Z&end_time=2026-02-01T00:00:00%2B01:00"
        );
        let (events, wished_events) =
            tokio::join!(bench.post(&path, &key), bench.fulfil(mailbox, Ok(counts)));

        assert_eq!(
            wished_messages,
            Wish::SyncMessages {
                max_results: 25,
                since: Some(instant("2026-01-02T00:00:00Z"))
            }
        );
        assert_eq!(
            wished_events,
            Wish::SyncEvents {
                max_results: 100,
                start: Some(instant("2026-01-01T00:00:00Z")),
                end: Some(instant("2026-01-31T23:00:00Z")),
            }
        );
        for answer in [messages, events] {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            assert_eq!(
                answer.json(),
                json!({ "mailbox_id": mailbox, "created": 3, "updated": 2, "unchanged": 1, "deleted": 0 })
            );
        }
    }
);

on_both_stores!(
    an_answer_says_which_range_was_looked_at_and_what_was_passed_over,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;
        let cut = json!({
            "created": 1, "updated": 0, "unchanged": 4, "start": "2026-01-01T00:00:00Z",
            "end": "2027-01-01T00:00:00Z", "cut_to_mirrored_window": true,
        });
        let outside = json!({
            "created": 0, "updated": 0, "unchanged": 0, "start": null, "end": null, "cut_to_mirrored_window": true,
        });
        let skipped = json!({ "created": 1, "updated": 0, "unchanged": 4, "skipped": 2 });

        let path = format!("{EVENTS}?start_time=2026-01-01&end_time=2040-01-01");
        let (events, _) = tokio::join!(bench.post(&path, &key), bench.fulfil(mailbox, Ok(cut)));
        let path = format!("{EVENTS}?start_time=2039-01-01&end_time=2040-01-01");
        let (none, _) = tokio::join!(bench.post(&path, &key), bench.fulfil(mailbox, Ok(outside)));
        let (messages, _) = tokio::join!(
            bench.post(MESSAGES, &key),
            bench.fulfil(mailbox, Ok(skipped))
        );

        let events = events.json();
        assert_eq!(events["cut_to_mirrored_window"], true);
        assert_eq!(events["start"], "2026-01-01T00:00:00Z");
        assert_eq!(events["end"], "2027-01-01T00:00:00Z");
        let none = none.json();
        assert_eq!(none["cut_to_mirrored_window"], true);
        assert!(none.get("start").is_none() && none.get("end").is_none());
        assert_eq!(messages.json()["skipped"], 2);
        assert_eq!(messages.json()["unchanged"], 4);
    }
);

on_both_stores!(
    everything_wrong_with_a_query_is_named_and_nothing_is_wished,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;

        let messages = bench
            .post(
                &format!("{MESSAGES}?max_results=0&since_date=soon&mailbox_id=1&since=x"),
                &key,
            )
            .await;
        let events = bench
            .post(
                &format!("{EVENTS}?start_time=2026-02-01&end_time=2026-01-01"),
                &key,
            )
            .await;
        let twice = bench
            .post(&format!("{MESSAGES}?max_results=1&max_results=2"), &key)
            .await;

        let named = |answer: &Answer| {
            assert_eq!(answer.code(), "invalid_request");
            let errors = answer.json()["errors"]
                .as_array()
                .expect("errors are listed")
                .clone();
            errors
                .iter()
                .map(|error| error["parameter"].as_str().expect("a name").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            named(&messages),
            ["max_results", "since_date", "mailbox_id", "since"]
        );
        assert_eq!(named(&events), ["end_time"]);
        assert_eq!(named(&twice), ["max_results"]);
        assert!(store.commands_waiting(mailbox).await?.is_empty());
    }
);

on_both_stores!(
    without_a_mailbox_or_with_several_it_says_so,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let key = bench.key("anna").await;

        let none = bench.post(MESSAGES, &key).await;
        bench.connect("anna", 0).await;
        let second = bench.connect("anna", 1).await;
        let several = bench.post(MESSAGES, &key).await;
        let path = format!("{MESSAGES}?mailbox_id={second}");
        let (named, _) = tokio::join!(
            bench.post(&path, &key),
            bench.fulfil(second, Ok(json!({ "created": 1 })))
        );

        assert_eq!(none.code(), "not_connected");
        assert_eq!(several.code(), "mailbox_ambiguous");
        assert_eq!(named.json()["mailbox_id"], json!(second));
    }
);

on_both_stores!(
    a_mailbox_that_is_not_mirrored_says_who_must_act,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;

        for (state, reason, code) in [
            (
                MailboxState::NeedsReauth,
                StateReason::GrantExpired,
                "mailbox_needs_reauth",
            ),
            (
                MailboxState::Suspended,
                StateReason::MailboxUnavailable,
                "mailbox_suspended",
            ),
            (
                MailboxState::Disconnected,
                StateReason::ByRequest,
                "mailbox_disconnected",
            ),
        ] {
            bench.state(mailbox, state, Some(reason)).await;

            let answer = bench
                .post(&format!("{MESSAGES}?mailbox_id={mailbox}"), &key)
                .await;

            assert_eq!(answer.code(), code);
            assert_eq!(answer.status, StatusCode::CONFLICT);
            assert_eq!(answer.json()["reason"], json!(reason));
            assert_eq!(answer.json()["mailbox_id"], json!(mailbox));
        }
        assert!(store.commands_waiting(mailbox).await?.is_empty());
    }
);

on_both_stores!(
    a_failure_is_told_and_one_that_stopped_the_mailbox_tells_its_state,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;

        let (failed, _) = tokio::join!(
            bench.post(MESSAGES, &key),
            bench.fulfil(mailbox, Err("could not list the messages".to_owned()))
        );
        let stopping = async {
            bench
                .state(
                    mailbox,
                    MailboxState::NeedsReauth,
                    Some(StateReason::GrantRevoked),
                )
                .await;
            bench
                .fulfil(mailbox, Err("the grant was revoked".to_owned()))
                .await
        };
        // The state is read before the wish is left, so the request is begun first.
        let asking = bench.post(MESSAGES, &key);
        tokio::pin!(asking);
        let waiting = async {
            while store
                .commands_waiting(mailbox)
                .await
                .expect("the store answers")
                .is_empty()
            {
                tokio::task::yield_now().await;
            }
            stopping.await
        };
        let (stopped, _) = tokio::join!(&mut asking, waiting);

        assert_eq!(failed.code(), "work_failed");
        assert_eq!(failed.json()["detail"], "could not list the messages");
        assert_eq!(stopped.code(), "mailbox_needs_reauth");
        assert_eq!(stopped.json()["reason"], "grant_revoked");
    }
);

on_both_stores!(
    work_that_takes_longer_goes_on_and_can_be_asked_after,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await.impatient();
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;

        let answer = bench.post(MESSAGES, &key).await;
        let command = answer.json()["command_id"]
            .as_str()
            .expect("it is named")
            .to_owned();
        let path = format!("/api/v1/mailboxes/{mailbox}/commands/{command}");
        let running = bench.get(&path, &key).await.json();
        bench.fulfil(mailbox, Ok(json!({ "created": 7 }))).await;
        let done = bench.get(&path, &key).await.json();
        let strange = bench
            .get(&format!("/api/v1/mailboxes/{mailbox}/commands/x"), &key)
            .await;

        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(running["status"], "running");
        assert_eq!(done["status"], "done");
        assert_eq!(done["outcome"]["created"], 7);
        assert_eq!(strange.code(), "not_found");
    }
);

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_away() {
    let clock = crate::support::database::standing_clock();
    let database =
        crate::support::database::Database::create(graph_mirror::store::Backend::Sqlite).await;
    let store = database.open(&clock).await;
    let bench = Bench::around(&store, &clock).await;
    let key = bench.key("anna").await;

    store.close().await;
    let answer = bench
        .call(Method::GET, "/api/v1/mailboxes", Some(&key), "")
        .await;

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "database_unavailable");
}
