//! Letters: what goes out, or becomes a draft that could.

use serde_json::json;

use super::compose::above;
use super::failure::{self, unseen};
use super::plan::{self, Act, Ending, Goal, Step, Verdict};
use super::{Done, Job, Stop, Went};
use crate::graph::{Fate, GraphError, MessageSight};
use crate::model::feed::ItemKind;
use crate::model::ids::GraphId;
use crate::model::write::{Answer, Fault, FaultCode, MessageChanges, NewAttachment, Write};

impl<'a> Job<'a> {
    /// Takes a letter as far as it goes.
    pub(super) async fn letter(&mut self) -> Result<Went, Stop> {
        if let Write::SendDraft { id } = self.write
            && self.progress.draft.is_none()
        {
            self.progress.draft = Some(id.clone());
        }
        let goal = self.goal();
        loop {
            let mut act = plan::next(goal, &self.progress);
            if self.outbox.repeats_blindly && matches!(act, Act::Look(_)) && !self.progress.accepted
            {
                self.progress = plan::Progress::default();
                act = Act::Take(Step::Draft);
            }
            let went = match act {
                Act::Rest => return self.drafted_only().await,
                Act::Take(step) => {
                    if step == Step::Attach
                        && let Some(went) = self.count_files().await?
                    {
                        return self.end_letter(went).await;
                    }
                    self.progress.begin(step);
                    self.save().await?;
                    self.take(step).await?
                }
                Act::Look(step) => self.look(step).await?,
            };
            if let Some(went) = went {
                return self.end_letter(went).await;
            }
        }
    }

    fn answer(&self) -> Option<(&'a GraphId, &'a Answer)> {
        match self.write {
            Write::Reply { id, answer }
            | Write::ReplyAll { id, answer }
            | Write::Forward { id, answer } => Some((id, answer)),
            _ => None,
        }
    }

