//! The kinds of faults a campaign knows: a closed list, each a knob or a command of the sandbox.
//!
//! A fault says when it begins and when it ends by itself; whatever it leaves behind, healing undoes. None of them makes Graph
//! lie in a way that nobody has seen it lie: that a live item answers 404 for good, for example, no client could mend.

use std::str::FromStr;

use serde_json::{Value, json};

use super::script::{Act, Scene, Step, edit, knobs, pick};
use crate::sandbox::commands::DeltaKind;
use crate::sandbox::faults::FaultRule;
use crate::sandbox::hostile::Hostility;
use crate::sandbox::identity::Revocation;
use crate::sandbox::knobs::Knobs;
use crate::sandbox::lifecycle::LifecycleEvent;
use crate::store::trouble::Trouble;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

faults! {
    /// Notifications are lost.
    Lost = "lost";
    /// Notifications come twice.
    Doubled = "doubled";
    /// Notifications come in another order.
    Reordered = "reordered";
    /// Notifications come late.
    Late = "late";
    /// New items answer 404 to GET for a while.
    Invisible = "invisible";
    /// Sent mail announces ids that never resolve.
    Unresolvable = "unresolvable";
    /// Moves are announced as a deletion and a creation, in any order.
    Moves = "moves";
    /// Messages go from A to B and back; a delta shows only that they left.
    ThereAndBack = "there_and_back";
    /// A delta does not show what moved in.
    MissingAdditions = "missing_additions";
    /// A round repeats itself and the one before.
    RepeatingRounds = "repeating_rounds";
    /// A change comes a round later.
    DelayedRounds = "delayed_rounds";
    /// The items of a round come in any order.
    ReorderedRounds = "reordered_rounds";
    /// Pages are short, or empty, or refused for their size.
    OddPages = "odd_pages";
    /// Removals give another reason, and changes come whole or in part.
    OddRounds = "odd_rounds";
    /// Delta tokens die, in the middle of rounds too.
    DeadTokens = "dead_tokens";
    /// More delta tokens are alive than Graph keeps.
    EvictedTokens = "evicted_tokens";
    /// 429 with `Retry-After`.
    Throttled = "throttled";
    /// 429 without one.
    ThrottledSilently = "throttled_silently";
    /// 429 until a date.
    ThrottledUntil = "throttled_until";
    /// Fewer requests at a time than usual, inside of batches too.
    Crowded = "crowded";
    /// An answer of each batch is missing.
    DroppedParts = "dropped_parts";
    /// 404 and 503 without a body.
    EmptyRefusals = "empty_refusals";
    /// 500, 502, 503 and 504.
    Failing = "failing";
    /// Connections break.
    CutConnections = "cut_connections";
    /// Requests and answers take their time.
    SlowAnswers = "slow_answers";
    /// Our endpoint is slow.
    SlowEndpoint = "slow_endpoint";
    /// Our endpoint is so slow that notifications are dropped.
    DroppingEndpoint = "dropping_endpoint";
    /// Access tokens end early.
    TokenLapse = "token_lapse";
    /// The identity platform refuses to refresh, for a while or until the person signs in again.
    RefusedRefresh = "refused_refresh";
    /// Subscriptions vanish, with a word or without.
    VanishedSubscriptions = "vanished_subscriptions";
    /// Subscriptions are refused.
    RefusedSubscriptions = "refused_subscriptions";
    /// The answer to a subscription that was made is late or never comes.
    LostCreations = "lost_creations";
    /// `missed` and `reauthorizationRequired` come for no reason.
    Lifecycle = "lifecycle";
    /// The licence is taken and given back.
    Licence = "licence";
    /// Some messages cannot be read.
    Poisoned = "poisoned";
    /// POSTs that nobody should trust.
    Hostile = "hostile";
    /// The clock leaps ahead.
    Leaps = "leaps";
    /// One of two services stands still past its lease, and comes back with an old answer.
    TakenOver = "taken_over";
    /// Connections to PostgreSQL break and are refused for a moment; SQLite's file is locked by somebody else.
    DatabaseAway = "database_away";
    /// The database takes no writes.
    DatabaseReadOnly = "database_read_only";
    /// The database has no room.
    DatabaseFull = "database_full";
    /// What was written is done, and the answer is lost.
    LostAnswers = "lost_answers";
    /// Writes are refused, or their connections cut before anything is done.
    RefusedWrites = "refused_writes";
    /// A message has another id once it is sent.
    ChangedIds = "changed_ids";
    /// What was sent leaves late.
    LateSends = "late_sends";
    /// Upload sessions end early.
    EndedUploads = "ended_uploads";
}

