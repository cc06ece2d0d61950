//! The people who have a mailbox, and those who write to them.

use std::collections::HashSet;

use crate::sandbox::ids::guid;
use crate::sandbox::mail::message::Recipient;
use crate::sandbox::world::{Language, User, UserId};

const ENGLISH: &[(&str, &str)] = &[
    ("Adele", "Vance"),
    ("Miriam", "Graham"),
    ("Owen", "Fletcher"),
    ("Priya", "Raman"),
    ("Tomás", "Quinn"),
    ("Hannah", "Whitlock"),
    ("Desmond", "Okafor"),
    ("Laura", "Pemberton"),
];
const GERMAN: &[(&str, &str)] = &[
    ("Jürgen", "Großmann"),
    ("Anke", "Bäcker"),
    ("Sören", "Lüders"),
    ("Katharina", "Weiß"),
    ("Matthias", "Köhler"),
    ("Ulrike", "Schönfeld"),
];
const FRENCH: &[(&str, &str)] = &[
    ("Hélène", "Lefèvre"),
    ("François", "Garçon"),
    ("Zoé", "Beaumont"),
    ("Étienne", "Rousseau"),
    ("Margaux", "Delacroix"),
];

const ENGLISH_ZONES: &[&str] = &[
    "Pacific Standard Time",
    "Eastern Standard Time",
    "GMT Standard Time",
];
const GERMAN_ZONES: &[&str] = &["W. Europe Standard Time"];
const FRENCH_ZONES: &[&str] = &["Romance Standard Time"];

/// The domain everyone who has a mailbox belongs to.
pub const DOMAIN: &str = "contoso.example";

/// The first `count` people, the same for the same seed.
pub fn users(count: usize, rng: &mut fastrand::Rng) -> Vec<User> {
    let mut taken = HashSet::new();
    let mut met = [0_usize; 3];
    (0..count)
        .map(|index| {
            // Every third mailbox is not English, so that localised names are always met (S27).
            let (language, names, zones, kind): (_, _, &[&'static str], usize) = match index % 6 {
                1 => (Language::German, GERMAN, GERMAN_ZONES, 0),
                4 => (Language::French, FRENCH, FRENCH_ZONES, 1),
                _ => (Language::English, ENGLISH, ENGLISH_ZONES, 2),
            };
            let nth = met[kind];
            met[kind] += 1;
            let (first, last) = names[nth % names.len()];
            let local = format!("{}.{}", plain(first), plain(last));
            let mut address = format!("{local}@{DOMAIN}");
            let mut number = 1;
            while !taken.insert(address.clone()) {
                number += 1;
                address = format!("{local}{number}@{DOMAIN}");
            }
            User {
                id: UserId(guid(rng)),
                address,
                display_name: format!("{first} {last}"),
                language,
                time_zone: zones[nth % zones.len()],
            }
        })
        .collect()
}

/// People elsewhere who write.
pub fn strangers() -> Vec<Recipient> {
    [
        ("Anthony Linton", "a.linton@linton-harbour.example"),
        ("Registry, County Court", "registry@court.example"),
        ("Woodgrove Bank Service", "service@woodgrove.example"),
        ("Sabine Krüger", "krueger@kanzlei-krueger.example"),
        ("O’Brien, Niamh", "niamh.obrien@fabrikam.example"),
        ("Étude Marchand", "contact@marchand-notaires.example"),
        ("山田 太郎", "yamada@northwind.example"),
        ("Newsletter \"Law & Practice\"", "news@lawpractice.example"),
        ("Dmitri Volkov", "d.volkov@tailspin.example"),
    ]
    .into_iter()
    .map(|(name, address)| Recipient::new(name, address))
    .collect()
}

/// A name in the letters of an address.
fn plain(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'ä' | 'á' | 'à' => out.push('a'),
            'ö' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'é' | 'è' | 'ê' => out.push('e'),
            'ç' => out.push('c'),
            c if c.is_ascii_alphanumeric() => out.push(c),
            _ => {}
        }
    }
    out
}
