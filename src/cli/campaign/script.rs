//! What happens in a campaign of one seed: a list of steps that grows from the seed, and runs again by itself.
//!
//! A script says all there is to know about its run: the people, how they are mirrored, and each edit and fault with its place in
//! time. It is made without looking at anything that runs, so that the same seed and faults give the same script, and a part
//! of it is a script too.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::faults::Fault;
use super::writes::{EDITS_BESIDE, WriteOrder};
use crate::model::time::Timestamp;
use crate::sandbox::commands::DeltaKind;
use crate::sandbox::edits::EditOrder;
use crate::sandbox::faults::FaultRule;
use crate::sandbox::hostile::Hostility;
use crate::sandbox::identity::Revocation;
use crate::sandbox::lifecycle::LifecycleEvent;
use crate::store::trouble::Trouble;

/// What happens, and to whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The people, their mail and their calendars grow from this.
    pub seed: u64,
    /// When it begins, on its own clock.
    pub begins_at: Timestamp,
    /// How many mailboxes.
    pub mailboxes: usize,
    /// Messages in each.
    pub messages: usize,
    /// Items the mirror asks for on the first page of a round.
    pub page_size: u32,
    /// How long Graph takes for an answer, in milliseconds of the script's clock.
    pub latency_ms: u64,
    /// The kinds of faults that are in it, by name; for people.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Whether nothing is polled while it is played, so that only what was announced and kept comes into the mirror; for scripts
    /// with kills.
    #[serde(default)]
    pub unpolled: bool,
    /// How many services share the database; for scripts in which one stands still.
    #[serde(default = "one")]
    pub replicas: usize,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

fn one() -> usize {
    1
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How long after the people have signed in, in milliseconds of the script's clock.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

/// What can happen: to the mailbox, on the way to it, to the database, or to the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// People, and the world around them, edit a mailbox.
    Edit {
        /// Which, counted from zero.
        mailbox: usize,
        /// What.
        order: EditOrder,
    },
    /// An application has something written into a mailbox.
    Write {
        /// Which, counted from zero.
        mailbox: usize,
        /// What.
        order: WriteOrder,
    },
    /// Knobs are turned.
    Knobs {
        /// Names and values.
        knobs: Map<String, Value>,
    },
    /// Calls that match a rule fail the way it says.
    Fault {
        /// The rule.
        rule: FaultRule,
    },
    /// Delta tokens die.
    ExpireTokens {
        /// Those of mail or of calendars; both when not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<DeltaKind>,
    },
    /// Subscriptions end from Graph's side.
    EndSubscriptions {
        /// Without a word.
        silently: bool,
    },
    /// A lifecycle event is sent for every subscription.
    Lifecycle {
        /// Which.
        event: LifecycleEvent,
    },
    /// Our endpoint gets a POST that nobody should trust.
    Hostile {
        /// What is wrong with it.
        kind: Hostility,
    },
    /// A mailbox gets or loses its licence.
    Licence {
        /// Which, counted from zero.
        mailbox: usize,
        /// Whether it has one from now on.
        on: bool,
    },
    /// Every access token ends.
    LapseTokens,
    /// A person's refresh tokens end; healing signs them in again.
    Revoke {
        /// Whose, counted from zero.
        mailbox: usize,
        /// Why.
        why: Revocation,
    },
    /// The service is killed, and started again at once.
    Kill {
        /// When exactly.
        moment: Moment,
    },
    /// The service that has the mailbox stands still once it has asked for something, past the end of its lease and until the answer
    /// has come; another goes on with its work meanwhile.
    Pause {
        /// Whose mailbox, counted from zero.
        mailbox: usize,
        /// What it has asked for: a path that matches this.
        path: String,
        /// How old the answer is when it comes, in seconds.
        seconds: u64,
    },
    /// The database fails.
    Database {
        /// How.
        trouble: Trouble,
    },
    /// The connections to PostgreSQL are cut and refused for a moment, as when the server is started again; SQLite's file is locked
    /// by somebody else.
    Away {
        /// How many pieces pass before each of the cuts.
        pieces: Vec<u64>,
    },
    /// The database is well again.
    Mend,
    /// The clock leaps, as when a machine was asleep: nothing runs in between.
    Leap {
        /// By so many seconds.
        seconds: u64,
    },
}

/// The instant of a kill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Right then.
    Now,
    /// As soon as Graph or the identity platform is asked for something whose path matches this.
    Asking(String),
    /// Once Graph has done what it was asked for at a path that matches this, and before the service hears of it.
    Answered(String),
}

impl Act {
    /// Whether it is something people or applications do, and not a fault.
    pub fn is_edit(&self) -> bool {
        matches!(self, Self::Edit { .. } | Self::Write { .. })
    }
}

/// The earliest instant a script begins at.
const FIRST_DAY: &str = "2026-01-05T06:00:00Z";

/// Minutes from there to the latest one: a year, so that months end, clocks change and windows roll within some scripts.
const MINUTES: i64 = 365 * 24 * 60;

/// How long people work, in milliseconds: at least, and at most.
const WORKED: (u64, u64) = (20_000, 200_000);

/// Faults of so many kinds come together at most.
const TOGETHER: usize = 4;

