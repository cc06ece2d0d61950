//! Microsoft Graph: the only room that calls it.
