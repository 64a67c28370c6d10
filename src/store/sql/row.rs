//! Values into and out of statements, the same for both databases.

use super::fault::{Fault, SqlResult};
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, Seq, UserId};
use crate::store::{Contact, Person, TokenHash};

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Arg<'a> {
    /// NULL.
    Null,
    /// Any number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

macro_rules! int_arg {
    ($type:ty, $value:ident => $int:expr) => {
        impl From<$type> for Arg<'_> {
            fn from($value: $type) -> Self {
                Self::Int($int)
            }
        }
    };
}

int_arg!(i64, value => value);
int_arg!(u32, value => i64::from(value));
int_arg!(UserId, id => i64::from(id.number()));
int_arg!(GroupId, id => i64::from(id.number()));
int_arg!(ConvId, conv => conv.number());
int_arg!(DeviceId, device => i64::from(device.0));
int_arg!(UnixMs, time => time.0);
// A number that no database holds compares as the largest one it can hold.
int_arg!(Seq, seq => i64::try_from(seq).unwrap_or(i64::MAX));

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl<'a> From<&'a [u8; 32]> for Arg<'a> {
    fn from(bytes: &'a [u8; 32]) -> Self {
        Self::Bytes(bytes)
    }
}

/// A value of a row.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::store) enum Cell {
    /// NULL, or taken out already.
    #[default]
    Null,
    /// A whole number.
    Int(i64),
    /// Text or bytes.
    Bytes(Vec<u8>),
}

/// A row; columns count from 0. A value that makes no sense is `Broken`, never a panic.
#[derive(Debug)]
pub(in crate::store) struct Row(pub(in crate::store) Vec<Cell>);

impl Row {
    /// A number.
    pub(in crate::store) fn int(&self, column: usize) -> SqlResult<i64> {
        match self.0.get(column) {
            Some(Cell::Int(number)) => Ok(*number),
            other => Err(nonsense(column, "a number", other)),
        }
    }

    /// A number that is not negative.
    pub(in crate::store) fn seq(&self, column: usize) -> SqlResult<Seq> {
        let number = self.int(column)?;
        Seq::try_from(number).map_err(|_| nonsense(column, "a count", Some(&Cell::Int(number))))
    }

    /// A number that fits into 32 bits.
    pub(in crate::store) fn count(&self, column: usize) -> SqlResult<u32> {
        self.named(column, "a count", |number| u32::try_from(number).ok())
    }

    /// The hash of a token.
    pub(in crate::store) fn token_hash(&self, column: usize) -> SqlResult<TokenHash> {
        match self.0.get(column) {
            Some(Cell::Bytes(bytes)) => {
                let hash = TokenHash::try_from(&bytes[..]).ok();
                hash.ok_or_else(|| nonsense(column, "the hash of a token", self.0.get(column)))
            }
            other => Err(nonsense(column, "the hash of a token", other)),
        }
    }

    /// A moment.
    pub(in crate::store) fn time(&self, column: usize) -> SqlResult<UnixMs> {
        self.int(column).map(UnixMs)
    }

    /// A moment that may be NULL.
    pub(in crate::store) fn time_or_null(&self, column: usize) -> SqlResult<Option<UnixMs>> {
        Ok(self.int_or_null(column)?.map(UnixMs))
    }

    /// A number that may be NULL.
    pub(in crate::store) fn int_or_null(&self, column: usize) -> SqlResult<Option<i64>> {
        match self.0.get(column) {
            Some(Cell::Null) => Ok(None),
            _ => self.int(column).map(Some),
        }
    }

    /// A user's id.
    pub(in crate::store) fn user(&self, column: usize) -> SqlResult<UserId> {
        self.named(column, "a user's id", UserId::new)
    }

    /// A group's id.
    pub(in crate::store) fn group(&self, column: usize) -> SqlResult<GroupId> {
        self.named(column, "a group's id", GroupId::new)
    }

    /// A conversation's id.
    pub(in crate::store) fn conv(&self, column: usize) -> SqlResult<ConvId> {
        self.named(column, "a conversation's id", ConvId::from_number)
    }

    /// A device's number.
    pub(in crate::store) fn device(&self, column: usize) -> SqlResult<DeviceId> {
        self.named(column, "a device", |number| u32::try_from(number).ok().map(DeviceId))
    }

    /// Takes a text out of the row.
    pub(in crate::store) fn text(&mut self, column: usize) -> SqlResult<String> {
        self.text_or_null(column)?.ok_or_else(|| nonsense(column, "text", None))
    }

    /// Takes a text that may be NULL out of the row.
    pub(in crate::store) fn text_or_null(&mut self, column: usize) -> SqlResult<Option<String>> {
        match self.0.get_mut(column).map(std::mem::take) {
            Some(Cell::Null) => Ok(None),
            Some(Cell::Bytes(bytes)) => String::from_utf8(bytes).map(Some).map_err(|e| Fault::Broken(e.into())),
            other => Err(nonsense(column, "text", other.as_ref())),
        }
    }

    /// Takes a user's id and name, in neighbouring columns, out of the row.
    pub(in crate::store) fn person(&mut self, column: usize) -> SqlResult<Person> {
        Ok(Person { id: self.user(column)?, name: self.text(column + 1)? })
    }

    /// Takes the same out of the row, and in the next column the user's profile.
    pub(in crate::store) fn contact(&mut self, column: usize) -> SqlResult<Contact> {
        let Person { id, name } = self.person(column)?;
        Ok(Contact { id, name, profile: self.text_or_null(column + 2)? })
    }

    fn named<T>(&self, column: usize, what: &str, make: impl FnOnce(i64) -> Option<T>) -> SqlResult<T> {
        let number = self.int(column)?;
        make(number).ok_or_else(|| nonsense(column, what, Some(&Cell::Int(number))))
    }
}

fn nonsense(column: usize, wanted: &str, found: Option<&Cell>) -> Fault {
    // Never the text itself: it may be a message or a password.
    let found = match found {
        None => "nothing".to_owned(),
        Some(Cell::Null) => "NULL".to_owned(),
        Some(Cell::Int(number)) => number.to_string(),
        Some(Cell::Bytes(bytes)) => format!("{} bytes", bytes.len()),
    };
    Fault::Broken(format!("column {column} of the answer should be {wanted}, but is {found}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_an_error_that_does_not_tell_the_text() {
        let mut row = Row(vec![Cell::Int(-1), Cell::Bytes(b"secret".to_vec()), Cell::Null, Cell::Bytes(vec![0xff])]);
        assert!(matches!(row.user(0), Err(Fault::Broken(_))));
        assert!(matches!(row.seq(0), Err(Fault::Broken(_))));
        assert!(matches!(row.int(9), Err(Fault::Broken(_))));
        assert!(matches!(row.text(3), Err(Fault::Broken(_))), "not UTF-8");
        let Err(Fault::Broken(told)) = row.int(1) else { panic!("text is no number") };
        assert!(!told.to_string().contains("secret"), "{told}");
        assert_eq!(row.text_or_null(2).unwrap(), None);
        assert_eq!(row.text(1).unwrap(), "secret");
    }
}
