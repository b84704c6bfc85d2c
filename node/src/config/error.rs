//! Why a configuration was not taken: file, key, reason, one line each.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What is wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The environment variable that it comes from; `None`: the file.
    pub variable: Option<String>,
    /// Such as `operator[1].retry[0]`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what is expected instead.
    pub reason: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { variable: None, key: key.into(), reason: reason.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(variable) = &self.variable {
            write!(f, "environment variable {variable}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

/// Why a configuration was not taken. The fault is the file's, the environment's, or that of a file they name.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", file.display())]
    Unreadable {
        /// The configuration file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Its name does not tell how it is written.
    #[error("{}: unknown kind of file, expected a name that ends in .toml, .yaml or .yml", file.display())]
    UnknownFormat {
        /// The configuration file.
        file: PathBuf,
    },
    /// It is no TOML or YAML.
    #[error("{}: {reason}", file.display())]
    Syntax {
        /// The configuration file.
        file: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// Keys are unknown, or values impossible: at least one problem, each on a line of its own.
    #[error("{}", lines(file, problems))]
    Invalid {
        /// The configuration file.
        file: PathBuf,
        /// All that was found.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// The problems by key; empty when it did not come to keys.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems, .. } => problems,
            Self::Unreadable { .. } | Self::UnknownFormat { .. } | Self::Syntax { .. } => &[],
        }
    }
}

fn lines(file: &std::path::Path, problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{}: {problem}", file.display())).collect::<Vec<_>>().join("\n")
}
