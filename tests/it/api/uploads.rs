//! What applications send to be attached to something.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use graph_mirror::config::Environment;
use graph_mirror::model::ids::{MailboxId, UploadId};
use graph_mirror::model::mailbox::MailboxState;
use graph_mirror::store::Store;
use serde_json::json;
use tempfile::TempDir;

use super::bench::{Answer, Bench};
use crate::support::database::on_both_stores;

struct Scene {
    bench: Bench,
    mailbox: MailboxId,
    key: String,
    folder: TempDir,
}

impl Scene {
    async fn open(store: &Store, clock: &graph_mirror::model::time::ManualClock) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blobs = folder.path().join("blobs").display().to_string();
        let with_blobs = |environment: Environment| environment.with("BLOBS_URL", blobs);
        let bench = Bench::with(store, clock, with_blobs).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;
        Self {
            bench,
            mailbox,
            key,
            folder,
        }
    }

    async fn upload(&self, query: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/api/v1/mailboxes/{}/uploads{query}", self.mailbox))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, content_type)
            .body(body.into())
            .expect("a request");
        self.bench.send(request).await
    }

    /// Files below the folder of blobs, wherever they lie.
    fn files(&self) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder).into_iter().flatten();
            entries
                .map(|entry| entry.expect("an entry").path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        count(self.folder.path())
    }
}

on_both_stores!(
    an_upload_is_kept_once_for_each_content_and_found_by_its_id,
    |store, clock| {
        let scene = Scene::open(&store, &clock).await;
        let name = "?name=L%C3%B6hne%202026.pdf";

        let first = scene.upload(name, "application/pdf", "%PDF-1.7 x").await;
        let second = scene
            .upload("?name=b.txt", "text/plain", "%PDF-1.7 x")
            .await;

        assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
        assert_eq!(second.status, StatusCode::CREATED, "{}", second.text);
        let (first, second) = (first.json(), second.json());
        assert_eq!(first["digest"], second["digest"]);
        assert_eq!(first["size"], json!(10));
        assert_eq!(scene.files(), 1);
        let id = first["upload_id"].as_str().expect("an id");
        let id = UploadId(id.parse().expect("a UUID"));
        let kept = store
            .upload_get(scene.mailbox, id)
            .await?
            .expect("it is kept");
        assert_eq!(kept.name, "Löhne 2026.pdf");
        assert_eq!(kept.content_type, "application/pdf");
        assert_eq!(
            kept.stored.digest.to_string(),
            first["digest"].as_str().expect("a digest")
        );
        assert_eq!(store.blobs_sum().await?, (1, 10));
    }
);

on_both_stores!(
    an_upload_that_cannot_be_sent_is_refused_and_leaves_nothing,
    |store, clock| {
        let scene = Scene::open(&store, &clock).await;
        let huge = Request::builder()
            .method(Method::POST)
            .uri(format!(
                "/api/v1/mailboxes/{}/uploads?name=a",
                scene.mailbox
            ))
            .header(header::AUTHORIZATION, format!("Bearer {}", scene.key))
            .header(header::CONTENT_LENGTH, (150 << 20) + 1)
            .body(Body::from("x"))
            .expect("a request");

        for (query, content_type, body, status, code) in [
            ("", "text/plain", "x", 400, "file_name_refused"),
            ("?name=..%2Fx", "text/plain", "x", 400, "file_name_refused"),
            ("?name=a%0Ab", "text/plain", "x", 400, "file_name_refused"),
            (
                "?name=a%E2%80%AEfdp.exe",
                "text/plain",
                "x",
                400,
                "file_name_refused",
            ),
            (
                "?name=a.png",
                "image/png",
                "<html>",
                400,
                "content_type_mismatch",
            ),
            ("?name=a&x=y", "text/plain", "x", 400, "invalid_request"),
            ("?name=a", "nonsense", "x", 400, "invalid_request"),
        ] {
            let refused = scene.upload(query, content_type, body).await;
            assert_eq!(refused.status.as_u16(), status, "{query}: {}", refused.text);
            assert_eq!(refused.code(), code, "{query}");
        }
        assert_eq!(scene.bench.send(huge).await.code(), "attachment_too_large");
        let bench = &scene.bench;
        bench
            .state(scene.mailbox, MailboxState::Disconnected, None)
            .await;
        let refused = scene.upload("?name=a", "text/plain", "x").await;
        assert_eq!(refused.code(), "mailbox_disconnected");
        let foreign = bench.key("bert").await;
        let path = format!("/api/v1/mailboxes/{}/uploads?name=a", scene.mailbox);
        assert_eq!(
            bench.post(&path, &foreign).await.code(),
            "mailbox_not_found"
        );
        assert_eq!((scene.files(), store.blobs_sum().await?), (0, (0, 0)));
    }
);
