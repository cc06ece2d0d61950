//! Words that read like the mail of a small law practice, in three languages.

use crate::sandbox::world::Language;

/// The words of a language.
#[derive(Debug)]
pub struct Words {
    /// Subjects; `{}` stands for a matter.
    pub subjects: &'static [&'static str],
    /// Matters and customers.
    pub matters: &'static [&'static str],
    /// Whole sentences.
    pub sentences: &'static [&'static str],
    /// How a letter begins; `{}` stands for a name.
    pub greetings: &'static [&'static str],
    /// The same to nobody in particular.
    pub salutations: &'static [&'static str],
    /// How it ends.
    pub closings: &'static [&'static str],
    /// Folders people make.
    pub folders: &'static [&'static str],
    /// Folders within those.
    pub subfolders: &'static [&'static str],
    /// Categories.
    pub categories: &'static [&'static str],
    /// The name of a folder of an add-in, hidden.
    pub hidden: &'static str,
    /// The name of a search folder.
    pub search: &'static str,
}

/// The words of `language`.
pub fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
        Language::French => &FRENCH,
    }
}

static ENGLISH: Words = Words {
    subjects: &[
        "{}: draft agreement, second round",
        "{} – hearing moved to Thursday",
        "Invoice for {}",
        "Minutes of our call on {}",
        "{}: signed copies attached",
        "Question about clause 7.2 ({})",
        "Your file {} – next steps",
        "{}: comments from the other side",
        "Deadline reminder: {}",
        "Lunch on Friday?",
        "New phone numbers from Monday",
        "Weekly report",
        "{} / disclosure bundle",
        "Travel expenses, last month",
        "Out of office next week",
    ],
    matters: &[
        "Harbour & Sons v. Linton",
        "Project Kestrel",
        "Northwind lease",
        "Estate of Margaret Doyle",
        "Fabrikam share purchase",
        "Woodgrove loan",
        "Tailspin licence",
        "A. Datum merger",
        "Coho boundary dispute",
    ],
    sentences: &[
        "Please find the latest version attached; the changes since Tuesday are marked.",
        "I spoke to the registry this morning and they confirm that the hearing stands.",
        "Could you let me have your comments by the end of the week?",
        "The other side has asked for an extension of fourteen days, which I would grant.",
        "We still need the original of the power of attorney, a scan is not enough.",
        "As discussed, I have taken out the second paragraph and moved the rest up.",
        "The figures in the schedule do not agree with those in the covering letter.",
        "Nothing of this is urgent, but I would rather settle it before the holidays.",
        "I attach the invoice for the month; the disbursements are listed on page two.",
        "The client is content with the price, not with the date.",
        "If we do not hear from them by Monday we should write again, this time by post.",
        "My apologies for the delay, I was in court until late yesterday.",
        "The witness can be reached in the mornings only.",
        "Please keep this between us until the board has met.",
    ],
    greetings: &["Dear {},", "Hi {},", "Good morning {},", "{},"],
    salutations: &["Dear all,", "Good morning,", "To whom it may concern,"],
    closings: &[
        "Kind regards",
        "Best wishes",
        "Many thanks",
        "Yours sincerely",
    ],
    folders: &[
        "Clients",
        "Projects/2026",
        "Invoices",
        "Newsletters",
        "Private",
        "Court",
    ],
    subfolders: &[
        "Open",
        "Closed",
        "Correspondence",
        "Drafts & notes",
        "To file",
    ],
    categories: &["Red category", "Client", "Waiting", "Deadline"],
    hidden: "Add-in Storage",
    search: "Unread Mail",
};

