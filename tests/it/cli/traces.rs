//! Traces to a collector, and what a binary without them says.

use super::run::Shell;

#[cfg(not(feature = "otel"))]
mod without {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    use super::Shell;
    use crate::app::processes::{Process, free_port};
    use crate::cli::run::RIGHT;

    #[test]
    fn a_collector_that_cannot_be_served_is_named() {
        let shell = Shell::new().with(&RIGHT).with(&[
            ("LISTEN", &format!("127.0.0.1:{}", free_port())),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
        ]);
        let mut serving = shell
            .command(&["serve"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let errors = BufReader::new(serving.stderr.take().expect("they are ours"));
        let _serving = Process(serving);

        let said = errors
            .lines()
            .map(|line| line.expect("text"))
            .find(|line| line.contains("OTEL_EXPORTER_OTLP_ENDPOINT") || line.contains("listens"))
            .expect("it says something");

        assert!(said.contains("built without traces"), "{said}");
    }
}

#[test]
fn a_collector_with_a_password_in_its_address_is_refused() {
    let shell = Shell::new().with(&super::run::RIGHT).with(&[(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://user:hidden@collector:4318",
    )]);

    let ran = shell.run(&["serve"]);

    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(
        ran.err.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("hidden"), "{}", ran.err);
}

#[cfg(feature = "otel")]
mod with {
    use std::process::Stdio;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use axum::http::HeaderMap;
    use axum::routing::post;

    use super::Shell;
    use crate::app::processes::{Process, free_port, until};
    use crate::cli::run::RIGHT;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn holds(body: &[u8], part: &[u8]) -> bool {
        body.windows(part.len()).any(|window| window == part)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_arrive_at_the_collector_under_the_trace_of_the_post() {
        let taken: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
        let log = Arc::clone(&taken);
        let collector = Router::new().route(
            "/v1/traces",
            post(move |headers: HeaderMap, body: Bytes| async move {
                log.lock()
                    .expect("no test panics with it")
                    .push((headers, body));
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, collector).await });
        let port = free_port();
        let shell = Shell::new().with(&RIGHT).with(&[
            ("LISTEN", &format!("127.0.0.1:{port}")),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20hidden",
            ),
            // As Docker Compose passes on what is not set.
            ("OTEL_SERVICE_NAME", ""),
            ("OTEL_RESOURCE_ATTRIBUTES", ""),
            ("OTEL_TRACES_SAMPLER", ""),
            ("OTEL_TRACES_SAMPLER_ARG", ""),
            ("OTEL_BSP_SCHEDULE_DELAY", ""),
        ]);
        let serving = shell
            .command(&["serve"])
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut serving = Process(serving);
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let url = format!("http://127.0.0.1:{port}/webhooks/microsoft/notifications");
        until("a post that is taken", async || {
            let sent = client
                .post(&url)
                .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
                .body(r#"{"value":[]}"#)
                .send();
            sent.await.is_ok_and(|answer| answer.status() == 202)
        })
        .await;

        // What waits is handed out at the end.
        let asked = std::process::Command::new("kill")
            .args(["-TERM", &serving.0.id().to_string()])
            .status();
        assert!(asked.expect("kill runs").success());
        until("its end", async || {
            serving.0.try_wait().is_ok_and(|ended| ended.is_some())
        })
        .await;

        let taken = taken.lock().expect("no test panics with it");
        let trace = uuid::Uuid::parse_str(TRACE)
            .expect("32 digits")
            .into_bytes();
        let (headers, body) = taken
            .iter()
            .find(|(_, body)| holds(body, &trace))
            .unwrap_or_else(|| panic!("{} posts, none with the trace", taken.len()));
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!(headers["authorization"], "Bearer hidden");
        // The attribute, as protobuf writes it.
        let name = "service.name\x12\x0e\x0a\x0cgraph-mirror";
        for part in ["intake", name, "http.request_id"] {
            assert!(holds(body, part.as_bytes()), "{part} is missing");
        }
        assert!(
            holds(body, &0x00f0_67aa_0ba9_02b7_u64.to_be_bytes()),
            "the span is not below that of the post"
        );
    }
}