    /// The files that come to it.
    pub(super) fn files(&self) -> &'a [NewAttachment] {
        match self.write {
            Write::Send { message } => &message.attachments,
            _ => self.answer().map_or(&[], |(_, answer)| &answer.attachments),
        }
    }

    fn goal(&self) -> Goal {
        let composes = match self.write {
            Write::Send { .. } => false,
            Write::SendDraft { .. } => true,
            _ => self.answer().is_some_and(|(_, answer)| {
                let plain = Answer {
                    draft: answer.draft,
                    attachments: answer.attachments.clone(),
                    ..Answer::default()
                };
                *answer != plain
            }),
        };
        Goal {
            composes,
            files: self.files().len(),
            sends: self.write.sends(),
        }
    }

    /// The draft; every step but the first has one.
    pub(super) fn draft(&self) -> GraphId {
        let draft = self.progress.draft.clone();
        draft.unwrap_or_else(|| GraphId::from(""))
    }

    async fn take(&mut self, step: Step) -> Result<Option<Went>, Stop> {
        match step {
            Step::Draft => self.make_draft().await,
            Step::Compose => self.compose().await,
            Step::Attach => self.attach().await,
            Step::Send | Step::Write => self.send().await,
        }
    }

    async fn make_draft(&mut self) -> Result<Option<Went>, Stop> {
        let id = self.command.id;
        let graph = self.graph().clone();
        let made = match (self.write, self.answer()) {
            (Write::Send { message }, _) => {
                let made = self.outbox.call(graph.draft_create(message, id)).await?;
                made.map(|sight| (sight, None))
            }
            (write, Some((to, _))) => {
                let call = graph.draft_answer(to, write.kind(), id);
                let made = self.outbox.call(call).await?;
                made.map(|drafted| (drafted.sight.clone(), Some(drafted)))
            }
            (_, None) => return Ok(None),
        };
        match made {
            Ok((sight, drafted)) => {
                self.has_draft(&sight);
                self.drafted = drafted;
                Ok(None)
            }
            Err(error) => self.failed(error).await.map(Some),
        }
    }

    fn has_draft(&mut self, sight: &MessageSight) {
        self.progress.end();
        self.progress.draft = Some(sight.id.clone());
        self.progress.before.clone_from(&sight.change_key);
    }

    /// Gives an answer its text and people; a draft that was there, the mark by which it is found again.
    async fn compose(&mut self) -> Result<Option<Went>, Stop> {
        let draft = self.draft();
        let graph = self.graph().clone();
        let done = match self.answer() {
            None => {
                let mark = graph.draft_mark(&draft, self.command.id);
                self.outbox.call(mark).await?
            }
            Some((_, answer)) => {
                let drafted = match self.drafted.take() {
                    Some(drafted) => Ok(drafted),
                    None => self.outbox.call(graph.draft_get(&draft)).await?,
                };
                let quote = match drafted {
                    Ok(drafted) => drafted.body,
                    Err(error) => {
                        self.progress.end();
                        return unseen(error, self.progress.looks).map(Some);
                    }
                };
                let some = |whom: &Vec<_>| (!whom.is_empty()).then(|| whom.clone());
                let changes = MessageChanges {
                    body: match (&answer.body, answer.quote) {
                        (Some(ours), true) => Some(above(ours, &quote)),
                        (Some(ours), false) => Some(ours.clone()),
                        (None, true) => None,
                        (None, false) => Some(crate::model::write::Text::default()),
                    },
                    subject: answer.subject.clone(),
                    to: some(&answer.to),
                    cc: some(&answer.cc),
                    bcc: some(&answer.bcc),
                    ..MessageChanges::default()
                };
                let patch = graph.message_patch(&draft, &changes, None);
                self.outbox.call(patch).await?
            }
        };
        match done {
            Ok(sight) if !sight.is_draft => Ok(Some(Went::Failed(Fault::new(
                FaultCode::WriteRefused,
                "it is no draft: only a draft can be sent, and only once",
            )))),
            Ok(_) => {
                self.progress.end();
                self.progress.composed = true;
                Ok(None)
            }
            Err(error) => self.failed(error).await.map(Some),
        }
    }

    async fn send(&mut self) -> Result<Option<Went>, Stop> {
        let graph = self.graph().clone();
        match self.outbox.call(graph.draft_send(&self.draft())).await? {
            Ok(()) => {
                self.progress.end();
                self.progress.accepted = true;
                Ok(None)
            }
            // One before may have had its effect: what Graph refuses then is to send it twice.
            Err(error) if self.progress.sends > 1 && is_refusal(&error) => {
                self.progress.looks = self.progress.looks.max(1);
                Ok(Some(Went::Later(failure::pause(1))))
            }
            Err(error) => self.failed(error).await.map(Some),
        }
    }

    /// Looks what became of a step.
    async fn look(&mut self, step: Step) -> Result<Option<Went>, Stop> {
        match step {
            Step::Draft => self.look_for_draft().await,
            Step::Compose => self.look_at_text().await,
            Step::Attach => self.look_for_file().await,
            Step::Send | Step::Write => self.look_for_sent().await,
        }
    }

    async fn look_for_draft(&mut self) -> Result<Option<Went>, Stop> {
        let graph = self.graph().clone();
        let found = match self.outbox.call(graph.messages_of(self.command.id)).await? {
            Ok(found) => found,
            Err(error) => return unseen(error, self.progress.looks).map(Some),
        };
        match plan::judge_draft(&self.progress, &found) {
            Verdict::Taken(sight) => self.has_draft(&sight),
            Verdict::LookAgain(wait) => {
                self.progress.looks += 1;
                return Ok(Some(Went::Later(wait)));
            }
            Verdict::Repeat | Verdict::Over(_) => self.progress.end(),
        }
        Ok(None)
    }

    async fn look_at_text(&mut self) -> Result<Option<Went>, Stop> {
        // Marking twice is marking once.
        if self.answer().is_some() {
            let graph = self.graph().clone();
            match self.outbox.call(graph.draft_get(&self.draft())).await? {
                Ok(drafted) => {
                    self.progress.composed = drafted.sight.change_key != self.progress.before;
                    self.drafted = Some(drafted);
                }
                Err(error) => return unseen(error, self.progress.looks).map(Some),
            }
        }
        self.progress.end();
        Ok(None)
    }

    async fn look_for_sent(&mut self) -> Result<Option<Went>, Stop> {
        let graph = self.graph().clone();
        let draft = self.draft();
        let here = match self.outbox.call(graph.message_sight(&draft)).await? {
            Ok(here) => here,
            Err(error) => return self.unseen_sent(error).map(Some),
        };
        let mut found = Vec::new();
        if here.is_none() {
            found = match self.outbox.call(graph.messages_of(self.command.id)).await? {
                Ok(found) => found,
                Err(error) => return self.unseen_sent(error).map(Some),
            };
        }
        match plan::judge_send(&self.progress, here.as_ref(), &found) {
            Verdict::Taken(sent) => {
                self.sweep_strays(&sent.id).await?;
                let done = Done::of(ItemKind::Message, &sent.id, sent.change_key.clone());
                let told = json!({ "sent": true, "internet_message_id": sent.internet_message_id });
                Ok(Some(Went::Done(done.made_or_gone().telling(told))))
            }
            Verdict::LookAgain(wait) => {
                self.progress.looks += 1;
                Ok(Some(Went::Later(wait)))
            }
            Verdict::Repeat => {
                if let Some(moved) = found.first() {
                    self.progress.draft = Some(moved.id.clone());
                }
                self.progress.trying = None;
                Ok(None)
            }
            Verdict::Over(Ending::Accepted) => {
                let done = Done::of(ItemKind::Message, &draft, None).made_or_gone();
                Ok(Some(Went::Done(
                    done.telling(json!({ "sent": true, "seen": false })),
                )))
            }
            Verdict::Over(Ending::Unknown) => Ok(Some(Went::Failed(plan::unknown()))),
        }
    }

    /// What was sent, or may have been, does not fail because a look was refused.
    fn unseen_sent(&mut self, error: GraphError) -> Result<Went, Stop> {
        let looks = self.progress.looks;
        match unseen(error, looks)? {
            Went::Failed(_) => {
                self.progress.looks += 1;
                Ok(Went::Later(failure::pause(looks)))
            }
            went => Ok(went),
        }
    }

    /// A process that was thought dead may have made a second draft: once the letter is out, no other carries its command. A
    /// draft that is left where this fails is one too many in Drafts, and goes nowhere.
    async fn sweep_strays(&mut self, sent: &GraphId) -> Result<(), Stop> {
        if self.command.attempts == 0 {
            return Ok(());
        }
        let graph = self.graph().clone();
        let Ok(found) = self.outbox.call(graph.messages_of(self.command.id)).await? else {
            return Ok(());
        };
        for stray in found {
            if stray.is_draft && stray.id != *sent {
                let _ = self
                    .outbox
                    .call(graph.message_delete(&stray.id, None))
                    .await?;
            }
        }
        Ok(())
    }

    async fn drafted_only(&mut self) -> Result<Went, Stop> {
        let graph = self.graph().clone();
        let draft = self.draft();
        let sight = self.outbox.call(graph.message_sight(&draft)).await?;
        let key = sight.ok().flatten().and_then(|sight| sight.change_key);
        let done = Done::of(ItemKind::Message, &draft, key).made_or_gone();
        Ok(Went::Done(done.telling(json!({ "draft": true }))))
    }

    /// A letter that failed leaves no draft behind, unless it may have gone out or the draft was there before.
    async fn end_letter(&mut self, went: Went) -> Result<Went, Stop> {
        let Went::Failed(fault) = &went else {
            return Ok(went);
        };
        let is_ours = !matches!(self.write, Write::SendDraft { .. });
        if is_ours
            && fault.code != FaultCode::OutcomeUnknown
            && let Some(draft) = self.progress.draft.take()
        {
            let graph = self.graph().clone();
            let _ = self.outbox.call(graph.message_delete(&draft, None)).await?;
        }
        Ok(went)
    }
}

fn is_refusal(error: &GraphError) -> bool {
    error.fate() == Fate::Refused
        && !error
            .refused()
            .is_some_and(crate::graph::Refused::is_throttled)
        && error.status() != Some(401)
}
