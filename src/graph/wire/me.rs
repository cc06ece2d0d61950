//! The signed-in account.

use serde::Deserialize;

/// `GET /me`, a few fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeObject {
    /// The account's object id (F10.4).
    pub id: String,
    /// The sign-in name.
    pub user_principal_name: Option<String>,
    /// The address; null for accounts without a mailbox.
    pub mail: Option<String>,
    /// The person's name.
    pub display_name: Option<String>,
}
