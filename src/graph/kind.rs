//! What a request asks for, as the metrics tell it apart. Pure: no id enters it.

use url::Url;

use super::error::GraphError;

/// The kind of a request, by the last word of its path that says one; the words are those of
/// [`GRAPH_REQUESTS`](crate::telemetry::metrics::table::GRAPH_REQUESTS).
pub(super) fn kind(url: &Url) -> &'static str {
    let is_delta = |segment: &str| {
        let word = segment.split('(').next().unwrap_or_default();
        word.eq_ignore_ascii_case("delta")
    };
    let mut delta = false;
    for segment in url.path_segments().into_iter().flatten().rev() {
        if is_delta(segment) {
            delta = true;
        }
        let found = KINDS.iter().find(|(word, _)| {
            let named = segment.split('(').next().unwrap_or_default();
            named.eq_ignore_ascii_case(word)
        });
        match found {
            Some((_, "messages")) if delta => return "messages_delta",
            Some((_, kind)) => return kind,
            None => {}
        }
    }
    "other"
}

/// Words of paths and what they ask for.
const KINDS: [(&str, &str); 9] = [
    ("$batch", "batch"),
    ("attachments", "attachments"),
    ("messages", "messages"),
    ("mailFolders", "folders"),
    ("childFolders", "folders"),
    ("calendarView", "calendar_view"),
    ("events", "events"),
    ("calendars", "calendars"),
    ("subscriptions", "subscriptions"),
];

/// How it was answered, in the words of the same metric.
pub(super) fn answer<T>(answer: &Result<T, GraphError>) -> &'static str {
    match answer {
        Ok(_) => "2xx",
        Err(error) => match error.status() {
            Some(404) => "404",
            Some(410) => "410",
            Some(429) => "429",
            Some(503) => "503",
            Some(500..) => "5xx",
            Some(_) => "4xx",
            None => "none",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Refused;
    use crate::telemetry::metrics::table::GRAPH_REQUESTS;

    #[test]
    fn every_path_has_a_kind_of_the_table() {
        for (path, expected) in [
            ("/$batch", "batch"),
            ("/subscriptions/7f105c7d", "subscriptions"),
            ("/users/u/mailFolders/delta?$select=id", "folders"),
            ("/users/u/mailFolders/x/childFolders", "folders"),
            ("/users/u/mailFolders/x/messages", "messages"),
            ("/users/u/mailFolders/x/messages/delta", "messages_delta"),
            (
                "/users/u/mailFolders('x')/messages/delta()?$skiptoken=s",
                "messages_delta",
            ),
            ("/users/u/messages/m", "messages"),
            ("/users/u/messages/m/attachments", "attachments"),
            ("/users/u/calendars", "calendars"),
            ("/users/u/calendars/c/calendarView/delta", "calendar_view"),
            ("/users/u/events/e/instances", "events"),
            ("/users/u/events/e/calendar", "events"),
            ("/me", "other"),
        ] {
            let url = format!("https://graph.microsoft.com/v1.0{path}");
            let found = kind(&Url::parse(&url).expect("a URL"));

            assert_eq!(found, expected, "{path}");
            assert!(GRAPH_REQUESTS.labels[0].values.contains(&found), "{path}");
        }
    }

    #[test]
    fn every_answer_is_one_of_the_table() {
        let refused =
            |status| Err::<(), _>(GraphError::Refused(Box::new(Refused::read(status, b""))));
        for status in [302, 400, 401, 404, 410, 429, 500, 503, 504] {
            let told = answer(&refused(status));
            assert!(GRAPH_REQUESTS.labels[1].values.contains(&told), "{status}");
        }
        assert_eq!(answer(&Ok(())), "2xx");
        assert_eq!(answer(&refused(504)), "5xx");
        assert_eq!(answer(&Err::<(), _>(GraphError::Missing)), "none");
    }
}
