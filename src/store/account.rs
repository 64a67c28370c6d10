//! What goes into the store and comes out of it about an account: whom it blocks, its sessions, its name and profile, how
//! it is erased. No SQL, and nothing that acts.

use super::group_rows::OwnGroup;
use super::rows::{Pending, Person, TokenHash};
use crate::clock::UnixMs;
use crate::ids::{GroupId, UserId};

/// A user as friends and fellow members see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// The user's id.
    pub id: UserId,
    /// The present name.
    pub name: String,
    /// What the user tells of itself: JSON text.
    pub profile: Option<String>,
}

/// What a login tells of an account.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AccountPage {
    /// What the device has not confirmed, by ascending conversation.
    pub pending: Vec<Pending>,
    /// The first friends, by ascending id.
    pub friends: Vec<Contact>,
    /// Somebody may wait for the user's answer. Without that there is nothing in [`super::Store::friend_requests`], nor in
    /// [`super::Store::invitations`].
    pub is_asked: bool,
    /// Somebody has blocked the user.
    pub is_blocked: bool,
    /// The first groups, by ascending id, each with the number of its members.
    pub groups: Vec<(OwnGroup, u64)>,
    /// The user is in more groups.
    pub has_more_groups: bool,
}

/// What blocking somebody found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockOutcome {
    /// The user is blocked now, or was before.
    Done {
        /// The two were friends, and are no more.
        were_friends: bool,
    },
    /// There is no such user.
    NoSuchUser,
    /// Nothing was changed: there are as many as a quota allows.
    Full,
}

/// One of a user's sessions: what a token can resume, whether it is online or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRow {
    /// Its number among the user's.
    pub number: u32,
    /// Its token.
    pub token: TokenHash,
    /// The device that it was used on last; empty: the unnamed one.
    pub device: String,
    /// The address that it was used from last.
    pub address: String,
    /// When it began.
    pub since: UnixMs,
    /// When it was used last, to a day.
    pub used_at: UnixMs,
}

/// The beginning of a token's hash, by which nodes name the sessions that hold it.
#[must_use]
pub(crate) fn token_key(hash: &TokenHash) -> u64 {
    let (head, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*head)
}

/// A token that was ended, or all of a user's because the account was disabled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndedToken {
    /// Whose it was.
    pub user: UserId,
    /// The token; `None`: all of the user's.
    pub token: Option<TokenHash>,
}

impl EndedToken {
    /// The token's key; `None`: all of the user's.
    #[must_use]
    pub(crate) fn key(&self) -> Option<u64> {
        self.token.as_ref().map(token_key)
    }
}

/// What a user changes of what others see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProfileChange<'a> {
    /// The new name; `None`: it stays.
    pub name: Option<&'a str>,
    /// The profile.
    pub profile: NewProfile<'a>,
    /// Until when nobody else may take the old name; `None`: it is free at once.
    pub held_until: Option<UnixMs>,
}

/// A profile to be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewProfile<'a> {
    /// It stays as it is.
    Same,
    /// There is none any more.
    Removed,
    /// This one: JSON text.
    Set(&'a str),
}

/// What a change of a profile came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProfileOutcome {
    /// Done: what others see now.
    Done(Contact),
    /// Somebody else has this name, or had it and may come back to it.
    NameTaken,
    /// There is no such user.
    NoSuchUser,
}

/// What a step of erasing a user came to: who is to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EraseStep {
    /// These were friends, and are no more.
    Unfriended(Vec<UserId>),
    /// The user has left a group.
    Left(GroupId),
    /// The user has left a group, which is somebody else's now.
    HandedOver(GroupId, Person),
    /// The user has left a group in which nobody is left: it is deleted.
    Deleted(GroupId),
    /// Something that nobody is told of.
    Quiet,
    /// Nothing is left but what the user has said, which [`super::Store::sweep_accounts`] removes.
    Gone,
}
