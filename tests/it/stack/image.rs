//! The Dockerfile: what it copies is there and let through, what it runs before our code comes works in an empty folder, what comes
//! of its steps runs, and what the image promises is what the stack relies on.
//!
//! `scripts/check-image` carries the steps out without a container. From nothing that takes minutes; here it is lent the dependencies
//! that the tests were built with, and compiles our own code alone.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use graph_mirror::config::variables;
use serde_json::Value;

use super::files::{is_a_command, is_ours, path, text};

/// An instruction: its name, and the rest.
type Instruction = (String, String);

/// What the last stage of the Dockerfile says.
pub struct Image {
    /// Where the program is.
    pub program: String,
    /// The folder it runs in.
    pub folder: String,
    /// The one folder it writes to.
    pub data: String,
    stages: Vec<Vec<Instruction>>,
}

/// Reads the Dockerfile.
pub fn read() -> Image {
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for (name, rest) in instructions(&text("Dockerfile")) {
        if name == "FROM" {
            stages.push(Vec::new());
        }
        let stage = stages.last_mut().expect("it begins with FROM");
        stage.push((name, rest));
    }
    let last = stages.last().expect("there is a stage");
    let program: Vec<String> =
        serde_json::from_str(value(last, "ENTRYPOINT")).expect("the exec form");
    Image {
        program: program.into_iter().next().expect("a program"),
        folder: value(last, "WORKDIR").to_owned(),
        data: value(last, "VOLUME").to_owned(),
        stages,
    }
}

fn instructions(text: &str) -> Vec<Instruction> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
        .collect();
    let whole = lines.join("\n").replace("\\\n", " ");
    whole
        .lines()
        .map(|line| {
            let (name, rest) = line.split_once(' ').expect("an instruction has a rest");
            (name.to_owned(), rest.trim().to_owned())
        })
        .collect()
}

fn values<'a>(stage: &'a [Instruction], name: &str) -> Vec<&'a str> {
    stage
        .iter()
        .filter(|(known, _)| known == name)
        .map(|(_, rest)| rest.as_str())
        .collect()
}

fn value<'a>(stage: &'a [Instruction], name: &str) -> &'a str {
    match values(stage, name)[..] {
        [one] => one,
        ref others => panic!("{name}: {others:?}"),
    }
}

/// What is copied from the repository, and where to.
fn copied(stage: &[Instruction]) -> Vec<(Vec<String>, String)> {
    values(stage, "COPY")
        .into_iter()
        .filter(|rest| !rest.contains("--from="))
        .map(|rest| {
            let mut words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
            let target = words.pop().expect("a target");
            (words, target)
        })
        .collect()
}

#[test]
fn whatever_is_copied_exists_and_is_let_through_and_nothing_secret_is() {
    let image = read();
    let ignored = text(".dockerignore");
    let lines: Vec<&str> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(lines[0], "*", "what is not named stays outside");
    let let_through: BTreeSet<&str> = lines[1..]
        .iter()
        .map(|line| line.strip_prefix('!').expect("an exception"))
        .collect();

    let mut sources = BTreeSet::new();
    for stage in &image.stages {
        for (from, _) in copied(stage) {
            sources.extend(from);
        }
    }

    for source in &sources {
        assert!(path(source).exists(), "{source} does not exist");
    }
    let sources: BTreeSet<&str> = sources.iter().map(String::as_str).collect();
    assert_eq!(sources, let_through);
}

