//! People who use their mailboxes: now and then one of them does something.

use super::delays::{Delays, Pending};
use super::stage::Stage;
use crate::sandbox::edits::EditOrder;

/// What people do here, and how the screen says it. Edits of folders and calendars are left out: Graph announces none, so
/// their delay would only show how often we poll.
const DOINGS: &[(&str, &str)] = &[
    ("message_deliver", "gets a message"),
    ("draft_create", "starts a draft"),
    ("draft_edit", "goes on writing"),
    ("message_send", "sends a message"),
    ("message_read", "reads or marks unread"),
    ("message_flag", "flags a message"),
    ("message_categorise", "categorises a message"),
    ("message_move", "moves a message"),
    ("message_move_back", "moves it back"),
    ("message_delete", "deletes a message"),
    ("event_create", "makes an appointment"),
    ("event_edit", "changes an appointment"),
    ("event_move", "reschedules an appointment"),
    ("series_reschedule", "reschedules a series"),
    ("invitation_receive", "is invited to a meeting"),
];

/// One person does one thing; what follows from it is waited for in `delays`.
pub(super) fn work(stage: &Stage, seed: u64, delays: &mut Delays) {
    let users = &stage.sandbox().settings().users;
    let chance = fastrand::Rng::with_seed(seed).usize(..users.len().max(1));
    let Some(user) = users.get(chance) else {
        return;
    };
    let order = EditOrder {
        count: 1,
        seed,
        kinds: DOINGS.iter().map(|(kind, _)| (*kind).to_owned()).collect(),
    };
    // A mailbox in which nothing can be done is left alone.
    let Ok(edits) = stage.sandbox().world().edit(&user.id, &order) else {
        return;
    };
    for edit in edits {
        let what = DOINGS
            .iter()
            .find(|(kind, _)| *kind == edit.kind)
            .map_or(edit.kind.as_str(), |(_, words)| *words);
        let pending = Pending {
            what: what.to_owned(),
            who: user.display_name.clone(),
            at: edit.at,
        };
        delays.edited(edit.id, pending);
    }
}