impl Fault {
    /// Whether it strikes only what we write.
    pub fn is_of_writes(self) -> bool {
        matches!(
            self,
            Self::LostAnswers
                | Self::RefusedWrites
                | Self::ChangedIds
                | Self::LateSends
                | Self::EndedUploads
        )
    }
}

/// A name that is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("there is no fault `{name}`; the faults are: all, {known}")]
pub struct UnknownFault {
    name: String,
    known: String,
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let known = Self::ALL.iter().copied();
        known
            .clone()
            .find(|fault| fault.name() == text)
            .ok_or_else(|| UnknownFault {
                name: text.to_owned(),
                known: known.map(Self::name).collect::<Vec<_>>().join(", "),
            })
    }
}

const HOSTILITIES: &[Hostility] = &[
    Hostility::WrongClientState,
    Hostility::UnknownSubscription,
    Hostility::UnknownChangeType,
    Hostility::UnknownShape,
    Hostility::InvalidJson,
    Hostility::BadAmongGood,
    Hostility::Oversized,
    Hostility::ThousandItems,
];

const DEATHS: &[&str] = &[
    "gone",
    "gone_with_location",
    "bad_request",
    "resync_required",
    "resync_required_lower_case",
];

/// Refusals that a person mends by signing in again.
const REVOCATIONS: &[Revocation] = &[
    Revocation::Sessions,
    Revocation::PasswordReset,
    Revocation::Idle,
    Revocation::Mfa,
    Revocation::SignInFrequency,
    Revocation::Consent,
];

/// What a service has asked for that then stands still: a page of a round, announced items, a series.
const ASKED: &[&str] = &[
    "/messages/delta",
    "/messages/delta",
    "calendarView/delta",
    "/messages/[^/]+$|/batch",
    "/events/",
];

/// Paths that faults strike, each a regular expression.
const PATHS: &[&str] = &[
    "/messages/delta",
    "/calendarView/delta",
    "/mailFolders/delta",
    "/mailFolders",
    "/messages/[^/]+$",
    "/messages",
    "/events/",
    "/calendars",
    "/attachments",
    "/users/",
    "/subscriptions",
];

impl Fault {
    /// What it does, and when.
    pub fn steps(self, scene: &Scene, rng: &mut fastrand::Rng) -> Vec<Step> {
        match self {
            Self::Lost => turned(
                scene,
                json!({ "notification_loss_percent": rng.u8(30..=100) }),
            ),
            Self::Doubled => turned(
                scene,
                json!({ "notification_duplicate_percent": rng.u8(30..=100) }),
            ),
            Self::Reordered => turned(scene, json!({ "notification_reorder": true })),
            Self::Late => {
                let most = rng.u64(10_000..180_000);
                turned(
                    scene,
                    json!({ "notification_delay_min_ms": most / 4, "notification_delay_max_ms": most }),
                )
            }
            Self::Invisible => turned(
                scene,
                json!({ "created_visible_after_ms": rng.u64(1_000..60_000) }),
            ),
            Self::Unresolvable => edits(scene, rng, &["message_send"]),
            Self::Moves => with(
                turned(scene, json!({ "notification_reorder": true })),
                edits(scene, rng, &["message_move"]),
            ),
            Self::ThereAndBack => edits(scene, rng, &["message_move", "message_move_back"]),
            Self::MissingAdditions => with(
                turned(scene, json!({ "immutable_missing_add": true })),
                edits(scene, rng, &["message_move", "message_move_back"]),
            ),
            Self::RepeatingRounds => turned(
                scene,
                json!({ "delta_duplicates": true, "delta_replays": true }),
            ),
            Self::DelayedRounds => turned(scene, json!({ "delta_delays": true })),
            Self::ReorderedRounds => turned(scene, json!({ "delta_random_order": true })),
            Self::OddPages => turned(
                scene,
                json!({
                    "short_pages": rng.bool(), "empty_page": rng.bool(),
                    "page_bytes_limit": if rng.bool() { json!(rng.u64(20_000..200_000)) } else { Value::Null },
                }),
            ),
            Self::OddRounds => turned(
                scene,
                json!({
                    "partial_read_changes": rng.bool(), "removed_reason": "changed", "read_keeps_modified": rng.bool(),
                    "series_removal_reports_occurrences": rng.bool(),
                }),
            ),
            Self::DeadTokens => with(
                turned(scene, json!({ "dead_token": pick(rng, DEATHS) })),
                deaths(scene, rng),
            ),
            Self::EvictedTokens => turned(
                scene,
                json!({ "live_delta_tokens": rng.u32(2..30), "dead_token": pick(rng, DEATHS) }),
            ),
            _ => self.steps_of_the_way(scene, rng),
        }
    }

