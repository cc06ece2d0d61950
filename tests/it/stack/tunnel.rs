//! `scripts/tunnel`, with an ngrok that only notes what it was asked.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::files::path;
use crate::cli::run::Ran;

const NGROK: &str = r#"#!/bin/sh
echo "asked: $*"
echo "token: ${NGROK_AUTHTOKEN:-none}"
"#;

/// The script in a folder of its own, where only the tools it needs can be found.
struct Place {
    folder: TempDir,
    tools: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (scripts, tools) = (folder.path().join("scripts"), folder.path().join("tools"));
        fs::create_dir(&scripts).expect("a folder can be made");
        fs::create_dir(&tools).expect("a folder can be made");
        fs::copy(path("scripts/tunnel"), scripts.join("tunnel")).expect("it is copied");
        let system = std::env::var("PATH").expect("a path");
        for tool in ["bash", "cat", "dirname", "sed", "tail"] {
            let found = std::env::split_paths(&system)
                .map(|folder| folder.join(tool))
                .find(|file| file.is_file())
                .unwrap_or_else(|| panic!("{tool} is missing"));
            symlink(found, tools.join(tool)).expect("a link can be made");
        }
        Self { folder, tools }
    }

    fn with_ngrok(self) -> Self {
        let ngrok = self.tools.join("ngrok");
        fs::write(&ngrok, NGROK).expect("it is written");
        fs::set_permissions(&ngrok, fs::Permissions::from_mode(0o755)).expect("it can be run");
        self
    }

    fn with_env(self, text: &str) -> Self {
        fs::write(self.folder.path().join(".env"), text).expect("it is written");
        self
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let output = Command::new(self.tools.join("bash"))
            .arg(self.folder.path().join("scripts/tunnel"))
            .args(arguments)
            .env_clear()
            .env("PATH", &self.tools)
            .envs(variables.iter().copied())
            .output()
            .expect("bash runs");
        Ran::of(&output)
    }
}

#[test]
fn it_starts_ngrok_for_the_port_of_the_service_and_says_what_to_set() {
    let place = Place::new().with_ngrok();

    let ran = place.run(&[], &[]).well();

    assert!(ran.out.contains("\nPUBLIC_URL=ngrok\n"), "{}", ran.out);
    assert!(ran.out.contains("asked: http 8080\n"), "{}", ran.out);
    assert!(ran.out.ends_with("token: none\n"), "{}", ran.out);
    let other = place.run(&[], &[("LISTEN", "0.0.0.0:9000")]).well();
    assert!(other.out.contains("asked: http 9000\n"), "{}", other.out);
}

#[test]
fn port_and_token_are_those_of_env_and_an_argument_goes_before() {
    let place = Place::new()
        .with_ngrok()
        .with_env("#LISTEN=1.1.1.1:1\nLISTEN=127.0.0.1:8099\nNGROK_AUTHTOKEN=\"hidden\"\n");

    let ran = place.run(&[], &[]).well();

    assert!(ran.out.contains("asked: http 8099\n"), "{}", ran.out);
    assert!(ran.out.contains("token: hidden\n"), "{}", ran.out);
    let (said, _) = ran.out.split_once("asked:").expect("ngrok was started");
    assert!(!said.contains("hidden"), "{said}");
    let told = place.run(&["9001"], &[("NGROK_AUTHTOKEN", "other")]).well();
    assert!(told.out.contains("asked: http 9001\n"), "{}", told.out);
    assert!(told.out.contains("token: other\n"), "{}", told.out);
}

#[test]
fn where_there_is_no_ngrok_it_says_how_to_get_it() {
    let ran = Place::new().run(&[], &[]);

    assert_eq!(ran.code, 1, "{}", ran.err);
    for word in ["not installed", "brew install ngrok", "add-authtoken"] {
        assert!(ran.err.contains(word), "{}", ran.err);
    }
}

#[test]
fn what_is_no_port_is_refused() {
    let place = Place::new().with_ngrok();

    for wrong in ["http", "0", "70000", "-1", "80;reboot"] {
        let ran = place.run(&[wrong], &[]);

        assert_eq!(ran.code, 2, "{wrong}: {}", ran.err);
        assert!(!ran.out.contains("asked"), "{}", ran.out);
    }
}
