//! The way out of the errors that a person can meet.
//!
//! Each room's error says what failed; what to do about it depends on who reads, so it stands here, where people do. The first
//! error of a chain that knows a way out names it. A hint never repeats the error.

use crate::app::AppError;
use crate::config::ConfigError;
use crate::graph::{GraphError, TokenError};
use crate::home::HomeError;
use crate::oauth::{Meaning, OauthError};
use crate::sandbox::SandboxError;
use crate::secrets::{KeyringError, VaultError};
use crate::store::StoreError;
use crate::telemetry::TelemetryError;

/// The certificates of the system are read when a client is made.
const CERTIFICATES: &str = "install the system's CA certificates (the package `ca-certificates`): without them no connection can be made";

/// The way out of this error, leaving its causes aside.
pub(super) fn of(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<AppError>() {
        return error.hint().or_else(|| app(error).map(str::to_owned));
    }
    let hint = None
        .or_else(|| cause.downcast_ref::<ConfigError>().map(|_| {
            "set the variables in the environment or in .env; docs/reference/configuration.md describes them"
        }))
        .or_else(|| cause.downcast_ref().and_then(store))
        .or_else(|| cause.downcast_ref().and_then(oauth))
        .or_else(|| cause.downcast_ref().and_then(graph))
        .or_else(|| cause.downcast_ref().and_then(token))
        .or_else(|| cause.downcast_ref().map(vault))
        .or_else(|| cause.downcast_ref().map(keyring))
        .or_else(|| cause.downcast_ref().map(sandbox))
        .or_else(|| cause.downcast_ref().and_then(telemetry))
        .or_else(|| cause.downcast_ref::<HomeError>().map(|_| {
            "try again in a moment; `graph-mirror mailboxes list` shows the state of each mailbox"
        }));
    hint.map(str::to_owned)
}

fn app(error: &AppError) -> Option<&'static str> {
    match error {
        AppError::Graph(_) | AppError::Identity(_) | AppError::Agent(_) => Some(CERTIFICATES),
        AppError::Serve(_) | AppError::Schedules(_) => {
            Some("start it again; if that does not help, LOG=debug tells more")
        }
        AppError::Blobs(_) => Some(
            "set BLOBS_URL to a folder that the user who runs graph-mirror may write to, or to a bucket (docs/guides/contents.md)",
        ),
        // Their causes know more, or the error itself did.
        AppError::Database(_)
        | AppError::Store(_)
        | AppError::Keys(_)
        | AppError::Unreadable { .. }
        | AppError::NotTheSandboxes { .. }
        | AppError::NoTunnel { .. }
        | AppError::DatabaseAway { .. }
        | AppError::Listen { .. } => None,
    }
}

fn store(error: &StoreError) -> Option<&'static str> {
    Some(match error {
        StoreError::Unreachable(_) => {
            "check DATABASE_URL, and that the database runs and can be reached from here"
        }
        StoreError::Address { .. } => {
            "set DATABASE_URL to sqlite://path/to/file.db or postgres://user:password@host/database"
        }
        StoreError::NotWritable { .. } => {
            "give the user that runs graph-mirror the right to write there (a volume must be mounted writable, and belong to that \
             user), or set DATABASE_URL to a file elsewhere"
        }
        StoreError::SchemaTooOld { .. } => {
            "run `graph-mirror migrate`, or start `graph-mirror serve`, which does it"
        }
        StoreError::SchemaTooNew { .. } => {
            "use the version of graph-mirror that wrote this database, or a later one"
        }
        StoreError::Migrate(_) => {
            "what the database says stands above; the user in DATABASE_URL must be allowed to make and change tables there"
        }
        StoreError::Refused(_) => {
            "what the database says stands above; the user in DATABASE_URL must be allowed to read and write the tables"
        }
        StoreError::Unreadable { .. } => {
            "something else has written to the tables of the mirror; restore the row from a backup, or connect the mailbox again"
        }
        StoreError::Busy | StoreError::LeaseLost => "try again in a moment",
        StoreError::DiskFull(_) => "make room on the disk of the database",
        StoreError::ReadOnly(_) => {
            "point DATABASE_URL at the primary, or end its read-only mode; a file of SQLite must be writable for us"
        }
        StoreError::Forbidden(_) => {
            "give the role of DATABASE_URL the privileges that `graph-mirror doctor` names, or make it the owner of the database"
        }
        // Its cause knows more.
        StoreError::Notices(_) => return None,
    })
}

fn oauth(error: &OauthError) -> Option<&'static str> {
    Some(match error {
        OauthError::Unreachable(_) | OauthError::Unintelligible { .. } => {
            "check the way to the identity platform: network, proxy, and MICROSOFT_CLOUD or LOGIN_BASE_URL"
        }
        OauthError::Declined(_) | OauthError::Refused { .. } => match error.meaning()? {
            Meaning::Operator | Meaning::Application => {
                "check MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET, MICROSOFT_TENANT_ID and MICROSOFT_REDIRECT_URI against the app \
                 registration; docs/guides/entra-app.md explains them"
            }
            Meaning::Account(_) => {
                "the person, or the administrator of the tenant, must agree; docs/guides/entra-app.md explains the consents"
            }
            Meaning::Transient { .. } => "try again in a few minutes",
            Meaning::SignIn => "begin the sign-in again",
        },
        OauthError::NoRefreshToken => {
            "add the permission `offline_access` to the app registration, then begin the sign-in again"
        }
        OauthError::NoAddress => "sign in with an account that has a mailbox",
        OauthError::StateUnknown
        | OauthError::StateUsed
        | OauthError::StateExpired
        | OauthError::StateForeign
        | OauthError::NoCode => {
            "begin the sign-in again with `graph-mirror mailboxes connect`, and finish it within ten minutes"
        }
        // Their causes know more.
        OauthError::Account(_) | OauthError::Vault(_) | OauthError::Store(_) => return None,
    })
}

