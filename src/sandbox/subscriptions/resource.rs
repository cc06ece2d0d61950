//! What a subscription watches, read from its `resource` (F9.4 to F9.8).

use percent_encoding::percent_decode_str;

use super::super::call::segments;
use super::super::error::GraphFault;
use super::super::world::Entity;

/// Whose mailbox a resource names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The signed-in person's.
    Me,
    /// That of an object id or address.
    Named(String),
}

/// The items a subscription is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Watched {
    /// Every message of the mailbox.
    Messages,
    /// The messages of a folder; first as written, then its id.
    Folder(String),
    /// Events; of the default calendar only, as the knob of S69 says.
    Events,
    /// The events of a calendar; first as written, then its id.
    Calendar(String),
    /// Contacts, of which the sandbox has none.
    Contacts,
}

impl Watched {
    /// Whether something that happened to `entity` belongs to it.
    pub fn covers(&self, entity: &Entity, default_calendar_only: bool) -> bool {
        match (self, entity) {
            (Self::Messages, Entity::Message { .. }) => true,
            (Self::Folder(folder), Entity::Message { folder_id, .. }) => folder == folder_id,
            (
                Self::Events,
                Entity::Event {
                    in_default_calendar,
                    ..
                },
            ) => *in_default_calendar || !default_calendar_only,
            (Self::Calendar(calendar), Entity::Event { calendar_id, .. }) => {
                calendar == calendar_id
            }
            _ => false,
        }
    }
}

/// A `resource`, not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Whose.
    pub owner: Owner,
    /// What.
    pub watched: Watched,
    /// `$select`, which resource data needs (S54).
    pub select: Vec<String>,
    /// `$filter`, which narrows what is seen (S64).
    pub filter: Option<String>,
}

fn unsupported(resource: &str) -> GraphFault {
    refused(format!(
        "The value '{resource}' of parameter 'Resource' is not supported."
    ))
}

fn refused(message: String) -> GraphFault {
    GraphFault::bad_request("InvalidRequest", message)
}

impl Resource {
    /// Reads a `resource`; a leading slash is optional, letters come in any case (F9.4).
    pub fn parse(text: &str) -> Result<Self, GraphFault> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if path.contains("://") {
            return Err(unsupported(text));
        }
        let path = segments(path);
        let words: Vec<_> = path
            .iter()
            .map(|segment| segment.to_ascii_lowercase())
            .collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let (owner, from) = match words.as_slice() {
            ["me", ..] => (Owner::Me, 1),
            ["users", _, ..] => (Owner::Named(path.get(1).cloned().unwrap_or_default()), 2),
            _ => return Err(unsupported(text)),
        };
        let name = |index: usize| path.get(from + index).cloned().unwrap_or_default();
        let watched = match words.get(from..).unwrap_or_default() {
            ["messages"] => Watched::Messages,
            ["mailfolders", _, "messages"] => Watched::Folder(name(1)),
            ["events"] | ["calendar", "events"] => Watched::Events,
            ["calendars", _, "events"] => Watched::Calendar(name(1)),
            ["contacts"] => Watched::Contacts,
            _ => return Err(unsupported(text)),
        };
        let (select, filter) = options(query)?;
        Ok(Self {
            owner,
            watched,
            select,
            filter,
        })
    }
}

/// F9.8: what may stand behind the path. Answers `$select` and `$filter`.
fn options(query: &str) -> Result<(Vec<String>, Option<String>), GraphFault> {
    let mut select = Vec::new();
    let mut filter = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let (name, value) = (decode(name).to_ascii_lowercase(), decode(value));
        let values = || {
            value
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
        };
        match name.as_str() {
            "$select" => {
                let forbidden = |part: &str| {
                    part.eq_ignore_ascii_case("body") || part.eq_ignore_ascii_case("uniqueBody")
                };
                if values().any(forbidden) {
                    return Err(refused(
                        "The $select of a subscription cannot include 'body' or 'uniqueBody'."
                            .to_owned(),
                    ));
                }
                select = values().map(str::to_owned).collect();
            }
            "$filter" => filter = Some(value),
            "$expand" => {
                let extended = |part: &str| {
                    let part = part.to_ascii_lowercase();
                    part.starts_with("singlevalueextendedproperties")
                        || part.starts_with("multivalueextendedproperties")
                };
                if !extended(&value) {
                    return Err(refused(
                        "Only extended properties can be expanded in a subscription.".to_owned(),
                    ));
                }
            }
            _ => {
                return Err(refused(format!(
                    "The query option '{name}' is not supported in the resource of a subscription."
                )));
            }
        }
    }
    Ok((select, filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read_in_every_shape_the_documentation_shows() {
        // F9.4
        let named = |name: &str| Owner::Named(name.to_owned());
        let cases = [
            ("me/messages", Owner::Me, Watched::Messages),
            (
                "/Users/a@b.example/Messages",
                named("a@b.example"),
                Watched::Messages,
            ),
            (
                "users/u1/mailFolders('Inbox')/messages",
                named("u1"),
                Watched::Folder("Inbox".to_owned()),
            ),
            ("users('u1')/events", named("u1"), Watched::Events),
            (
                "me/calendars/AQ%2Fx%3D/events",
                Owner::Me,
                Watched::Calendar("AQ/x=".to_owned()),
            ),
        ];
        for (text, owner, watched) in cases {
            let resource = Resource::parse(text).unwrap();
            assert_eq!(
                (resource.owner, resource.watched),
                (owner, watched),
                "{text}"
            );
        }
    }

    #[test]
    fn a_single_item_a_container_and_a_whole_url_are_refused() {
        // F9.6
        for text in [
            "me/messages/AAMk",
            "me/events/AAMk",
            "me/mailFolders",
            "me",
            "users",
            "",
            "https://graph.microsoft.com/v1.0/me/messages",
        ] {
            let refused = Resource::parse(text).unwrap_err();
            assert!(
                refused
                    .message
                    .contains("of parameter 'Resource' is not supported"),
                "{text}"
            );
        }
    }

    #[test]
    fn s54_options_that_shape_a_listing_are_refused() {
        for text in [
            "me/messages?$top=5",
            "me/messages?$skip=5",
            "me/messages?$orderby=subject",
            "me/messages?$select=subject,Body",
            "me/messages?$expand=attachments",
        ] {
            assert_eq!(
                Resource::parse(text).unwrap_err().code,
                "InvalidRequest",
                "{text}"
            );
        }
        let kept = Resource::parse("me/messages?$select=subject,%20from").unwrap();
        assert_eq!(kept.select, ["subject", "from"]);
    }
}
