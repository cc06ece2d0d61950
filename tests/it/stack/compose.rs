//! `docker-compose.yml`, held against the program, the image and itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use graph_mirror::config::{BlobPlace, Environment, Settings, variables};
use serde_json::Value;

use super::files::{
    Filling, environment, is_a_command, is_of_the_stack, is_open_telemetrys, is_ours, members,
    paths, text, words, yaml,
};
use super::image;
use crate::cli::run::{RIGHT, Shell};

pub const FILE: &str = "docker-compose.yml";
const SANDBOX_ENV: &str = "deploy/compose/sandbox.env";

/// The stack with these variables set, and the names it asked for.
pub fn filled(set: &BTreeMap<String, String>) -> Result<(Value, BTreeSet<String>), String> {
    let mut filling = Filling {
        set,
        asked: BTreeSet::new(),
    };
    let mut stack = yaml(FILE).remove(0);
    fill(&mut stack, &mut filling)?;
    Ok((stack, filling.asked))
}

/// Fills every text of the tree, as Compose does: a value that becomes empty stays a text.
fn fill(value: &mut Value, filling: &mut Filling<'_>) -> Result<(), String> {
    match value {
        Value::String(text) => *text = filling.fill(text)?,
        Value::Array(items) => {
            for item in items {
                fill(item, filling)?;
            }
        }
        Value::Object(members) => {
            for member in members.values_mut() {
                fill(member, filling)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn with_a_password() -> BTreeMap<String, String> {
    BTreeMap::from([("POSTGRES_PASSWORD".to_owned(), "hidden".to_owned())])
}

/// The stack as `.env` sets it up when nothing but the password is given.
fn bare() -> Value {
    filled(&with_a_password()).expect("the password is set").0
}

/// The variables of a service.
pub fn variables_of(service: &Value) -> Vec<(String, String)> {
    members(&service["environment"])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.as_str().expect("a text").to_owned()))
        .collect()
}

fn services(stack: &Value) -> Vec<(&str, &Value)> {
    members(&stack["services"])
}

fn is_our_image(service: &Value) -> bool {
    service["image"] == "graph-mirror"
}

#[test]
fn every_variable_of_the_stack_is_known_and_every_known_one_reaches_the_service() {
    let (stack, asked) = filled(&with_a_password()).expect("the password is set");

    for name in &asked {
        assert!(
            is_ours(name) || is_open_telemetrys(name) || is_of_the_stack(name),
            "{name} does not stand in the catalogue"
        );
    }
    for variable in variables::STACK {
        assert!(asked.contains(variable.name), "{} is unused", variable.name);
    }
    let passed: BTreeMap<String, String> = variables_of(&stack["services"]["graph-mirror"])
        .into_iter()
        .collect();
    for variable in variables::ALL.iter().chain(&variables::OPEN_TELEMETRY) {
        let name = variable.name;
        assert!(passed.contains_key(name), "{name} is not passed on");
        assert!(
            asked.contains(name) || name == "LISTEN",
            "{name} cannot be set in .env"
        );
    }
    for name in passed.keys() {
        assert!(
            is_ours(name) || is_open_telemetrys(name),
            "the program does not know {name}"
        );
    }
    for name in environment(SANDBOX_ENV).keys() {
        assert!(
            is_ours(name) || is_of_the_stack(name) || name.starts_with("COMPOSE_"),
            "{name} does not stand in the catalogue"
        );
    }
    for name in environment(".env.example").keys() {
        assert!(
            asked.contains(name),
            ".env.example opens {name}, which nothing reads"
        );
    }
}

#[test]
fn a_value_of_env_reaches_the_service_unchanged() {
    let mut set = with_a_password();
    for variable in variables::ALL.iter().chain(&variables::OPEN_TELEMETRY) {
        set.insert(
            variable.name.to_owned(),
            format!("a value of {}", variable.name),
        );
    }

    let (stack, _) = filled(&set).expect("everything is set");

    for (name, value) in variables_of(&stack["services"]["graph-mirror"]) {
        if name != "LISTEN" {
            assert_eq!(value, format!("a value of {name}"));
        }
    }
}

#[test]
fn what_the_guide_to_traces_names_can_be_set_in_env() {
    let (_, asked) = filled(&with_a_password()).expect("the password is set");
    let pattern = regex::Regex::new("OTEL_[A-Z_]+").expect("the pattern is valid");
    let guide = text("docs/guides/traces.md");

    let named: BTreeSet<&str> = pattern
        .find_iter(&guide)
        .map(|name| name.as_str())
        .collect();

    assert!(named.contains("OTEL_EXPORTER_OTLP_HEADERS"));
    for name in named {
        assert!(asked.contains(name), "{name} does not reach the service");
    }
}

#[test]
fn the_stack_does_not_start_without_its_password_and_says_how_to_get_one() {
    let refused = filled(&BTreeMap::new()).expect_err("there is no password");

    assert!(
        refused.contains("POSTGRES_PASSWORD") && refused.contains("openssl rand"),
        "{refused}"
    );
}

#[test]
fn a_container_without_its_variables_says_all_that_are_missing_and_does_not_start() {
    let told = variables_of(&bare()["services"]["graph-mirror"]);
    let told: Vec<(&str, &str)> = told.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let shell = Shell::new().with(&told);

    let ran = shell.run(&["serve"]);

    assert_eq!(ran.code, 2, "{}", ran.err);
    let required = variables::ALL
        .iter()
        .filter(|variable| variable.is_required);
    for variable in required {
        let line = format!("\n  {}: it is not set; {}", variable.name, variable.remedy);
        assert!(ran.err.contains(&line), "{}: {}", variable.name, ran.err);
    }
    assert!(!ran.err.contains("hidden"), "{}", ran.err);
    let left = std::fs::read_dir(shell.folder()).expect("the folder is there");
    assert_eq!(left.count(), 0, "something was started");
}

#[test]
fn with_the_three_open_variables_the_settings_hold_and_lead_to_the_stacks_database() {
    let mut set = with_a_password();
    set.extend(RIGHT.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (stack, _) = filled(&set).expect("everything is set");
    let told = variables_of(&stack["services"]["graph-mirror"]);
    let told: Vec<(&str, &str)> = told.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();

    let shown = Shell::new()
        .with(&told)
        .run(&["config", "--json"])
        .well()
        .json();

    let postgres = &stack["services"]["postgres"]["environment"];
    let (user, database) = (&postgres["POSTGRES_USER"], &postgres["POSTGRES_DB"]);
    let expected = format!(
        "postgres://{}:***@postgres:5432/{}",
        user.as_str().expect("a text"),
        database.as_str().expect("a text")
    );
    assert_eq!(shown["DATABASE_URL"], expected);
    let asked = words(&stack["services"]["postgres"]["healthcheck"]["test"]);
    for word in [user, database] {
        assert!(asked.contains(&word.as_str().expect("a text").to_owned()));
    }
}

#[test]
fn services_refer_only_to_what_exists() {
    let stack = bare();
    let all: BTreeMap<&str, &Value> = services(&stack).into_iter().collect();
    let profiles = |service: &Value| words(&service["profiles"]);
    let mut known_profiles = BTreeSet::new();

    for (name, service) in &all {
        known_profiles.extend(profiles(service));
        assert!(!service["depends_on"].is_array(), "{name}: say until when");
        for (other, how) in members(&service["depends_on"]) {
            let needed = all.get(other).unwrap_or_else(|| panic!("{name}: {other}"));
            if how["condition"] == "service_healthy" {
                assert!(needed["healthcheck"]["test"].is_array(), "{other}");
            } else {
                assert_eq!(how["condition"], "service_started", "{name}: {other}");
            }
            let comes_along = profiles(needed).is_empty()
                || profiles(service) == profiles(needed)
                || how["required"] == false;
            assert!(comes_along, "{name} needs {other}, which may be absent");
        }
        for volume in words(&service["volumes"]) {
            let (from, _) = volume.split_once(':').expect("a place and a path");
            let exists = if from.starts_with("./") {
                super::files::path(from).exists()
            } else {
                members(&stack["volumes"])
                    .iter()
                    .any(|(known, _)| *known == from)
            };
            assert!(exists, "{name}: {from}");
        }
    }
    let known: Vec<&str> = known_profiles.iter().map(String::as_str).collect();
    assert_eq!(known, ["replicas", "sandbox", "tunnel"]);
    let told = environment(SANDBOX_ENV);
    assert!(known.contains(&told["COMPOSE_PROFILES"].as_str()));
    assert_ne!(
        Some(told["COMPOSE_PROJECT_NAME"].as_str()),
        stack["name"].as_str(),
        "made-up mailboxes would share the volumes of real ones"
    );
}

#[test]
fn the_replicas_share_the_place_of_contents() {
    let mut set = with_a_password();
    set.extend(RIGHT.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (stack, _) = filled(&set).expect("everything is set");
    let image = image::read();

    let shared = ["graph-mirror", "graph-mirror-2"].map(|name| {
        let service = &stack["services"][name];
        let variables = variables_of(service);
        let set = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let settings = Settings::read(&Environment::of(set)).expect("the settings hold");
        let BlobPlace::Folder(folder) = settings.contents.blobs else {
            panic!("{name}: a bucket is nobody's default");
        };
        let folder = Path::new(&image.folder).join(folder);
        let volumes = words(&service["volumes"]);
        let on: Vec<&String> = volumes
            .iter()
            .filter(|volume| {
                let (_, at) = volume.split_once(':').expect("a place and a path");
                folder.starts_with(at)
            })
            .collect();
        assert_eq!(on.len(), 1, "{name}: {}", folder.display());
        (folder, on[0].clone())
    });

    assert_eq!(shared[0], shared[1], "what one fetches the other misses");
}

#[test]
fn our_containers_run_what_the_image_holds_and_may_do_nothing_else() {
    let stack = bare();
    let image = image::read();

    for (name, service) in services(&stack) {
        let health = words(&service["healthcheck"]["test"]);
        assert!(
            health.is_empty() || health[0] == "CMD",
            "{name}: our image has no shell"
        );
        assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(
            words(&service["security_opt"]),
            ["no-new-privileges:true"],
            "{name}"
        );
        if !is_our_image(service) {
            continue;
        }
        assert_eq!(service["build"], ".", "{name}");
        assert_eq!(service["read_only"], true, "{name}");
        assert!(service["cap_add"].is_null(), "{name}");
        is_a_command(&words(&service["command"]));
        assert_eq!(health[1], image.program, "{name}");
        is_a_command(&health[2..]);
        let writable = [words(&service["volumes"]), words(&service["tmpfs"])].concat();
        for needed in ["/tmp", &image.data] {
            assert!(
                writable.iter().any(|place| place.ends_with(needed)),
                "{name}: {needed} cannot be written"
            );
        }
    }
    for name in ["graph-mirror", "graph-mirror-2"] {
        let grace = stack["services"][name]["stop_grace_period"].as_str();
        let seconds: u64 = grace
            .and_then(|grace| grace.strip_suffix('s')?.parse().ok())
            .expect("seconds");
        assert!((10..30).contains(&seconds), "{name}: {seconds} s");
    }
}

#[test]
fn ports_and_names_meet() {
    let stack = bare();
    let service = &stack["services"]["graph-mirror"];
    let listen = variables_of(service)
        .into_iter()
        .find(|(name, _)| name == "LISTEN")
        .expect("it is passed on")
        .1;
    let port = listen.rsplit_once(':').expect("a port").1.to_owned();
    let published = words(&service["ports"]);
    assert_eq!(published, [format!("127.0.0.1:8080:{port}")]);
    assert_eq!(
        words(&stack["services"]["tunnel"]["command"])[..2],
        ["http".to_owned(), format!("graph-mirror:{port}")]
    );

    let proxy = text("deploy/compose/Caddyfile");
    let upstreams: Vec<&str> = proxy
        .lines()
        .find_map(|line| line.trim().strip_prefix("reverse_proxy "))
        .expect("it leads somewhere")
        .trim_end_matches(" {")
        .split(' ')
        .collect();
    assert_eq!(
        upstreams,
        [
            format!("graph-mirror:{port}"),
            format!("graph-mirror-2:{port}")
        ]
    );
    for upstream in upstreams {
        let name = upstream.split(':').next().unwrap_or_default();
        assert!(is_our_image(&stack["services"][name]), "{name}");
    }
    let looked_at = proxy
        .lines()
        .find_map(|line| line.trim().strip_prefix("health_uri "))
        .expect("it looks whether a replica is ready");
    assert!(paths().contains(&looked_at.to_owned()), "{looked_at}");
    let published = words(&stack["services"]["proxy"]["ports"]).remove(0);
    let inside = published.rsplit_once(':').expect("a port").1;
    assert!(proxy.contains(&format!("\n:{inside} {{")), "{inside}");
    let health = words(&stack["services"]["proxy"]["healthcheck"]["test"]);
    assert!(health.contains(&format!("http://127.0.0.1:{inside}{looked_at}")));

    let told = environment(SANDBOX_ENV);
    for (variable, service) in [("SANDBOX_URL", "sandbox"), ("PUBLIC_URL", "graph-mirror")] {
        let url: url::Url = told[variable].parse().expect("an address");
        let host = url.host_str().expect("a host");
        let aliases = words(&stack["services"][service]["networks"]["default"]["aliases"]);
        assert!(aliases.contains(&host.to_owned()), "{host}");
        let inside = url.port().expect("a port");
        let published = words(&stack["services"][service]["ports"]).remove(0);
        assert!(
            published.ends_with(&format!(":{inside}:{inside}")),
            "{published}: a browser on this machine needs the same port"
        );
    }
}

#[test]
fn the_example_of_env_fills_the_stack() {
    let yaml = yaml(FILE).remove(0);
    assert!(yaml["services"]["graph-mirror"].is_object());
    let opened: Vec<String> = environment(".env.example").into_keys().collect();

    // What stands open is what the program and the stack cannot do without.
    let required = variables::ALL
        .iter()
        .chain(&variables::STACK)
        .filter(|variable| variable.is_required);
    let required: BTreeSet<String> = required.map(|variable| variable.name.to_owned()).collect();
    assert_eq!(opened.into_iter().collect::<BTreeSet<_>>(), required);
    // A file with them filled is read by the program, which does not mind what only the stack reads.
    let environment = Environment::of(RIGHT)
        .with("POSTGRES_PASSWORD", "hidden")
        .with("HTTP_PORT", "9000");
    graph_mirror::config::Settings::read(&environment).expect("the settings hold");
}