    /// The same for faults between us and the mailbox.
    fn steps_of_the_way(self, scene: &Scene, rng: &mut fastrand::Rng) -> Vec<Step> {
        match self {
            Self::Throttled => struck(
                scene,
                rng,
                |rng| json!({ "status": 429, "headers": { "Retry-After": rng.u32(1..60).to_string() } }),
            ),
            Self::ThrottledSilently => struck(scene, rng, |_| json!({ "status": 429 })),
            Self::ThrottledUntil => struck(scene, rng, |rng| {
                let seconds = rng.u32(10..59);
                json!({ "status": 429, "headers": {
                    "Date": "Mon, 05 Jan 2026 06:00:00 GMT",
                    "Retry-After": format!("Mon, 05 Jan 2026 06:00:{seconds} GMT"),
                } })
            }),
            Self::Crowded => turned(
                scene,
                json!({ "concurrency_limit": rng.u8(1..=3), "concurrency_retry_after_seconds": rng.u8(1..=5) }),
            ),
            Self::DroppedParts => turned(scene, json!({ "batch_drop_response": true })),
            Self::EmptyRefusals => with(
                turned(scene, json!({ "empty_error_bodies": true })),
                struck(scene, rng, |_| json!({ "status": 503, "body": "" })),
            ),
            Self::Failing => struck(
                scene,
                rng,
                |rng| json!({ "status": pick(rng, &[500, 502, 503, 504]) }),
            ),
            Self::CutConnections => struck(scene, rng, |_| json!({ "reset": true })),
            Self::SlowAnswers => struck(
                scene,
                rng,
                |rng| json!({ "delay_ms": rng.u64(..4_000), "hold_ms": rng.u64(..20_000) }),
            ),
            Self::SlowEndpoint => turned(
                scene,
                json!({ "endpoint_latency_ms": rng.u64(3_000..9_000) }),
            ),
            Self::DroppingEndpoint => turned(
                scene,
                json!({ "endpoint_latency_ms": rng.u64(10_500..30_000) }),
            ),
            Self::TokenLapse => with(
                turned(scene, json!({ "token_lapse_pauses": rng.bool() })),
                repeated(scene, rng, |_| Act::LapseTokens),
            ),
            Self::RefusedRefresh => refused_refresh(scene, rng),
            Self::VanishedSubscriptions => repeated(scene, rng, |rng| Act::EndSubscriptions {
                silently: rng.bool(),
            }),
            Self::RefusedSubscriptions => refused_subscriptions(scene, rng),
            Self::LostCreations => with(
                turned(
                    scene,
                    json!({ "created_dropped": rng.bool(), "created_delay_ms": rng.u64(..20_000) }),
                ),
                repeated(scene, rng, |rng| Act::EndSubscriptions {
                    silently: rng.bool(),
                }),
            ),
            Self::Lifecycle => repeated(scene, rng, |rng| Act::Lifecycle {
                event: pick(
                    rng,
                    &[
                        LifecycleEvent::Missed,
                        LifecycleEvent::ReauthorizationRequired,
                    ],
                ),
            }),
            Self::Licence => {
                let mailbox = rng.usize(..scene.mailboxes);
                let act = |on| Act::Licence { mailbox, on };
                vec![at(scene.from, act(false)), at(scene.until, act(true))]
            }
            Self::Poisoned => turned(scene, json!({ "poisoned_items": true })),
            Self::Hostile => repeated(scene, rng, |rng| Act::Hostile {
                kind: pick(rng, HOSTILITIES),
            }),
            Self::Leaps => repeated(scene, rng, |rng| Act::Leap {
                seconds: pick(rng, &[20, 90, 700, 5_000]),
            }),
            _ => self.steps_of_our_own(scene, rng),
        }
    }
}

