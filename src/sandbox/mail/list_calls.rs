//! Lists of messages: pages, filters, orders, searches (S18 to S20, S28).

use std::cmp::Ordering;

use axum::http::{Method, StatusCode};

use super::fields::Fields;
use super::folder::{FolderKey, Search};
use super::message::{Message, MessageKey, Recipient};
use super::render::{MessageView, push_message};
use super::{MailState, mail_of, message_calls};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::{Object, push_list};
use crate::sandbox::paging::Paging;
use crate::sandbox::query::Query;
use crate::sandbox::query::filter::{Filter, Operand};
use crate::sandbox::world::State;

/// `GET` and `POST` on `/messages`, of a folder or of the whole mailbox.
pub fn messages(
    state: &mut State,
    mailbox: usize,
    folder: Option<FolderKey>,
    call: &Call,
) -> Result<Reply, GraphFault> {
    match call.method {
        Method::GET => list(state, mailbox, folder, call),
        Method::POST => message_calls::create(state, mailbox, folder, call),
        _ => Err(GraphFault::method_not_allowed()),
    }
}

fn list(
    state: &mut State,
    mailbox: usize,
    folder: Option<FolderKey>,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let knobs = state.knobs.clone();
    let mail = mail_of(state, mailbox)?;
    let query = &call.query;
    query.check_order()?;
    check_search(query)?;
    query.check_properties(FILTERABLE)?;
    let view = MessageView::of(query, &call.prefer)?;
    let paging = Paging::of(call, 10, &knobs)?;
    let mut found = find(mail, folder, query, paging.skip, paging.take + 1);
    let more = found.len() > paging.take;
    found.truncate(paging.take);

    let bodies = view.fields.has(Fields::BODY);
    let mut out = String::with_capacity(300 + found.len() * if bodies { 6_000 } else { 600 });
    let mut object = Object::open(&mut out);
    object.text(
        "@odata.context",
        &format!("{}/$metadata#Collection(message)", call.root),
    );
    if query.count {
        let count = match (&query.filter, &query.search) {
            (None, None) if search_of(mail, folder).is_none() => source(mail, folder).len(),
            _ => find(mail, folder, query, 0, usize::MAX).len(),
        };
        object.number("@odata.count", count);
    }
    push_list(object.key("value"), found, |out, key| {
        if let Some(message) = mail.message(key) {
            push_message(out, mail, message, &view);
        }
    });
    if let Some(link) = paging.next_link(call, more) {
        object.text("@odata.nextLink", &link);
    }
    object.close();
    Ok(Reply::raw_json(StatusCode::OK, out))
}

type Items =
    std::collections::BTreeSet<(std::cmp::Reverse<crate::model::time::Timestamp>, MessageKey)>;

fn search_of(mail: &MailState, folder: Option<FolderKey>) -> Option<&Search> {
    mail.folder(folder?)?.search.as_ref()
}

/// Where to look; what a search folder shows stands in other folders.
fn source(mail: &MailState, folder: Option<FolderKey>) -> &Items {
    match folder {
        Some(folder) if search_of(mail, Some(folder)).is_none() => mail.newest_first_in(folder),
        _ => mail.newest_first(),
    }
}

/// The messages of a page, in order.
fn find(
    mail: &MailState,
    folder: Option<FolderKey>,
    query: &Query,
    skip: usize,
    take: usize,
) -> Vec<MessageKey> {
    let search = search_of(mail, folder);
    let items = source(mail, folder);
    let is_wanted = |key: &MessageKey| {
        mail.message(*key).is_some_and(|message| {
            search.is_none_or(|search| search.shows(message)) && fits(mail, message, query)
        })
    };
    let natural = query
        .order_by
        .first()
        .is_none_or(|order| order.property.eq_ignore_ascii_case("receivedDateTime"))
        && query.order_by.len() <= 1;
    if natural {
        let from = query
            .filter
            .as_ref()
            .and_then(|filter| filter.lower_bound("receivedDateTime"));
        let in_time =
            |received: crate::model::time::Timestamp| from.is_none_or(|from| received >= from);
        let ascending = query
            .order_by
            .first()
            .is_some_and(|order| !order.descending);
        return if ascending {
            items
                .iter()
                .rev()
                .filter(|(received, _)| in_time(received.0))
                .map(|(_, key)| *key)
                .filter(is_wanted)
                .skip(skip)
                .take(take)
                .collect()
        } else {
            items
                .iter()
                .take_while(|(received, _)| in_time(received.0))
                .map(|(_, key)| *key)
                .filter(is_wanted)
                .skip(skip)
                .take(take)
                .collect()
        };
    }
    let mut found: Vec<_> = items
        .iter()
        .map(|(_, key)| *key)
        .filter(is_wanted)
        .collect();
    found.sort_by(
        |left, right| match (mail.message(*left), mail.message(*right)) {
            (Some(left), Some(right)) => query
                .compare(&|property| operand(mail, left, property), &|property| {
                    operand(mail, right, property)
                }),
            _ => Ordering::Equal,
        },
    );
    found.into_iter().skip(skip).take(take).collect()
}

