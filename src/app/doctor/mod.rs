//! Looks at everything the service stands on and names the first thing that is wrong.
//!
//! One broken thing breaks others, so what is looked at stands in the order of its dependence ([`Check::ALL`]): the first line that
//! is broken is the cause, and what needs it is not looked at, because it would only say the same in other words. Looking changes
//! nothing: a mailbox keeps its state whatever is found, the test subscription is removed again, and only `--fix` mends, and only what
//! is safe to mend.
//!
//! In reading order: [`finding`] (the words), then a file per thing, each a pure judgement of what a thin probe brought
//! (`settings`, `graph`, `database`, `contents`, `keys`, `registration`, `service`, `grants`, `address` with `live`, `subscriptions`, `work`, `lag`); this
//! file and `visit` take the steps.

mod address;
mod contents;
mod database;
pub mod finding;
mod grants;
mod graph;
mod keys;
mod lag;
mod live;
mod registration;
#[cfg(test)]
mod samples;
mod service;
mod settings;
mod subscriptions;
mod visit;
mod visit_mailboxes;
mod visit_work;
mod work;

use tokio_util::sync::CancellationToken;

pub use finding::{Check, Finding, Report, Severity};

use crate::config::{ConfigError, Settings};
use crate::model::time::SharedClock;
use visit::Visit;

/// What an examination may do.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// Mend what is safe to mend.
    pub fix: bool,
    /// Ask nobody over the network but the database and the service on this machine.
    pub offline: bool,
    /// End before the next look; a test subscription is removed first.
    pub stop: CancellationToken,
}

/// Examines everything, as far as these settings lead.
pub async fn examine(
    settings: Result<Settings, ConfigError>,
    clock: SharedClock,
    orders: Orders,
) -> Report {
    let mut report = Report::default();
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            report.findings = settings::unusable(&error);
            for check in Check::ALL.into_iter().skip(1) {
                report.findings.push(skipped(&report, check));
            }
            return report;
        }
    };
    report.findings = settings::judge(&settings);
    let mut visit = Visit::begin(settings, clock, orders.clone());
    for check in Check::ALL.into_iter().skip(1) {
        if orders.stop.is_cancelled() {
            report
                .findings
                .push(Finding::skipped(check, "the examination was ended"));
        } else if report.stopped(check).is_some() {
            report.findings.push(skipped(&report, check));
        } else if orders.offline && check.is_remote() {
            report
                .findings
                .push(Finding::skipped(check, "--offline was given"));
        } else {
            let found = visit.look(check).await;
            report.findings.extend(found);
        }
    }
    visit.end().await;
    report
}

fn skipped(report: &Report, check: Check) -> Finding {
    let because = report.stopped(check).unwrap_or_default();
    Finding::skipped(check, &because)
}
