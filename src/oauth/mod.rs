//! Identity: sign-in, tokens, and keeping them fresh.
//!
//! Its promise: a sign-in's state is bound to its owner, used once and short-lived; tokens are sealed before they are
//! stored; a rotated refresh token is stored before the access token that came with it is used (M6); a refresh for a mailbox is one
//! flight; what the person must do, what the operator must do and what only needs time are never mixed up (F1.16, M7).
//!
//! In reading order: [`settings`], [`refusal`] (what a refusal means), [`error`], [`platform`] (the token endpoint),
//! [`sign_in`] (authorize and exchange), [`keeper`] (the [`TokenSource`](crate::graph::TokenSource) of a mailbox),
//! [`rotation`] (another key).

pub mod error;
pub mod explain;
pub mod glance;
pub mod keeper;
pub mod platform;
pub mod refusal;
pub mod rotation;
pub mod settings;
pub mod sign_in;

pub use error::OauthError;
pub use explain::{Explanation, explain};
pub use keeper::{Keeper, Keepers};
pub use platform::{Alarm, Platform, Tokens};
pub use refusal::{Meaning, TokenRefusal};
pub use rotation::{Rotated, Rotation};
pub use settings::{OauthSettings, SCOPES};
pub use sign_in::{Account, Begun, Callback, SignIns, SignedIn};