/// The script of a seed under some of these faults; with writes of an application too, if so.
pub fn script(seed: u64, allowed: &[Fault], writes: bool) -> Script {
    let mut rng = fastrand::Rng::with_seed(seed);
    let first: Timestamp = FIRST_DAY.parse().expect("the constant is an instant");
    let begins_at = first + TimeDelta::minutes(rng.i64(0..MINUTES));
    let mailboxes = if rng.u8(..4) == 0 { 2 } else { 1 };
    let messages = rng.usize(12..=44);
    let page_size = pick(&mut rng, &[4, 10, 30, 100]);
    let latency_ms = pick(&mut rng, &[0, 30, 120, 400]);
    let span = rng.u64(WORKED.0..WORKED.1);
    let kinds = if writes { EDITS_BESIDE } else { &[] };
    let mut steps = work(&mut rng, span, mailboxes, kinds);
    let (of_writes, others): (Vec<Fault>, Vec<Fault>) =
        allowed.iter().partition(|fault| fault.is_of_writes());
    let mut chosen = choose(&mut rng, &others);
    if writes {
        // Its edits would send our drafts before we do.
        chosen.retain(|fault| *fault != Fault::Unresolvable);
        steps.extend(written(&mut rng, span, mailboxes));
        chosen.extend(choose(&mut rng, &of_writes));
    }
    for fault in &chosen {
        // Half of them are there from the first copy on.
        let from = if rng.bool() { 0 } else { rng.u64(..span / 2) };
        let until = rng.u64(from + span / 4..=span);
        let scene = Scene {
            from,
            until,
            mailboxes,
        };
        steps.extend(fault.steps(&scene, &mut rng));
    }
    steps.sort_by_key(|step| step.at_ms);
    Script {
        seed,
        begins_at,
        mailboxes,
        messages,
        page_size,
        latency_ms,
        faults: chosen.iter().map(|fault| fault.name().to_owned()).collect(),
        unpolled: false,
        replicas: if chosen.contains(&Fault::TakenOver) {
            2
        } else {
            1
        },
        steps,
    }
}

/// When a fault is there, and how many mailboxes there are for it to strike.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// From, in milliseconds.
    pub from: u64,
    /// Until.
    pub until: u64,
    /// How many mailboxes.
    pub mailboxes: usize,
}

/// What people do all the time, a good part of it while the first copy is made.
fn work(rng: &mut fastrand::Rng, span: u64, mailboxes: usize, kinds: &[&str]) -> Vec<Step> {
    let early = rng.usize(0..4);
    let count = rng.usize(8..18);
    (0..early + count)
        .map(|nth| {
            let at_ms = if nth < early {
                rng.u64(..3_000)
            } else {
                rng.u64(..span)
            };
            let count = rng.usize(1..=4);
            edit(rng, at_ms, mailboxes, count, kinds)
        })
        .collect()
}

/// What an application writes meanwhile.
fn written(rng: &mut fastrand::Rng, span: u64, mailboxes: usize) -> Vec<Step> {
    (0..rng.usize(6..14))
        .map(|_| {
            let at_ms = rng.u64(..span);
            write(rng, at_ms, mailboxes, false)
        })
        .collect()
}

/// One write; mail that goes out, if so.
pub(super) fn write(rng: &mut fastrand::Rng, at_ms: u64, mailboxes: usize, sends: bool) -> Step {
    let act = Act::Write {
        mailbox: rng.usize(..mailboxes.max(1)),
        order: WriteOrder {
            seed: rng.u64(..1 << 32),
            sends,
        },
    };
    Step { at_ms, act }
}

/// Some edits of these kinds.
pub(super) fn edit(
    rng: &mut fastrand::Rng,
    at_ms: u64,
    mailboxes: usize,
    count: usize,
    kinds: &[&str],
) -> Step {
    let act = Act::Edit {
        mailbox: rng.usize(..mailboxes.max(1)),
        order: EditOrder {
            count,
            seed: rng.u64(..1 << 32),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        },
    };
    Step { at_ms, act }
}

fn choose(rng: &mut fastrand::Rng, allowed: &[Fault]) -> Vec<Fault> {
    let most = allowed.len().min(TOGETHER);
    let wanted = rng.usize(most.min(1)..=most);
    let mut chosen = BTreeSet::new();
    while chosen.len() < wanted {
        chosen.insert(pick(rng, allowed));
    }
    chosen.into_iter().collect()
}

/// One of several.
pub(super) fn pick<T: Copy>(rng: &mut fastrand::Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// The knobs a JSON object names.
pub(super) fn knobs(values: Value) -> Act {
    match values {
        Value::Object(knobs) => Act::Knobs { knobs },
        _ => Act::Knobs { knobs: Map::new() },
    }
}

/// The knobs every run of a script begins with and is healed to.
pub(super) fn at_rest(script: &Script) -> Value {
    json!({ "latency_ms": script.latency_ms })
}

/// The knobs while people sign in: the clock stands meanwhile, so that nothing may take its time.
pub(super) fn at_once() -> Value {
    json!({ "latency_ms": 0 })
}

impl Step {
    /// How long after the beginning.
    pub fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_script_and_another_one_another() {
        let first = script(7, Fault::ALL, true);

        assert_eq!(first, script(7, Fault::ALL, true));
        assert_ne!(first, script(8, Fault::ALL, true));
        assert!(first.steps.iter().any(|step| step.act.is_edit()));
        assert!(first.steps.is_sorted_by_key(|step| step.at_ms));
    }

    #[test]
    fn a_script_is_read_again_as_it_was_written() {
        for seed in 0..50 {
            let script = script(seed, Fault::ALL, true);
            let text = serde_json::to_string(&script).expect("it has only string keys");

            assert_eq!(
                serde_json::from_str::<Script>(&text).expect("it is its own form"),
                script
            );
        }
    }

    #[test]
    fn without_faults_there_are_only_edits() {
        let script = script(3, &[], false);

        assert!(script.faults.is_empty());
        assert!(script.steps.iter().all(|step| step.act.is_edit()));
    }
}
