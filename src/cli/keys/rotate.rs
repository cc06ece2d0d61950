//! `graph-mirror keys rotate`: everything sealed anew with the first key of `OAUTH_ENCRYPTION_KEY`.
//!
//! It needs the database and the keys, and nothing else; services go on meanwhile. What it could not do it names, and it does
//! the rest all the same.

use clap::Args;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::ambience::{Source, clock, open_store};
use super::super::progress::Progress;
use super::super::report::Failure;
use super::super::stop::asked_to_stop;
use super::super::{Ended, output};
use crate::model::mailbox::Mailbox;
use crate::oauth::{Rotated, Rotation};
use crate::secrets::{Keyring, Signer, Vault, VaultError};
use crate::store::Store;
use crate::subscriptions::replace_former;

const EXAMPLES: &str = "Examples:
  After the new key was put in front of the old one and every service was started with both:
    graph-mirror keys rotate
  Can the old key go?
    graph-mirror keys rotate --json | jq .old_keys_removable";

/// Seal everything anew with the first encryption key of the settings, while services run
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

/// What came of it, with names.
struct Outcome {
    rotated: Rotated,
    unreadable: Vec<(Option<Mailbox>, VaultError)>,
    subscriptions: usize,
    has_former_keys: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<Ended, Failure> {
    let settings = arguments.source.key_settings().await?;
    let keyring = Keyring::of(&settings.encryption.keys)?;
    let store = open_store(&settings.database).await?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let listening = tokio::spawn(async move {
        asked_to_stop().await;
        stopping.cancel();
    });
    let rotation = Rotation::new(store.clone(), Vault::new(&keyring), clock());
    let progress = Progress::begin("sealing anew");
    let rotated = rotation
        .run(&stop, |done, total| progress.mailboxes_done(done, total))
        .await;
    progress.end();
    listening.abort();
    let outcome = name(&store, &keyring, rotated?).await?;
    store.close().await;
    if arguments.json {
        output::json(&outcome.object());
    } else {
        outcome.show();
    }
    outcome.end()
}

/// Names the mailboxes of what is unreadable, and has the subscriptions of former keys replaced.
async fn name(store: &Store, keyring: &Keyring, rotated: Rotated) -> Result<Outcome, Failure> {
    let mut unreadable = Vec::new();
    for (id, error) in &rotated.unreadable {
        unreadable.push((store.mailbox_get(*id).await?, error.clone()));
    }
    let signer = Signer::new(keyring);
    let subscriptions = if rotated.interrupted {
        0
    } else {
        replace_former(store, &signer, clock().now()).await?
    };
    Ok(Outcome {
        rotated,
        unreadable,
        subscriptions,
        has_former_keys: signer.has_former_keys(),
    })
}

impl Outcome {
    /// Whether nothing needs a former key any more.
    fn are_former_keys_free(&self) -> bool {
        self.has_former_keys
            && !self.rotated.interrupted
            && self.rotated.left == 0
            && self.unreadable.is_empty()
            && self.subscriptions == 0
    }

    fn object(&self) -> Value {
        let unreadable: Vec<Value> = self
            .unreadable
            .iter()
            .map(|(mailbox, error)| {
                let named = mailbox.as_ref();
                json!({
                    "id": named.map(|mailbox| mailbox.id),
                    "address": named.map(|mailbox| &mailbox.address),
                    "owner": named.map(|mailbox| &mailbox.owner),
                    "reason": error.to_string(),
                })
            })
            .collect();
        json!({
            "resealed": self.rotated.resealed,
            "already": self.rotated.already,
            "unreadable": self.unreadable.len(),
            "unreadable_mailboxes": unreadable,
            "left": self.rotated.left,
            "sign_ins_resealed": self.rotated.sign_ins_resealed,
            "subscriptions_to_replace": self.subscriptions,
            "interrupted": self.rotated.interrupted,
            "old_keys_removable": self.are_former_keys_free(),
        })
    }

