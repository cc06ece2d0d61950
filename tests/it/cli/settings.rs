//! Bad settings: everything at once, exit code 2, nothing started.

use std::fs;

use super::run::{KEY, RIGHT, Shell};

#[test]
fn every_problem_is_told_at_once_and_nothing_is_started() {
    let shell = Shell::new().with(&[
        ("MICROSOFT_CLIENT_ID", "your-client-id"),
        ("OAUTH_ENCRYPTION_KEY", "hidden"),
        ("LISTEN", "8080"),
        ("PUBLIC_URL", "http://mirror.example.org?x"),
        ("POLL_INTERVAL", "soon"),
    ]);

    for command in [
        &["serve"][..],
        &["sync"],
        &["verify"],
        &["mailboxes", "connect", "--owner", "anna"],
    ] {
        let ran = shell.run(command);

        assert_eq!(ran.code, 2, "{command:?}: {}", ran.err);
        assert_eq!(ran.out, "");
        for name in [
            "MICROSOFT_CLIENT_ID",
            "MICROSOFT_CLIENT_SECRET",
            "OAUTH_ENCRYPTION_KEY",
            "LISTEN",
            "PUBLIC_URL",
            "POLL_INTERVAL",
        ] {
            assert!(
                ran.err.contains(&format!("\n  {name}: ")),
                "{name} is not named: {}",
                ran.err
            );
        }
        assert!(ran.err.contains("hint: "), "{}", ran.err);
        assert!(!ran.err.contains("hidden"), "{}", ran.err);
    }
    let left = fs::read_dir(shell.folder())
        .expect("the folder is there")
        .count();
    assert_eq!(left, 0, "something was started");
}

#[test]
fn a_file_gives_what_the_environment_lacks() {
    let shell = Shell::new().with(&[("LOG", "warn")]);
    let lines = [
        "# from the example",
        "MICROSOFT_CLIENT_ID=11111111-2222-3333-4444-555555555555",
        "MICROSOFT_CLIENT_SECRET=\"abc8Q~ # hidden\"",
        &format!("OAUTH_ENCRYPTION_KEY={KEY}"),
        "LOG=debug",
        "DATABASE_URL=postgres://anna:hidden@db.example/mirror",
        "LISTEN=",
    ];
    fs::write(shell.folder().join(".env"), lines.join("\n")).expect("the file is written");

    let ran = shell.run(&["config", "--json"]).well();

    let shown = ran.json();
    assert_eq!(shown["LOG"], "warn");
    assert_eq!(shown["LISTEN"], "127.0.0.1:8080");
    assert_eq!(
        shown["DATABASE_URL"],
        "postgres://anna:***@db.example/mirror"
    );
    assert_eq!(shown["MICROSOFT_CLIENT_SECRET"], "(set)");
    assert!(
        !ran.out.contains("hidden") && !ran.out.contains(KEY),
        "{}",
        ran.out
    );
}

#[test]
fn a_file_that_is_named_must_be_there_and_readable() {
    let shell = Shell::new().with(&RIGHT);
    fs::write(
        shell.folder().join("broken"),
        "MICROSOFT_CLIENT_SECRET='hidden words\n",
    )
    .expect("it is written");

    let missing = shell.run(&["config", "--env-file", "nowhere"]);
    let broken = shell.run(&["config", "--env-file", "broken"]);

    assert_eq!(missing.code, 2, "{}", missing.err);
    assert!(missing.err.contains("nowhere"), "{}", missing.err);
    assert_eq!(broken.code, 2, "{}", broken.err);
    assert!(
        broken.err.contains("MICROSOFT_CLIENT_SECRET") && !broken.err.contains("hidden"),
        "{}",
        broken.err
    );
}

#[test]
fn a_database_that_is_away_is_named_without_its_password() {
    let shell = Shell::new()
        .with(&RIGHT)
        .with(&[("DATABASE_URL", "postgres://anna:hidden@127.0.0.1:1/mirror")]);

    let ran = shell.run(&["mailboxes", "list"]);

    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.err.contains("error: ") && ran.err.contains("hint: "),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("hidden"), "{}", ran.err);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let shell = Shell::new().with(&RIGHT).with(&[("LISTEN", &address)]);

    let ran = shell.run(&["serve"]);

    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.err.contains(&address) && ran.err.contains("LISTEN"),
        "{}",
        ran.err
    );
}

#[test]
fn a_sandbox_that_is_not_there_is_told() {
    let ran = Shell::new().run(&["serve", "--sandbox", "http://127.0.0.1:1/sandbox/control"]);

    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("graph-mirror sandbox"), "{}", ran.err);
}
