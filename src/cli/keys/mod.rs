//! `graph-mirror keys`: encryption keys, and bearer keys of the API.

mod rotate;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::ambience::{LocalSource, clock, open_store};
use super::report::Failure;
use super::{Ended, output};
use crate::model::ids::{ApiKeyId, Owner};
use crate::secrets::{Keyring, api_key_generate, hash};
use crate::store::ApiKey;

/// Make and rotate encryption keys, and bearer keys of the API
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a new encryption key for the settings
    Generate(Generate),
    Rotate(rotate::Arguments),
    /// Bearer keys of the API
    Api(ApiArguments),
}

const GENERATE: &str = r#"Examples:
  A first key, into the settings:
    echo "OAUTH_ENCRYPTION_KEY=$(graph-mirror keys generate)" >> .env
  A new key for a rotation:
    graph-mirror keys generate --json"#;

#[derive(Debug, Args)]
#[command(after_help = GENERATE)]
struct Generate {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ApiArguments {
    #[command(subcommand)]
    command: ApiCommand,
}

#[derive(Debug, Subcommand)]
enum ApiCommand {
    /// Make a bearer key and print it, this once
    Create(Create),
    /// List the keys, without the keys themselves
    List(List),
    /// Withdraw a key
    Revoke(Revoke),
}

const CREATE: &str = r#"Examples:
  A key for your application, which is shown this once:
    graph-mirror keys api create --owner acme
  With a note of what it is for, as JSON:
    graph-mirror keys api create --owner acme --label "case management" --json"#;

#[derive(Debug, Args)]
#[command(after_help = CREATE)]
struct Create {
    /// Whose mailboxes the key opens: the name of a user or tenant in your application
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: Owner,
    /// What it is for, to recognise it later
    #[arg(long)]
    label: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: LocalSource,
}

const LIST: &str = "Examples:
  Every key, withdrawn ones too:
    graph-mirror keys api list
  Those that are valid:
    graph-mirror keys api list --json | jq '.[] | select(.revoked_at == null)'";

#[derive(Debug, Args)]
#[command(after_help = LIST)]
struct List {
    /// Print one JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: LocalSource,
}

const REVOKE: &str = "Examples:
  By the id that the list shows:
    graph-mirror keys api revoke 0197b2c4-5d6e-7f80-9a1b-2c3d4e5f6071
  And when it ended, as JSON:
    graph-mirror keys api revoke 0197b2c4-5d6e-7f80-9a1b-2c3d4e5f6071 --json";

#[derive(Debug, Args)]
#[command(after_help = REVOKE)]
struct Revoke {
    /// The id of the key, as `keys api list` shows it
    id: Uuid,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: LocalSource,
}

/// An owner's name is kept as it is; only an empty one cannot be told from a missing one.
pub(super) fn owner(text: &str) -> Result<Owner, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("an owner needs a name".to_owned());
    }
    Ok(Owner::from(text))
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    match arguments.command {
        Command::Generate(generate) => {
            let key = Keyring::generate_key();
            if generate.json {
                output::json(&json!({ "key": key }));
            } else {
                output::line(&key);
            }
            Ok(Ended::Well)
        }
        Command::Rotate(arguments) => rotate::run(arguments).await,
        Command::Api(api) => match api.command {
            ApiCommand::Create(create) => self::create(create).await,
            ApiCommand::List(list) => self::list(list).await,
            ApiCommand::Revoke(revoke) => self::revoke(revoke).await,
        },
    }
}

async fn create(arguments: Create) -> Result<Ended, Failure> {
    let settings = arguments.source.settings()?;
    let store = open_store(&settings.database).await?;
    let secret = api_key_generate();
    let key = ApiKey {
        id: ApiKeyId::generate(),
        owner: arguments.owner,
        key_hash: hash(secret.expose_secret()),
        label: arguments.label,
        created_at: clock().now(),
        revoked_at: None,
    };
    store.api_key_add(&key).await?;
    store.close().await;
    if arguments.json {
        output::json(
            &json!({ "id": key.id, "owner": key.owner, "label": key.label, "key": secret.expose_secret() }),
        );
    } else {
        output::line(secret.expose_secret());
        output::note(&format!(
            "This key opens the mailboxes of {}. It is shown this once; only its hash is kept.",
            key.owner
        ));
    }
    Ok(Ended::Well)
}

async fn list(arguments: List) -> Result<Ended, Failure> {
    let settings = arguments.source.settings()?;
    let store = open_store(&settings.database).await?;
    let keys = store.api_keys_list().await?;
    store.close().await;
    if arguments.json {
        let shown: Vec<_> = keys
            .iter()
            .map(|key| {
                json!({ "id": key.id, "owner": key.owner, "label": key.label, "created_at": key.created_at,
                        "revoked_at": key.revoked_at })
            })
            .collect();
        output::json(&shown);
    } else {
        output::table(
            &["id", "owner", "label", "created", "withdrawn"],
            keys.iter().map(|key| {
                vec![
                    key.id.to_string(),
                    key.owner.to_string(),
                    key.label.clone().unwrap_or_default(),
                    key.created_at.format("%F %R").to_string(),
                    key.revoked_at
                        .map(|at| at.format("%F %R").to_string())
                        .unwrap_or_default(),
                ]
            }),
        );
    }
    Ok(Ended::Well)
}

async fn revoke(arguments: Revoke) -> Result<Ended, Failure> {
    let settings = arguments.source.settings()?;
    let store = open_store(&settings.database).await?;
    let now = clock().now();
    let was_valid = store.api_key_revoke(ApiKeyId(arguments.id), now).await?;
    store.close().await;
    if !was_valid {
        return Err(
            Failure::new(format!("there is no valid key {}", arguments.id))
                .hinting("`graph-mirror keys api list` shows the keys and their ids"),
        );
    }
    if arguments.json {
        output::json(&json!({ "id": arguments.id, "revoked_at": now }));
    } else {
        output::line(&format!("{} is withdrawn", arguments.id));
    }
    Ok(Ended::Well)
}
