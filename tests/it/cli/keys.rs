//! Keys, the schema and the list of mailboxes: commands that need only a database.

use super::run::{RIGHT, Shell};

#[test]
fn an_encryption_key_is_new_each_time_and_accepted() {
    let shell = Shell::new();

    let first = shell.run(&["keys", "generate"]).well().out;
    let second = shell.run(&["keys", "generate"]).well().out;

    assert_ne!(first, second);
    let json = shell.run(&["keys", "generate", "--json"]).well().json();
    let third = json["key"].as_str().expect("it is there");
    let both = format!("{},{},{third}", first.trim(), second.trim());
    let shell = Shell::new()
        .with(&RIGHT[..2])
        .with(&[("OAUTH_ENCRYPTION_KEY", &both)]);
    shell.run(&["config"]).well();
}

#[test]
fn a_bearer_key_is_shown_once_and_can_be_withdrawn() {
    let shell = Shell::new();

    let made = shell
        .run(&[
            "keys", "api", "create", "--owner", "anna", "--label", "suite", "--json",
        ])
        .well()
        .json();
    let plain = shell
        .run(&["keys", "api", "create", "--owner", "ben"])
        .well();
    let listed = shell.run(&["keys", "api", "list", "--json"]).well();
    let id = made["id"].as_str().expect("it has an id");
    let revoked = shell
        .run(&["keys", "api", "revoke", id, "--json"])
        .well()
        .json();
    let again = shell.run(&["keys", "api", "revoke", id]);

    let key = made["key"].as_str().expect("the key is shown");
    assert!(key.starts_with("gm_") && key.len() > 40, "{key}");
    assert_eq!(
        plain.out.lines().count(),
        1,
        "a shell can take the key as it is: {}",
        plain.out
    );
    assert_eq!(listed.json().as_array().map(Vec::len), Some(2));
    assert!(
        !listed.out.contains(key) && !listed.out.contains(plain.out.trim()),
        "{}",
        listed.out
    );
    assert_eq!(revoked["id"], id);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    assert_eq!(again.code, 1);
    assert!(again.err.contains("hint: "), "{}", again.err);
}

#[test]
fn a_key_without_an_owner_is_refused() {
    let shell = Shell::new();

    for arguments in [
        &["keys", "api", "create"][..],
        &["keys", "api", "create", "--owner", " "],
    ] {
        let ran = shell.run(arguments);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("--owner"), "{}", ran.err);
    }
}

#[test]
fn the_schema_is_brought_up_once() {
    let shell = Shell::new();

    let first = shell.run(&["migrate", "--json"]).well().json();
    let second = shell.run(&["migrate", "--json"]).well().json();

    assert_eq!(first["from"], 0);
    assert!(first["to"].as_i64().is_some_and(|to| to > 0), "{first}");
    assert_eq!(second["from"], first["to"]);
    assert_eq!(second["to"], first["to"]);
}

#[test]
fn an_empty_database_lists_no_mailboxes() {
    let shell = Shell::new();

    let json = shell.run(&["mailboxes", "list", "--json"]).well().json();
    let text = shell.run(&["mailboxes", "list"]).well().out;

    assert_eq!(json, serde_json::json!([]));
    assert!(text.contains("mailboxes connect"), "{text}");
}

#[test]
fn an_unknown_mailbox_is_told() {
    let shell = Shell::new().with(&RIGHT);

    let ran = shell.run(&["verify", "nobody@example.org"]);

    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.err.contains("nobody@example.org") && ran.err.contains("mailboxes list"),
        "{}",
        ran.err
    );
}
