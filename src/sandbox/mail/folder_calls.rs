//! The calls on folders.

use axum::http::{Method, StatusCode};
use serde::Deserialize;

use super::folder::{Folder, FolderKey};
use super::folder_view::{FolderView, push_folder};
use super::{MailState, mail_of, only};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::{Object, push_list};
use crate::sandbox::paging::Paging;
use crate::sandbox::query::filter::Operand;
use crate::sandbox::world::State;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FolderInput {
    display_name: Option<String>,
    #[serde(default)]
    is_hidden: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    destination_id: String,
}

/// Answers a call below `/mailFolders`; `inner` is the path after it, `id` the folder in it.
pub fn handle(
    state: &mut State,
    mailbox: usize,
    id: &str,
    inner: &[&str],
    call: &Call,
) -> Result<Reply, GraphFault> {
    match inner {
        [] => match call.method {
            Method::GET => list(state, mailbox, FolderKey::ROOT, call),
            Method::POST => create(mail_of(state, mailbox)?, FolderKey::ROOT, call),
            _ => Err(GraphFault::method_not_allowed()),
        },
        [_] => {
            let mail = mail_of(state, mailbox)?;
            let key = mail.find_folder(id)?;
            match call.method {
                Method::GET => entity(
                    mail,
                    key,
                    StatusCode::OK,
                    &FolderView::of(&call.query)?,
                    call,
                ),
                Method::PATCH => {
                    let input: FolderInput = call.json()?;
                    if let Some(name) = input.display_name {
                        mail.rename_folder(key, &name)?;
                    }
                    entity(mail, key, StatusCode::OK, &FolderView::default(), call)
                }
                Method::DELETE => delete(state, mailbox, key, false),
                _ => Err(GraphFault::method_not_allowed()),
            }
        }
        [_, "childfolders"] => {
            let key = mail_of(state, mailbox)?.find_folder(id)?;
            match call.method {
                Method::GET => list(state, mailbox, key, call),
                Method::POST => create(mail_of(state, mailbox)?, key, call),
                _ => Err(GraphFault::method_not_allowed()),
            }
        }
        [_, "move"] => {
            only(call, &Method::POST)?;
            let mail = mail_of(state, mailbox)?;
            let key = mail.find_folder(id)?;
            let destination: Destination = call.json()?;
            let to = mail.find_folder(&destination.destination_id)?;
            mail.move_folder(key, to)?;
            entity(mail, key, StatusCode::CREATED, &FolderView::default(), call)
        }
        [_, "permanentdelete"] => {
            only(call, &Method::POST)?;
            let key = mail_of(state, mailbox)?.find_folder(id)?;
            delete(state, mailbox, key, true)
        }
        _ => Err(GraphFault::no_such_resource(
            inner.last().copied().unwrap_or_default(),
        )),
    }
}

fn delete(
    state: &mut State,
    mailbox: usize,
    key: FolderKey,
    for_good: bool,
) -> Result<Reply, GraphFault> {
    let changes = mail_of(state, mailbox)?.delete_folder(key, for_good)?;
    state.announce_at(mailbox, changes);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn create(mail: &mut MailState, parent: FolderKey, call: &Call) -> Result<Reply, GraphFault> {
    let input: FolderInput = call.json()?;
    let name = input.display_name.unwrap_or_default();
    let key = mail.create_folder(parent, &name, input.is_hidden)?;
    entity(mail, key, StatusCode::CREATED, &FolderView::default(), call)
}

fn entity(
    mail: &MailState,
    key: FolderKey,
    status: StatusCode,
    view: &FolderView,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let folder = mail.folder(key).ok_or_else(GraphFault::item_not_found)?;
    let mut out = String::with_capacity(600);
    push_folder(&mut out, mail, folder, view);
    let context = format!(
        "{{\"@odata.context\":\"{}/$metadata#mailFolders/$entity\",",
        call.root
    );
    out.replace_range(..1, &context);
    Ok(Reply::raw_json(status, out))
}

/// What folders are filtered and sorted by.
const FILTERABLE: &[&str] = &[
    "id",
    "displayname",
    "parentfolderid",
    "childfoldercount",
    "unreaditemcount",
    "totalitemcount",
    "ishidden",
];

/// The children of a folder: visible ones only, unless `includeHiddenFolders=true` (F4.5, S26).
fn list(
    state: &mut State,
    mailbox: usize,
    parent: FolderKey,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let query = &call.query;
    query.check_order()?;
    query.check_properties(FILTERABLE)?;
    let paging = Paging::of(call, 10, &state.knobs)?;
    let mail: &MailState = mail_of(state, mailbox)?;
    let parent = mail.folder(parent).ok_or_else(GraphFault::item_not_found)?;
    let hidden_too = query
        .get("includeHiddenFolders")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let view = FolderView::of(query)?;
    let mut children: Vec<&Folder> = parent
        .children
        .iter()
        .filter_map(|child| mail.folder(*child))
        .filter(|child| hidden_too || !child.is_hidden)
        .filter(|child| {
            query
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(&|property| operand(mail, child, property)))
        })
        .collect();
    children.sort_by(|left, right| {
        query.compare(&|property| operand(mail, left, property), &|property| {
            operand(mail, right, property)
        })
    });
    let (page, next) = paging.cut(call, &children);
    let mut out = String::with_capacity(4_000);
    let mut object = Object::open(&mut out);
    object.text(
        "@odata.context",
        &format!("{}/$metadata#Collection(mailFolder)", call.root),
    );
    if query.count {
        object.number("@odata.count", children.len());
    }
    push_list(object.key("value"), page, |out, folder| {
        push_folder(out, mail, folder, &view);
    });
    if let Some(link) = next {
        object.text("@odata.nextLink", &link);
    }
    object.close();
    Ok(Reply::raw_json(StatusCode::OK, out))
}

fn operand<'f>(mail: &'f MailState, folder: &'f Folder, property: &str) -> Operand<'f> {
    let number =
        |count: usize| Operand::Number(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    match property.to_ascii_lowercase().as_str() {
        "id" => Operand::Text(folder.id.as_str().into()),
        "displayname" => Operand::Text(folder.display_name.as_str().into()),
        "parentfolderid" => match folder.parent {
            Some(parent) => Operand::Text(mail.folder_id(parent).into()),
            None => Operand::Null,
        },
        "childfoldercount" => number(folder.children.len()),
        "unreaditemcount" => number(folder.unread()),
        "totalitemcount" => number(folder.total()),
        "ishidden" => Operand::Flag(folder.is_hidden),
        _ => Operand::Null,
    }
}
