//! The folders every mailbox has, by the names that stand for their ids, in the language of its owner
//! (F5.18, S27).

use super::MailState;
use super::folder::FolderKey;
use crate::sandbox::world::Language;

/// Where a well-known folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the root, or beside it: no list and no delta shows it, only its name and its id lead to it.
    Beside,
    /// Below the root.
    Top,
    /// Below Sync Issues.
    SyncIssues,
}

/// One of them.
struct WellKnown {
    name: &'static str,
    place: Place,
    is_hidden: bool,
    /// In English, German and French.
    display_names: [&'static str; 3],
}

const fn folder(name: &'static str, display_names: [&'static str; 3]) -> WellKnown {
    WellKnown {
        name,
        place: Place::Top,
        is_hidden: false,
        display_names,
    }
}

const fn hidden(name: &'static str, place: Place, display_names: [&'static str; 3]) -> WellKnown {
    WellKnown {
        name,
        place,
        is_hidden: true,
        display_names,
    }
}

/// The root first, parents before their children.
const WELL_KNOWN: &[WellKnown] = &[
    WellKnown {
        name: "msgfolderroot",
        place: Place::Beside,
        is_hidden: false,
        display_names: ["Top of Information Store"; 3],
    },
    folder("inbox", ["Inbox", "Posteingang", "Boîte de réception"]),
    folder("drafts", ["Drafts", "Entwürfe", "Brouillons"]),
    folder(
        "sentitems",
        ["Sent Items", "Gesendete Elemente", "Éléments envoyés"],
    ),
    folder(
        "deleteditems",
        ["Deleted Items", "Gelöschte Elemente", "Éléments supprimés"],
    ),
    folder(
        "junkemail",
        ["Junk Email", "Junk-E-Mail", "Courrier indésirable"],
    ),
    folder("outbox", ["Outbox", "Postausgang", "Boîte d’envoi"]),
    folder("archive", ["Archive", "Archiv", "Archive"]),
    folder(
        "conversationhistory",
        [
            "Conversation History",
            "Aufgezeichnete Unterhaltungen",
            "Historique des conversations",
        ],
    ),
    folder("clutter", ["Clutter", "Clutter", "Courrier pêle-mêle"]),
    hidden(
        "scheduled",
        Place::Top,
        ["Scheduled", "Geplant", "Planifié"],
    ),
    hidden(
        "syncissues",
        Place::Top,
        [
            "Sync Issues",
            "Synchronisierungsprobleme",
            "Problèmes de synchronisation",
        ],
    ),
    hidden(
        "conflicts",
        Place::SyncIssues,
        ["Conflicts", "Konflikte", "Conflits"],
    ),
    hidden(
        "localfailures",
        Place::SyncIssues,
        ["Local Failures", "Lokale Fehler", "Défaillances locales"],
    ),
    hidden(
        "serverfailures",
        Place::SyncIssues,
        ["Server Failures", "Serverfehler", "Défaillances du serveur"],
    ),
    hidden("recoverableitemsdeletions", Place::Beside, ["Deletions"; 3]),
    hidden("searchfolders", Place::Beside, ["Finder"; 3]),
];

impl MailState {
    /// Plants them in a mailbox that has no folder yet.
    pub(super) fn plant_well_known(&mut self, language: Language) {
        let language = match language {
            Language::English => 0,
            Language::German => 1,
            Language::French => 2,
        };
        for one in WELL_KNOWN {
            let parent = match one.place {
                Place::Beside => None,
                Place::Top => Some(FolderKey::ROOT),
                Place::SyncIssues => self.well_known("syncissues"),
            };
            let display_name = one.display_names[language];
            self.plant_folder(parent, display_name, Some(one.name), one.is_hidden);
        }
    }
}
