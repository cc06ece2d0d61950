//! What may be done to a world from outside, as methods of [`World`].
//!
//! A test that holds a sandbox in its own process calls these; everyone else reaches the same through
//! the control interface (`control`). None of them is throttled, faulted or counted as a request.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::calendar::event::Response;
use super::calendar::window::Window;
use super::faults::{FaultError, FaultRule};
use super::identity::{Application, Revocation};
use super::json::Object;
use super::knobs::{KnobError, Knobs};
use super::lifecycle::{self, LifecycleEvent};
use super::subscriptions::{Subscription, SubscriptionStatus};
use super::tokens::Position;
use super::world::{State, UserId, World};
use crate::model::time::{Clock as _, Timestamp};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Nobody has this id or address.
    #[error("there is no mailbox '{0}'; GET /sandbox/control/mailboxes lists them")]
    UnknownMailbox(String),
    /// No message has this id.
    #[error("the mailbox has no message '{0}'")]
    UnknownMessage(String),
    /// Nobody of that address is invited, or there is no such meeting.
    #[error("the mailbox has no meeting '{0}' of its own that this address is invited to")]
    NotInvited(String),
    /// An attachment that cannot be.
    #[error("an attachment has at most 150 MB and stands within at most 30 messages")]
    Attachment,
    /// No such application.
    #[error("there is no application '{0}'")]
    UnknownApplication(String),
    /// A tenant's id that is no guid.
    #[error("a tenant's id is a guid, and '{0}' is none")]
    Tenant(String),
    /// No such kind of edit.
    #[error("there is no edit '{name}'; besides 'mail' and 'calendar' there are: {known}")]
    UnknownEdit {
        /// The name given.
        name: String,
        /// All names there are.
        known: String,
    },
    /// A window without an end, or the wrong way round.
    #[error(
        "a window needs window_start and window_end, each an instant with its offset, in this order"
    )]
    Window,
    /// Knobs that were not turned.
    #[error(transparent)]
    Knob(#[from] KnobError),
    /// A fault that was not set.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

/// A mailbox in the list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxSummary {
    /// Object id.
    pub id: String,
    /// Mail address.
    pub address: String,
    /// Display name.
    pub display_name: String,
    /// Their zone, by its Windows name.
    pub time_zone: String,
    /// Whether Graph answers for it.
    pub licensed: bool,
}

/// Which subscriptions a command is about; all of them when nothing is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Which {
    /// That one.
    pub id: Option<String>,
    /// Those of a mailbox, by id or address.
    pub mailbox: Option<String>,
}

impl Which {
    /// Reads it against the mailboxes there are.
    pub(super) fn resolve(
        &self,
        state: &State,
    ) -> Result<impl Fn(&Subscription) -> bool + use<>, CommandError> {
        let mailbox = match &self.mailbox {
            None => None,
            Some(name) => Some(user_id(state, name)?),
        };
        let id = self.id.clone();
        Ok(move |subscription: &Subscription| {
            id.as_ref().is_none_or(|id| *id == subscription.id)
                && mailbox
                    .as_ref()
                    .is_none_or(|user| *user == subscription.mailbox)
        })
    }
}

/// Which delta tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeltaKind {
    /// Those of folders and messages.
    Mail,
    /// Those of calendar views.
    Calendar,
}

/// How deliveries stand.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryStatus {
    /// Items that wait for their time, an answer or another attempt.
    pub waiting: usize,
    /// POSTs on their way.
    pub in_flight: usize,
    /// When the next of those that wait is posted.
    pub next_at: Option<Timestamp>,
    /// Items delivered so far.
    pub delivered: u64,
    /// POSTs made so far.
    pub posts: u64,
    /// How each endpoint is treated (S61).
    pub endpoints: Value,
    /// How often PATCH and reauthorize came within ten minutes of each other (S55).
    pub reauthorize_conflicts: u64,
}

fn index_of(state: &State, mailbox: &str) -> Result<usize, CommandError> {
    state
        .find_mailbox(mailbox)
        .ok_or_else(|| CommandError::UnknownMailbox(mailbox.to_owned()))
}

fn user_id(state: &State, mailbox: &str) -> Result<UserId, CommandError> {
    let index = index_of(state, mailbox)?;
    state
        .mailboxes
        .get(index)
        .map(|mailbox| mailbox.user.id.clone())
        .ok_or_else(|| CommandError::UnknownMailbox(mailbox.to_owned()))
}

