//! What a letter's next step is, decided over what is written down and what Graph shows. Pure.
//!
//! A letter is a draft that gets its text, its files and is sent. Before a step is begun it stands in
//! [`Progress::trying`]; once its answer was seen it does not. So whoever goes on with a letter and finds a step there does not
//! know what became of it, and looks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::graph::MessageSight;
use crate::model::ids::GraphId;
use crate::model::write::{Fault, FaultCode};

/// One step of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The draft is made.
    Draft,
    /// An answer gets its text, a draft of somebody else's its mark.
    Compose,
    /// The next file comes to it.
    Attach,
    /// It goes out.
    Send,
    /// What every other write does at once.
    Write,
}

/// What is wanted of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    /// Whether it needs [`Step::Compose`].
    pub composes: bool,
    /// How many files.
    pub files: usize,
    /// Whether it goes out.
    pub sends: bool,
}

/// How far a write has come; kept in the row of the command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The step that was begun and whose answer has not been seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trying: Option<Step>,
    /// The draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<GraphId>,
    /// The version before the step that may have changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Whether it has its text.
    pub composed: bool,
    /// How many of the files are there.
    pub attached: usize,
    /// Items that were there before, or are accounted for: attachments, or what a copy must not be mistaken for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<GraphId>,
    /// Whether [`known`](Self::known) has been looked up.
    pub counted: bool,
    /// The session of the file that is being uploaded, sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// How often it was asked to be sent.
    pub sends: u32,
    /// Whether Graph said that it takes it.
    pub accepted: bool,
    /// Looks since something was lost, or taken.
    pub looks: u32,
}

impl Progress {
    /// As it stands in the row; what cannot be read is the work of nobody and begins anew.
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// As it is written into the row.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("progress is plain JSON")
    }

    /// Whether nothing was begun.
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the letter may be on its way, as far as anybody knows.
    pub fn may_have_sent(&self) -> bool {
        self.accepted || self.trying == Some(Step::Send)
    }

    /// Begins a step.
    pub fn begin(&mut self, step: Step) {
        self.trying = Some(step);
        self.looks = 0;
        if step == Step::Send {
            self.sends += 1;
        }
    }

    /// The answer of the step was seen.
    pub fn end(&mut self) {
        self.trying = None;
        self.looks = 0;
    }
}

/// What is to be done with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Take this step.
    Take(Step),
    /// Look what became of this one.
    Look(Step),
    /// Nothing: it is as it is wanted.
    Rest,
}

/// What comes next.
pub fn next(goal: Goal, progress: &Progress) -> Act {
    if progress.accepted {
        return Act::Look(Step::Send);
    }
    if let Some(step) = progress.trying {
        return Act::Look(step);
    }
    if progress.draft.is_none() {
        return Act::Take(Step::Draft);
    }
    if goal.composes && !progress.composed {
        return Act::Take(Step::Compose);
    }
    if progress.attached < goal.files {
        return Act::Take(Step::Attach);
    }
    if goal.sends {
        return Act::Take(Step::Send);
    }
    Act::Rest
}

/// What a look means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The step was taken; this is the message.
    Taken(MessageSight),
    /// It was not: take it again.
    Repeat,
    /// It cannot be told yet.
    LookAgain(Duration),
    /// It will not be told any more.
    Over(Ending),
}

/// How a letter ends that no look finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Graph had taken it; where it is, nobody sees.
    Accepted,
    /// Nobody knows.
    Unknown,
}

/// Seconds between looks for a letter that was sent: minutes in all.
const LADDER: [u64; 8] = [1, 2, 4, 8, 15, 30, 60, 120];

/// A draft that stayed one is not sent again before so many looks, because a letter leaves a little after it was taken.
const LOOKS_BEFORE_AGAIN: u32 = 2;

/// A draft that no look finds is not made again before so many looks.
const LOOKS_FOR_DRAFT: u32 = 1;

/// A letter is asked to be sent so often at most.
const MOST_SENDS: u32 = 6;

fn rung(looks: u32) -> Option<Duration> {
    let rung = usize::try_from(looks).unwrap_or(usize::MAX);
    LADDER.get(rung).copied().map(Duration::from_secs)
}

/// What became of a draft whose making had no answer: `found` is everything that carries the command.
pub fn judge_draft(progress: &Progress, found: &[MessageSight]) -> Verdict {
    match found.iter().find(|one| one.is_draft).or(found.first()) {
        Some(found) => Verdict::Taken(found.clone()),
        None if progress.looks < LOOKS_FOR_DRAFT => Verdict::LookAgain(Duration::from_secs(1)),
        None => Verdict::Repeat,
    }
}

