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

/// From this many messages on a mailbox has at least one of everything.
const FULL: usize = 40;

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
    let most = options.ordinary_folders.unwrap_or(usize::MAX);
    let folders = plant_folders(mail, words, most, rng);
    let mut author = Author {
        mail,
        user,
        words,
        stock,
        size: options.body_bytes,
        now,
        rng,
    };
    let is_full = count >= FULL;
    let mut made = 0;
    if is_full {
        made += Author::ODD_ONES + author.long_thread();
    }
    while made < count {
        made += author.thread(&folders, count - made);
    }
    if is_full {
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

fn plant_folders(
    mail: &mut MailState,
    words: &Words,
    most: usize,
    rng: &mut fastrand::Rng,
) -> Vec<FolderKey> {
    let mut ordinary = Vec::new();
    for (nth, name) in words.folders.iter().enumerate() {
        if ordinary.len() >= most {
            break;
        }
        let key = mail.plant_folder(Some(FolderKey::ROOT), name, None, false);
        ordinary.push(key);
        // The first is three deep in every mailbox.
        let is_deep = nth == 0;
        let within = rng.usize(usize::from(is_deep)..4);
        for name in words.subfolders.iter().take(within) {
            if ordinary.len() >= most {
                break;
            }
            let child = mail.plant_folder(Some(key), name, None, false);
            ordinary.push(child);
            if (is_deep || rng.u8(..4) == 0) && ordinary.len() < most {
                let matter = words.matters[rng.usize(..words.matters.len())];
                ordinary.push(mail.plant_folder(Some(child), matter, None, false));
            }
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
