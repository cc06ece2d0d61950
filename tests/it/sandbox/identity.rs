//! S1 to S10: signing in, tokens, keys.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::bench::{Answer, Bench};

const REDIRECT: &str = "http://localhost:8080/callback";
const VERIFIER: &str = "a-verifier-of-forty-three-letters-or-more-than-that";

/// The query of a redirect.
fn came_back(answer: &Answer) -> Vec<(String, String)> {
    let location = Url::parse(answer.header("location")).expect("it redirects");
    location.query_pairs().into_owned().collect()
}

fn field(answer: &Answer, name: &str) -> Option<String> {
    let mut fields = came_back(answer).into_iter();
    fields.find(|(key, _)| key == name).map(|(_, value)| value)
}

async fn authorize(bench: &Bench, change: &[(&str, &str)]) -> Answer {
    let settings = bench.sandbox.settings();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut fields = vec![
        ("client_id", settings.client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid profile offline_access Mail.Read"),
        ("state", "a state & more"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("login_hint", &settings.users[0].address),
    ];
    fields.retain(|(name, _)| change.iter().all(|(changed, _)| changed != name));
    fields.extend(change.iter().filter(|(_, value)| !value.is_empty()));
    let url = format!(
        "{}/{}/oauth2/v2.0/authorize",
        settings.login_base_url, settings.tenant_id
    );
    let request = bench.client.get(url).query(&fields);
    Answer::read(request.send().await.unwrap()).await
}

async fn token(bench: &Bench, tenant: &str, change: &[(&str, &str)]) -> Answer {
    let settings = bench.sandbox.settings();
    let mut fields = vec![
        ("client_id", settings.client_id.as_str()),
        ("client_secret", settings.client_secret.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    fields.retain(|(name, _)| change.iter().all(|(changed, _)| changed != name));
    fields.extend(change.iter().filter(|(_, value)| !value.is_empty()));
    let url = format!("{}/{tenant}/oauth2/v2.0/token", settings.login_base_url);
    Answer::read(bench.client.post(url).form(&fields).send().await.unwrap()).await
}

async fn redeem(bench: &Bench, code: &str, change: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("grant_type", "authorization_code"), ("code", code)];
    fields.extend(change);
    token(bench, "common", &fields).await
}

async fn signed_in(bench: &Bench, scope: &str) -> Value {
    let code = field(&authorize(bench, &[("scope", scope)]).await, "code").unwrap();
    let answer = redeem(bench, &code, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn refresh(bench: &Bench, refresh_token: &str) -> Answer {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    token(bench, "common", &fields).await
}

fn refusal(answer: &Answer) -> (u16, String, u64) {
    let body = answer.json();
    (
        answer.status,
        body["error"].as_str().unwrap_or_default().to_owned(),
        body["error_codes"][0].as_u64().unwrap_or_default(),
    )
}

fn refused(status: u16, error: &str, number: u64) -> (u16, String, u64) {
    (status, error.to_owned(), number)
}

#[tokio::test]
async fn s01_an_unknown_redirect_uri_never_redirects_and_a_known_one_brings_the_state_back() {
    let bench = Bench::start().await;

    let unknown = authorize(&bench, &[("redirect_uri", "https://evil.example/callback")]).await;
    assert_eq!(unknown.status, 400);
    assert_eq!(unknown.header("location"), "");
    assert!(unknown.text.contains("AADSTS50011"));

    let known = authorize(&bench, &[]).await;
    assert_eq!(known.status, 302);
    assert!(known.header("location").starts_with(REDIRECT));
    assert_eq!(field(&known, "state").as_deref(), Some("a state & more"));
    assert!(field(&known, "code").is_some());
}

#[tokio::test]
async fn s01_without_a_hint_a_page_is_shown_whose_links_sign_in_or_decline() {
    let bench = Bench::start().await;

    let page = authorize(&bench, &[("login_hint", "")]).await;

    assert_eq!(page.status, 200);
    let links: Vec<_> = page
        .text
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .collect();
    assert_eq!(links.len(), bench.sandbox.settings().users.len() + 1);
    let settings = bench.sandbox.settings();
    for (index, link) in links.iter().enumerate() {
        let url = format!(
            "{}/common/oauth2/v2.0/authorize{link}",
            settings.login_base_url
        );
        let answer = Answer::read(bench.client.get(url).send().await.unwrap()).await;
        assert_eq!(field(&answer, "state").as_deref(), Some("a state & more"));
        if index < settings.users.len() {
            assert!(field(&answer, "code").is_some());
        } else {
            assert_eq!(field(&answer, "error").as_deref(), Some("access_denied"));
        }
    }
}

#[tokio::test]
async fn s01_what_is_wrong_with_the_request_is_told_to_the_registered_address() {
    // F1.3
    let bench = Bench::start().await;
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("scope", "")], "invalid_request"),
        (&[("scope", "Mail.Fly")], "invalid_scope"),
        (&[("code_challenge_method", "S512")], "invalid_request"),
        (&[("login_hint", ""), ("prompt", "none")], "login_required"),
    ];
    for (change, error) in cases {
        let answer = authorize(&bench, change).await;
        assert_eq!(
            field(&answer, "error").as_deref(),
            Some(error),
            "{change:?}"
        );
        assert_eq!(field(&answer, "state").as_deref(), Some("a state & more"));
    }
}

#[tokio::test]
async fn s01_a_hint_that_names_nobody_is_answered_with_the_page() {
    let bench = Bench::start().await;

    let page = authorize(&bench, &[("login_hint", "nobody@contoso.example")]).await;

    assert_eq!((page.status, page.header("location")), (200, ""));
    assert!(
        page.text
            .contains("There is no <strong>nobody@contoso.example</strong>")
    );
    assert!(
        page.text
            .contains(&bench.sandbox.settings().users[0].address)
    );
    let silent = [("login_hint", "nobody@contoso.example"), ("prompt", "none")];
    let refused = authorize(&bench, &silent).await;
    assert_eq!(field(&refused, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn s02_a_code_works_once_and_for_ten_minutes() {
    let bench = Bench::start().await;
    let code = field(&authorize(&bench, &[]).await, "code").unwrap();
    let late = field(&authorize(&bench, &[]).await, "code").unwrap();

    assert_eq!(redeem(&bench, &code, &[]).await.status, 200);

    let again = redeem(&bench, &code, &[]).await;
    assert_eq!(refusal(&again), refused(400, "invalid_grant", 54_005));
    bench.advance(600);
    let late = redeem(&bench, &late, &[]).await;
    assert_eq!(refusal(&late), refused(400, "invalid_grant", 70_008));
}

#[tokio::test]
async fn s03_a_wrong_verifier_and_a_wrong_secret_are_told_apart() {
    let bench = Bench::start().await;
    let code = field(&authorize(&bench, &[]).await, "code").unwrap();

    let verifier = redeem(&bench, &code, &[("code_verifier", "another")]).await;
    let none = redeem(&bench, &code, &[("code_verifier", "")]).await;
    let secret = redeem(&bench, &code, &[("client_secret", "another")]).await;
    let address = redeem(&bench, &code, &[("redirect_uri", "http://localhost/else")]).await;

    assert_eq!(refusal(&verifier), refused(400, "invalid_grant", 501_481));
    assert_eq!(refusal(&none), refused(400, "invalid_grant", 501_481));
    assert_eq!(refusal(&secret), refused(401, "invalid_client", 7_000_215));
    assert_eq!(refusal(&address), refused(400, "invalid_grant", 500_112));
}

#[tokio::test]
async fn s03_the_secret_may_come_in_the_header_too() {
    // F1.5
    let bench = Bench::start().await;
    let settings = bench.sandbox.settings();
    let code = field(&authorize(&bench, &[]).await, "code").unwrap();

    let url = format!("{}/common/oauth2/v2.0/token", settings.login_base_url);
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let request = bench
        .client
        .post(url)
        .basic_auth(
            encode(&settings.client_id),
            Some(encode(&settings.client_secret)),
        )
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
    let answer = Answer::read(request.send().await.unwrap()).await;

    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn s04_a_refresh_gives_a_new_token_and_the_old_one_works_on_unless_rotation_is_strict() {
    let bench = Bench::start().await;
    let first = signed_in(&bench, "offline_access Mail.Read").await;
    let old = first["refresh_token"].as_str().unwrap();

    let refreshed = refresh(&bench, old).await.json();
    let new = refreshed["refresh_token"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(refresh(&bench, old).await.status, 200);

    bench.turn(&json!({"strict_refresh_rotation": true}));
    assert_eq!(
        refusal(&refresh(&bench, old).await),
        refused(400, "invalid_grant", 70_000)
    );
    assert_eq!(refresh(&bench, new).await.status, 200);

    let online = signed_in(&bench, "Mail.Read").await;
    assert_eq!(online.get("refresh_token"), None);
}

#[tokio::test]
async fn s05_a_revoked_an_idle_and_a_blocked_grant_are_refused_each_in_its_way() {
    let bench = Bench::start().await;
    let address = &bench.sandbox.settings().users[0].address.clone();
    let mut token = String::new();
    for (kind, number) in [("sessions", 50_173), ("mfa", 50_076)] {
        let grant = signed_in(&bench, "offline_access Mail.Read").await;
        grant["refresh_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut token);
        let body = json!({"user": address, "kind": kind});
        let answer = bench
            .control(Method::POST, "/identity/revoke", Some(body))
            .await;
        assert!(answer.json()["revoked"].as_u64().unwrap() >= 1);
        assert_eq!(
            refusal(&refresh(&bench, &token).await),
            refused(400, "invalid_grant", number)
        );
    }
    bench.turn(&json!({"mfa_error": "interaction_required"}));
    let told = refresh(&bench, &token).await;
    assert_eq!(refusal(&told), refused(400, "interaction_required", 50_076));

    let grant = signed_in(&bench, "offline_access Mail.Read").await;
    let token = grant["refresh_token"].as_str().unwrap();
    bench.advance(80 * 24 * 3600);
    assert_eq!(refresh(&bench, token).await.status, 200);
    bench.advance(20 * 24 * 3600);
    assert_eq!(refresh(&bench, token).await.status, 200, "used on day 80");
    bench.advance(90 * 24 * 3600);
    let idle = refresh(&bench, token).await;
    assert_eq!(refusal(&idle), refused(400, "invalid_grant", 700_082));
}

#[tokio::test]
async fn s06_client_credentials_need_a_tenant_and_the_default_scope() {
    let bench = Bench::start().await;
    let tenant = bench.sandbox.settings().tenant_id.clone();
    let ask = |tenant: &str, scope: &str| {
        let (tenant, scope) = (tenant.to_owned(), scope.to_owned());
        let bench = &bench;
        async move {
            let fields = [("grant_type", "client_credentials"), ("scope", &scope)];
            token(bench, &tenant, &fields).await
        }
    };
    let default = "https://graph.microsoft.com/.default";

    let common = ask("common", default).await;
    assert_eq!(refusal(&common), refused(400, "invalid_request", 9_001_023));
    let narrow = ask(&tenant, "https://graph.microsoft.com/Mail.Read").await;
    assert_eq!(refusal(&narrow), refused(400, "invalid_scope", 1_002_012));
    let foreign = ask(&tenant, "https://vault.example/.default").await;
    assert_eq!(refusal(&foreign), refused(400, "invalid_resource", 500_011));

    let granted = ask(&tenant, default).await;
    assert_eq!(granted.status, 200);
    assert_eq!(granted.json().get("refresh_token"), None);
    assert_eq!(granted.json()["token_type"], "Bearer");
}

#[tokio::test]
async fn s07_a_token_stops_at_the_second_it_said() {
    let bench = Bench::start().await;
    let granted = signed_in(&bench, "User.Read").await;
    let token = granted["access_token"].as_str().unwrap();
    let lives = granted["expires_in"].as_u64().unwrap();
    assert!((3600..=5400).contains(&lives));

    bench.advance(lives - 1);
    assert_eq!(
        bench.call(token, Method::GET, "/me", None).await.status,
        200
    );
    bench.advance(1);
    let expired = bench.call(token, Method::GET, "/me", None).await;
    assert_eq!(
        (expired.status, expired.code().as_str()),
        (401, "InvalidAuthenticationToken")
    );
    let garbled = bench.call("garbled", Method::GET, "/me", None).await;
    assert_eq!(
        (garbled.status, garbled.code().as_str()),
        (401, "InvalidAuthenticationToken")
    );
}

#[tokio::test]
async fn s07_all_tokens_can_be_ended_by_command_while_refreshing_goes_on() {
    let bench = Bench::start().await;
    let granted = signed_in(&bench, "User.Read offline_access").await;
    let token = granted["access_token"].as_str().unwrap();

    bench.control(Method::POST, "/identity/lapse", None).await;

    assert_eq!(
        bench.call(token, Method::GET, "/me", None).await.status,
        401
    );
    let again = refresh(&bench, granted["refresh_token"].as_str().unwrap())
        .await
        .json();
    let token = again["access_token"].as_str().unwrap();
    assert_eq!(
        bench.call(token, Method::GET, "/me", None).await.status,
        200
    );
}

#[tokio::test]
async fn s08_every_refusal_of_the_token_endpoint_is_told_in_full() {
    let bench = Bench::start().await;
    let mut answers = vec![
        redeem(&bench, "nonsense", &[]).await,
        redeem(&bench, "nonsense", &[("client_id", "nobody")]).await,
        redeem(&bench, "nonsense", &[("client_secret", "")]).await,
        token(&bench, "common", &[]).await,
        token(&bench, "common", &[("grant_type", "password")]).await,
        token(
            &bench,
            "elsewhere.example",
            &[("grant_type", "refresh_token")],
        )
        .await,
        refresh(&bench, "nonsense").await,
    ];
    answers.push(token(&bench, "common", &[("grant_type", "refresh_token")]).await);
    for answer in answers {
        let body = answer.json();
        assert!([400, 401].contains(&answer.status));
        let number = body["error_codes"][0].as_u64().unwrap();
        let description = body["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(&format!("AADSTS{number}: ")),
            "{body}"
        );
        for name in ["error", "timestamp", "trace_id", "correlation_id"] {
            assert!(
                body[name].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {body}"
            );
        }
        assert_eq!(body["timestamp"], "2026-03-02 09:00:00Z");
    }
}

#[tokio::test]
async fn s10_metadata_leads_to_keys_that_verify_an_id_token_and_can_be_rotated() {
    let bench = Bench::start().await;
    let settings = bench.sandbox.settings();
    let get = async |url: &str| {
        Answer::read(bench.client.get(url).send().await.unwrap())
            .await
            .json()
    };
    let metadata = get(&format!(
        "{}/{}/v2.0/.well-known/openid-configuration",
        settings.login_base_url, settings.tenant_id
    ))
    .await;
    let granted = signed_in(&bench, "openid profile Mail.Read").await;
    let id_token = granted["id_token"].as_str().unwrap();
    let part = |index: usize| -> Value {
        let part = id_token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };

    assert_eq!(part(1)["iss"], metadata["issuer"]);
    assert_eq!(part(1)["aud"], settings.client_id.as_str());
    assert_eq!(
        part(1)["preferred_username"],
        settings.users[0].address.as_str()
    );
    assert_eq!(part(1)["oid"], settings.users[0].id.as_str());
    let kids = async || -> Vec<Value> {
        let set = get(metadata["jwks_uri"].as_str().unwrap()).await;
        set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].clone())
            .collect()
    };
    assert!(kids().await.contains(&part(0)["kid"]));

    bench
        .control(Method::POST, "/identity/rotate-keys", None)
        .await;
    assert_eq!(kids().await.len(), 2);
    bench
        .control(Method::POST, "/identity/rotate-keys", None)
        .await;
    assert!(!kids().await.contains(&part(0)["kid"]));
}

#[tokio::test]
async fn s15_a_fault_strikes_the_token_endpoint_too() {
    let bench = Bench::start().await;
    let fault = json!({
        "path": "/oauth2/v2.0/token", "times": 1, "status": 502, "body": "<html>Bad Gateway</html>"
    });
    bench.control(Method::POST, "/faults", Some(fault)).await;

    let struck = refresh(&bench, "nonsense").await;

    assert_eq!(
        (struck.status, struck.text.as_str()),
        (502, "<html>Bad Gateway</html>")
    );
    assert_eq!(refresh(&bench, "nonsense").await.status, 400);
}
