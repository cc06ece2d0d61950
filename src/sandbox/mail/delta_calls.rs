//! The delta calls: `/mailFolders/delta` and `/mailFolders/{id}/messages/delta`.

use std::sync::Arc;

use axum::http::StatusCode;

use super::MailState;
use super::delta::{Round, RoundOptions, Shown, Since, Walk, reason};
use super::fields::Fields;
use super::folder::FolderKey;
use super::folder_fields::FolderFields;
use super::folder_view::{FolderView, push_folder};
use super::render::{MessageView, push_message, push_read_change};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::Object;
use crate::sandbox::knobs::{ExtraOptions, Knobs};
use crate::sandbox::paging;
use crate::sandbox::prefer::Prefer;
use crate::sandbox::query::Query;
use crate::sandbox::query::filter::{Comparison, Filter, Operand};
use crate::sandbox::tokens::{self, Position};
use crate::sandbox::world::Mailbox;

/// Page size without a preference.
const DEFAULT_PAGE: usize = 10;

/// Answers a delta call; `folder` is `None` for the tree.
pub fn delta(
    mailbox: &mut Mailbox,
    folder: Option<FolderKey>,
    call: &Call,
    knobs: &Knobs,
) -> Result<Reply, GraphFault> {
    let Mailbox { mail, tokens, .. } = &mut *mailbox;
    let query = &call.query;
    let link = query.delta_token.as_deref().filter(|token| {
        // "From now" is not to be had for Outlook: it is a round from the start (S42).
        !token.is_empty() && *token != "latest"
    });
    if (link.is_some() || query.skip_token.is_some())
        && knobs.extra_delta_options == ExtraOptions::Refuse
        && query.all.len() > 1
    {
        return Err(GraphFault::invalid_query(
            "Options cannot be changed on a link.",
        ));
    }
    let walk = if let Some(token) = query
        .skip_token
        .as_deref()
        .filter(|token| !token.is_empty())
    {
        match tokens.look_up(token) {
            Some(Position::MailPage(walk)) if walk.round.options.folder == folder => walk.clone(),
            _ => return Err(tokens::dead(knobs, &restart(call))),
        }
    } else if let Some(token) = link {
        let since = match tokens.look_up(token) {
            Some(Position::MailEnd(since)) if since.options.folder == folder => since,
            _ => return Err(tokens::dead(knobs, &restart(call))),
        };
        let round = match folder {
            Some(_) => mail.changes_since(since, call.prefer.immutable_ids, knobs),
            None => mail.tree_changes_since(since, knobs),
        };
        begin(round)
    } else {
        let options = Arc::new(options(folder, query)?);
        let round = match folder {
            Some(_) => mail.full_round(options, knobs),
            None => mail.full_tree_round(options, knobs),
        };
        begin(round)
    };
    page(mailbox, &walk, call, knobs)
}

fn begin(round: Round) -> Walk {
    Walk {
        round: Arc::new(round),
        at: 0,
        after_empty: false,
    }
}

/// The URL that begins anew (F6.13).
fn restart(call: &Call) -> String {
    format!("{}?$deltatoken=", call.url())
}

/// The options of a first call, or the refusal of what is not supported (S32, F6.16, F6.21).
fn options(folder: Option<FolderKey>, query: &Query) -> Result<RoundOptions, GraphFault> {
    if query.search.is_some() || query.has("$skip") || query.count {
        return Err(GraphFault::invalid_query(
            "The query option is not supported with change tracking.",
        ));
    }
    if folder.is_none()
        && (query.filter.is_some() || !query.order_by.is_empty() || !query.expand.is_empty())
    {
        return Err(GraphFault::invalid_query(
            "Only $select is supported with change tracking of folders.",
        ));
    }
    let by_arrival = query
        .order_by
        .iter()
        .all(|order| order.descending && order.property.eq_ignore_ascii_case("receivedDateTime"));
    if !by_arrival || query.order_by.len() > 1 {
        return Err(GraphFault::invalid_query(
            "Only receivedDateTime desc is supported with change tracking.",
        ));
    }
    let (fields, folder_fields) = if folder.is_some() {
        let mut fields = MessageView::of(query, &Prefer::default())?.fields;
        if query.expands("attachments").is_some() {
            fields |= Fields::ATTACHMENTS;
        }
        if query.expands("singleValueExtendedProperties").is_some() {
            fields |= Fields::EXTENDED;
        }
        (fields, FolderFields::NONE)
    } else {
        (Fields::NONE, FolderFields::selected(&query.select)?)
    };
    if let Some(top) = query.top
        && !(1..=1000).contains(&top)
    {
        return Err(GraphFault::invalid_query(
            "The limit of '1000' for Top query has been exceeded or is below 1.",
        ));
    }
    Ok(RoundOptions {
        folder,
        select: query.select.clone(),
        fields,
        folder_fields,
        expand: query.expand.clone(),
        received_from: query.filter.as_ref().map(received_from).transpose()?,
        most: query.top,
        kinds: kinds(query)?,
    })
}

/// `receivedDateTime ge X` or `gt X`; instants are whole seconds, so `gt` is one second later.
fn received_from(filter: &Filter) -> Result<crate::model::time::Timestamp, GraphFault> {
    match filter {
        Filter::Compare(property, comparison, Operand::Instant(instant))
            if property.eq_ignore_ascii_case("receivedDateTime") =>
        {
            match comparison {
                Comparison::GreaterOrEqual => return Ok(*instant),
                Comparison::Greater => {
                    return Ok(*instant + chrono::TimeDelta::microseconds(1));
                }
                _ => {}
            }
        }
        _ => {}
    }
    Err(GraphFault::invalid_query(
        "Only receivedDateTime ge and gt are supported with change tracking.",
    ))
}

