//! Which bytes are kept, and for whom.

use std::time::Duration;

use graph_mirror::model::blob::{Digest, Stored, Upload};
use graph_mirror::model::ids::{MailboxId, UploadId};
use graph_mirror::model::time::{Clock, Timestamp};

use super::samples::{connected, seconds, writing};
use crate::support::database::on_both_stores;

const DAY: Duration = Duration::from_hours(24);

pub fn stored(byte: u8) -> Stored {
    Stored {
        digest: Digest::new([byte; 32]),
        size: u64::from(byte),
    }
}

fn upload(mailbox: MailboxId, byte: u8, now: Timestamp) -> Upload {
    Upload {
        mailbox,
        id: UploadId::generate(),
        stored: stored(byte),
        name: "Angebot.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
        created_at: now,
        expires_at: now + DAY,
    }
}

on_both_stores!(
    an_upload_is_kept_until_its_time_is_over_or_longer_when_something_needs_it,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        let (one, other) = (upload(mailbox, 1, now), upload(mailbox, 1, now));
        assert!(!store.upload_add(&one).await?, "nobody claimed the bytes");
        store.blob_claim(stored(1), now).await?;

        assert!(store.upload_add(&one).await?);
        assert!(store.upload_add(&other).await?);
        let mut tx = writing(&store).await;
        assert!(tx.upload_hold(mailbox, one.id, now + 3 * DAY).await?);
        assert!(tx.upload_hold(mailbox, one.id, now + 2 * DAY).await?);
        assert!(!tx.upload_hold(mailbox, UploadId::generate(), now).await?);
        tx.commit().await?;
        let pruned = store.uploads_prune(now + 2 * DAY).await?;

        assert_eq!(pruned, 1);
        assert_eq!(store.upload_get(mailbox, other.id).await?, None);
        let kept = store.upload_get(mailbox, one.id).await?;
        let expires_at = now + 3 * DAY;
        assert_eq!(kept, Some(Upload { expires_at, ..one }));
        assert_eq!(store.blobs_sum().await?, (1, 1));
    }
);

on_both_stores!(
    bytes_go_once_nobody_has_pointed_at_them_for_a_day,
    |store, clock| {
        let mailbox = connected(&store, &clock, "anna").await;
        let now = clock.now();
        for byte in [1, 2, 3] {
            store.blob_claim(stored(byte), now).await?;
        }
        let used = upload(mailbox, 1, now);
        assert!(store.upload_add(&used).await?);
        let forgotten = upload(mailbox, 2, now);
        assert!(store.upload_add(&forgotten).await?);
        assert!(store.blobs_unreferenced(10).await?.is_empty());

        let mut tx = writing(&store).await;
        tx.upload_hold(mailbox, used.id, now + 9 * DAY).await?;
        tx.commit().await?;
        let later = now + DAY + seconds(1);
        store.uploads_prune(later).await?;

        // The second has lost its row just now, the third never had one.
        assert_eq!(store.blobs_unreferenced(10).await?, [stored(2).digest]);
        let all = [stored(1).digest, stored(2).digest];
        assert_eq!(store.blobs_mark(&all, later).await?, 1);
        assert_eq!(store.blobs_forgotten(later, 10).await?, [stored(3).digest]);
        let mut tx = writing(&store).await;
        assert!(!tx.blob_take(stored(1).digest, later).await?);
        assert!(!tx.blob_take(stored(2).digest, later).await?);
        assert!(tx.blob_take(stored(3).digest, later).await?);
        tx.commit().await?;
        // Claimed anew, a forgotten one stays for another day.
        let last = later + DAY + seconds(1);
        store.blob_claim(stored(2), last).await?;
        assert!(store.blobs_forgotten(last, 10).await?.is_empty());
        assert_eq!(store.blobs_sum().await?, (2, 3));
    }
);

on_both_stores!(what_is_pointed_at_again_is_not_taken, |store, clock| {
    let mailbox = connected(&store, &clock, "anna").await;
    let now = clock.now();
    store.blob_claim(stored(1), now).await?;
    let later = now + DAY + seconds(1);
    assert_eq!(store.blobs_forgotten(later, 10).await?, [stored(1).digest]);

    assert!(store.upload_add(&upload(mailbox, 1, later)).await?);

    let mut tx = writing(&store).await;
    assert!(!tx.blob_take(stored(1).digest, later).await?);
    assert!(tx.blob_refer(stored(1).digest).await?);
    assert!(!tx.blob_refer(stored(9).digest).await?);
    tx.commit().await?;
    assert!(store.blobs_forgotten(later, 10).await?.is_empty());
});
