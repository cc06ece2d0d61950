//! Help, and what the binary prints for the reference.

use super::run::Shell;

fn committed(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(path).expect("it is committed")
}

#[test]
fn the_committed_references_are_what_the_binary_prints() {
    let shell = Shell::new();

    for (arguments, path) in [
        (&["openapi"][..], "docs/openapi.json"),
        (&["openapi", "--reference"], "docs/reference/endpoints.md"),
        (&["openapi", "--problems"], "docs/reference/problems.md"),
        (&["openapi", "--commands"], "docs/reference/commands.md"),
        (&["openapi", "--metrics"], "docs/reference/metrics.md"),
        (
            &["config", "--reference"],
            "docs/reference/configuration.md",
        ),
        (&["config", "--env-example"], ".env.example"),
    ] {
        let printed = shell.run(arguments).well().out;
        assert_eq!(
            printed,
            committed(path),
            "{path} is out of date: keep the output of `graph-mirror {}` there",
            arguments.join(" ")
        );
    }
}

#[test]
fn help_names_every_command_of_the_design() {
    let shell = Shell::new();

    let help = shell.run(&["--help"]).well().out;

    for command in [
        "demo",
        "serve",
        "sandbox",
        "campaign",
        "mailboxes",
        "sync",
        "verify",
        "doctor",
        "keys",
        "migrate",
        "config",
        "openapi",
        "completions",
    ] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} is missing: {help}"
        );
        shell.run(&[command, "--help"]).well();
    }
}

#[test]
fn a_shell_is_told_what_it_can_complete() {
    let shell = Shell::new();

    for name in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = shell.run(&["completions", name]).well().out;
        for word in ["graph-mirror", "mailboxes", "rotate", "env-file"] {
            assert!(script.contains(word), "{name} is not told of {word}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let shell = Shell::new();
    let mut child = shell
        .command(&["openapi"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");

    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");

    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn what_is_not_understood_exits_with_2() {
    let ran = Shell::new().run(&["mirror", "--everything"]);

    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("unrecognized subcommand"), "{}", ran.err);
}
