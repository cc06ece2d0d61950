//! What is wrong with the settings, told so that it can be repaired without looking anything up.

use std::fmt;

/// One thing that is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: String,
    /// What is wrong; never repeats a secret.
    pub what: String,
    /// How to repair it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.variable, self.what, self.remedy)
    }
}

/// The settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Everything that is wrong, in the order of the reference.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
}

impl ConfigError {
    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        let Self::Problems(problems) = self;
        problems
    }
}

fn list(problems: &[Problem]) -> String {
    let mut text = match problems.len() {
        1 => "one setting must be repaired".to_owned(),
        many => format!("{many} settings must be repaired"),
    };
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
    }
    text
}
