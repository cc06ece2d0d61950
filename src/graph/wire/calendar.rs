//! A calendar (F7.16).

use serde::Deserialize;

use super::field::{Field, Text};
use super::message::AddressObject;

/// A calendar of the account, its own or shared by another.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CalendarObject<'a> {
    /// The id.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// The name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// The colour's name.
    #[serde(borrow)]
    pub color: Option<Text<'a>>,
    /// The colour.
    #[serde(borrow)]
    pub hex_color: Option<Text<'a>>,
    /// Whether it is the default one.
    pub is_default_calendar: Option<bool>,
    /// Whether the account may write to it.
    pub can_edit: Option<bool>,
    /// Whether the account may share it.
    pub can_share: Option<bool>,
    /// Whether the account sees what is private in it.
    pub can_view_private_items: Option<bool>,
    /// Whether it can be deleted.
    pub is_removable: Option<bool>,
    /// Whose it is.
    #[serde(borrow)]
    pub owner: Option<AddressObject<'a>>,
    /// The version.
    #[serde(borrow)]
    pub change_key: Option<Text<'a>>,
    /// Providers of online meetings.
    #[serde(borrow)]
    pub allowed_online_meeting_providers: Field<Vec<Text<'a>>>,
    /// The default one.
    #[serde(borrow)]
    pub default_online_meeting_provider: Option<Text<'a>>,
}
