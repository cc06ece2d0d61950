//! The unit of systemd, held against the program, and read by systemd where there is one.

use std::process::Command;

use graph_mirror::home::HomeSettings;

use super::files::{is_a_command, text};

const UNIT: &str = "deploy/systemd/graph-mirror.service";

fn value(name: &str) -> String {
    let unit = text(UNIT);
    let found: Vec<&str> = unit
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].to_owned()
}

#[test]
fn the_unit_runs_the_service_in_its_folder_and_gives_it_time_to_stop() {
    let told: Vec<String> = value("ExecStart").split(' ').map(str::to_owned).collect();
    assert!(told[0].ends_with("/graph-mirror"));
    is_a_command(&told[1..]);
    assert_eq!(
        value("WorkingDirectory"),
        format!("/var/lib/{}", value("StateDirectory"))
    );
    // Settings that must be repaired end with this code, and no restart repairs them.
    assert_eq!(value("RestartPreventExitStatus"), "2");
    let seconds: u64 = value("TimeoutStopSec").parse().expect("seconds");
    assert!((10..HomeSettings::default().lease.as_secs()).contains(&seconds));
    // Its head tells how the file is made that it reads.
    let file = value("EnvironmentFile");
    assert!(text(UNIT).contains(&format!("install -m 0600 .env {file} ")));
}

#[test]
#[expect(clippy::print_stdout, reason = "what is left out is said")]
fn systemd_reads_the_unit_without_a_complaint() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        println!("left out: `systemd-analyze` is not to be had here");
        return;
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unit = folder.path().join("graph-mirror.service");
    // It looks whether the program is there.
    let here = text(UNIT).replace(
        "/usr/local/bin/graph-mirror",
        env!("CARGO_BIN_EXE_graph-mirror"),
    );
    std::fs::write(&unit, here).expect("it is written");

    let ran = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&unit)
        .output()
        .expect("it ran a moment ago");

    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}");
    let about_ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("graph-mirror.service"))
        .collect();
    assert!(about_ours.is_empty(), "{about_ours:?}");
}