static GERMAN: Words = Words {
    subjects: &[
        "{}: Vertragsentwurf, zweite Fassung",
        "{} – Termin auf Donnerstag verlegt",
        "Rechnung {}",
        "Protokoll unseres Gesprächs zu {}",
        "{}: unterschriebene Fassung anbei",
        "Rückfrage zu § 7 Abs. 2 ({})",
        "Ihre Akte {} – weiteres Vorgehen",
        "Frist läuft ab: {}",
        "Mittagessen am Freitag?",
        "Neue Durchwahlen ab Montag",
        "Wochenbericht",
        "Abwesenheit nächste Woche",
    ],
    matters: &[
        "Müller ./. Schäfer",
        "Projekt Eisvogel",
        "Mietvertrag Königstraße",
        "Nachlass Weiß",
        "Anteilskauf Fabrikam",
        "Darlehen Grünwald",
        "Baumängel Süd",
    ],
    sentences: &[
        "Anbei die aktuelle Fassung; die Änderungen seit Dienstag sind gekennzeichnet.",
        "Die Geschäftsstelle hat heute früh bestätigt, dass es beim Termin bleibt.",
        "Könnten Sie mir Ihre Anmerkungen bis Ende der Woche zukommen lassen?",
        "Die Gegenseite bittet um Fristverlängerung von vierzehn Tagen.",
        "Uns fehlt noch das Original der Vollmacht, eine Kopie genügt nicht.",
        "Wie besprochen habe ich den zweiten Absatz gestrichen und den Rest angepasst.",
        "Die Beträge in der Anlage stimmen nicht mit denen im Anschreiben überein.",
        "Es eilt nicht, ich würde es aber gern vor den Feiertagen abschließen.",
        "Der Mandant ist mit dem Preis einverstanden, mit dem Termin nicht.",
        "Bitte behandeln Sie dies vertraulich, bis der Vorstand getagt hat.",
        "Entschuldigen Sie die Verspätung, ich war gestern bis spät bei Gericht.",
    ],
    greetings: &[
        "Sehr geehrte(r) {},",
        "Hallo {},",
        "Guten Morgen {},",
        "Liebe(r) {},",
    ],
    salutations: &[
        "Sehr geehrte Damen und Herren,",
        "Guten Tag,",
        "Liebe alle,",
    ],
    closings: &[
        "Mit freundlichen Grüßen",
        "Viele Grüße",
        "Herzlichen Dank",
        "Beste Grüße",
    ],
    folders: &[
        "Mandanten",
        "Projekte/2026",
        "Rechnungen",
        "Rundschreiben",
        "Privat",
        "Gericht",
    ],
    subfolders: &[
        "Offen",
        "Erledigt",
        "Schriftverkehr",
        "Entwürfe & Notizen",
        "Ablage",
    ],
    categories: &["Rote Kategorie", "Mandant", "Wartet", "Frist"],
    hidden: "Add-In-Speicher",
    search: "Ungelesene Nachrichten",
};

static FRENCH: Words = Words {
    subjects: &[
        "{} : projet de contrat, deuxième version",
        "{} – audience reportée à jeudi",
        "Facture {}",
        "Compte rendu de notre entretien sur {}",
        "{} : exemplaires signés ci-joints",
        "Question sur l’article 7.2 ({})",
        "Votre dossier {} – la suite",
        "Rappel d’échéance : {}",
        "Déjeuner vendredi ?",
        "Nouveaux numéros à partir de lundi",
        "Rapport hebdomadaire",
        "Absence la semaine prochaine",
    ],
    matters: &[
        "Dupré c/ Société Générique",
        "Projet Hirondelle",
        "Bail rue de l’Église",
        "Succession Lefèvre",
        "Cession Fabrikam",
        "Prêt Bellevue",
    ],
    sentences: &[
        "Vous trouverez ci-joint la dernière version ; les modifications sont signalées.",
        "Le greffe m’a confirmé ce matin que l’audience est maintenue.",
        "Pourriez-vous me faire part de vos remarques d’ici la fin de la semaine ?",
        "La partie adverse demande un délai de quatorze jours, que j’accorderais.",
        "Il nous manque encore l’original du pouvoir, une copie ne suffit pas.",
        "Comme convenu, j’ai supprimé le deuxième alinéa et adapté le reste.",
        "Les montants de l’annexe ne correspondent pas à ceux de la lettre.",
        "Rien d’urgent, mais j’aimerais conclure avant les fêtes.",
        "Le client accepte le prix, mais pas la date.",
        "Merci de garder cela pour vous jusqu’à la réunion du conseil.",
    ],
    greetings: &["Cher/Chère {},", "Bonjour {},", "Maître {},", "{},"],
    salutations: &["Madame, Monsieur,", "Bonjour à tous,", "Bonjour,"],
    closings: &[
        "Cordialement",
        "Bien à vous",
        "Merci d’avance",
        "Sincères salutations",
    ],
    folders: &[
        "Clients",
        "Projets/2026",
        "Factures",
        "Lettres d’information",
        "Privé",
        "Tribunal",
    ],
    subfolders: &[
        "Ouverts",
        "Clos",
        "Correspondance",
        "Brouillons & notes",
        "À classer",
    ],
    categories: &["Catégorie rouge", "Client", "En attente", "Échéance"],
    hidden: "Stockage de complément",
    search: "Courrier non lu",
};
