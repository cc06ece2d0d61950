//! The calls below `/subscriptions` (F9.1 to F9.32, S50 to S58).

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::calendar::CalendarState;
use super::super::call::{Call, Reply};
use super::super::error::GraphFault;
use super::super::http::Outcome;
use super::super::identity::Caller;
use super::super::ids::guid;
use super::super::mail::{MailState, check_filter};
use super::super::permission::reachable;
use super::super::query::filter::Filter;
use super::super::world::{State, World};
use super::handshake::{shake, token};
use super::membership::Membership;
use super::request::{Renewed, Wanted, not_found};
use super::resource::{Owner, Watched};
use super::{Renewal, Subscription, reauthorization_due};
use crate::model::time::{Clock as _, Timestamp};

/// Answers a call below `/subscriptions`; `rest` is the path after it.
pub async fn handle(world: &World, call: &Call, rest: &[String]) -> Result<Outcome, GraphFault> {
    match (&call.method, rest) {
        (&Method::POST, []) => create(world, call).await,
        (&Method::GET, []) => list(world, call).map(Outcome::Reply),
        (&Method::GET, [id]) => show(world, call, id).map(Outcome::Reply),
        (&Method::PATCH, [id]) => renew(world, call, id).await.map(Outcome::Reply),
        (&Method::DELETE, [id]) => delete(world, call, id).map(Outcome::Reply),
        (&Method::POST, [id, act]) if act.eq_ignore_ascii_case("reauthorize") => {
            reauthorize(world, call, id).map(Outcome::Reply)
        }
        (_, [] | [_]) => Err(GraphFault::method_not_allowed()),
        (_, [.., last]) => Err(GraphFault::no_such_resource(last)),
    }
}

async fn create(world: &World, call: &Call) -> Result<Outcome, GraphFault> {
    let (subscription, courier, tokens) = {
        let mut state = world.lock();
        let now = state.now();
        let wanted = Wanted::parse(&call.body, now, &state.knobs)?;
        let subscription = grant(&mut state, call, wanted, now)?;
        admissible(&state, &subscription, now)?;
        let tokens = (token(&mut state.rng), token(&mut state.rng));
        (subscription, state.subscriptions.courier(), tokens)
    };
    // Both are asked while the client's own call is still open (F9.18).
    let first = shake(world, &courier, &subscription.notification_url, &tokens.0);
    match &subscription.lifecycle_url {
        None => first.await?,
        Some(url) => {
            let (first, second) = tokio::join!(first, shake(world, &courier, url, &tokens.1));
            first.and(second)?;
        }
    }
    let (body, delay, dropped) = {
        let mut state = world.lock();
        let now = state.now();
        // Another call may have been faster while the endpoints were asked.
        admissible(&state, &subscription, now)?;
        let body = subscription.render(&call.root, true);
        state.subscriptions.insert(subscription);
        (
            body,
            state.knobs.created_delay_ms,
            state.knobs.created_dropped,
        )
    };
    if delay > 0 {
        world.clock().sleep(Duration::from_millis(delay)).await;
    }
    if dropped {
        return Ok(Outcome::Broken);
    }
    Ok(Outcome::Reply(Reply::json(StatusCode::CREATED, &body)))
}