impl World {
    /// Moves the clock forward; what is due by then happens. Answers the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let clock = self.clock();
        clock.advance(by);
        self.lock().settle();
        self.wake();
        clock.now()
    }

    /// All mailboxes.
    pub fn mailboxes(&self) -> Vec<MailboxSummary> {
        let state = self.lock();
        let mailboxes = state.mailboxes.iter();
        mailboxes
            .map(|mailbox| MailboxSummary {
                id: mailbox.user.id.0.clone(),
                address: mailbox.user.address.clone(),
                display_name: mailbox.user.display_name.clone(),
                time_zone: mailbox.user.time_zone.to_owned(),
                licensed: mailbox.licensed,
            })
            .collect()
    }

    /// Everything a mirror of a mailbox should hold, as one JSON object: `mailbox`, `folders`,
    /// `messages` with their attachments' metadata, `calendars`, `events`, and with a window the
    /// `occurrences` in it (S72). Ids are immutable ones.
    pub fn truth(
        &self,
        mailbox: &str,
        window: Option<(Timestamp, Timestamp)>,
    ) -> Result<String, CommandError> {
        let window = match window {
            Some((from, until)) if from >= until => return Err(CommandError::Window),
            Some((from, until)) => Some(Window {
                from: from.naive_utc(),
                until: until.naive_utc(),
            }),
            None => None,
        };
        let state = self.lock();
        let index = index_of(&state, mailbox)?;
        let mailbox = state
            .mailboxes
            .get(index)
            .ok_or_else(|| CommandError::UnknownMailbox(mailbox.to_owned()))?;
        let mut out = String::new();
        let mut object = Object::open(&mut out);
        let owner = json!({
            "id": mailbox.user.id.0,
            "address": mailbox.user.address,
            "displayName": mailbox.user.display_name,
        });
        object.raw("mailbox", &owner.to_string());
        mailbox.mail.write_truth(&mut object);
        let calendars = mailbox.calendar.truth(window);
        for name in ["calendars", "events", "occurrences"] {
            object.raw(name, &calendars[name].to_string());
        }
        object.close();
        Ok(out)
    }

    /// Ends delta tokens, of one mailbox or all, of one kind or all; answers how many (S40).
    pub fn expire_delta_tokens(
        &self,
        mailbox: Option<&str>,
        kind: Option<DeltaKind>,
    ) -> Result<usize, CommandError> {
        let mut state = self.lock();
        let only = match mailbox {
            None => None,
            Some(name) => Some(index_of(&state, name)?),
        };
        let mut ended = 0;
        for (index, mailbox) in state.mailboxes.iter_mut().enumerate() {
            if only.is_some_and(|only| only != index) {
                continue;
            }
            ended += mailbox.tokens.expire(|position| {
                let of = match position {
                    Position::MailEnd(_) | Position::MailPage(_) => DeltaKind::Mail,
                    Position::Calendar(_) => DeltaKind::Calendar,
                };
                kind.is_none_or(|kind| kind == of)
            });
        }
        Ok(ended)
    }

    /// Someone invited to a meeting of the mailbox's owner answers it (F7.17).
    pub fn respond(
        &self,
        mailbox: &str,
        event: &str,
        address: &str,
        response: Response,
    ) -> Result<(), CommandError> {
        let refused = || CommandError::NotInvited(event.to_owned());
        let mut guard = self.lock();
        let state = &mut *guard;
        let index = index_of(state, mailbox)?;
        let now = state.now();
        let State { mailboxes, rng, .. } = &mut *state;
        let calendar = &mut mailboxes.get_mut(index).ok_or_else(refused)?.calendar;
        let target = calendar.find(event).map_err(|_| refused())?;
        if !calendar
            .event(target.key())
            .is_ok_and(|event| event.is_organizer)
        {
            return Err(refused());
        }
        let changes = calendar
            .receive_response(target, address, response, now, rng)
            .map_err(|_| refused())?;
        state.announce_at(index, changes);
        drop(guard);
        self.wake();
        Ok(())
    }

    /// Gives or takes a mailbox its licence; without one Graph does not answer for it (Q29).
    pub fn set_licence(&self, mailbox: &str, on: bool) -> Result<(), CommandError> {
        let mut state = self.lock();
        let index = index_of(&state, mailbox)?;
        if let Some(mailbox) = state.mailboxes.get_mut(index) {
            mailbox.licensed = on;
        }
        Ok(())
    }

    /// How the knobs stand.
    pub fn knobs(&self) -> Knobs {
        self.lock().knobs.clone()
    }

    /// Turns the knobs an object names, all or none.
    pub fn turn_knobs(&self, patch: &Value) -> Result<Knobs, CommandError> {
        let mut state = self.lock();
        state.knobs.patch(patch)?;
        // A wait may have become shorter.
        state.subscriptions.wake().notify_one();
        Ok(state.knobs.clone())
    }

    /// Sets a fault; answers its number (S15).
    pub fn set_fault(&self, rule: FaultRule) -> Result<u64, CommandError> {
        Ok(self.lock().faults.set(rule)?)
    }

    /// The faults that have calls left.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.lock().faults.list().into_iter().cloned().collect()
    }

    /// Clears every fault.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// How the subscriptions stand.
    pub fn subscriptions(&self) -> Vec<SubscriptionStatus> {
        let state = self.lock();
        state.subscriptions.status(state.now())
    }

    /// Ends subscriptions from Graph's side, with `subscriptionRemoved` unless `silently`.
    pub fn end_subscriptions(&self, which: &Which, silently: bool) -> Result<usize, CommandError> {
        let mut state = self.lock();
        let which = which.resolve(&state)?;
        Ok(lifecycle::remove(&mut state, which, silently))
    }

    /// Sends a lifecycle event; answers to how many subscriptions (S66).
    pub fn send_lifecycle(
        &self,
        which: &Which,
        event: LifecycleEvent,
    ) -> Result<usize, CommandError> {
        let mut state = self.lock();
        let which = which.resolve(&state)?;
        if event == LifecycleEvent::SubscriptionRemoved {
            return Ok(lifecycle::remove(&mut state, which, false));
        }
        let ids: Vec<_> = state
            .subscriptions
            .live(state.now())
            .into_iter()
            .filter(|subscription| which(subscription))
            .map(|subscription| subscription.id.clone())
            .collect();
        Ok(ids
            .iter()
            .filter(|id| lifecycle::send(&mut state, id, event))
            .count())
    }

    /// How deliveries stand.
    pub fn deliveries(&self) -> DeliveryStatus {
        let state = self.lock();
        let book = &state.subscriptions;
        DeliveryStatus {
            waiting: book.queue.waiting(),
            in_flight: book.queue.in_flight(),
            next_at: book.queue.next_due(&state.knobs),
            delivered: book.queue.delivered,
            posts: book.queue.posts,
            endpoints: serde_json::to_value(book.queue.standings()).unwrap_or_default(),
            reauthorize_conflicts: book.conflicts,
        }
    }

    /// Ends a person's refresh tokens; a password reset ends their subscriptions too (S5, S66).
    /// Answers how many tokens.
    pub fn revoke(&self, user: &str, why: Revocation) -> Result<usize, CommandError> {
        let mut state = self.lock();
        let user = user_id(&state, user)?;
        let ended = state.identity.grants.revoke(&user, why);
        if why == Revocation::PasswordReset {
            lifecycle::remove_of(&mut state, &user);
        }
        Ok(ended)
    }

    /// Ends every access token; refresh tokens go on working. Answers how many (S7).
    pub fn lapse_tokens(&self) -> usize {
        let mut state = self.lock();
        let now = state.now();
        state.identity.lapse(now)
    }

    /// A new key signs from now on; answers the ids of the published ones (S10).
    pub fn rotate_keys(&self) -> Vec<String> {
        let keys = self.lock().identity.keys();
        keys.rotate()
    }

    /// An access token without a sign-in: a person's, or with no person the application's own.
    pub fn issue_token(&self, user: Option<&str>, scopes: &[&str]) -> Result<String, CommandError> {
        self.issue_token_to(None, user, scopes)
    }

    /// The same to any application that is registered; with none to the first.
    pub fn issue_token_to(
        &self,
        client_id: Option<&str>,
        user: Option<&str>,
        scopes: &[&str],
    ) -> Result<String, CommandError> {
        let mut state = self.lock();
        let user = match user {
            None => None,
            Some(name) => Some(user_id(&state, name)?),
        };
        let client_id = client_id.unwrap_or(state.identity.client_id());
        let unknown = || CommandError::UnknownApplication(client_id.to_owned());
        let application = state.identity.application(client_id).ok_or_else(unknown)?;
        let app_id = application.client_id.clone();
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let now = state.now();
        Ok(state.identity.issue_to(app_id, user, scopes, now).0)
    }

    /// The registered applications.
    pub fn applications(&self) -> Vec<Application> {
        self.lock().identity.applications().to_vec()
    }

    /// Registers a further application, in the tenant of that id or the one there is (S59).
    pub fn register_application(
        &self,
        display_name: String,
        tenant_id: Option<String>,
    ) -> Result<Application, CommandError> {
        let tenant_id = tenant_id
            .map(|text| match uuid::Uuid::try_parse(&text) {
                Ok(id) => Ok(id.hyphenated().to_string()),
                Err(_) => Err(CommandError::Tenant(text)),
            })
            .transpose()?;
        let mut state = self.lock();
        Ok(state.identity.register(display_name, tenant_id).clone())
    }

    /// Changes where an application's codes may be sent, or its secret (S1, S3).
    pub fn change_application(
        &self,
        client_id: &str,
        change: &ApplicationChange,
    ) -> Result<Application, CommandError> {
        let mut state = self.lock();
        let application = state
            .identity
            .application_mut(client_id)
            .ok_or_else(|| CommandError::UnknownApplication(client_id.to_owned()))?;
        if let Some(redirect_uris) = &change.redirect_uris {
            application.redirect_uris.clone_from(redirect_uris);
        }
        if let Some(secret) = &change.client_secret {
            application.client_secret.clone_from(secret);
        }
        Ok(application.clone())
    }
}

/// What can be changed of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApplicationChange {
    /// Where its codes may be sent.
    pub redirect_uris: Option<Vec<String>>,
    /// Its secret.
    pub client_secret: Option<String>,
}
