//! An error with its causes on one line, as a log line and a report say it.

use std::error::Error;

/// The error with its causes, each said once: some libraries end their sentence with that of the cause.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let said = source.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<Box<Said>>);

    #[test]
    fn each_cause_is_said_once() {
        let root = Said("no route to host", None);
        let middle = Said("cannot connect: no route to host", Some(Box::new(root)));
        let top = Said("the page could not be fetched", Some(Box::new(middle)));

        assert_eq!(
            chain(&top),
            "the page could not be fetched: cannot connect: no route to host"
        );
    }
}