fn graph(error: &GraphError) -> Option<&'static str> {
    match error {
        GraphError::Unreachable(_) | GraphError::TimedOut { .. } => Some(
            "check the way to Microsoft Graph: network, proxy, and MICROSOFT_CLOUD or GRAPH_BASE_URL",
        ),
        _ => None,
    }
}

fn token(error: &TokenError) -> Option<&'static str> {
    match error {
        TokenError::NeedsReauth { .. } | TokenError::NoGrant => {
            Some("connect the mailbox again with `graph-mirror mailboxes connect`")
        }
        TokenError::Operator { .. } => Some(
            "check MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET against the app registration: a secret ends after a while",
        ),
        // Their causes know more.
        TokenError::Unreadable(_) | TokenError::Transient { .. } => None,
    }
}

fn vault(error: &VaultError) -> &'static str {
    match error {
        VaultError::NoKeyFits { .. } => {
            "put the key that sealed it back into OAUTH_ENCRYPTION_KEY, after the others"
        }
        VaultError::FromTheFuture { .. } => "set this machine's clock",
        VaultError::Foreign => {
            "the row was copied from elsewhere: disconnect that mailbox and connect it again"
        }
    }
}

fn keyring(_: &KeyringError) -> &'static str {
    "`graph-mirror keys generate` makes a key; several stand in OAUTH_ENCRYPTION_KEY separated by commas, each once"
}

fn sandbox(error: &SandboxError) -> &'static str {
    match error {
        SandboxError::Listen { .. } => {
            "choose a free address with --listen; port 0 takes any free one"
        }
        SandboxError::TooManyMailboxes { .. } => "ask for fewer with --mailboxes",
    }
}

fn telemetry(error: &TelemetryError) -> Option<&'static str> {
    match error {
        TelemetryError::Filter(_) => Some(
            "set LOG to error, warn, info, debug or trace, or to a list like info,graph_mirror::mirror=debug",
        ),
        TelemetryError::AlreadyStarted(_) => None,
        #[cfg(feature = "otel")]
        TelemetryError::Traces(_) => Some(
            "set OTEL_EXPORTER_OTLP_ENDPOINT to scheme, host and port of the collector, like http://localhost:4318, or unset it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Environment, Settings};
    use crate::model::time::Timestamp;
    use crate::secrets::Keyring;

    fn hint<E: std::error::Error + 'static>(error: E) -> Option<String> {
        of(&error)
    }

    #[test]
    fn the_errors_that_a_person_meets_have_a_way_out() {
        let nothing: Arc<dyn std::error::Error + Send + Sync> =
            Arc::new(std::io::Error::other("nothing"));
        let address = ([127, 0, 0, 1], 80).into();
        let io = || std::io::Error::other("taken");
        let hints = [
            hint(Settings::read(&Environment::default()).expect_err("empty")),
            hint(StoreError::Busy),
            hint(StoreError::LeaseLost),
            hint(StoreError::SchemaTooNew { found: 2, known: 1 }),
            hint(StoreError::SchemaTooOld { found: 1, known: 2 }),
            hint(StoreError::Address {
                reason: "none".to_owned(),
                source: None,
            }),
            hint(OauthError::StateExpired),
            hint(OauthError::NoRefreshToken),
            hint(OauthError::NoAddress),
            hint(OauthError::Unreachable(nothing)),
            hint(TokenError::NoGrant),
            hint(TokenError::Operator {
                code: "invalid_client".to_owned(),
            }),
            hint(VaultError::NoKeyFits { keys: 1 }),
            hint(VaultError::Foreign),
            hint(VaultError::FromTheFuture {
                sealed_at: Timestamp::UNIX_EPOCH,
            }),
            hint(Keyring::parse("").expect_err("empty")),
            hint(SandboxError::Listen {
                address,
                source: io(),
            }),
            hint(SandboxError::TooManyMailboxes { asked: 9, most: 1 }),
            hint(AppError::Serve(io())),
            hint(AppError::Listen {
                address,
                source: io(),
            }),
            hint(AppError::Unreadable {
                mailboxes: Vec::new(),
            }),
            hint(AppError::NotTheSandboxes {
                mailboxes: Vec::new(),
            }),
            hint(AppError::NoTunnel {
                agent: "http://127.0.0.1:4040".to_owned(),
                port: 8080,
            }),
            hint(AppError::DatabaseAway {
                waited: std::time::Duration::from_secs(9),
                source: StoreError::Busy,
            }),
        ];

        for (number, hint) in hints.iter().enumerate() {
            assert!(
                hint.as_deref().is_some_and(|text| text.len() > 10),
                "{number}"
            );
        }
        assert_eq!(
            hint(AppError::Store(StoreError::Busy)),
            None,
            "its cause knows"
        );
        assert_eq!(hint(io()), None);
    }
}
