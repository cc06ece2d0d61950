//! The mailboxes of an owner, and how they fare.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::health::{Warning, app_refused};
use super::problem::{Problem, ProblemBody};
use super::query::mailbox_in_path;
use super::state::Api;
use crate::mailboxes::explain;
use crate::mirror::ladder::QUARANTINE_AFTER;
use crate::model::feed::{Audit, Difference};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mailbox::{Mailbox, MailboxState, StateReason};
use crate::model::time::{Timestamp, until};
use crate::model::work::{Cursor, CursorScope, Subscription, SubscriptionScope, SubscriptionState};

/// A mailbox in few words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MailboxSummary {
    /// Our id; the key of its rows.
    pub id: MailboxId,
    /// Its address as Graph reports it.
    #[schema(example = "anna@example.org")]
    pub address: String,
    /// The person's name.
    pub display_name: Option<String>,
    /// What it is in.
    pub state: MailboxState,
    /// Why, when it is not connected.
    pub state_reason: Option<StateReason>,
    /// What happened and what must be done, in words for people, when it is not connected.
    pub advice: Option<String>,
    /// Who must do it.
    pub actor: Option<Actor>,
    /// Since when it is in this state.
    #[schema(value_type = String, format = DateTime)]
    pub state_since: Timestamp,
    /// When it was first connected.
    #[schema(value_type = String, format = DateTime)]
    pub connected_at: Timestamp,
    /// When everything had been copied for the first time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub backfilled_at: Option<Timestamp>,
    /// Complete as of this instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub synced_at: Option<Timestamp>,
    /// The position of the last entry of its feed.
    pub position: i64,
}

/// Who must act for a mailbox to be mirrored again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The person signs in again.
    Person,
    /// An administrator of the person's organisation.
    Administrator,
    /// Whoever runs this service.
    Operator,
    /// Nobody.
    Nobody,
}

/// The answer of `GET /api/v1/mailboxes`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MailboxList {
    /// The mailboxes of the key's owner, by address.
    pub mailboxes: Vec<MailboxSummary>,
}

/// A mailbox and everything that is known of its mirroring.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MailboxDetail {
    /// The few words.
    #[serde(flatten)]
    pub summary: MailboxSummary,
    /// How far copying has come.
    pub progress: Progress,
    /// The subscriptions that bring notifications.
    pub subscriptions: Vec<SubscriptionView>,
    /// Whether notifications are believed to arrive.
    pub push: Push,
    /// How far behind the mailbox the mirror is.
    pub lag: Lag,
    /// The last comparison of mirror and mailbox.
    pub last_audit: Option<AuditView>,
    /// What hinders the service as a whole, and so this mailbox too, without changing its state.
    pub warnings: Vec<Warning>,
}

/// How far copying has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Progress {
    /// Messages in the mirror.
    pub messages: i64,
    /// Messages in the mailbox by Graph's own counts of its folders, as of the last walk of the folder tree.
    pub messages_expected: i64,
    /// Events in the mirror.
    pub events: i64,
    /// Folders and calendar windows that have been copied whole.
    pub rounds_complete: usize,
    /// Folders and calendar windows to be copied.
    pub rounds_total: usize,
}

/// A subscription that brings notifications.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubscriptionView {
    /// `messages` or `events`.
    #[schema(example = "messages")]
    pub watches: String,
    /// The calendar, for events.
    #[schema(value_type = Option<String>)]
    pub calendar: Option<GraphId>,
    /// `creating`, `active` or `retiring`.
    #[schema(example = "active")]
    pub state: String,
    /// When it ends, as Graph granted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it will be renewed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub renew_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: i64,
}

/// Whether notifications are believed to arrive.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Push {
    /// They do.
    pub healthy: bool,
    /// Why, or why not.
    pub reason: Option<String>,
    /// When the last one arrived.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub noticed_at: Option<Timestamp>,
}

/// How far behind the mailbox the mirror is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lag {
    /// Seconds since everything had been looked at last; none before that has happened.
    pub seconds: Option<u64>,
    /// Items that are known to have changed and wait to be fetched.
    pub waiting: i64,
    /// Seconds the oldest of them has waited.
    pub oldest_waiting_seconds: Option<u64>,
    /// Items that could not be read however often they were tried; `graph-mirror quarantine list` shows them.
    pub quarantined: usize,
}

/// The outcome of a comparison of mirror and mailbox.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditView {
    /// Whether nothing differed.
    pub equal: bool,
    /// The instant for which it speaks.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// Messages that were compared.
    pub messages: i64,
    /// Events that were compared.
    pub events: i64,
    /// What differed.
    pub differences: Differences,
}

/// What differed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Differences {
    /// How many things.
    pub count: i64,
    /// The first of them.
    pub first: Vec<Difference>,
}