/// Looks up what the request names, and whether the caller may watch it (S9).
fn grant(
    state: &mut State,
    call: &Call,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Subscription, GraphFault> {
    let index = match (&wanted.resource.owner, &call.caller.user) {
        (Owner::Me, Some(user)) => state.find_mailbox(&user.0),
        (Owner::Me, None) => {
            return Err(GraphFault::bad_request(
                "BadRequest",
                "/me request is only valid with delegated authentication flow.",
            ));
        }
        (Owner::Named(name), _) => state.find_mailbox(name),
    };
    let index = index.ok_or_else(|| {
        extension(
            StatusCode::NOT_FOUND,
            "NotFound",
            "The requested user is invalid.",
        )
    })?;
    reachable(state, &call.caller, index)?;
    let mailbox = state.mailboxes.get(index).ok_or_else(not_found)?;
    if !mailbox.licensed {
        // F9.15
        return Err(extension(
            StatusCode::NOT_FOUND,
            "NotFound",
            "REST API is not yet supported for this mailbox.",
        ));
    }
    let (area, watched) = match wanted.resource.watched {
        Watched::Folder(name) => {
            let id = folder_id(&mailbox.mail, &name).ok_or_else(|| missing("folder"))?;
            ("Mail", Watched::Folder(id))
        }
        Watched::Calendar(name) => {
            let id = calendar_id(&mailbox.calendar, &name).ok_or_else(|| missing("calendar"))?;
            ("Calendars", Watched::Calendar(id))
        }
        Watched::Messages => ("Mail", Watched::Messages),
        Watched::Events => ("Calendars", Watched::Events),
        Watched::Contacts => ("Contacts", Watched::Contacts),
    };
    permit(&call.caller, area)?;
    let membership = match wanted.resource.filter {
        None => None,
        Some(text) if area == "Mail" => {
            let filter = Filter::parse(&text)?;
            check_filter(&filter)?;
            Some(Membership::begin(filter, text, &mailbox.mail, &watched))
        }
        Some(_) => {
            return Err(GraphFault::bad_request(
                "InvalidRequest",
                "$filter is not supported in the resource of this subscription.",
            ));
        }
    };
    let authorised_until = call.caller.expires_at;
    Ok(Subscription {
        mailbox: mailbox.user.id.clone(),
        id: guid(&mut state.rng),
        number: 0,
        app_id: call.caller.app_id.clone(),
        tenant_id: state.identity.tenant_of(&call.caller.app_id).to_owned(),
        creator: call.caller.user.clone(),
        watched,
        membership,
        resource: wanted.resource_text,
        types: wanted.types,
        change_type: wanted.change_type,
        notification_url: wanted.notification_url,
        lifecycle_url: wanted.lifecycle_url,
        client_state: wanted.client_state,
        expires_at: wanted.expires_at,
        immutable_ids: call.prefer.immutable_ids,
        certificate: wanted.certificate,
        select: wanted.resource.select,
        tls: wanted.tls,
        authorised_until,
        reauthorization_due: reauthorization_due(authorised_until, now),
        patched_at: None,
        reauthorized_at: None,
        wedged: false,
        held: Vec::new(),
    })
}

/// F1.19: only the scopes for one's own mailbox count, never the shared ones.
fn permit(caller: &Caller, area: &str) -> Result<(), GraphFault> {
    let permitted = caller.scopes.iter().any(|scope| {
        scope
            .strip_prefix(area)
            .is_some_and(|right| right.starts_with(".Read") && !right.ends_with(".Shared"))
    });
    if permitted {
        Ok(())
    } else {
        Err(GraphFault::access_denied())
    }
}

fn extension(status: StatusCode, name: &str, reason: &str) -> GraphFault {
    GraphFault::new(
        status,
        "ExtensionError",
        format!("Operation: Create; Exception: [Status Code: {name}; Reason: {reason}]"),
    )
}

fn missing(what: &str) -> GraphFault {
    extension(
        StatusCode::NOT_FOUND,
        "NotFound",
        &format!("The specified {what} was not found in the store."),
    )
}

/// S53: not twice the same, not too many.
fn admissible(state: &State, asked: &Subscription, now: Timestamp) -> Result<(), GraphFault> {
    let book = &state.subscriptions;
    if state.knobs.duplicate_conflict
        && let Some(twin) = book.twin(asked, now)
    {
        return Err(GraphFault::new(
            StatusCode::CONFLICT,
            "Conflict",
            format!(
                "Subscription Id {} already exists for the requested combination",
                twin.id
            ),
        ));
    }
    let most = state.knobs.subscriptions_per_mailbox;
    if book.count_of(&asked.mailbox, now) >= most {
        return Err(GraphFault::new(
            StatusCode::FORBIDDEN,
            "ExtensionError",
            format!(
                "Operation: Create; Exception: [Status Code: Forbidden; Reason: The mailbox has reached the limit of {most} active subscriptions.]"
            ),
        ));
    }
    Ok(())
}

/// S56: a person's token shows what it created, the application's own shows all of the application's.
fn is_shown(subscription: &Subscription, caller: &Caller) -> bool {
    subscription.app_id == caller.app_id
        && (caller.user.is_none() || subscription.creator == caller.user)
}

fn list(world: &World, call: &Call) -> Result<Reply, GraphFault> {
    let state = world.lock();
    let now = state.now();
    if call.query.has("$filter") {
        return Err(GraphFault::invalid_query(
            "The query option '$filter' is not supported for subscriptions.",
        ));
    }
    let after: u64 = match &call.query.skip_token {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| GraphFault::invalid_query("The skip token is not valid."))?,
    };
    let size = state.knobs.subscriptions_page_size.max(1);
    let with_client_state = !state.knobs.client_state_hidden;
    let live = state.subscriptions.live(now);
    let mut shown = live
        .into_iter()
        .filter(|subscription| subscription.number > after && is_shown(subscription, &call.caller));
    let mut last = after;
    let mut value = Vec::new();
    for subscription in shown.by_ref().take(size) {
        last = subscription.number;
        let mut item = subscription.render(&call.root, with_client_state);
        item.remove("@odata.context");
        value.push(Value::Object(item));
    }
    let mut page = json!({
        "@odata.context": format!("{}/$metadata#subscriptions", call.root),
        "value": value,
    });
    if shown.next().is_some() {
        page["@odata.nextLink"] = format!("{}?$skiptoken={last}", call.url()).into();
    }
    Ok(Reply::json(StatusCode::OK, &page))
}