impl Fault {
    /// The same for faults on our own side.
    fn steps_of_our_own(self, scene: &Scene, rng: &mut fastrand::Rng) -> Vec<Step> {
        let troubled = |act| vec![at(scene.from, act), at(scene.until, Act::Mend)];
        match self {
            Self::TakenOver => {
                let mailbox = rng.usize(..scene.mailboxes);
                let pause = Act::Pause {
                    mailbox,
                    path: pick(rng, ASKED).to_owned(),
                    seconds: rng.u64(130..500),
                };
                // Something to ask for, and something that only the other one has seen.
                let mut steps = edits(scene, rng, &[]);
                steps.push(at(scene.from, pause));
                steps
            }
            Self::DatabaseAway => troubled(Act::Away {
                pieces: (0..rng.usize(1..=4)).map(|_| rng.u64(..150)).collect(),
            }),
            Self::DatabaseReadOnly => troubled(Act::Database {
                trouble: Trouble::ReadOnly,
            }),
            Self::DatabaseFull => troubled(Act::Database {
                trouble: Trouble::Full,
            }),
            _ => self.steps_of_writes(scene, rng),
        }
    }
}

fn at(at_ms: u64, act: Act) -> Step {
    Step { at_ms, act }
}

fn with(mut some: Vec<Step>, others: Vec<Step>) -> Vec<Step> {
    some.extend(others);
    some
}

/// Knobs turned, and turned back.
pub(super) fn turned(scene: &Scene, values: Value) -> Vec<Step> {
    let rest = serde_json::to_value(Knobs::default()).unwrap_or_default();
    let back: serde_json::Map<String, Value> = values
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| (name.clone(), rest[name].clone()))
        .collect();
    vec![
        at(scene.from, knobs(values)),
        at(scene.until, knobs(back.into())),
    ]
}

fn moment(scene: &Scene, rng: &mut fastrand::Rng) -> u64 {
    rng.u64(scene.from..=scene.until)
}

/// The same kind of thing a few times.
fn repeated(
    scene: &Scene,
    rng: &mut fastrand::Rng,
    act: impl Fn(&mut fastrand::Rng) -> Act,
) -> Vec<Step> {
    (0..rng.usize(1..=3))
        .map(|_| at(moment(scene, rng), act(rng)))
        .collect()
}

/// Edits of a few kinds, in bursts.
fn edits(scene: &Scene, rng: &mut fastrand::Rng, kinds: &[&str]) -> Vec<Step> {
    (0..rng.usize(2..=5))
        .map(|_| {
            let (moment, count) = (moment(scene, rng), rng.usize(1..=6));
            edit(rng, moment, scene.mailboxes, count, kinds)
        })
        .collect()
}

fn deaths(scene: &Scene, rng: &mut fastrand::Rng) -> Vec<Step> {
    repeated(scene, rng, |rng| Act::ExpireTokens {
        kind: pick(
            rng,
            &[None, Some(DeltaKind::Mail), Some(DeltaKind::Calendar)],
        ),
    })
}

/// Rules that strike some calls each.
fn struck(
    scene: &Scene,
    rng: &mut fastrand::Rng,
    how: impl Fn(&mut fastrand::Rng) -> Value,
) -> Vec<Step> {
    struck_in(scene, rng, PATHS, how)
}