impl MailboxSummary {
    /// A mailbox in few words.
    pub fn of(mailbox: &Mailbox) -> Self {
        let told = explain(mailbox.state, mailbox.state_reason);
        Self {
            id: mailbox.id,
            address: mailbox.address.clone(),
            display_name: mailbox.display_name.clone(),
            state: mailbox.state,
            state_reason: mailbox.state_reason,
            advice: told.map(|told| told.sentence.to_owned()),
            actor: told.map(|told| Actor::of(told.actor)),
            state_since: mailbox.state_since,
            connected_at: mailbox.connected_at,
            backfilled_at: mailbox.backfilled_at,
            synced_at: mailbox.synced_at,
            position: mailbox.feed_position,
        }
    }
}

impl Actor {
    fn of(actor: crate::mailboxes::Actor) -> Self {
        match actor {
            crate::mailboxes::Actor::Person => Self::Person,
            crate::mailboxes::Actor::Administrator => Self::Administrator,
            crate::mailboxes::Actor::Operator => Self::Operator,
            crate::mailboxes::Actor::Nobody => Self::Nobody,
        }
    }
}

impl AuditView {
    /// How an audit is shown.
    pub fn of(audit: Audit) -> Self {
        Self {
            equal: audit.equal,
            as_of: audit.as_of,
            messages: audit.messages,
            events: audit.events,
            differences: Differences {
                count: audit.difference_count,
                first: audit.differences,
            },
        }
    }
}

fn subscription_view(subscription: Subscription) -> SubscriptionView {
    let (watches, calendar) = match subscription.scope {
        SubscriptionScope::Messages => ("messages", None),
        SubscriptionScope::Events { calendar } => ("events", Some(calendar)),
    };
    let state = match subscription.state {
        SubscriptionState::Creating => "creating",
        SubscriptionState::Active => "active",
        SubscriptionState::Retiring => "retiring",
    };
    SubscriptionView {
        watches: watches.to_owned(),
        calendar,
        state: state.to_owned(),
        expires_at: subscription.expires_at,
        renew_at: subscription.renew_at,
        failures: subscription.failures,
    }
}

/// A cursor is complete once a round of it has ended well; the folder tree itself is no content.
pub(super) fn rounds(cursors: &[Cursor]) -> (usize, usize) {
    let content = cursors
        .iter()
        .filter(|cursor| cursor.scope != CursorScope::Folders);
    let total = content.clone().count();
    let complete = content.filter(|cursor| cursor.last_ok_at.is_some()).count();
    (complete, total)
}

/// Lists the mailboxes of the key's owner.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes",
    tag = "mailboxes",
    security(("bearer" = [])),
    responses(
        (status = OK, description = "The mailboxes of the key's owner, the disconnected ones too.", body = MailboxList),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<MailboxList>, Problem> {
    let mailboxes = api.store.mailboxes_list(Some(&caller.owner)).await?;
    Ok(Json(MailboxList {
        mailboxes: mailboxes.iter().map(MailboxSummary::of).collect(),
    }))
}

/// Tells everything that is known of the mirroring of one mailbox.
#[utoipa::path(
    get,
    path = "/api/v1/mailboxes/{id}",
    tag = "mailboxes",
    security(("bearer" = [])),
    params(("id" = MailboxId, Path, description = "Our id of the mailbox.")),
    responses(
        (status = OK, description = "Its state, progress, subscriptions, lag and last audit.", body = MailboxDetail),
        (status = UNAUTHORIZED, description = "No key, or an unknown one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = NOT_FOUND, description = "The key's owner has no such mailbox.", body = ProblemBody, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "The database is away or busy.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn detail(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<MailboxDetail>, Problem> {
    let mailbox = caller.mailbox(&api, mailbox_in_path(&id)?).await?;
    let now = api.clock.now();
    let backlog = api.store.notices_backlog(mailbox.id).await?;
    let folders = api.store.folders_list(mailbox.id).await?;
    let (rounds_complete, rounds_total) = rounds(&api.store.cursors_list(mailbox.id).await?);
    let subscriptions = api.store.subscriptions_list(mailbox.id).await?;
    let last_audit = api.store.audit_last(mailbox.id).await?;
    Ok(Json(MailboxDetail {
        summary: MailboxSummary::of(&mailbox),
        progress: Progress {
            messages: api.store.messages_count(mailbox.id).await?,
            messages_expected: folders
                .iter()
                .map(|stored| stored.folder.total_item_count)
                .sum(),
            events: api.store.events_count(mailbox.id).await?,
            rounds_complete,
            rounds_total,
        },
        subscriptions: subscriptions.into_iter().map(subscription_view).collect(),
        push: Push {
            healthy: mailbox.push_healthy,
            reason: mailbox.push_reason.clone(),
            noticed_at: mailbox.noticed_at,
        },
        lag: Lag {
            seconds: mailbox.synced_at.map(|at| until(at, now).as_secs()),
            waiting: backlog.live + backlog.repair,
            oldest_waiting_seconds: backlog.oldest_live_at.map(|at| until(at, now).as_secs()),
            quarantined: api
                .store
                .notices_failing(mailbox.id, QUARANTINE_AFTER, 1_000)
                .await?
                .len(),
        },
        last_audit: last_audit.map(AuditView::of),
        warnings: app_refused(&api).into_iter().collect(),
    }))
}
