//! Plays a script: people sign in, what it says happens when it says so, then everything is healed, settles, and is compared.

use std::time::Duration;

use anyhow::bail;

use super::compare::differences;
use super::feed;
use super::ground::Ground;
use super::pace::Restless;
use super::script::{Act, Script, at_once, at_rest};
use super::stage::{MONTHS, POLLED_EVERY, Stage};
use super::writes::{Held, Ledger, Person, WriteOrder};
use crate::mirror::{Sabotage, Window};
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::{Clock as _, Timestamp, later};
use crate::model::work::{SubscriptionState, Wish};
use crate::sandbox::commands::Which;
use crate::sandbox::knobs::Knobs;

/// A mailbox that has not settled by then never will: the longest wait for an item that could not be read while the script ran
/// is half an hour, and what ended with the script's last fault has two more waits before it.
const LONGEST: Duration = Duration::from_hours(4);

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// Edits that people made.
    pub edits: usize,
    /// Faults that were set or commanded.
    pub faults: usize,
    /// Writes that an application asked for.
    pub writes: usize,
    /// How many of them were mail that goes out.
    pub sends: usize,
    /// What differed at the end, in words; empty when mirror and mailbox are equal.
    pub differences: Vec<String>,
}

/// Plays a script in a database of its own.
pub(super) async fn play(
    script: &Script,
    ground: &Ground,
    sabotage: Sabotage,
) -> anyhow::Result<Played> {
    let stage = Stage::set(script, ground, sabotage).await?;
    let played = perform(script, &stage).await;
    stage.strike().await?;
    played
}

async fn perform(script: &Script, stage: &Stage) -> anyhow::Result<Played> {
    let mut played = Played::default();
    let mut ledger = Ledger::default();
    stage.connect(script).await?;
    if let Err(error) = happen(script, stage, &mut played, &mut ledger).await {
        if !error.is::<Restless>() {
            return Err(error);
        }
        // Nothing settles any more: there is nothing to compare.
        played.differences.push(error.to_string());
        return Ok(played);
    }
    played
        .differences
        .extend(stage.notes().await?.into_iter().map(|cursor| {
            format!("the cursor {cursor} went back: a writer that had been relieved went on")
        }));
    let mut held = Vec::new();
    for mailbox in &stage.mailboxes().await? {
        let window = Window::at(stage.clock.now(), MONTHS.0, MONTHS.1);
        let bounds = Some((window.start, window.end));
        let truth = stage.world().truth(&mailbox.user_id.0, bounds)?;
        let truth = serde_json::from_str(&truth)?;
        let found = differences(stage.store(), mailbox.id, &truth).await?;
        played
            .differences
            .extend(found.iter().map(ToString::to_string));
        played
            .differences
            .extend(feed::differences(stage.store(), mailbox).await?);
        held.push(Held {
            mailbox: mailbox.id,
            user: mailbox.user_id.0.clone(),
            truth,
        });
    }
    (played.writes, played.sends) = ledger.counts();
    played
        .differences
        .extend(ledger.differences(stage.store(), &held).await?);
    Ok(played)
}

/// Lets everything happen that the script says, and settle.
async fn happen(
    script: &Script,
    stage: &Stage,
    played: &mut Played,
    ledger: &mut Ledger,
) -> anyhow::Result<()> {
    let began_at = stage.clock.now();
    for step in &script.steps {
        stage.pass_until(later(began_at, step.at())).await?;
        if let Act::Write { mailbox, order } = &step.act {
            write(stage, ledger, *mailbox, order).await?;
            continue;
        }
        let edits = act(&step.act, stage).await?;
        played.edits += edits;
        played.faults += usize::from(!step.act.is_edit());
    }
    heal(script, stage).await?;
    if let Some(unsettled) = settle(script, stage).await? {
        played.differences.push(unsettled);
    }
    Ok(())
}