fn show(world: &World, call: &Call, id: &str) -> Result<Reply, GraphFault> {
    let state = world.lock();
    let subscription = find(&state, call, id)?;
    let body = subscription.render(&call.root, !state.knobs.client_state_hidden);
    Ok(Reply::json(StatusCode::OK, &body))
}

fn find<'s>(state: &'s State, call: &Call, id: &str) -> Result<&'s Subscription, GraphFault> {
    state
        .subscriptions
        .get(id, state.now())
        .filter(|subscription| is_shown(subscription, &call.caller))
        .ok_or_else(not_found)
}

async fn renew(world: &World, call: &Call, id: &str) -> Result<Reply, GraphFault> {
    let (renewed, courier, token) = {
        let mut state = world.lock();
        let now = state.now();
        let rich = find(&state, call, id)?.certificate.is_some();
        let renewed = Renewed::parse(&call.body, rich, now, &state.knobs)?;
        (
            renewed,
            state.subscriptions.courier(),
            token(&mut state.rng),
        )
    };
    if let Some(url) = &renewed.notification_url {
        shake(world, &courier, url, &token).await?;
    }
    let mut state = world.lock();
    let now = state.now();
    find(&state, call, id)?;
    let subscription = state.subscriptions.get_mut(id, now).ok_or_else(not_found)?;
    if let Some(expires_at) = renewed.expires_at {
        subscription.expires_at = expires_at;
    }
    if let Some(url) = renewed.notification_url {
        subscription.notification_url = url;
    }
    if renewed.certificate.is_some() {
        subscription.certificate = renewed.certificate;
    }
    refresh(&mut state, call, id, Renewal::Patch, now);
    let subscription = find(&state, call, id)?;
    let body = subscription.render(&call.root, !state.knobs.client_state_hidden);
    Ok(Reply::json(StatusCode::OK, &body))
}

fn reauthorize(world: &World, call: &Call, id: &str) -> Result<Reply, GraphFault> {
    let mut state = world.lock();
    let now = state.now();
    find(&state, call, id)?;
    refresh(&mut state, call, id, Renewal::Reauthorize, now);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn refresh(state: &mut State, call: &Call, id: &str, renewal: Renewal, now: Timestamp) {
    let until = call.caller.expires_at;
    let State {
        subscriptions,
        rng,
        knobs,
        ..
    } = state;
    subscriptions.authorise(id, until, renewal, now, rng, knobs);
}

fn delete(world: &World, call: &Call, id: &str) -> Result<Reply, GraphFault> {
    let mut state = world.lock();
    find(&state, call, id)?;
    state.subscriptions.remove(id);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// The id of a folder named by id or well-known name.
fn folder_id(mail: &MailState, name: &str) -> Option<String> {
    let key = mail.find_folder(name).ok()?;
    Some(mail.folder_id(key).to_owned())
}

/// The id of a calendar.
fn calendar_id(calendars: &CalendarState, name: &str) -> Option<String> {
    let calendar = calendars.calendar(name).ok()?;
    Some(calendar.id.clone())
}