    fn show(&self) {
        output::line(&format!(
            "{} grants sealed anew, {} were already, {} cannot be opened",
            self.rotated.resealed,
            self.rotated.already,
            self.unreadable.len()
        ));
        if !self.unreadable.is_empty() {
            output::table(
                &["mailbox", "id", "why not"],
                self.unreadable.iter().map(|(mailbox, error)| {
                    let named = mailbox.as_ref();
                    vec![
                        named
                            .map(|mailbox| mailbox.address.clone())
                            .unwrap_or_default(),
                        named
                            .map(|mailbox| mailbox.id.to_string())
                            .unwrap_or_default(),
                        error.to_string(),
                    ]
                }),
            );
        }
        output::line(&self.verdict());
    }

    /// Whether the old keys can be removed, and what is in the way.
    fn verdict(&self) -> String {
        if !self.has_former_keys {
            return "there is one key only, and none to be removed; for a rotation put a new one before it, separated by a comma"
                .to_owned();
        }
        if self.are_former_keys_free() {
            return "the old keys can be removed from OAUTH_ENCRYPTION_KEY".to_owned();
        }
        let mut reasons = Vec::new();
        if self.rotated.interrupted {
            reasons.push("it was interrupted".to_owned());
        } else if self.rotated.left > 0 {
            reasons.push(format!(
                "{} grants are sealed with an old key again, by a service that has not been started with the new key in front",
                self.rotated.left
            ));
        }
        if self.subscriptions > 0 {
            reasons.push(format!(
                "{} subscriptions prove themselves by an old key until a running service has replaced them, which takes a minute",
                self.subscriptions
            ));
        }
        if !self.unreadable.is_empty() {
            reasons.push("some grants cannot be opened".to_owned());
        }
        format!(
            "keep the old keys: {}; then run this again",
            reasons.join("; ")
        )
    }

    fn end(&self) -> Result<Ended, Failure> {
        if self.rotated.interrupted {
            return Err(
                Failure::new("interrupted before everything was sealed anew").hinting(
                    "run `graph-mirror keys rotate` again: it goes on where this one stopped",
                ),
            );
        }
        let Some((_, error)) = self.unreadable.first() else {
            return Ok(Ended::Well);
        };
        let failure = Failure::new(format!(
            "{} grants cannot be opened with OAUTH_ENCRYPTION_KEY",
            self.unreadable.len()
        ));
        Err(match error {
            VaultError::FromTheFuture { .. } => {
                failure.hinting("set this machine's clock, then run `graph-mirror keys rotate` again")
            }
            VaultError::NoKeyFits { .. } | VaultError::Foreign => failure.hinting(
                "add the key that sealed them to OAUTH_ENCRYPTION_KEY, after the others, and run this again; if it is lost for good, \
                 end each with `graph-mirror mailboxes disconnect ID` and connect it again, which keeps what was copied",
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        Outcome {
            rotated: Rotated::default(),
            unreadable: Vec::new(),
            subscriptions: 0,
            has_former_keys: true,
        }
    }

    #[test]
    fn the_old_keys_are_free_only_when_nothing_needs_them() {
        assert!(outcome().verdict().contains("can be removed"));

        let mut waiting = outcome();
        waiting.subscriptions = 2;
        let mut left = outcome();
        left.rotated.left = 1;
        let mut interrupted = outcome();
        interrupted.rotated.interrupted = true;
        let mut unreadable = outcome();
        unreadable.unreadable = vec![(None, VaultError::NoKeyFits { keys: 2 })];
        for bound in [&waiting, &left, &interrupted, &unreadable] {
            assert!(bound.verdict().starts_with("keep the old keys: "));
            assert_eq!(bound.object()["old_keys_removable"], false);
        }
        assert!(waiting.end().is_ok() && left.end().is_ok());
        assert!(interrupted.end().is_err() && unreadable.end().is_err());

        let mut alone = outcome();
        alone.has_former_keys = false;
        assert!(alone.verdict().contains("one key only"));
    }
}