#[test]
fn the_image_holds_one_program_and_its_data_and_no_root() {
    let image = read();
    let last = image.stages.last().expect("there is a stage");

    let copies = values(last, "COPY");
    assert!(copies.iter().any(|copy| copy.ends_with(&image.program)));
    let user = value(last, "USER");
    assert!(
        copies
            .iter()
            .any(|copy| copy.ends_with(&image.data) && copy.contains(&format!("--chown={user} "))),
        "the volume would belong to root"
    );
    assert!(
        user.split(':')
            .all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)),
        "{user}: Kubernetes sees that numbers are not root"
    );
    // The default of DATABASE_URL lies in the volume.
    let default = variables::DATABASE_URL.default.expect("it has one");
    let file = default.trim_start_matches("sqlite://");
    let at = Path::new(value(last, "WORKDIR")).join(file);
    assert_eq!(at.parent(), Some(Path::new(&image.data)));
    let (name, listen) = value(last, "ENV").split_once('=').expect("NAME=value");
    assert!(is_ours(name) && name == "LISTEN");
    let port = listen.strip_prefix("0.0.0.0:").expect("from everywhere");
    assert_eq!(value(last, "EXPOSE"), port);
    assert_eq!(value(last, "STOPSIGNAL"), "SIGTERM");
    let command: Vec<String> = serde_json::from_str(value(last, "CMD")).expect("the exec form");
    is_a_command(&command);
    let (_, health) = value(last, "HEALTHCHECK")
        .split_once(" CMD ")
        .expect("it runs something");
    let health: Vec<String> = serde_json::from_str(health).expect("the exec form");
    assert_eq!(health[0], image.program);
    is_a_command(&health[1..]);
}

#[test]
fn the_compiler_of_the_image_is_the_one_that_is_asked_for() {
    let manifest = text("Cargo.toml");
    let wanted = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .expect("it is named")
        .trim_matches('"')
        .to_owned();

    let first = text("Dockerfile");

    assert!(
        first.contains(&format!("FROM rust:{wanted}-")),
        "not {wanted}"
    );
}

/// Stands for cargo: proves that what is to be built can be, from the lock file alone, and notes what was asked.
const CARGO: &str = r#"#!/bin/sh
set -e
echo "$@" >>"$ASKED"
"$CARGO" tree --locked --offline >/dev/null
exec "$CARGO" metadata --no-deps --locked --offline --format-version 1 >"$METADATA"
"#;

fn targets(metadata: &Value) -> BTreeSet<(String, String)> {
    let package = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .find(|package| package["name"] == "graph-mirror")
        .expect("ours");
    package["targets"]
        .as_array()
        .expect("targets")
        .iter()
        .map(|target| (target["kind"].to_string(), target["name"].to_string()))
        .collect()
}

#[test]
fn the_stage_of_the_dependencies_works_with_nothing_but_what_it_copies() {
    let image = read();
    let stage = &image.stages[0];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (build, tools) = (folder.path().join("build"), folder.path().join("tools"));
    fs::create_dir_all(&tools).expect("a folder can be made");
    for (from, target) in copied(stage) {
        for source in from {
            let into = build.join(&target);
            let into = if target.ends_with('/') {
                into.join(&source)
            } else {
                into
            };
            copy(&path(&source), &into);
        }
    }
    fs::write(tools.join("cargo"), CARGO).expect("it is written");
    fs::set_permissions(tools.join("cargo"), fs::Permissions::from_mode(0o755))
        .expect("it can be run");
    let (asked, metadata) = (folder.path().join("asked"), folder.path().join("metadata"));
    let arguments = values(stage, "ARG").into_iter().map(|argument| {
        let (name, default) = argument.split_once('=').expect("NAME=value");
        (name, default.trim_matches('"'))
    });
    let system = std::env::var("PATH").expect("a path");

    let ran = Command::new("bash")
        .args(["-e", "-c", value(stage, "RUN")])
        .current_dir(&build)
        .env("PATH", format!("{}:{system}", tools.display()))
        .env("CARGO", env!("CARGO"))
        .env("ASKED", &asked)
        .env("METADATA", &metadata)
        .envs(arguments)
        .output()
        .expect("bash runs");

    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let asked = fs::read_to_string(asked).expect("cargo was asked");
    assert!(
        asked.starts_with("build --locked --profile release --bin graph-mirror"),
        "{asked}"
    );
    let found = fs::read(metadata).expect("it was written");
    let found: Value = serde_json::from_slice(&found).expect("metadata");
    let ours = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--locked",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(path("."))
        .output()
        .expect("cargo runs");
    let ours: Value = serde_json::from_slice(&ours.stdout).expect("metadata");
    assert_eq!(targets(&found), targets(&ours));
    // What our code includes at compile time is copied before it is built.
    let program: Vec<String> = copied(&image.stages[1])
        .into_iter()
        .flat_map(|(from, _)| from)
        .collect();
    assert_eq!(program, ["migrations", "src"]);
    assert_eq!(
        value(&image.stages[1], "RUN")
            .matches("cargo build --locked --profile \"$PROFILE\" --bin graph-mirror")
            .count(),
        1
    );
}

