//! Deadlines and size limits (M15).

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use graph_mirror::graph::{Advice, GraphError};
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::work::Lane;

use super::fake::{Bench, Fake, answer, graph, raw};

async fn ask(bench: &Bench) -> GraphError {
    bench
        .graph
        .message(Lane::Live, &GraphId::from("x"))
        .await
        .expect_err("it cannot be answered")
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_at_the_deadline() {
    // M15
    let fake = Fake::start(|_, _| {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
        let drops = first.chain(stream::pending());
        raw(200, &[], Body::from_stream(drops))
    })
    .await;
    let mut settings = fake.settings();
    settings.deadline = Duration::from_millis(300);
    let bench = Bench::new(graph(&settings));
    let begun = Instant::now();

    let error = ask(&bench).await;

    assert!(matches!(error, GraphError::TimedOut { .. }), "{error:?}");
    assert!(matches!(
        error.advice(),
        Advice::Retry {
            smaller_page: true,
            ..
        }
    ));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(
        bench.gate.inside(),
        0,
        "the place at the gate was given back"
    );
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_read() {
    let fake = Fake::start(|_, _| raw(200, &[], vec![b'x'; 2_000])).await;
    let mut settings = fake.settings();
    settings.body_limit = 1_000;

    let error = ask(&Bench::new(graph(&settings))).await;

    assert!(
        matches!(error, GraphError::TooLarge { limit: 1_000 }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_cut_off() {
    let fake = Fake::start(|_, _| {
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 400])));
        raw(200, &[], Body::from_stream(endless))
    })
    .await;
    let mut settings = fake.settings();
    settings.body_limit = 1_000;

    let error = ask(&Bench::new(graph(&settings))).await;

    assert!(matches!(error, GraphError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_huge_error_page_is_judged_by_its_status() {
    let fake = Fake::start(|_, _| raw(404, &[], vec![b'x'; 1 << 20])).await;

    let error = ask(&fake.mailbox()).await;

    assert_eq!(error.advice(), Advice::Gone);
}

#[tokio::test]
async fn nobody_at_home_is_a_matter_of_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let fake = Fake::start(|_, _| answer(200, &serde_json::Value::Null)).await;
    let mut settings = fake.settings();
    settings.base_url = format!("http://{address}/").parse().expect("an address");

    let error = ask(&Bench::new(graph(&settings))).await;

    assert!(matches!(error, GraphError::Unreachable(_)), "{error:?}");
    assert_eq!(error.advice(), Advice::RETRY);
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_body_is_no_answer() {
    let fake = Fake::start(|_, _| {
        let broken = stream::iter([
            Ok(Bytes::from_static(b"{\"id\":")),
            Err(std::io::Error::other("the line was cut")),
        ]);
        raw(200, &[], Body::from_stream(broken))
    })
    .await;

    let error = ask(&fake.mailbox()).await;

    assert!(matches!(error, GraphError::Unreachable(_)), "{error:?}");
}
