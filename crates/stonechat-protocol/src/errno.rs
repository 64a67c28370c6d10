//! The error numbers of replies. Their meaning is frozen: clients depend on it.

use std::fmt;

/// `errno` of a reply that is not a success.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
pub enum Errno {
    /// Wrong credentials, or the name is taken.
    Refused = 1,
    /// This account is already online.
    AlreadyOnline = 2,
    /// The line or one of its fields is malformed.
    Malformed = 400,
    /// Log in first.
    LoginFirst = 401,
    /// Not allowed.
    NotAllowed = 403,
    /// No such user, group or msgid.
    NotFound = 404,
    /// It contradicts what is there already.
    Conflict = 409,
    /// Too large.
    TooLarge = 413,
    /// Too many attempts.
    TooFast = 429,
    /// Our fault.
    Internal = 500,
    /// Storage is unavailable; try again.
    Unavailable = 503,
}

impl Errno {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}