#[test]
fn what_comes_of_the_steps_of_the_dockerfile_runs_and_asks_for_its_variables() {
    // On the disk of the libraries, which are lent by links.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let built = Path::new(env!("CARGO_BIN_EXE_graph-mirror"));
    let built = built.parent().expect("it lies in a folder");
    let profile = match built.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        other => other.expect("a folder is named"),
    };
    let features = if cfg!(feature = "otel") { "otel" } else { "" };

    let ran = Command::new(path("scripts/check-image"))
        .arg("--dependencies")
        .arg(built)
        .arg(folder.path())
        .env("PROFILE", profile)
        .env("FEATURES", features)
        .env("CARGO_NET_OFFLINE", "true")
        // Nobody builds on this again, or looks into it with a debugger; of the dependencies that says nothing.
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .output()
        .expect("the script runs");

    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{out}{err}");
    let compiled: Vec<&str> = err
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Compiling "))
        .filter(|what| !what.starts_with("graph-mirror "))
        .collect();
    assert!(compiled.is_empty(), "built once more: {compiled:?}");
    // The script has looked at this too; here it is the image's own place that is looked at.
    let program = read().program;
    let program = folder.path().join("root").join(&program[1..]);
    let version = Command::new(&program).arg("--version").output();
    let version = version.expect("it is where the entry point says");
    let expected = concat!("graph-mirror ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&version.stdout), expected);
    let serving = Command::new(&program)
        .arg("serve")
        .current_dir(folder.path())
        .env_clear()
        .output()
        .expect("it runs");
    assert_eq!(serving.status.code(), Some(2));
    let told = String::from_utf8_lossy(&serving.stderr);
    assert!(
        told.contains("OAUTH_ENCRYPTION_KEY: it is not set"),
        "{told}"
    );
}

fn copy(from: &Path, into: &Path) {
    if from.is_dir() {
        fs::create_dir_all(into).expect("a folder can be made");
        for entry in fs::read_dir(from).expect("it is a folder") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &into.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(into.parent().expect("a folder")).expect("a folder can be made");
        fs::copy(from, into).expect("it is copied");
    }
}

#[test]
fn our_code_includes_nothing_that_the_image_does_not_copy() {
    let includes = regex::Regex::new(r#"include_(?:str|bytes)!\((?:concat!\()?"([^"]+)""#)
        .expect("the pattern is valid");
    let tests = regex::Regex::new(r"(?m)^#\[cfg\(test\)\]\n(?:pub(?:\(\w+\))? )?mod \w+ \{")
        .expect("the pattern is valid");
    let mut files = vec![path("src")];
    let mut found = 0;
    while let Some(next) = files.pop() {
        if next.is_dir() {
            files.extend(
                fs::read_dir(&next)
                    .expect("a folder")
                    .map(|entry| entry.expect("an entry").path()),
            );
            continue;
        }
        let Ok(text) = fs::read_to_string(&next) else {
            continue;
        };
        // What only tests include is not built there.
        let end = tests.find(&text).map_or(text.len(), |found| found.start());
        for included in includes.captures_iter(&text[..end]) {
            found += 1;
            let folder = next.parent().expect("it lies in a folder");
            let mut place = folder.to_owned();
            for step in Path::new(&included[1]).components() {
                match step {
                    std::path::Component::ParentDir => {
                        place.pop();
                    }
                    other => place.push(other),
                }
            }
            assert!(
                place.starts_with(path("src")) || place.starts_with(path("migrations")),
                "{}: {}",
                next.display(),
                &included[1]
            );
        }
    }

    assert!(found > 0, "the search finds nothing");
}
