//! The encryption keys against the stored grants: each opens, or its key is lost.

use super::finding::{Check, Finding};
use crate::app::error::Named;
use crate::secrets::VaultError;

const CHECK: Check = Check::Keys;

/// So many are named one by one.
const NAMED: usize = 20;

/// What came of opening every grant.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// How many grants there are.
    pub(super) grants: usize,
    /// How many of them another key than the first has sealed.
    pub(super) older: usize,
    /// Those that do not open, and why.
    pub(super) closed: Vec<(Named, VaultError)>,
}

pub(super) fn judge(opened: &Opened) -> Vec<Finding> {
    let mut findings: Vec<Finding> = opened
        .closed
        .iter()
        .take(NAMED)
        .map(|(mailbox, error)| closed(mailbox, error))
        .collect();
    if opened.closed.len() > NAMED {
        let found = format!("{} further grants do not open", opened.closed.len() - NAMED);
        findings.push(Finding::broken(CHECK, "key_lost", found));
    }
    if findings.is_empty() {
        let found = format!("every stored grant opens ({})", opened.grants);
        findings.push(Finding::well(CHECK, found));
    }
    if opened.older > 0 {
        let found = format!(
            "{} grants are sealed with an older key than the first",
            opened.older
        );
        findings.push(
            Finding::note(CHECK, "rotation_unfinished", found)
                .advising("run `graph-mirror keys rotate` before the older key is taken out of OAUTH_ENCRYPTION_KEY"),
        );
    }
    findings
}

fn closed(mailbox: &Named, error: &VaultError) -> Finding {
    let address = &mailbox.address;
    let finding = match error {
        VaultError::NoKeyFits { .. } => Finding::broken(
            CHECK,
            "key_lost",
            format!("none of the keys in OAUTH_ENCRYPTION_KEY opens the grant of {address}: the key that sealed it is lost"),
        )
        .advising(format!(
            "put that key back beside the new one (`new,old`); if it is lost for good: `graph-mirror mailboxes disconnect {}`, then \
             connect it again, which keeps what was copied",
            mailbox.id
        )),
        VaultError::FromTheFuture { sealed_at } => Finding::broken(
            CHECK,
            "sealed_in_the_future",
            format!("the grant of {address} was sealed at {sealed_at}, which this machine's clock has not reached"),
        )
        .advising("set the clock of this machine; nothing is lost, and the grant opens once the clock is right"),
        VaultError::Foreign => Finding::broken(
            CHECK,
            "foreign_seal",
            format!("the grant of {address} was sealed for another row: somebody has copied it"),
        )
        .advising("have the person sign in again: `graph-mirror mailboxes connect`"),
    };
    finding.about(address)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;
    use crate::model::ids::MailboxId;
    use crate::model::time::Timestamp;

    fn named() -> Named {
        Named {
            id: MailboxId::generate(),
            address: "anna@contoso.example".to_owned(),
        }
    }

    #[test]
    fn a_lost_key_is_told_from_a_clock_and_names_whose_grant_it_sealed() {
        let lost = named();
        let opened = Opened {
            grants: 3,
            older: 1,
            closed: vec![
                (lost.clone(), VaultError::NoKeyFits { keys: 1 }),
                (
                    named(),
                    VaultError::FromTheFuture {
                        sealed_at: Timestamp::UNIX_EPOCH,
                    },
                ),
            ],
        };

        let findings = judge(&opened);

        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(
            codes,
            ["key_lost", "sealed_in_the_future", "rotation_unfinished"]
        );
        assert_eq!(findings[0].mailbox.as_deref(), Some("anna@contoso.example"));
        let advice = findings[0].advice.as_deref().unwrap_or_default();
        assert!(advice.contains(&lost.id.to_string()), "{advice}");
    }

    #[test]
    fn many_lost_grants_are_summed_up() {
        let closed = (0..NAMED + 5)
            .map(|_| (named(), VaultError::NoKeyFits { keys: 1 }))
            .collect();

        let findings = judge(&Opened {
            grants: 99,
            older: 0,
            closed,
        });

        assert_eq!(findings.len(), NAMED + 1);
        assert!(findings[NAMED].found.starts_with("5 further"));
        assert!(
            judge(&Opened::default())
                .iter()
                .all(|one| one.severity == Severity::Well)
        );
    }
}
