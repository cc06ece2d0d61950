//! Seeded mail: the folders, and how many messages go where.

use chrono::TimeDelta;

use super::author::Author;
use super::stock::Stock;
use super::text::{Words, words};
use crate::model::time::Timestamp;
use crate::sandbox::Options;
use crate::sandbox::mail::folder::Search;
use crate::sandbox::mail::{FolderKey, MailState, Message};
use crate::sandbox::world::User;

/// Fills a mailbox.
pub fn fill(
    mail: &mut MailState,
    user: &User,
    options: &Options,
    stock: &Stock,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) {
    let now = crate::sandbox::mail::whole_seconds(now);
    let count = options.messages.unwrap_or_else(|| rng.usize(150..=400));
    if let Some(folders) = options.folders {
        even(mail, user, options, stock, (folders, count), now, rng);
        return;
    }
    let words = words(user.language);
    let folders = plant_folders(mail, words, rng);
    let mut author = Author {
        mail,
        user,
        words,
        stock,
        size: options.body_bytes,
        now,
        rng,
    };
    let odd = if count >= 40 { Author::ODD_ONES } else { 0 };
    let mut made = odd;
    while made < count {
        made += author.thread(&folders, count - made);
    }
    if odd > 0 {
        author.odd_ones();
    }
}

/// The shape benchmarks ask for: messages spread evenly over ordinary folders.
fn even(
    mail: &mut MailState,
    user: &User,
    options: &Options,
    stock: &Stock,
    (folders, count): (usize, usize),
    now: Timestamp,
    rng: &mut fastrand::Rng,
) {
    let words = words(user.language);
    let keys: Vec<_> = (0..folders.max(1))
        .map(|index| {
            mail.plant_folder(
                Some(FolderKey::ROOT),
                &format!("Folder {:03}", index + 1),
                None,
                false,
            )
        })
        .collect();
    let mut author = Author {
        mail,
        user,
        words,
        stock,
        size: options.body_bytes,
        now,
        rng,
    };
    for index in 0..count {
        let age = TimeDelta::seconds(
            i64::try_from(count - index)
                .unwrap_or(i64::MAX)
                .saturating_mul(60),
        );
        let message = author.incoming(now - age);
        author.mail.plant(message, keys[index % keys.len()]);
    }
}

fn plant_folders(mail: &mut MailState, words: &Words, rng: &mut fastrand::Rng) -> Vec<FolderKey> {
    let mut ordinary = Vec::new();
    for name in words.folders {
        let key = mail.plant_folder(Some(FolderKey::ROOT), name, None, false);
        ordinary.push(key);
        for name in words.subfolders.iter().take(rng.usize(0..4)) {
            let child = mail.plant_folder(Some(key), name, None, false);
            ordinary.push(child);
            if rng.u8(..4) == 0 {
                let matter = words.matters[rng.usize(..words.matters.len())];
                ordinary.push(mail.plant_folder(Some(child), matter, None, false));
            }
        }
    }
    if let Some(issues) = mail.well_known("syncissues") {
        for (well_known, name) in [
            ("conflicts", "Conflicts"),
            ("localfailures", "Local Failures"),
            ("serverfailures", "Server Failures"),
        ] {
            mail.plant_folder(Some(issues), name, Some(well_known), true);
        }
    }
    mail.plant_folder(Some(FolderKey::ROOT), words.hidden, None, true);
    if let Some(inbox) = mail.well_known("inbox") {
        let key = mail.plant_folder(Some(inbox), words.search, None, false);
        mail.make_search_folder(
            key,
            Search {
                sources: vec![inbox],
                filter: "isRead eq false".to_owned(),
            },
        );
    }
    ordinary
}

/// One more incoming message for a mailbox, as one would arrive now.
pub fn arriving(
    mail: &mut MailState,
    user: &User,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> Message {
    let stock = Stock::bare();
    let now = crate::sandbox::mail::whole_seconds(now);
    let mut author = Author {
        mail,
        user,
        words: words(user.language),
        stock: &stock,
        size: None,
        now,
        rng,
    };
    let mut message = author.incoming(now);
    message.is_read = false;
    message
}