fn kinds(query: &Query) -> Result<[bool; 3], GraphFault> {
    let Some(text) = query.get("changeType") else {
        return Ok([true; 3]);
    };
    let mut kinds = [false; 3];
    for name in text.split(',') {
        match name.trim().to_ascii_lowercase().as_str() {
            "created" => kinds[0] = true,
            "updated" => kinds[1] = true,
            "deleted" => kinds[2] = true,
            _ => {
                return Err(GraphFault::invalid_query(
                    "changeType is one of created, updated and deleted.",
                ));
            }
        }
    }
    Ok(kinds)
}

fn page(
    mailbox: &mut Mailbox,
    walk: &Walk,
    call: &Call,
    knobs: &Knobs,
) -> Result<Reply, GraphFault> {
    let round = &walk.round;
    let options = &round.options;
    let size = call.prefer.max_page_size.unwrap_or(DEFAULT_PAGE);
    let size = paging::shortened(size.clamp(1, 1000), knobs);
    let empty = knobs.empty_page && !walk.after_empty && walk.at == 0;
    let end = if empty {
        walk.at
    } else {
        round.items.len().min(walk.at + size)
    };
    let items = round.items.get(walk.at..end).unwrap_or_default();

    let mut out = String::with_capacity(256 + items.len() * 6_000);
    let mut object = Object::open(&mut out);
    let context = match options.folder {
        Some(_) => "$metadata#Collection(message)",
        None => "$metadata#Collection(mailFolder)",
    };
    object.text("@odata.context", &format!("{}/{context}", call.root));
    let value = object.key("value");
    value.push('[');
    render(value, &mailbox.mail, items, options, call, knobs)?;
    value.push(']');
    if end < round.items.len() || empty {
        let next = Walk {
            round: Arc::clone(round),
            at: end,
            after_empty: true,
        };
        let token = mailbox
            .tokens
            .issue(Position::MailPage(next), knobs.live_delta_tokens);
        let link = format!("{}?$skiptoken={token}", call.url());
        object.text("@odata.nextLink", &link);
    } else {
        let shown = if round.is_incremental && knobs.delta_replays {
            round.items.clone()
        } else {
            Vec::new()
        };
        let since = Since {
            options: Arc::clone(options),
            sequence: round.ends_at,
            held: round.held.clone(),
            shown,
        };
        let token = mailbox
            .tokens
            .issue(Position::MailEnd(since), knobs.live_delta_tokens);
        let link = format!("{}?$deltatoken={token}", call.url());
        object.text("@odata.deltaLink", &link);
    }
    object.close();
    if knobs
        .page_bytes_limit
        .is_some_and(|limit| out.len() > limit)
    {
        return Err(GraphFault::new(
            StatusCode::GATEWAY_TIMEOUT,
            "UnknownError",
            "The page took too long.",
        ));
    }
    Ok(Reply::raw_json(StatusCode::OK, out))
}

fn render(
    out: &mut String,
    mail: &MailState,
    items: &[Shown],
    options: &RoundOptions,
    call: &Call,
    knobs: &Knobs,
) -> Result<(), GraphFault> {
    let baked = Query {
        select: options.select.clone(),
        expand: options.expand.clone(),
        ..Query::default()
    };
    let messages = match options.folder {
        Some(_) => Some(MessageView {
            typed: true,
            ..MessageView::of(&baked, &call.prefer)?
        }),
        None => None,
    };
    let folders = match options.folder {
        Some(_) => FolderView::default(),
        None => FolderView::of(&baked)?.typed(),
    };
    let mut first = true;
    for item in items {
        let before = out.len();
        if !first {
            out.push(',');
        }
        let start = out.len();
        match (item, &messages) {
            (Shown::Message(key), Some(view)) => {
                // What left since the round was made is the next round's to tell.
                if let Some(message) = mail.message(*key).filter(|message| options.covers(message))
                {
                    push_message(out, mail, message, view);
                }
            }
            (Shown::ReadChange(key), Some(view)) => {
                if let Some(message) = mail.message(*key).filter(|message| options.covers(message))
                {
                    push_read_change(out, mail, message, view);
                }
            }
            (
                Shown::Gone {
                    default_id,
                    immutable_id,
                },
                _,
            ) => {
                let id = if call.prefer.immutable_ids {
                    immutable_id
                } else {
                    default_id
                };
                push_removed(out, "#microsoft.graph.message", id, knobs);
            }
            (Shown::Folder(key), _) => {
                if let Some(folder) = mail.folder(*key) {
                    push_folder(out, mail, folder, &folders);
                }
            }
            (Shown::FolderGone(id), _) => {
                push_removed(out, "#microsoft.graph.mailFolder", id, knobs);
            }
            (Shown::Message(_) | Shown::ReadChange(_), None) => {}
        }
        if out.len() == start {
            out.truncate(before);
        } else {
            first = false;
        }
    }
    Ok(())
}

fn push_removed(out: &mut String, item_type: &str, id: &str, knobs: &Knobs) {
    let mut object = Object::open(out);
    object.text("@odata.type", item_type);
    object.text("id", id);
    let mut removed = Object::open(object.key("@removed"));
    removed.text("reason", reason(knobs));
    removed.close();
    object.close();
}
