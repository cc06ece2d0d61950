//! Whoever reads the rounds of a folder, whatever was done to it meanwhile, ends with the folder as it is.

use std::collections::BTreeSet;

use super::*;
use crate::sandbox::mail::{Message, MessagePatch};
use crate::sandbox::world::Language;

fn options(folder: FolderKey) -> Arc<RoundOptions> {
    Arc::new(RoundOptions {
        folder: Some(folder),
        select: Vec::new(),
        fields: Fields::DEFAULT,
        folder_fields: FolderFields::ALL,
        expand: Vec::new(),
        received_from: None,
        most: None,
        kinds: [true; 3],
    })
}

/// Reads a round into what the reader holds, as a client with immutable ids would.
fn take(mail: &MailState, round: &Round, held: &mut BTreeSet<String>) -> Since {
    for item in &round.items {
        match item {
            Shown::Message(key) | Shown::ReadChange(key) => {
                let message = mail.message(*key).filter(|m| round.options.covers(m));
                if let Some(message) = message {
                    held.insert(message.immutable_id.clone());
                }
            }
            Shown::Gone { immutable_id, .. } => {
                held.remove(&**immutable_id);
            }
            Shown::Folder(_) | Shown::FolderGone(_) => {}
        }
    }
    Since {
        options: Arc::clone(&round.options),
        sequence: round.ends_at,
        held: round.held.clone(),
        shown: Vec::new(),
    }
}

fn actual(mail: &MailState, folder: FolderKey) -> BTreeSet<String> {
    mail.newest_first_in(folder)
        .iter()
        .filter_map(|(_, key)| mail.message(*key))
        .map(|message| message.immutable_id.clone())
        .collect()
}

fn one_edit(mail: &mut MailState, folders: [FolderKey; 2], rng: &mut fastrand::Rng, knobs: &Knobs) {
    let now = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(rng.i64(0..1_000_000));
    let all: Vec<_> = mail.newest_first().iter().map(|(_, key)| *key).collect();
    let Some(key) = rng.choice(&all).copied().filter(|_| rng.u8(..5) > 0) else {
        mail.deliver(Message::blank(now), folders[rng.usize(..2)], now, knobs);
        return;
    };
    match rng.u8(..6) {
        0..3 => drop(mail.move_to(key, folders[rng.usize(..2)], now)),
        3 => drop(mail.purge(key)),
        4 => {
            let patch = MessagePatch {
                is_read: Some(rng.bool()),
                ..MessagePatch::default()
            };
            mail.update(key, patch, now, knobs).unwrap();
        }
        _ => drop(mail.copy_to(key, folders[rng.usize(..2)], now).unwrap()),
    }
}

#[test]
fn whoever_reads_every_round_ends_with_the_folder_as_it_is() {
    // S36, S37, S41
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let knobs = Knobs {
            immutable_lost_item: false,
            delta_duplicates: seed % 3 == 0,
            delta_delays: seed % 4 == 1,
            ..Knobs::default()
        };
        let mut mail = MailState::new(Language::English, &mut rng);
        let folders = ["inbox", "archive"].map(|name| mail.well_known(name).unwrap());
        let mut held = BTreeSet::new();
        let round = mail.full_round(options(folders[0]), &knobs);
        let mut since = take(&mail, &round, &mut held);
        for _ in 0..80 {
            one_edit(&mut mail, folders, &mut rng, &knobs);
            if rng.u8(..6) == 0 {
                let round = mail.changes_since(&since, true, &knobs);
                since = take(&mail, &round, &mut held);
            }
        }
        let settled = Knobs {
            delta_delays: false,
            ..knobs
        };
        let round = mail.changes_since(&since, true, &settled);
        take(&mail, &round, &mut held);

        assert_eq!(held, actual(&mail, folders[0]), "seed {seed}");
    }
}

#[test]
fn counts_and_ids_stay_true_through_any_edits() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let knobs = Knobs::default();
        let mut mail = MailState::new(Language::French, &mut rng);
        let folders = ["inbox", "archive"].map(|name| mail.well_known(name).unwrap());
        for _ in 0..120 {
            one_edit(&mut mail, folders, &mut rng, &knobs);
        }
        let mut total = 0;
        for folder in folders {
            let messages: Vec<_> = mail
                .newest_first_in(folder)
                .iter()
                .map(|(_, key)| mail.message(*key).expect("what a folder lists is there"))
                .collect();
            let unread = messages.iter().filter(|message| !message.is_read).count();
            assert_eq!(mail.folder(folder).unwrap().unread(), unread, "seed {seed}");
            for message in &messages {
                for immutable in [true, false] {
                    let found = mail.find_message(message.id(immutable)).unwrap();
                    assert_eq!(mail.message(found).unwrap().serial, message.serial);
                }
            }
            total += messages.len();
        }
        assert_eq!(mail.len(), total);
    }
}
