//! Why a run ended without success: a line for stderr that says what to do, and an exit code.

use std::fmt;
use std::process::ExitCode;

use crate::state_dir::OpenError;

/// What went wrong, as far as a script has to tell it apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The server refused, or this machine did.
    Refused = 1,
    /// The command line does not say what is needed.
    Usage = 2,
    /// No server within the time.
    Unreachable = 3,
    /// Nobody is logged in.
    NotLoggedIn = 4,
}

/// The reason a run failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    kind: Kind,
    text: String,
}

impl Failure {
    /// For this reason.
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::new(Kind::Refused, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Refused, error.to_string())
    }
}
