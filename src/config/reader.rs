//! Reads variables one by one and remembers everything that was wrong.

use std::fmt::Display;
use std::time::Duration;

use super::environment::Environment;
use super::error::{ConfigError, Problem};
use super::variables::Variable;

/// Reads variables of an environment and collects problems.
#[derive(Debug)]
pub struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader that has seen nothing yet.
    pub fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            problems: Vec::new(),
        }
    }

    /// The variable's text, when it is set.
    pub fn text(&self, variable: &Variable) -> Option<&'a str> {
        self.environment.get(variable.name)
    }

    /// The variable, or its default; a missing one without a default is a problem.
    pub fn read<T, E: Display>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = self.text(variable).or(variable.default) else {
            self.problem(variable, "it is not set", variable.remedy);
            return None;
        };
        self.parsed(variable, text, parse)
    }

    /// The variable when it is set. The outer `None` means that it is set and wrong.
    pub fn optional<T, E: Display>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.text(variable) {
            None => Some(None),
            Some(text) => self.parsed(variable, text, parse).map(Some),
        }
    }

    fn parsed<T, E: Display>(
        &mut self,
        variable: &Variable,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(variable, error, variable.remedy);
                None
            }
        }
    }

    /// Notes a problem.
    pub fn problem(&mut self, variable: &Variable, what: impl Display, remedy: impl Display) {
        self.problems.push(Problem {
            variable: variable.name.to_owned(),
            what: what.to_string(),
            remedy: remedy.to_string(),
        });
    }

    /// What was read, unless anything was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(ConfigError::Problems(self.problems)),
        }
    }
}

/// A whole number within bounds.
pub fn number(text: &str, from: u32, to: u32) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(number) if (from..=to).contains(&number) => Ok(number),
        Ok(number) => Err(format!("{number} is not between {from} and {to}")),
        Err(_) => Err(format!("`{text}` is not a whole number")),
    }
}

/// A duration like `30s`, `5m`, `12h` or `7d`, not shorter than `shortest`.
pub fn duration(text: &str, shortest: Duration) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let seconds_per_unit = match text.strip_prefix(digits).unwrap_or_default() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(format!("`{text}` is not a duration")),
    };
    let duration = digits
        .parse::<u32>()
        .ok()
        .and_then(|count| u64::from(count).checked_mul(seconds_per_unit))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is not a duration"))?;
    if duration < shortest {
        return Err(format!(
            "`{text}` is shorter than {} seconds",
            shortest.as_secs()
        ));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let second = Duration::from_secs(1);
        assert_eq!(duration("90s", second), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d", second), Ok(Duration::from_hours(168)));
        for wrong in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "5w",
            "1h30m",
            "99999999999d",
            "ü",
            "0s",
        ] {
            assert!(duration(wrong, second).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_stays_within_its_bounds() {
        assert_eq!(number("4", 1, 4), Ok(4));
        for wrong in ["0", "5", "-1", "x", "4.0"] {
            assert!(number(wrong, 1, 4).is_err(), "{wrong}");
        }
    }
}
