//! What was looked at, what was found, what to do: the words of an examination.

use serde::Serialize;

/// Something that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The settings, and what in them contradicts what.
    Settings,
    /// Whether Graph can be reached from here: name, TLS, answer.
    Graph,
    /// Our clock against Graph's.
    Clock,
    /// Whether the database can be opened.
    Database,
    /// What our role may do there.
    Privileges,
    /// The schema against this program.
    Schema,
    /// Whether a row can be written.
    Writes,
    /// Room on the disk of an SQLite file.
    Disk,
    /// Whether contents can be kept, read back and cleared away.
    Contents,
    /// The encryption keys against the stored grants.
    Keys,
    /// The app registration: id, secret, tenant.
    Registration,
    /// Whether a service runs, and what it says of itself.
    Service,
    /// The permissions granted against those needed.
    Scopes,
    /// The states of the mailboxes, and whether tokens can be had.
    Grants,
    /// Whether Microsoft reaches us, by a live test subscription.
    PublicUrl,
    /// Our subscriptions against what Graph lists.
    Subscriptions,
    /// Mailboxes that Graph wants left alone, and spent quota.
    Throttling,
    /// When each schedule fired last.
    Schedules,
    /// How far the mirror is behind.
    Lag,
    /// Items that could not be read however often they were tried.
    Quarantine,
}

impl Check {
    /// All of them, each after those it needs.
    pub const ALL: [Self; 20] = [
        Self::Settings,
        Self::Graph,
        Self::Clock,
        Self::Database,
        Self::Privileges,
        Self::Schema,
        Self::Writes,
        Self::Disk,
        Self::Contents,
        Self::Keys,
        Self::Registration,
        Self::Service,
        Self::Scopes,
        Self::Grants,
        Self::PublicUrl,
        Self::Subscriptions,
        Self::Throttling,
        Self::Schedules,
        Self::Lag,
        Self::Quarantine,
    ];

    /// What must not be broken for a look at it to tell anything new.
    pub fn needs(self) -> &'static [Self] {
        match self {
            Self::Settings => &[],
            Self::Graph | Self::Database | Self::Disk | Self::Contents => &[Self::Settings],
            Self::Clock | Self::Registration => &[Self::Graph],
            Self::Privileges => &[Self::Database],
            Self::Schema => &[Self::Privileges],
            Self::Writes
            | Self::Keys
            | Self::Service
            | Self::Scopes
            | Self::Throttling
            | Self::Quarantine => &[Self::Schema],
            Self::Grants => &[Self::Schema, Self::Registration],
            Self::PublicUrl => &[Self::Schema, Self::Registration, Self::Service],
            Self::Subscriptions => &[Self::PublicUrl],
            Self::Schedules => &[Self::Writes, Self::Service],
            Self::Lag => &[Self::Registration, Self::Schedules],
        }
    }

    /// Whether it asks somebody over the network.
    pub fn is_remote(self) -> bool {
        matches!(
            self,
            Self::Graph | Self::Clock | Self::Registration | Self::PublicUrl | Self::Subscriptions
        )
    }

    /// Its name, as it is shown.
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Well,
    /// Worth knowing; nobody has to act.
    Note,
    /// It was not looked at, because of something else.
    Skipped,
    /// It goes on, and somebody should look.
    Warning,
    /// It does not work.
    Broken,
}

/// One line of an examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// What kind of finding it is, within its check; it stays the same from version to version.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The mailbox it is about, by its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    /// What was found.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What was done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// Whether a look at what needs this would tell nothing new.
    #[serde(skip)]
    pub stops: bool,
}

impl Finding {
    fn of(check: Check, code: &'static str, severity: Severity, found: impl Into<String>) -> Self {
        Self {
            check,
            code,
            severity,
            mailbox: None,
            found: found.into(),
            advice: None,
            fixed: None,
            stops: severity == Severity::Broken,
        }
    }

