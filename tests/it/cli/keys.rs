//! Keys, the schema and the list of mailboxes: commands that need only a database.

use std::sync::Arc;

use graph_mirror::model::ids::{GraphId, MailboxId, Owner};
use graph_mirror::model::time::{Clock as _, SystemClock};
use graph_mirror::secrets::{Keyring, Label, Vault};
use graph_mirror::store::{NewGrant, NewMailbox, Priority, Store};

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

/// A connected mailbox whose grant is sealed with `key`.
async fn sealed(store: &Store, name: &str, key: &str) -> MailboxId {
    let now = SystemClock.now();
    let user_id = GraphId::from(name);
    let new = NewMailbox {
        owner: Owner::from("suite"),
        user_id: user_id.clone(),
        tenant_id: None,
        address: format!("{name}@example.org"),
        display_name: None,
    };
    let vault = Vault::new(&Keyring::parse(key).expect("a key"));
    let mut tx = store.write(Priority::Live).await.expect("a transaction");
    let (mailbox, _) = tx.mailbox_connect(&new, now).await.expect("connected");
    let seal = |label: Label| Some(vault.seal(&label, "the-token-itself"));
    let grant = NewGrant {
        sealed_access_token: seal(Label::AccessToken(mailbox)),
        sealed_refresh_token: seal(Label::RefreshToken(mailbox)),
        access_expires_at: Some(now),
        scopes: "Mail.Read".to_owned(),
    };
    tx.grant_save(mailbox, &user_id, &grant, now)
        .await
        .expect("saved");
    tx.commit().await.expect("committed");
    mailbox
}

#[tokio::test]
async fn a_rotation_seals_what_it_can_and_names_what_no_key_opens() {
    let [new, old, lost] = [(); 3].map(|()| Keyring::generate_key());
    let both = format!("{new},{old}");
    // No app registration: it speaks to nobody.
    let shell = Shell::new().with(&[("OAUTH_ENCRYPTION_KEY", &both)]);
    shell.run(&["migrate"]).well();
    let file = shell.folder().join("data/graph-mirror.db");
    let url = format!("sqlite://{}", file.display());
    let store = Store::open(&url, Arc::new(SystemClock))
        .await
        .expect("the database opens");
    sealed(&store, "anna", &old).await;
    sealed(&store, "ben", &new).await;
    let carl = sealed(&store, "carl", &lost).await;

    let first = shell.run(&["keys", "rotate", "--json"]);
    let second = shell.run(&["keys", "rotate"]);
    let mut tx = store.write(Priority::Live).await.expect("a transaction");
    tx.grant_delete(carl).await.expect("forgotten");
    tx.commit().await.expect("committed");
    let third = shell.run(&["keys", "rotate", "--json"]).well().json();
    let said = shell.run(&["keys", "rotate"]).well();
    let alone = Shell::new().with(&[("OAUTH_ENCRYPTION_KEY", &new), ("DATABASE_URL", &url)]);
    let single = alone.run(&["keys", "rotate"]).well();

    assert_eq!(first.code, 1, "{}", first.err);
    let told = first.json();
    let counts = ["resealed", "already", "unreadable", "left"].map(|name| told[name].as_u64());
    assert_eq!(counts, [Some(1), Some(1), Some(1), Some(0)], "{told}");
    assert_eq!(
        told["unreadable_mailboxes"][0]["address"],
        "carl@example.org"
    );
    assert_eq!(told["old_keys_removable"], false);
    assert!(first.err.contains("hint: add the key"), "{}", first.err);
    assert!(!first.err.contains("carl@"), "{}", first.err);
    assert_eq!(second.code, 1);
    assert!(
        second
            .out
            .contains("0 grants sealed anew, 2 were already, 1 cannot be opened")
            && second.out.contains("carl@example.org")
            && second.out.contains("keep the old keys"),
        "{}",
        second.out
    );
    assert_eq!(third["old_keys_removable"], true, "{third}");
    assert!(
        said.out.contains("the old keys can be removed"),
        "{}",
        said.out
    );
    assert!(
        single.out.contains("there is one key only"),
        "{}",
        single.out
    );
    for ran in [&first, &second, &said, &single] {
        let text = format!("{}{}", ran.out, ran.err);
        assert!(!text.contains("the-token-itself") && !text.contains(&new));
    }
}
