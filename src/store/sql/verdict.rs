//! What the main database says of an answer that a replica has given.

use crate::ids::{ConvId, Seq};

/// What came of comparing the two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) enum Verdict {
    /// The main database would have said the same.
    Confirmed,
    /// Something that decides is different there. The replica may be well all the same.
    Differs,
    /// The replica has not got this yet.
    Behind(Lack),
    /// It does not have the data of this database: why.
    Stranger(String),
}

/// What the main database has and a replica has not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) enum Lack {
    /// What was said in a conversation, up to this number.
    Seq(ConvId, Seq),
    /// A user with this id, or a later one.
    User(i64),
}
