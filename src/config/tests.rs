//! What is read, what is refused, and that everything wrong is said at once.

use super::*;

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn minimal() -> Environment {
    Environment::of([
        (
            "MICROSOFT_CLIENT_ID",
            "11111111-2222-3333-4444-555555555555",
        ),
        ("MICROSOFT_CLIENT_SECRET", "abc8Q~hidden"),
        ("OAUTH_ENCRYPTION_KEY", KEY),
    ])
}

fn problems(environment: &Environment) -> Vec<(String, String)> {
    match Settings::read(environment) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .problems()
            .iter()
            .map(|problem| (problem.variable.clone(), problem.what.clone()))
            .collect(),
    }
}

fn named(environment: &Environment) -> Vec<String> {
    problems(environment)
        .into_iter()
        .map(|(variable, _)| variable)
        .collect()
}

#[test]
fn three_variables_are_enough() {
    let settings = Settings::read(&minimal()).expect("nothing is wrong");

    assert_eq!(settings.microsoft.tenant, "common");
    assert_eq!(
        settings.microsoft.graph_base_url.as_str(),
        "https://graph.microsoft.com/"
    );
    assert_eq!(
        settings.microsoft.login_base_url.as_str(),
        "https://login.microsoftonline.com/"
    );
    assert_eq!(
        settings.microsoft.redirect_uri.as_str(),
        "http://localhost:8080/api/v1/integrations/microsoft/callback"
    );
    assert_eq!(settings.server.public_url, PublicUrl::Unset);
    assert!(settings.database.url.is_sqlite());
    assert_eq!(settings.mirror.calendar_past_months, 6);
}

#[test]
fn every_problem_is_reported_at_once() {
    let environment = Environment::of([
        ("MICROSOFT_CLIENT_ID", "your-client-id"),
        ("MICROSOFT_TENANT_ID", "not a tenant"),
        ("MICROSOFT_REDIRECT_URI", "http://mirror.example.org/back"),
        ("OAUTH_ENCRYPTION_KEY", "hidden"),
        ("LISTEN", "8080"),
        ("PUBLIC_URL", "ftp://mirror.example.org"),
        ("DATABASE_URL", "mysql://root:hidden@db/x"),
        ("POLL_INTERVAL", "soon"),
        ("PAGE_SIZE", "0"),
        ("MICROSOFT_CLOUD", "moon"),
        ("LOG_FORMAT", "xml"),
    ]);

    let error = Settings::read(&environment).expect_err("almost everything is wrong");

    let mut variables: Vec<&str> = error
        .problems()
        .iter()
        .map(|problem| problem.variable.as_str())
        .collect();
    variables.sort_unstable();
    assert_eq!(
        variables,
        [
            "DATABASE_URL",
            "LISTEN",
            "LOG_FORMAT",
            "MICROSOFT_CLIENT_ID",
            "MICROSOFT_CLIENT_SECRET",
            "MICROSOFT_CLOUD",
            "MICROSOFT_REDIRECT_URI",
            "MICROSOFT_TENANT_ID",
            "OAUTH_ENCRYPTION_KEY",
            "PAGE_SIZE",
            "POLL_INTERVAL",
            "PUBLIC_URL",
        ]
    );
    assert!(
        error
            .problems()
            .iter()
            .all(|problem| !problem.remedy.is_empty())
    );
    assert!(!error.to_string().contains("hidden"), "{error}");
}

#[test]
fn settings_are_shown_without_secrets() {
    let settings =
        Settings::read(&minimal().with("DATABASE_URL", "postgres://anna:hidden@db.example/mirror"))
            .expect("nothing is wrong");

    let shown = format!("{settings:?}");
    assert!(!shown.contains("hidden") && !shown.contains(KEY), "{shown}");
}

#[test]
fn contradictions_between_hosts_are_refused() {
    let both = minimal()
        .with("MICROSOFT_CLOUD", "china")
        .with("GRAPH_BASE_URL", "https://graph.example")
        .with("LOGIN_BASE_URL", "https://login.example");
    assert_eq!(named(&both), ["MICROSOFT_CLOUD"]);

    let half = minimal().with("GRAPH_BASE_URL", "https://graph.example");
    assert_eq!(named(&half), ["LOGIN_BASE_URL"]);

    let open = minimal()
        .with("GRAPH_BASE_URL", "http://graph.example")
        .with("LOGIN_BASE_URL", "https://login.example/common");
    assert_eq!(named(&open), ["GRAPH_BASE_URL", "LOGIN_BASE_URL"]);
}

#[test]
fn every_cloud_has_its_own_hosts() {
    // Facts §2.
    for (name, graph, login) in [
        (
            "global",
            "https://graph.microsoft.com/",
            "https://login.microsoftonline.com/",
        ),
        (
            "usgov",
            "https://graph.microsoft.us/",
            "https://login.microsoftonline.us/",
        ),
        (
            "dod",
            "https://dod-graph.microsoft.us/",
            "https://login.microsoftonline.us/",
        ),
        (
            "china",
            "https://microsoftgraph.chinacloudapi.cn/",
            "https://login.chinacloudapi.cn/",
        ),
    ] {
        let settings =
            Settings::read(&minimal().with("MICROSOFT_CLOUD", name)).expect("nothing is wrong");
        assert_eq!(settings.microsoft.graph_base_url.as_str(), graph);
        assert_eq!(settings.microsoft.login_base_url.as_str(), login);
    }
}