/// An application asks for something to be written.
async fn write(
    stage: &Stage,
    ledger: &mut Ledger,
    nth: usize,
    order: &WriteOrder,
) -> anyhow::Result<()> {
    let people: Vec<_> = stage.people().iter().map(Person::from).collect();
    let Some(person) = people.get(nth) else {
        bail!(
            "the script names mailbox {nth}, and there are {}",
            people.len()
        );
    };
    let Ok(mailboxes) = stage.mailboxes().await else {
        // The database fails, and whoever would ask is told so.
        return Ok(());
    };
    let found = mailboxes
        .iter()
        .find(|mailbox| mailbox.user_id.0 == person.id);
    if let Some(mailbox) = found {
        let now = stage.clock.now();
        let asked = ledger
            .ask(order, stage.store(), mailbox.id, &people, now)
            .await;
        drop(asked);
    }
    Ok(())
}

/// Lets one thing happen; answers how many edits were made.
async fn act(act: &Act, stage: &Stage) -> anyhow::Result<usize> {
    let world = stage.world();
    let person = |mailbox: usize| -> anyhow::Result<&str> {
        match stage.people().get(mailbox) {
            Some(person) => Ok(&person.id),
            None => bail!(
                "the script names mailbox {mailbox}, and there are {}",
                stage.people().len()
            ),
        }
    };
    match act {
        Act::Edit { mailbox, order } => return Ok(world.edit(person(*mailbox)?, order)?.len()),
        Act::Write { .. } => bail!("what an application writes is asked for elsewhere"),
        Act::Knobs { knobs } => drop(world.turn_knobs(&knobs.clone().into())?),
        Act::Fault { rule } => drop(world.set_fault(rule.clone())?),
        Act::ExpireTokens { kind } => drop(world.expire_delta_tokens(None, *kind)?),
        Act::EndSubscriptions { silently } => {
            world.end_subscriptions(&Which::default(), *silently)?;
        }
        Act::Lifecycle { event } => drop(world.send_lifecycle(&Which::default(), *event)?),
        Act::Hostile { kind } => {
            world.send_hostile(&Which::default(), *kind).await?;
        }
        Act::Licence { mailbox, on } => world.set_licence(person(*mailbox)?, *on)?,
        Act::LapseTokens => drop(world.lapse_tokens()),
        Act::Revoke { mailbox, why } => drop(world.revoke(person(*mailbox)?, *why)?),
        Act::Pause {
            mailbox,
            path,
            seconds,
        } => stage.pause(person(*mailbox)?, path, *seconds).await?,
        Act::Database { trouble } => stage.fail(*trouble).await?,
        Act::Away { pieces } => stage.away(pieces).await?,
        Act::Mend => stage.mend().await?,
        Act::Kill { .. } => bail!("a script with kills is played with --crashes"),
        Act::Leap { seconds } => stage.clock.advance(Duration::from_secs(*seconds)),
    }
    Ok(0)
}

/// Ends every fault, and gives back every licence.
async fn heal(script: &Script, stage: &Stage) -> anyhow::Result<()> {
    stage.mend().await?;
    stage.all_awake().await?;
    let world = stage.world();
    world.clear_faults();
    let mut rest = serde_json::to_value(Knobs::default())?;
    if let (Some(rest), Some(own)) = (rest.as_object_mut(), at_rest(script).as_object()) {
        rest.extend(own.clone());
    }
    world.turn_knobs(&rest)?;
    for person in stage.people() {
        world.set_licence(&person.id, true)?;
    }
    // What was under way when it ended meets its failure.
    let soon = later(stage.clock.now(), Duration::from_mins(2));
    stage.pace.pass_until(soon).await?;
    Ok(())
}

