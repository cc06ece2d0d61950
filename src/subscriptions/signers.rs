//! What Graph still proves itself by with a former key.
//!
//! A clientState stays with its subscription, renewals included, so that the key that signed it is needed as long as the
//! subscription lives. Whoever wants to be rid of a key has the subscriptions of that key replaced: each gets its successor
//! first, by the service that runs, as one does that Graph said is gone.

use crate::model::mailbox::MailboxState;
use crate::model::time::Timestamp;
use crate::model::work::Subscription;
use crate::secrets::Signer;
use crate::store::{MailboxMark, Priority, Store, StoreError};

/// Whether the clientState of this one needs a key other than the first. One that was made before this was kept may.
fn needs_former_key(signer: &Signer, row: &Subscription) -> bool {
    signer.has_former_keys()
        && row.client_state_key.as_deref() != Some(signer.fingerprint().as_str())
}

/// Has every subscription replaced that needs a former key, by whoever serves its mailbox, and answers how many there are to
/// wait for. A mailbox that nobody may serve now is not waited for: whatever Graph tells of it cannot be looked at, and once it
/// is served again its successors come first.
pub async fn replace_former(
    store: &Store,
    signer: &Signer,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut count = 0;
    for mailbox in store.mailboxes_list(None).await? {
        let rows = store.subscriptions_list(mailbox.id).await?;
        let former: Vec<&Subscription> = rows
            .iter()
            .filter(|row| needs_former_key(signer, row))
            .collect();
        if former.is_empty() {
            continue;
        }
        let mut tx = store.write(Priority::Live).await?;
        if mailbox.state == MailboxState::Connected {
            count += former.len();
            tx.mailbox_mark(mailbox.id, &[MailboxMark::WorkAt(now)], now)
                .await?;
            tx.wake(mailbox.id);
        }
        for row in former {
            // What Graph is only being asked for signs anew with the next attempt.
            tx.subscription_retire(mailbox.id, row.key).await?;
        }
        tx.commit().await?;
    }
    Ok(count)
}