/// What became of a letter whose sending had no answer, or was taken. `here` is what stands under the id of the draft, `found`
/// what carries the command (looked up when nothing stands there: the id may have changed, F11.4).
pub fn judge_send(
    progress: &Progress,
    here: Option<&MessageSight>,
    found: &[MessageSight],
) -> Verdict {
    let sent = here
        .into_iter()
        .chain(found)
        .find(|message| !message.is_draft);
    if let Some(sent) = sent {
        return Verdict::Taken(sent.clone());
    }
    let is_draft_still = here.is_some() || !found.is_empty();
    let again = is_draft_still
        && !progress.accepted
        && progress.looks >= LOOKS_BEFORE_AGAIN
        && progress.sends < MOST_SENDS;
    if again {
        // The same draft: Graph sends an item once, and refuses what has gone already.
        return Verdict::Repeat;
    }
    match rung(progress.looks) {
        Some(wait) => Verdict::LookAgain(wait),
        None if progress.accepted => Verdict::Over(Ending::Accepted),
        None => Verdict::Over(Ending::Unknown),
    }
}

/// How a letter fails whose sending cannot be told.
pub fn unknown() -> Fault {
    Fault::new(
        FaultCode::OutcomeUnknown,
        "nobody can tell whether Microsoft has sent it: no answer came and no trace of it can be found; it is not sent \
         again. Look into Sent Items",
    )
}

/// How another write fails whose outcome cannot be told.
pub fn unwritten() -> Fault {
    Fault::new(
        FaultCode::OutcomeUnknown,
        "no answer came from Microsoft, so that nobody can tell whether it was written; read the item before you ask again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOAL: Goal = Goal {
        composes: false,
        files: 1,
        sends: true,
    };

    fn sight(is_draft: bool) -> MessageSight {
        MessageSight {
            id: GraphId::from("m"),
            change_key: None,
            is_draft,
            parent_folder_id: None,
            internet_message_id: None,
        }
    }

    #[test]
    fn a_letter_is_drafted_filled_and_sent_in_this_order() {
        let mut progress = Progress::default();
        let goal = Goal {
            composes: true,
            ..GOAL
        };
        assert_eq!(next(goal, &progress), Act::Take(Step::Draft));
        progress.draft = Some(GraphId::from("m"));
        assert_eq!(next(goal, &progress), Act::Take(Step::Compose));
        progress.composed = true;
        assert_eq!(next(goal, &progress), Act::Take(Step::Attach));
        progress.attached = 1;
        assert_eq!(next(goal, &progress), Act::Take(Step::Send));
        assert_eq!(
            next(
                Goal {
                    sends: false,
                    ..goal
                },
                &progress
            ),
            Act::Rest
        );
    }

    #[test]
    fn a_step_without_an_answer_is_looked_for_also_after_a_restart() {
        for step in [Step::Draft, Step::Attach, Step::Send] {
            let mut progress = Progress::default();
            progress.begin(step);

            let after = Progress::read(Some(&progress.text()));

            assert_eq!(next(GOAL, &after), Act::Look(step));
            assert_eq!(after.may_have_sent(), step == Step::Send);
        }
    }

    #[test]
    fn what_is_not_a_draft_any_more_was_sent_whatever_its_id() {
        let mut progress = Progress::default();
        progress.begin(Step::Send);

        assert_eq!(
            judge_send(&progress, Some(&sight(false)), &[]),
            Verdict::Taken(sight(false))
        );
        assert_eq!(
            judge_send(&progress, None, &[sight(false)]),
            Verdict::Taken(sight(false))
        );
    }

    #[test]
    fn a_draft_that_stays_one_is_sent_again_and_one_that_was_taken_never() {
        let mut progress = Progress::default();
        progress.begin(Step::Send);
        assert!(matches!(
            judge_send(&progress, Some(&sight(true)), &[]),
            Verdict::LookAgain(_)
        ));
        progress.looks = LOOKS_BEFORE_AGAIN;
        assert_eq!(
            judge_send(&progress, Some(&sight(true)), &[]),
            Verdict::Repeat
        );
        progress.accepted = true;
        for looks in 0..20 {
            progress.looks = looks;
            assert_ne!(
                judge_send(&progress, Some(&sight(true)), &[]),
                Verdict::Repeat
            );
        }
    }

    #[test]
    fn a_letter_without_a_trace_is_never_sent_again() {
        for sends in 1..10 {
            let mut progress = Progress {
                sends,
                trying: Some(Step::Send),
                ..Progress::default()
            };
            for looks in 0..20 {
                progress.looks = looks;
                let verdict = judge_send(&progress, None, &[]);
                assert!(!matches!(verdict, Verdict::Repeat | Verdict::Taken(_)));
            }
            assert_eq!(
                judge_send(&progress, None, &[]),
                Verdict::Over(Ending::Unknown)
            );
        }
    }

    #[test]
    fn a_draft_is_not_made_a_second_time_at_the_first_look() {
        let mut progress = Progress::default();
        progress.begin(Step::Draft);
        assert!(matches!(judge_draft(&progress, &[]), Verdict::LookAgain(_)));
        progress.looks = 1;
        assert_eq!(judge_draft(&progress, &[]), Verdict::Repeat);
        assert_eq!(
            judge_draft(&progress, &[sight(true)]),
            Verdict::Taken(sight(true))
        );
    }
}