fn fits(mail: &MailState, message: &Message, query: &Query) -> bool {
    let filtered = query
        .filter
        .as_ref()
        .is_none_or(|filter| filter.matches(&|property| operand(mail, message, property)));
    filtered
        && query
            .search
            .as_ref()
            .is_none_or(|search| is_found(message, search))
}

/// All words stand somewhere in subject, people or body.
fn is_found(message: &Message, search: &str) -> bool {
    let text = search.trim().trim_matches('"');
    let text = text
        .split_once(':')
        .map_or(text, |(_, text)| text)
        .to_lowercase();
    let from = message.from.as_ref().map(|from| {
        format!(
            "{} {}",
            from.name,
            from.address.as_deref().unwrap_or_default()
        )
    });
    let hay = format!(
        "{}\n{}\n{}",
        message.subject,
        from.unwrap_or_default(),
        message.body.content()
    )
    .to_lowercase();
    text.split_whitespace().all(|word| hay.contains(word))
}

fn check_search(query: &Query) -> Result<(), GraphFault> {
    if query.search.is_some() && (query.filter.is_some() || !query.order_by.is_empty()) {
        return Err(GraphFault::bad_request(
            "SearchWithOrderBy",
            "The query parameter '$search' is not supported with '$filter' or '$orderby'.",
        ));
    }
    Ok(())
}

const FILTERABLE: &[&str] = &[
    "id",
    "subject",
    "receiveddatetime",
    "sentdatetime",
    "createddatetime",
    "lastmodifieddatetime",
    "isread",
    "isdraft",
    "hasattachments",
    "importance",
    "inferenceclassification",
    "conversationid",
    "parentfolderid",
    "internetmessageid",
    "changekey",
    "bodypreview",
    "categories",
    "flag/flagstatus",
    "from/emailaddress/address",
    "from/emailaddress/name",
    "sender/emailaddress/address",
    "sender/emailaddress/name",
    "singlevalueextendedproperties",
];

impl MailState {
    /// Whether a message fits a filter, as the filter of a subscription asks (S64).
    pub fn matches(&self, key: MessageKey, filter: &Filter) -> bool {
        self.message(key)
            .is_some_and(|message| filter.matches(&|property| operand(self, message, property)))
    }
}

/// Refuses a filter of properties that cannot be filtered by.
pub fn check_filter(filter: &Filter) -> Result<(), GraphFault> {
    filter.check_properties(FILTERABLE)
}

fn operand<'m>(mail: &'m MailState, message: &'m Message, property: &str) -> Operand<'m> {
    let text = |text: &'m str| Operand::Text(text.into());
    let person = |person: &'m Option<Recipient>, name: bool| match person {
        None => Operand::Null,
        Some(person) if name => Operand::Text(person.name.as_str().into()),
        Some(person) => match &person.address {
            Some(address) => Operand::Text(address.as_str().into()),
            None => Operand::Null,
        },
    };
    match property.to_ascii_lowercase().as_str() {
        "subject" => text(&message.subject),
        "receiveddatetime" => Operand::Instant(message.received_at),
        "sentdatetime" => Operand::Instant(message.sent_at),
        "createddatetime" => Operand::Instant(message.created_at),
        "lastmodifieddatetime" => Operand::Instant(message.modified_at),
        "isread" => Operand::Flag(message.is_read),
        "isdraft" => Operand::Flag(message.is_draft),
        "hasattachments" => Operand::Flag(message.has_attachments()),
        "importance" => text(message.importance.name()),
        "inferenceclassification" => text(if message.is_focused {
            "focused"
        } else {
            "other"
        }),
        "conversationid" => text(&message.conversation_id),
        "parentfolderid" => text(mail.folder_id(message.folder)),
        "internetmessageid" => text(&message.internet_message_id),
        "changekey" => Operand::Text(message.change_key().into()),
        "bodypreview" => text(&message.body.preview),
        "flag/flagstatus" => text(message.flag.status),
        "categories" => Operand::List(
            message
                .categories
                .iter()
                .map(|category| category.as_str().into())
                .collect(),
        ),
        "singlevalueextendedproperties" => {
            let record = |(id, value): &'m (String, String)| {
                vec![("id", id.as_str().into()), ("value", value.as_str().into())]
            };
            Operand::Records(message.extended.iter().map(record).collect())
        }
        "from/emailaddress/address" => person(&message.from, false),
        "from/emailaddress/name" => person(&message.from, true),
        "sender/emailaddress/address" => person(&message.sender, false),
        "sender/emailaddress/name" => person(&message.sender, true),
        _ => Operand::Null,
    }
}