#[test]
fn microsoft_reaches_only_public_https_addresses() {
    for address in [
        "http://mirror.example.org",
        "https://localhost:8080",
        "http://127.0.0.1:8080",
    ] {
        assert_eq!(
            named(&minimal().with("PUBLIC_URL", address)),
            ["PUBLIC_URL"],
            "{address}"
        );
    }
    for address in [
        "https://mirror.example.org",
        "https://example.org/mirror/",
        "ngrok",
    ] {
        assert!(
            named(&minimal().with("PUBLIC_URL", address)).is_empty(),
            "{address}"
        );
    }
}

#[test]
fn a_secrets_id_in_place_of_its_value_is_noticed() {
    // AADSTS7000215 (F1.16) is what Microsoft would say, an hour later.
    let environment = minimal().with(
        "MICROSOFT_CLIENT_SECRET",
        "99999999-2222-3333-4444-555555555555",
    );

    let found = problems(&environment);

    assert_eq!(found.len(), 1);
    assert!(
        found
            .iter()
            .all(|(_, what)| what.contains("id of a secret") && !what.contains("9999"))
    );
}

#[test]
fn polling_less_without_push_than_with_it_is_a_contradiction() {
    let environment = minimal()
        .with("POLL_INTERVAL", "1m")
        .with("POLL_INTERVAL_WITHOUT_PUSH", "5m");

    assert_eq!(named(&environment), ["POLL_INTERVAL_WITHOUT_PUSH"]);
}

#[test]
fn a_local_command_asks_for_no_app_registration() {
    let settings = LocalSettings::read(&Environment::default()).expect("everything has a default");

    assert!(settings.database.url.is_sqlite());
}

#[test]
fn a_sandbox_gives_what_concerns_microsoft_and_fills_the_gaps() {
    let sandbox: SandboxSettings = serde_json::from_value(serde_json::json!({
        "graph_base_url": "http://127.0.0.1:9000", "login_base_url": "http://127.0.0.1:9000",
        "tenant_id": "11111111-0000-0000-0000-000000000000", "client_id": "sandbox-client",
        "client_secret": "sandbox-secret", "users": [], "control_url": "http://127.0.0.1:9000/sandbox/control"
    }))
    .expect("it has the shape");
    let environment = Environment::of([("LISTEN", "0.0.0.0:8099"), ("MICROSOFT_CLOUD", "china")]);

    let first = Settings::read(&sandbox.applied_to(environment.clone())).expect("nothing is wrong");
    let second = Settings::read(&sandbox.applied_to(environment)).expect("nothing is wrong");

    assert_eq!(
        first.server.public_url.base().as_deref(),
        Some("http://127.0.0.1:8099")
    );
    assert_eq!(
        first.microsoft.graph_base_url.as_str(),
        "http://127.0.0.1:9000/"
    );
    let keys = |settings: &Settings| {
        use secrecy::ExposeSecret;
        settings
            .encryption
            .keys
            .iter()
            .map(|key| key.expose_secret().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&first), keys(&second));
}

#[test]
fn the_reference_and_the_example_file_are_up_to_date() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, text) in [
        ("docs/reference/configuration.md", reference::markdown()),
        (".env.example", reference::env_example()),
    ] {
        let committed = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        assert_eq!(
            committed, text,
            "{path} is out of date: run `graph-mirror config --reference` or `--env-example` and keep its output there"
        );
    }
}

#[test]
fn the_example_file_passes_once_its_open_places_are_filled() {
    let text = reference::env_example()
        .replace("\n#", "\n")
        .replace("\n ", "\n# ");
    let environment = dotenvy::Iter::new(text.as_bytes())
        .filter_map(Result::ok)
        .fold(Environment::default(), |environment, (name, value)| {
            environment.or(&name, value)
        });
    let filled = variables::ALL
        .into_iter()
        .fold(environment, |environment, variable| {
            let example = match variable.name {
                "OAUTH_ENCRYPTION_KEY" => KEY,
                // These two are for other clouds than Microsoft's own.
                "GRAPH_BASE_URL" | "LOGIN_BASE_URL" => "",
                _ => variable.default.unwrap_or(variable.example),
            };
            environment.with(variable.name, example)
        });

    assert_eq!(problems(&filled), []);
}

#[test]
fn nothing_is_written_unless_a_permission_says_so() {
    let with = |scopes: &str| minimal().with("MICROSOFT_WRITE_SCOPES", scopes);
    let read = Settings::read(&minimal()).expect("nothing is wrong");
    assert!(read.microsoft.write_scopes.is_empty());

    let writing = Settings::read(&with("mail.readwrite, Mail.Send")).expect("nothing is wrong");
    assert_eq!(writing.microsoft.write_scopes.len(), 2);
    for wrong in ["Mail.Send", "Mail.Write", "Mail.ReadWrite;Mail.Send"] {
        assert_eq!(named(&with(wrong)), ["MICROSOFT_WRITE_SCOPES"], "{wrong}");
    }
}