/// The same for paths of these.
pub(super) fn struck_in(
    scene: &Scene,
    rng: &mut fastrand::Rng,
    paths: &[&str],
    how: impl Fn(&mut fastrand::Rng) -> Value,
) -> Vec<Step> {
    (0..rng.usize(1..=5))
        .map(|_| {
            let moment = moment(scene, rng);
            let path = pick(rng, paths);
            let mut fields = how(rng);
            fields["path"] = path.into();
            fields["times"] = rng.u64(1..=6).into();
            at(moment, fault(fields))
        })
        .collect()
}

fn fault(fields: Value) -> Act {
    let rule: FaultRule = serde_json::from_value(fields).expect("the rules are well formed");
    Act::Fault { rule }
}

fn refused_refresh(scene: &Scene, rng: &mut fastrand::Rng) -> Vec<Step> {
    let refusal = json!({
        "path": "/oauth2/v2.0/token", "times": rng.u64(1..=4), "status": pick(rng, &[429, 500, 503]),
    });
    let mut steps = vec![
        at(scene.from, fault(refusal)),
        at(scene.from, Act::LapseTokens),
    ];
    if rng.bool() {
        let moment = moment(scene, rng);
        let why = pick(rng, REVOCATIONS);
        let mailbox = rng.usize(..scene.mailboxes);
        steps.push(at(moment, Act::Revoke { mailbox, why }));
        steps.push(at(moment, Act::LapseTokens));
    }
    steps
}

fn refused_subscriptions(scene: &Scene, rng: &mut fastrand::Rng) -> Vec<Step> {
    let rule = json!({
        "method": pick(rng, &["POST", "PATCH", "GET"]), "path": "/subscriptions", "times": rng.u64(1..=6),
        "status": pick(rng, &[400, 403, 409, 429, 500, 503]),
    });
    let mut steps = vec![at(scene.from, fault(rule))];
    if rng.bool() {
        steps.extend(turned(scene, json!({ "subscriptions_per_mailbox": 0 })));
    }
    steps.extend(repeated(scene, rng, |rng| Act::EndSubscriptions {
        silently: rng.bool(),
    }));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Options;
    use crate::sandbox::world::World;

    #[test]
    fn every_fault_has_a_name_of_its_own_and_does_something() {
        let scene = Scene {
            from: 1_000,
            until: 9_000,
            mailboxes: 1,
        };
        for fault in Fault::ALL {
            let steps = fault.steps(&scene, &mut fastrand::Rng::with_seed(1));

            assert_eq!(fault.name().parse::<Fault>().ok(), Some(*fault));
            assert!(!steps.is_empty(), "{fault:?}");
            assert!(
                steps
                    .iter()
                    .all(|step| (1_000..=9_000).contains(&step.at_ms)),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn every_knob_and_rule_is_one_that_the_sandbox_takes() {
        let options = Options {
            mailboxes: 1,
            messages: Some(0),
            events: false,
            ..Options::default()
        };
        let world = World::seeded(&options, "http://127.0.0.1:1".to_owned());
        let scene = Scene {
            from: 0,
            until: 9_000,
            mailboxes: 1,
        };
        for (seed, fault) in
            (0..20).flat_map(|seed| Fault::ALL.iter().map(move |fault| (seed, fault)))
        {
            for step in fault.steps(&scene, &mut fastrand::Rng::with_seed(seed)) {
                let taken = match step.act {
                    Act::Knobs { knobs } => world.turn_knobs(&knobs.into()).map(drop),
                    Act::Fault { rule } => world.set_fault(rule).map(drop),
                    _ => Ok(()),
                };
                taken.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            }
        }
    }

    #[test]
    fn an_unknown_fault_is_named_with_the_list() {
        let refused = "gremlins".parse::<Fault>().expect_err("there is none");

        let text = refused.to_string();
        assert!(
            text.contains("`gremlins`") && text.contains("dead_tokens"),
            "{text}"
        );
    }
}