    /// As it should be.
    pub fn well(check: Check, found: impl Into<String>) -> Self {
        Self::of(check, "well", Severity::Well, found)
    }

    /// Worth knowing.
    pub fn note(check: Check, code: &'static str, found: impl Into<String>) -> Self {
        Self::of(check, code, Severity::Note, found)
    }

    /// Somebody should look.
    pub fn warning(check: Check, code: &'static str, found: impl Into<String>) -> Self {
        Self::of(check, code, Severity::Warning, found)
    }

    /// It does not work.
    pub fn broken(check: Check, code: &'static str, found: impl Into<String>) -> Self {
        Self::of(check, code, Severity::Broken, found)
    }

    /// It was not looked at.
    pub fn skipped(check: Check, because: &str) -> Self {
        let found = format!("not looked at, because {because}");
        Self::of(check, "not_looked_at", Severity::Skipped, found)
    }

    /// With the way out.
    #[must_use]
    pub fn advising(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// About one mailbox. What is wrong with one stops nothing.
    #[must_use]
    pub fn about(mut self, address: &str) -> Self {
        self.mailbox = Some(address.to_owned());
        self.stops = false;
        self
    }

    /// It hides what needs it, though it is not broken.
    #[must_use]
    pub fn stopping(mut self) -> Self {
        self.stops = true;
        self
    }

    /// It was mended.
    #[must_use]
    pub fn mended(mut self, what: impl Into<String>) -> Self {
        self.fixed = Some(what.into());
        self.severity = Severity::Note;
        self.advice = None;
        self.stops = false;
        self
    }
}

/// A whole examination, in the order of [`Check::ALL`].
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// One line each.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst of it; what was not looked at is no judgement.
    pub fn worst(&self) -> Severity {
        let judged = self
            .findings
            .iter()
            .map(|finding| finding.severity)
            .filter(|severity| *severity != Severity::Skipped);
        judged.max().unwrap_or(Severity::Well)
    }

    /// Why a look at `check` would tell nothing new, if that is so.
    pub fn stopped(&self, check: Check) -> Option<String> {
        let because = |need: Check| format!("of what stands under {}", need.name());
        check.needs().iter().copied().find_map(|need| {
            let of_need = self.findings.iter().filter(|finding| finding.check == need);
            let mut stopping = of_need.clone().filter(|finding| finding.stops);
            if stopping.next().is_some() {
                return Some(because(need));
            }
            // The cause is named, not what lies between.
            self.stopped(need)
        })
    }

    /// Whether the settings themselves must be repaired.
    pub fn is_about_settings(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.check == Check::Settings && finding.severity == Severity::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_needed_is_looked_at_before() {
        for (place, check) in Check::ALL.into_iter().enumerate() {
            for need in check.needs() {
                let before = Check::ALL.iter().position(|other| other == need);
                assert!(before.is_some_and(|before| before < place), "{check:?}");
            }
        }
    }

    #[test]
    fn what_depends_on_something_broken_names_the_cause() {
        let mut report = Report::default();
        report
            .findings
            .push(Finding::broken(Check::Database, "unreachable", "x"));

        assert_eq!(report.stopped(Check::Registration), None);
        for check in [
            Check::Privileges,
            Check::Schema,
            Check::Lag,
            Check::Subscriptions,
        ] {
            let because = report.stopped(check).expect("it depends on it");
            assert!(because.contains("database"), "{check:?}: {because}");
        }
    }

    #[test]
    fn what_is_wrong_with_one_mailbox_or_was_mended_stops_nothing() {
        let mut report = Report::default();
        let one = Finding::broken(Check::Schema, "x", "x").about("anna@contoso.example");
        report.findings.push(one);
        let mended = Finding::broken(Check::Schema, "x", "x").mended("done");
        report.findings.push(mended.clone());

        assert_eq!(report.stopped(Check::Keys), None);
        assert_eq!(mended.severity, Severity::Note);
        assert_eq!(report.worst(), Severity::Broken);
    }
}
