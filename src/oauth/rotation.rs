//! Seals everything anew with the present key, while services run.
//!
//! What is written is the same secret under another key, and only over exactly the value that was read: a refresh that came in
//! between stands, and its newer tokens are looked at again. Each grant is a step of its own, so an end in the middle leaves a
//! whole database, and the next run begins where this one stopped. What no key opens is named and kept.

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::model::ids::MailboxId;
use crate::model::time::SharedClock;
use crate::secrets::{Label, Vault, VaultError};
use crate::store::{Grant, OauthState, Store, StoreError};

/// A service that was not told of the new key yet may seal with the old one meanwhile: so often all is looked through.
const PASSES: usize = 3;

/// A grant that is refreshed whenever it is to be sealed is left to the next pass.
const TRIES: usize = 5;

/// Seals anew.
#[derive(Clone)]
pub struct Rotation {
    store: Store,
    vault: Vault,
    clock: SharedClock,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// Grants that were sealed anew.
    pub resealed: usize,
    /// Grants that the present key had sealed already.
    pub already: usize,
    /// Grants that are still sealed with a former key: somebody keeps sealing with it, or the run was ended.
    pub left: usize,
    /// Sign-ins under way that were sealed anew.
    pub sign_ins_resealed: usize,
    /// Grants that no key opens.
    #[serde(skip)]
    pub unreadable: Vec<(MailboxId, VaultError)>,
    /// Whether it was ended before its end.
    pub interrupted: bool,
}

/// What is to be done with a grant.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The present key has sealed all of it.
    Current,
    /// These are to take the place of what is there.
    Reseal {
        access: Option<String>,
        refresh: Option<String>,
    },
    /// No key opens what it lives by.
    Unreadable(VaultError),
}

/// How a grant ended.
enum Ended {
    Resealed,
    Already,
    Unreadable(VaultError),
    /// The mailbox was disconnected meanwhile.
    Gone,
    /// Others were faster each time.
    Overtaken,
}

fn judge(vault: &Vault, grant: &Grant) -> Verdict {
    let anew = |label: Label, sealed: Option<&str>| match sealed {
        Some(sealed) if !vault.is_current(sealed) => vault.reseal(&label, sealed).map(Some),
        _ => Ok(None),
    };
    let access = anew(
        Label::AccessToken(grant.mailbox),
        grant.sealed_access_token.as_deref(),
    );
    let refresh = anew(
        Label::RefreshToken(grant.mailbox),
        grant.sealed_refresh_token.as_deref(),
    );
    match (access, refresh) {
        (_, Err(error)) => Verdict::Unreadable(error),
        (Err(error), _) if grant.sealed_refresh_token.is_none() => Verdict::Unreadable(error),
        // An access token that does not open is replaced by the next refresh: it holds no key back.
        (Ok(None) | Err(_), Ok(None)) => Verdict::Current,
        (access, Ok(refresh)) => Verdict::Reseal {
            access: access.ok().flatten(),
            refresh,
        },
    }
}

impl Rotation {
    /// Of everything in this store, with the keys of this vault.
    pub fn new(store: Store, vault: Vault, clock: SharedClock) -> Self {
        Self {
            store,
            vault,
            clock,
        }
    }

    /// Seals anew what needs it. `look` is told how many grants of how many are done; a cancelled `stop` ends it after the one in
    /// hand.
    pub async fn run(
        &self,
        stop: &CancellationToken,
        mut look: impl FnMut(usize, usize),
    ) -> Result<Rotated, StoreError> {
        let mut rotated = Rotated::default();
        for pass in 0..PASSES {
            let grants = self.store.grants_list().await?;
            let total = grants.len();
            let mut again = Rotated::default();
            for (done, grant) in grants.into_iter().enumerate() {
                if stop.is_cancelled() {
                    rotated.interrupted = true;
                    break;
                }
                let mailbox = grant.mailbox;
                match self.grant(grant).await? {
                    Ended::Resealed => again.resealed += 1,
                    Ended::Already => again.already += 1,
                    Ended::Unreadable(error) => again.unreadable.push((mailbox, error)),
                    Ended::Overtaken => again.left += 1,
                    Ended::Gone => {}
                }
                look(done + 1, total);
            }
            if pass == 0 {
                rotated.already = again.already;
            }
            rotated.resealed += again.resealed;
            rotated.unreadable = again.unreadable;
            if rotated.interrupted || again.resealed + again.left == 0 {
                break;
            }
        }
        rotated.sign_ins_resealed = self.sign_ins().await?;
        rotated.left = self.left().await?;
        Ok(rotated)
    }

