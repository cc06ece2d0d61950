//! `$batch`: parts that come in any order, fail by themselves or don't come at all (F4.9, F4.10).

use std::time::Duration;

use graph_mirror::graph::{Advice, BatchPart, GraphError, Prefer};
use graph_mirror::model::ids::{GraphId, TraceId};
use graph_mirror::model::work::Lane;
use serde_json::{Value, json};

use super::fake::{Asked, Fake, answer, raw, refusal};

fn parts(count: usize) -> Vec<BatchPart> {
    (0..count)
        .map(|number| BatchPart {
            path: format!("/item/{number}"),
            prefer: Prefer::IDS,
            trace: None,
        })
        .collect()
}

/// What an item answers by itself: its own path.
fn item(path: &str) -> Value {
    json!({ "path": path })
}

/// Answers each part by `one`, in reverse order; a part for which it gives nothing is left out.
fn batch_of(asked: &Asked, one: impl Fn(&str) -> Option<(u16, Value, Value)>) -> Value {
    let requests = asked.json()["requests"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let responses: Vec<Value> = requests
        .iter()
        .rev()
        .filter_map(|request| {
            let (status, headers, body) = one(request["url"].as_str()?)?;
            Some(json!({ "id": request["id"], "status": status, "headers": headers, "body": body }))
        })
        .collect();
    json!({ "responses": responses })
}

fn path_of(answer: &graph_mirror::graph::BatchAnswer) -> String {
    let body: Value = answer
        .as_ref()
        .expect("a good answer")
        .json()
        .expect("JSON");
    body["path"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn answers_stand_in_the_order_of_the_questions() {
    // F4.9
    let fake = Fake::start(|_, asked| {
        answer(
            200,
            &batch_of(asked, |url| Some((200, json!({}), item(url)))),
        )
    })
    .await;
    let bench = fake.mailbox();

    let answers = bench.graph.batch(Lane::Live, &parts(20)).await;

    for (number, one) in answers.iter().enumerate() {
        assert_eq!(path_of(one), format!("/item/{number}"));
    }
    assert_eq!(fake.asked().len(), 1);
    assert_eq!(
        bench.gate.admitted(),
        [(Lane::Live, 20)],
        "each part counts (F4.10)"
    );
    assert_eq!(bench.graph.graph().requests(), 20);
}

#[tokio::test]
async fn more_than_twenty_go_in_several_calls() {
    // F4.7
    let fake = Fake::start(|_, asked| {
        answer(
            200,
            &batch_of(asked, |url| Some((200, json!({}), item(url)))),
        )
    })
    .await;
    let bench = fake.mailbox();

    let answers = bench.graph.batch(Lane::Live, &parts(45)).await;

    assert_eq!(answers.len(), 45);
    assert_eq!(path_of(&answers[44]), "/item/44");
    let sizes: Vec<usize> = fake
        .asked()
        .iter()
        .map(|asked| asked.json()["requests"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(sizes, [20, 20, 5]);
}

#[tokio::test]
async fn one_question_is_no_batch() {
    let fake = Fake::start(|_, asked| answer(200, &item(&asked.path))).await;

    let answers = fake.mailbox().graph.batch(Lane::Live, &parts(1)).await;

    assert_eq!(path_of(&answers[0]), "/v1.0/item/0");
    assert_eq!(fake.asked()[0].method, "GET");
}

#[tokio::test]
async fn a_missing_part_is_asked_for_again_alone() {
    // F4.9
    let fake = Fake::start(|_, asked| {
        if asked.method == "GET" {
            return answer(200, &item(&asked.path));
        }
        let left_out = ["/item/1", "/item/3"];
        let some = batch_of(asked, |url| {
            (!left_out.contains(&url)).then(|| (200, json!({}), item(url)))
        });
        answer(200, &some)
    })
    .await;
    let bench = fake.mailbox();

    let answers = bench.graph.batch(Lane::Repair, &parts(4)).await;

    let paths: Vec<String> = answers.iter().map(path_of).collect();
    assert_eq!(
        paths,
        ["/item/0", "/v1.0/item/1", "/item/2", "/v1.0/item/3"]
    );
    let alone = fake
        .asked()
        .into_iter()
        .filter(|asked| asked.method == "GET");
    for one in alone {
        assert!(one.header("prefer").contains("ImmutableId"));
    }
    assert_eq!(
        bench.gate.admitted(),
        [(Lane::Repair, 4), (Lane::Repair, 1), (Lane::Repair, 1)]
    );
}

#[tokio::test]
async fn a_part_that_stays_missing_is_an_error_of_its_own() {
    let fake = Fake::start(|_, asked| {
        if asked.method == "GET" {
            return answer(503, &Value::Null);
        }
        let some = batch_of(asked, |url| {
            (url != "/item/0").then(|| (200, json!({}), item(url)))
        });
        answer(200, &some)
    })
    .await;

    let answers = fake.mailbox().graph.batch(Lane::Live, &parts(2)).await;

    assert!(matches!(
        answers[0].as_ref().map_err(GraphError::advice),
        Err(Advice::Retry { .. })
    ));
    assert_eq!(path_of(&answers[1]), "/item/1");
}

#[tokio::test]
async fn a_part_throttled_for_a_moment_is_asked_for_again_alone() {
    // F4.10
    let fake = Fake::start(|_, asked| {
        if asked.method == "GET" {
            return answer(200, &item(&asked.path));
        }
        let some = batch_of(asked, |url| {
            Some(if url == "/item/2" {
                (
                    429,
                    json!({ "Retry-After": "0" }),
                    refusal("TooManyRequests"),
                )
            } else {
                (200, json!({}), item(url))
            })
        });
        answer(200, &some)
    })
    .await;
    let bench = fake.mailbox();

    let answers = bench.graph.batch(Lane::Live, &parts(3)).await;

    assert_eq!(path_of(&answers[2]), "/v1.0/item/2");
    assert_eq!(bench.gate.fences().len(), 1);
    assert_eq!(bench.graph.graph().throttled(), 1);
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_long_wait_of_a_part_is_the_callers_to_reschedule() {
    // M12: the others are not held up by it.
    let fake = Fake::start(|_, asked| {
        let some = batch_of(asked, |url| {
            Some(match url {
                "/item/0" => (
                    429,
                    json!({ "retry-after": 30 }),
                    refusal("TooManyRequests"),
                ),
                "/item/1" => (
                    429,
                    json!({ "Retry-After": "90" }),
                    refusal("TooManyRequests"),
                ),
                _ => (200, json!({}), item(url)),
            })
        });
        answer(200, &some)
    })
    .await;
    let bench = fake.mailbox();

    let answers = bench.graph.batch(Lane::Live, &parts(3)).await;

    let waits: Vec<Option<Advice>> = answers
        .iter()
        .map(|answer| answer.as_ref().err().map(GraphError::advice))
        .collect();
    let wait = |seconds| {
        Some(Advice::Retry {
            after: Some(Duration::from_secs(seconds)),
            smaller_page: false,
        })
    };
    assert_eq!(waits, [wait(30), wait(90), None]);
    assert_eq!(fake.asked().len(), 1);
    assert_eq!(bench.gate.fences().len(), 1, "one fence, the longest");
}

#[tokio::test]
async fn every_part_has_its_own_fate() {
    let fake = Fake::start(|_, asked| {
        let some = batch_of(asked, |url| {
            Some(match url {
                "/item/0" => (404, json!({}), refusal("ErrorItemNotFound")),
                "/item/1" => (500, json!({}), refusal("ErrorCorruptData")),
                "/item/2" => (404, json!({}), Value::Null),
                _ => (200, json!({}), item(url)),
            })
        });
        answer(200, &some)
    })
    .await;

    let answers = fake.mailbox().graph.batch(Lane::Live, &parts(4)).await;

    let advice = |place: usize| answers[place].as_ref().err().map(GraphError::advice);
    assert_eq!(advice(0), Some(Advice::Gone));
    assert_eq!(advice(1), Some(Advice::ItemBroken));
    assert_eq!(advice(2), Some(Advice::Gone));
    assert_eq!(advice(3), None);
}

#[tokio::test]
async fn a_refused_batch_is_every_parts_refusal() {
    let fake = Fake::start(|_, _| raw(429, &[("retry-after", "40")], "")).await;
    let bench = fake.mailbox();

    let answers = bench.graph.batch(Lane::Live, &parts(3)).await;

    assert_eq!(answers.len(), 3);
    assert!(answers.iter().all(|answer| {
        let advice = answer.as_ref().err().map(GraphError::advice);
        matches!(advice, Some(Advice::Retry { after: Some(_), .. }))
    }));
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_batch_that_answers_nonsense_is_an_error_for_each_part() {
    for body in ["<html>", "[]", r#"{"responses":[{"id":1}]}"#] {
        let fake = Fake::start(move |_, _| raw(200, &[], body)).await;

        let answers = fake.mailbox().graph.batch(Lane::Live, &parts(2)).await;

        assert_eq!(answers.len(), 2);
        assert!(answers.iter().all(Result::is_err), "{body}");
    }
}

#[tokio::test]
async fn a_part_with_a_dead_token_is_asked_for_again_with_a_fresh_one() {
    // M8
    let fake = Fake::start(|_, asked| {
        if asked.method == "GET" {
            return match asked.header("authorization") {
                "Bearer token-1" => answer(200, &item(&asked.path)),
                _ => answer(401, &refusal("InvalidAuthenticationToken")),
            };
        }
        let some = batch_of(asked, |url| {
            Some(if url == "/item/0" {
                (401, json!({}), refusal("InvalidAuthenticationToken"))
            } else {
                (200, json!({}), item(url))
            })
        });
        answer(200, &some)
    })
    .await;
    let bench = fake.mailbox();

    let answers = bench.graph.batch(Lane::Live, &parts(2)).await;

    assert_eq!(path_of(&answers[0]), "/v1.0/item/0");
    assert_eq!(bench.tokens.refreshes(), 1);
}

#[tokio::test]
async fn what_belongs_to_a_notification_is_asked_for_under_its_trace() {
    // F3.3
    let fake = Fake::start(|_, asked| {
        answer(
            200,
            &batch_of(asked, |url| Some((200, json!({}), item(url)))),
        )
    })
    .await;
    let graph = fake.mailbox().graph;
    let (one, two) = (TraceId::generate(), TraceId::generate());
    let id = GraphId::from("m");
    let traced = |trace| graph.following(trace).message_part(&id);

    graph
        .following(Some(one))
        .message(Lane::Live, &id)
        .await
        .expect("an answer");
    graph.message(Lane::Live, &id).await.expect("an answer");
    let parts = [traced(Some(one)), traced(Some(two)), traced(None)];
    graph.batch(Lane::Live, &parts).await;

    let asked = fake.asked();
    assert_eq!(asked[0].header("client-request-id"), one.uuid().to_string());
    let other = asked[1].header("client-request-id");
    assert!(!other.is_empty() && other != one.uuid().to_string());
    let requests = &asked[2].json()["requests"];
    let ids: Vec<&Value> = (0..3)
        .map(|place| &requests[place]["headers"]["client-request-id"])
        .collect();
    assert_eq!(
        ids,
        [
            &json!(one.uuid().to_string()),
            &json!(two.uuid().to_string()),
            &Value::Null
        ]
    );
}
