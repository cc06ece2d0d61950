//! The addresses of a subscription: what it watches and where Graph posts.
//!
//! The key of a subscription stands in both of its URLs, so that one whose 201 was lost is found again in Graph's list
//! (M25). Nothing here is a secret: what proves a notification is its clientState.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::graph::links::segment;
use crate::model::ids::{GraphId, SubscriptionKey};
use crate::model::work::SubscriptionScope;

/// Where Graph posts change notifications.
pub const NOTIFICATIONS_PATH: &str = "/webhooks/microsoft/notifications";
/// Where Graph posts lifecycle events.
pub const LIFECYCLE_PATH: &str = "/webhooks/microsoft/lifecycle";
/// Every kind of change.
pub const CHANGE_TYPE: &str = "created,updated,deleted";

/// `{public_url}/webhooks/microsoft/notifications?s={key}`.
pub fn notification_url(public_url: &str, key: SubscriptionKey) -> String {
    format!("{public_url}{NOTIFICATIONS_PATH}?s={}", key.0.simple())
}

/// `{public_url}/webhooks/microsoft/lifecycle?s={key}`.
pub fn lifecycle_url(public_url: &str, key: SubscriptionKey) -> String {
    format!("{public_url}{LIFECYCLE_PATH}?s={}", key.0.simple())
}

/// The key in a notification URL of ours, whatever host it names.
pub fn key_of(notification_url: &str) -> Option<SubscriptionKey> {
    let url = url::Url::parse(notification_url).ok()?;
    if !url.path().ends_with(NOTIFICATIONS_PATH) {
        return None;
    }
    let (_, key) = url.query_pairs().find(|(name, _)| name == "s")?;
    Uuid::try_parse(&key).ok().map(SubscriptionKey)
}

/// Whether a notification URL leads to this service.
pub fn is_at(notification_url: &str, public_url: &str) -> bool {
    notification_url
        .strip_prefix(public_url)
        .is_some_and(|rest| rest.starts_with(NOTIFICATIONS_PATH))
}

/// What a scope is called in Graph (F9.4, F9.5). An id with a slash in it must not become two segments (F5.22).
pub fn resource(user: &GraphId, scope: &SubscriptionScope) -> String {
    match scope {
        SubscriptionScope::Messages => format!("users/{user}/messages"),
        SubscriptionScope::Events { calendar } => {
            format!("users/{user}/calendars/{}/events", segment(calendar))
        }
    }
}

/// Whether two resources are the same: a leading slash is optional, segments may come in any casing, and `me` may
/// stand for the user (F9.4). Ids in it differ by case (F5.22), so only the words around them are folded.
pub fn is_same_resource(user: &GraphId, one: &str, other: &str) -> bool {
    let segments = |resource: &str| -> Vec<String> {
        let trimmed = resource.trim_start_matches('/');
        let rest = match trimmed.split_once('/') {
            Some((first, rest)) if first.eq_ignore_ascii_case("me") => {
                format!("users/{user}/{rest}")
            }
            _ => trimmed.to_owned(),
        };
        rest.split('/')
            .enumerate()
            .map(|(at, segment)| {
                let decoded = percent_decode_str(segment).decode_utf8_lossy();
                // The user's id is a GUID, in either case.
                if at == 1 || at % 2 == 0 {
                    decoded.to_ascii_lowercase()
                } else {
                    decoded.into_owned()
                }
            })
            .collect()
    };
    segments(one) == segments(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_comes_back_out_of_the_url_it_was_put_into() {
        // M25.
        let key = SubscriptionKey::generate();

        let url = notification_url("https://mirror.example", key);

        assert_eq!(key_of(&url), Some(key));
        assert!(is_at(&url, "https://mirror.example"));
        assert!(!is_at(&url, "https://mirror.example.org"));
        assert_eq!(
            key_of(&notification_url("http://127.0.0.1:1/base", key)),
            Some(key)
        );
        for foreign in [
            "",
            "x",
            "https://a/b?s=1",
            "https://a/webhooks/microsoft/notifications?s=x",
        ] {
            assert_eq!(key_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn resources_are_compared_as_graph_spells_them_back() {
        // F9.4, F5.22.
        let user = GraphId::from("8a1B");
        let own = resource(
            &user,
            &SubscriptionScope::Events {
                calendar: "AAMk/Ad=".into(),
            },
        );

        assert!(is_same_resource(
            &user,
            &own,
            "/Users/8A1b/Calendars/AAMk%2fAd=/Events"
        ));
        assert!(is_same_resource(
            &user,
            &own,
            "me/calendars/AAMk%2FAd%3D/events"
        ));
        assert!(!is_same_resource(
            &user,
            &own,
            "users/8a1B/calendars/AAMK%2FAD%3D/events"
        ));
        assert!(!is_same_resource(&user, &own, "users/8a1B/messages"));
    }
}
