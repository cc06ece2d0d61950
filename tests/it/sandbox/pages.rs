//! Pages of lists and of rounds (S18, S19).

use reqwest::Method;
use serde_json::{Value, json};

use super::calendar_scene::{WINDOW, create, single, weekly};
use super::client::{Client, segment};
use super::mail_scene::{IMMUTABLE, id, seeded, values};

#[tokio::test]
async fn s18_pages_have_ten_items_unless_asked_otherwise_and_absolute_links() {
    let client = seeded().await;

    let page = client.get("/me/messages").await.ok();
    assert_eq!(values(&page).len(), 10);
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with(&client.sandbox.settings().graph_base_url));
    assert_eq!(
        values(&client.get("/me/messages?$top=37").await.ok()).len(),
        37
    );
    let refused = client.get("/me/messages?$top=1001").await;
    assert_eq!(refused.refusal(), (400, "ErrorInvalidUrlQuery".to_owned()));

    let (all, _) = client.walk("/me/messages?$top=50", IMMUTABLE).await;
    let mut ids: Vec<_> = all.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    let count = client.get("/me/messages?$count=true&$top=1").await.ok();
    assert_eq!(count["@odata.count"], ids.len());
    assert_eq!(all.len(), ids.len());
}

#[tokio::test]
async fn s18_every_list_and_every_round_may_have_short_pages_and_an_empty_one() {
    let client = seeded().await;
    for number in 0..8 {
        let name = format!("Number {number}");
        let child = json!({"displayName": name});
        let made = client.post("/me/mailFolders/archive/childFolders", child);
        made.await.ok();
        client
            .post("/me/calendars", json!({"name": name}))
            .await
            .ok();
        create(
            &client,
            single(&name, "2026-04-01T10:00:00", "2026-04-01T11:00:00"),
        )
        .await;
    }
    let master = create(&client, weekly("weekly", 8)).await;
    let prefer = format!("{IMMUTABLE}, odata.maxpagesize=6");
    let ids = |items: &[Value]| {
        let mut ids: Vec<_> = items.iter().map(|item| id(item).to_owned()).collect();
        ids.sort_unstable();
        ids
    };

    for path in [
        "/me/messages".to_owned(),
        "/me/messages?$filter=isRead eq true".to_owned(),
        "/me/mailFolders/inbox/messages".to_owned(),
        "/me/mailFolders".to_owned(),
        "/me/mailFolders/archive/childFolders".to_owned(),
        "/me/calendars".to_owned(),
        "/me/events".to_owned(),
        format!("/me/calendarView?{WINDOW}"),
        format!("/me/events/{}/instances?{WINDOW}", segment(&master)),
        "/me/mailFolders/inbox/messages/delta".to_owned(),
        "/me/mailFolders/delta".to_owned(),
        format!("/me/calendarView/delta?{WINDOW}"),
    ] {
        turn(&client, false);
        let whole = client.get_with(&path, &prefer).await.ok();
        assert_eq!(values(&whole).len(), 6, "{path}");
        let (all, _) = client.walk(&path, &prefer).await;

        turn(&client, true);
        let first = client.get_with(&path, &prefer).await.ok();
        assert!(values(&first).is_empty(), "{path}");
        assert!(first.get("@odata.deltaLink").is_none(), "{path}");
        let next = first["@odata.nextLink"].as_str().unwrap();
        let second = client.get_with(next, &prefer).await.ok();
        assert_eq!(values(&second).len(), 4, "{path}");
        let (again, last) = client.walk(&path, &prefer).await;
        assert_eq!(ids(&again), ids(&all), "{path}");

        if let Some(link) = last["@odata.deltaLink"].as_str() {
            let nothing_new = client.get_with(link, &prefer).await.ok();
            assert!(nothing_new["@odata.nextLink"].is_string(), "{path}");
            assert!(client.walk(link, &prefer).await.0.is_empty(), "{path}");
        }
    }
}

fn turn(client: &Client, on: bool) {
    let mut state = client.sandbox.world().lock();
    state.knobs.short_pages = on;
    state.knobs.empty_page = on;
}

#[tokio::test]
async fn s19_prefer_is_not_remembered_across_pages() {
    let client = seeded().await;

    let first = client.get("/me/messages?$top=2").await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let with = client.get(next).await.ok();
    let without = client.send(Method::GET, next, &[], None).await;

    assert_ne!(id(&values(&with)[0]), id(&values(&without.ok())[0]));
    assert_eq!(
        values(&with)[0]["changeKey"],
        values(&without.ok())[0]["changeKey"]
    );
    assert!(!without.headers.contains_key("preference-applied"));
}