/// Does what people and their operator would do: who must sign in again does, and a mailbox that was out of reach is asked for
/// again, because the service looks for those but once a day. Whether there was anything to do.
async fn attend(script: &Script, stage: &Stage) -> anyhow::Result<bool> {
    let mut was_needed = false;
    for mailbox in stage.mailboxes().await? {
        match mailbox.state {
            MailboxState::NeedsReauth => {
                stage.world().turn_knobs(&at_once())?;
                stage.sign_in(&mailbox.address).await?;
                stage.world().turn_knobs(&at_rest(script))?;
            }
            MailboxState::Suspended => {
                let wish = Wish::Sync { full: false };
                let now = stage.clock.now();
                stage.store().command_add(mailbox.id, &wish, now).await?;
            }
            MailboxState::Connected | MailboxState::Disconnected => continue,
        }
        was_needed = true;
    }
    Ok(was_needed)
}

/// Lets time pass until every mailbox has been looked at whole since it was healed, and nothing waits any more. Says what still
/// does when that takes too long. A mailbox that was quiet learns only now that its sign-in has ended.
async fn settle(script: &Script, stage: &Stage) -> anyhow::Result<Option<String>> {
    let healed_at = stage.clock.now();
    let mut until = healed_at;
    let mut seen_from = healed_at;
    loop {
        stage.pace.pass_until(until).await?;
        if attend(script, stage).await? || until == healed_at {
            // One round may still bring what an earlier one kept back: the one after it has seen everything.
            seen_from = later(stage.clock.now(), POLLED_EVERY);
            until = later(seen_from, POLLED_EVERY);
            stage.pace.pass_until(until).await?;
        }
        let Some(waits) = unsettled(stage, seen_from).await? else {
            return Ok(None);
        };
        if until > later(healed_at, LONGEST) {
            return Ok(Some(format!(
                "a mailbox did not settle within {LONGEST:?}: {waits}"
            )));
        }
        until = later(until, POLLED_EVERY / 2);
    }
}

/// What a mailbox still waits for, if one does.
async fn unsettled(stage: &Stage, seen_from: Timestamp) -> anyhow::Result<Option<String>> {
    for mailbox in stage.mailboxes().await? {
        let waits = match mailbox.state {
            MailboxState::Connected => waiting(stage, &mailbox, seen_from).await?,
            other => Some(format!("it is {other:?} ({:?})", mailbox.state_reason)),
        };
        if waits.is_some() {
            return Ok(waits);
        }
    }
    let deliveries = stage.world().deliveries();
    if deliveries.waiting + deliveries.in_flight > 0 {
        return Ok(Some(format!(
            "{} notifications to come",
            deliveries.waiting
        )));
    }
    Ok(None)
}

async fn waiting(
    stage: &Stage,
    mailbox: &Mailbox,
    seen_from: Timestamp,
) -> anyhow::Result<Option<String>> {
    let store = stage.store();
    if mailbox.calendars_at.is_none_or(|at| at < seen_from) {
        return Ok(Some("its calendars have not been listed".to_owned()));
    }
    for cursor in store.cursors_list(mailbox.id).await? {
        let is_seen = cursor.round_started_at.is_some_and(|at| at >= seen_from)
            && cursor.last_ok_at.is_some_and(|at| at >= seen_from);
        if !is_seen || cursor.failures > 0 {
            return Ok(Some(format!(
                "a cursor has not been walked since: {:?}, {:?}, {} failures, due at {}",
                cursor.scope, cursor.state, cursor.failures, cursor.due_at
            )));
        }
    }
    let now = stage.clock.now();
    if let Some(command) = store.commands_waiting(mailbox.id).await?.first() {
        return Ok(Some(format!(
            "a command waits: {}, begun {} times, due at {:?}",
            command.wish.kind(),
            command.attempts,
            command.due_at
        )));
    }
    if let Some(due_at) = store.notices_next_due(mailbox.id).await? {
        return Ok(Some(format!(
            "a notice waits until {due_at}, and it is {now}"
        )));
    }
    let subscriptions = store.subscriptions_list(mailbox.id).await?;
    let is_watched = !subscriptions.is_empty()
        && subscriptions
            .iter()
            .all(|one| one.state == SubscriptionState::Active);
    if !is_watched {
        return Ok(Some("it is not subscribed to".to_owned()));
    }
    Ok(None)
}
