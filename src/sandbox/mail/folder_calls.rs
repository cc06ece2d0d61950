//! The calls on folders.

use std::fmt::Write as _;

use axum::http::{Method, StatusCode};
use serde::Deserialize;

use super::folder::{Folder, FolderKey};
use super::folder_view::{FolderView, push_folder};
use super::{MailState, mail_of, only};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::{Object, push_list};
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
            Method::GET => list(mail_of(state, mailbox)?, FolderKey::ROOT, call),
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
            let mail = mail_of(state, mailbox)?;
            let key = mail.find_folder(id)?;
            match call.method {
                Method::GET => list(mail, key, call),
                Method::POST => create(mail, key, call),
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

/// The children of a folder: visible ones only, unless `includeHiddenFolders=true` (F4.5, S26).
fn list(mail: &MailState, parent: FolderKey, call: &Call) -> Result<Reply, GraphFault> {
    let query = &call.query;
    let parent = mail.folder(parent).ok_or_else(GraphFault::item_not_found)?;
    let hidden_too = query
        .get("includeHiddenFolders")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let view = FolderView::of(query)?;
    let children: Vec<&Folder> = parent
        .children
        .iter()
        .filter_map(|child| mail.folder(*child))
        .filter(|child| hidden_too || !child.is_hidden)
        .filter(|child| {
            query.filter.as_ref().is_none_or(|filter| {
                filter.matches(&|property| match property.to_ascii_lowercase().as_str() {
                    "displayname" => crate::sandbox::query::filter::Operand::Text(
                        child.display_name.as_str().into(),
                    ),
                    _ => crate::sandbox::query::filter::Operand::Null,
                })
            })
        })
        .collect();
    let size = query.page_size(call.prefer.max_page_size, 10)?;
    let skip = query.skip.unwrap_or(0);
    let mut out = String::with_capacity(4_000);
    let mut object = Object::open(&mut out);
    object.text(
        "@odata.context",
        &format!("{}/$metadata#Collection(mailFolder)", call.root),
    );
    if query.count {
        object.number("@odata.count", children.len());
    }
    let page = children.iter().skip(skip).take(size);
    push_list(object.key("value"), page, |out, folder| {
        push_folder(out, mail, folder, &view);
    });
    if children.len() > skip.saturating_add(size) {
        let mut next = query.without(&["$skip"]);
        if !next.is_empty() {
            next.push('&');
        }
        let _ = write!(next, "$skip={}", skip + size);
        object.text("@odata.nextLink", &format!("{}?{next}", call.url()));
    }
    object.close();
    Ok(Reply::raw_json(StatusCode::OK, out))
}
