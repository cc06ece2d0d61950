//! Where variables come from: the process's environment, over a `.env` file, under what a command adds.
//!
//! A variable that is set but empty counts as not set, because `.env` files are full of `NAME=` lines.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{ConfigError, Problem};
use super::variables;

/// A set of variables with their values.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    /// The variables given, and no others.
    pub fn of<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self {
            values: pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// The process's variables over those of the `.env` file in the present folder or one above it.
    pub fn of_process() -> Result<Self, ConfigError> {
        let found = match dotenvy::dotenv_iter() {
            Err(error) if error.not_found() => None,
            found => Some(found),
        };
        Self::merged(std::env::vars_os(), found)
    }

    /// The process's variables over those of one file, which must be there.
    pub fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        Self::merged(std::env::vars_os(), Some(dotenvy::from_path_iter(path))).map_err(|error| {
            let ConfigError::Problems(problems) = error;
            ConfigError::Problems(
                problems
                    .into_iter()
                    .map(|problem| problem.of_file(&name))
                    .collect(),
            )
        })
    }

    fn merged<R: std::io::Read>(
        process: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
        file: Option<Result<dotenvy::Iter<R>, dotenvy::Error>>,
    ) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        let mut problems = Vec::new();
        match file {
            Some(Ok(lines)) => {
                for line in lines {
                    match line {
                        Ok((name, value)) => {
                            values.insert(name, value);
                        }
                        Err(error) => problems.push(file_problem(&error)),
                    }
                }
            }
            Some(Err(error)) => problems.push(file_problem(&error)),
            None => {}
        }
        for (name, value) in process {
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => {
                    values.insert(name, value);
                }
                Err(_) if variables::find(&name).is_some() => problems.push(Problem {
                    variable: name,
                    what: "its value is not valid UTF-8".to_owned(),
                    remedy: "set it to plain text".to_owned(),
                }),
                Err(_) => {}
            }
        }
        if problems.is_empty() {
            Ok(Self { values })
        } else {
            Err(ConfigError::Problems(problems))
        }
    }

    /// The same with one more variable, replacing what stood there.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// The same with one more variable where nothing stood.
    #[must_use]
    pub fn or(self, name: &str, value: impl Into<String>) -> Self {
        if self.get(name).is_some() {
            self
        } else {
            self.with(name, value)
        }
    }

    /// Whether a variable whose name begins so is set.
    pub fn has_any(&self, prefix: &str) -> bool {
        let mut names = self.values.keys();
        names.any(|name| name.starts_with(prefix) && self.get(name).is_some())
    }

    /// The value of a variable; `None` where it is not set or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names only: values hold secrets.
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// How a problem of the file itself is named.
const FILE: &str = ".env";

impl Problem {
    /// Names the file instead of the usual one.
    fn of_file(mut self, name: &str) -> Self {
        if self.variable == FILE {
            name.clone_into(&mut self.variable);
        }
        self
    }
}

fn file_problem(error: &dotenvy::Error) -> Problem {
    // The line itself is not repeated: it may hold a secret.
    let (what, remedy) = match error {
        dotenvy::Error::LineParse(line, position) => {
            let name = line.split('=').next().unwrap_or_default().trim();
            (
                format!("the line of `{name}` cannot be read beyond character {position}"),
                "write NAME=value, and put a value with spaces or # into double quotes".to_owned(),
            )
        }
        dotenvy::Error::Io(cause) => (
            format!("the file cannot be read ({})", cause.kind()),
            "make it readable, or remove it and set the variables in the environment".to_owned(),
        ),
        _ => (
            "the file cannot be read".to_owned(),
            "write one NAME=value a line".to_owned(),
        ),
    };
    Problem {
        variable: FILE.to_owned(),
        what,
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(process: &[(&str, &str)], file: &str) -> Result<Environment, ConfigError> {
        let process = process
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect::<Vec<_>>();
        Environment::merged(
            process.into_iter(),
            Some(Ok(dotenvy::Iter::new(file.as_bytes()))),
        )
    }

    #[test]
    fn the_process_goes_before_the_file() {
        let environment = merged(&[("LISTEN", "a")], "LISTEN=b\nLOG=c\n").expect("it can be read");

        assert_eq!(environment.get("LISTEN"), Some("a"));
        assert_eq!(environment.get("LOG"), Some("c"));
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let environment = merged(&[("LISTEN", "  ")], "").expect("it can be read");

        assert_eq!(environment.get("LISTEN"), None);
    }

    #[test]
    fn a_bad_line_of_the_file_is_named_without_its_value() {
        let error = merged(&[], "MICROSOFT_CLIENT_SECRET='hidden words").expect_err("it is open");

        let text = error.to_string();
        assert!(text.contains("MICROSOFT_CLIENT_SECRET"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
    }
}