    async fn grant(&self, mut grant: Grant) -> Result<Ended, StoreError> {
        for _ in 0..TRIES {
            let (access, refresh) = match judge(&self.vault, &grant) {
                Verdict::Current => return Ok(Ended::Already),
                Verdict::Unreadable(error) => return Ok(Ended::Unreadable(error)),
                Verdict::Reseal { access, refresh } => (access, refresh),
            };
            if self
                .store
                .grant_reseal(&grant, access.as_deref(), refresh.as_deref())
                .await?
            {
                return Ok(Ended::Resealed);
            }
            match self.store.grant_get(grant.mailbox).await? {
                Some(newer) => grant = newer,
                None => return Ok(Ended::Gone),
            }
        }
        Ok(Ended::Overtaken)
    }

    /// The verifiers of sign-ins that may still come back. One that does not open fails when it does, and is gone in minutes.
    async fn sign_ins(&self) -> Result<usize, StoreError> {
        let mut resealed = 0;
        for state in self.store.oauth_states_open(self.clock.now()).await? {
            let OauthState {
                state_hash,
                sealed_verifier,
                ..
            } = state;
            if self.vault.is_current(&sealed_verifier) {
                continue;
            }
            let label = Label::Verifier(state_hash.clone());
            let Ok(anew) = self.vault.reseal(&label, &sealed_verifier) else {
                continue;
            };
            if self
                .store
                .oauth_state_reseal(&state_hash, &sealed_verifier, &anew)
                .await?
            {
                resealed += 1;
            }
        }
        Ok(resealed)
    }

    /// How many grants a former key is still needed for.
    async fn left(&self) -> Result<usize, StoreError> {
        let grants = self.store.grants_list().await?;
        let is_left = |grant: &&Grant| matches!(judge(&self.vault, grant), Verdict::Reseal { .. });
        Ok(grants.iter().filter(is_left).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Keyring;

    fn vault(keys: &[&str]) -> Vault {
        Vault::new(&Keyring::parse(&keys.join(",")).expect("a ring"))
    }

    #[test]
    fn a_grant_is_judged_by_what_it_lives_by() {
        let [new, old, lost] = [(); 3].map(|()| Keyring::generate_key());
        let ring = vault(&[&new, &old]);
        let mailbox = MailboxId::generate();
        let (access, refresh) = (Label::AccessToken(mailbox), Label::RefreshToken(mailbox));
        let seal = |key: &str, label: &Label| Some(vault(&[key]).seal(label, "secret"));
        let judged = |sealed_access_token, sealed_refresh_token| {
            judge(
                &ring,
                &Grant {
                    mailbox,
                    sealed_access_token,
                    sealed_refresh_token,
                    access_expires_at: None,
                    scopes: String::new(),
                    rotation: 1,
                },
            )
        };
        let changes = |verdict| match verdict {
            Verdict::Reseal { access, refresh } => Some((access.is_some(), refresh.is_some())),
            Verdict::Current | Verdict::Unreadable(_) => None,
        };

        let current = judged(seal(&new, &access), seal(&new, &refresh));
        let both = judged(seal(&old, &access), seal(&old, &refresh));
        let half = judged(seal(&new, &access), seal(&old, &refresh));
        let dead_access = judged(seal(&lost, &access), seal(&new, &refresh));
        let beside_dead = judged(seal(&lost, &access), seal(&old, &refresh));
        let unreadable = judged(seal(&old, &access), seal(&lost, &refresh));
        let foreign = judged(None, seal(&old, &access));

        assert_eq!(current, Verdict::Current);
        assert_eq!(judged(None, None), Verdict::Current);
        assert_eq!(changes(both), Some((true, true)));
        assert_eq!(changes(half), Some((false, true)));
        assert_eq!(dead_access, Verdict::Current);
        assert_eq!(changes(beside_dead), Some((false, true)));
        assert_eq!(
            unreadable,
            Verdict::Unreadable(VaultError::NoKeyFits { keys: 2 })
        );
        assert_eq!(foreign, Verdict::Unreadable(VaultError::Foreign));
    }
}
