//! What is wrong with the settings, and where.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong with the settings. Displayed in one line, which names the key and holds no password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem(String);

impl Problem {
    /// A problem of one value.
    pub(super) fn at(origin: &Origin, what: impl fmt::Display) -> Self {
        Self(format!("{origin}: {what}"))
    }

    /// A problem between several values; `what` names their origins.
    pub(super) fn between(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key or value may hold a line end; a problem is one line.
        self.0
            .chars()
            .try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
    }
}

/// Everything that is wrong with the settings; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line (counted from 1) of the file.
    Line(PathBuf, usize),
    /// The file as a whole.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag, with its dashes.
    Flag(&'static str),
    /// The file that a setting named instead of the value.
    Secret {
        /// The key that named it.
        key: &'static str,
        /// The value as it may be printed.
        shown: String,
    },
}

impl Origin {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::Default
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line(path, line) => write!(f, "file {}:{line}", path.display()),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "env {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Secret { key, shown } => write!(f, "{key}: {shown}"),
        }
    }
}
