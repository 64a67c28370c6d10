//! What a job asks the store first, and what was answered ahead of it. `handlers/logins.rs` asks, and says why.

use std::collections::HashMap;

use crate::ids::{DeviceId, GroupId, UserId};
use crate::net::ConnId;
use crate::store::{AccountPage, Listed, Member, Message, TokenRow};

/// Jobs that are done together. From the second to here the cost of each falls from one statement to a thirtieth of one; and the
/// last of them waits for all.
pub(crate) const TOGETHER_MAX: usize = 32;

/// What a job asks first.
#[derive(Debug)]
pub(crate) enum Question {
    /// Whose token it is.
    Token {
        /// The token.
        token: String,
        /// The name of the device that logs in; empty: the unnamed one.
        device: String,
    },
    /// What an account holds. The session hears already.
    Account {
        /// Whose.
        user: UserId,
        /// The session's device.
        device: DeviceId,
        /// What is listed of what is pending, if anything.
        listed: Option<Listed>,
    },
}

/// The answers for the jobs of one turn of a worker. Owned by the worker.
#[derive(Default)]
pub(crate) struct Ahead {
    pub(crate) tokens: HashMap<ConnId, TokenRow>,
    pub(crate) accounts: HashMap<ConnId, Account>,
    pub(crate) members: HashMap<GroupId, Vec<Member>>,
    /// The store has answered.
    pub(crate) is_answered: bool,
}

/// What an account holds.
pub(crate) struct Account {
    /// The generation of the data before it was read.
    pub(crate) generation: u32,
    /// All of it but the members of the groups.
    pub(crate) page: AccountPage,
    /// The oldest messages of what is pending, if they were read; the user's own may be among them.
    pub(crate) shown: Option<Vec<Message>>,
}

impl Ahead {
    /// The row of the connection's token, if it was asked for and found.
    pub(crate) fn token(&mut self, conn: ConnId) -> Option<TokenRow> {
        self.tokens.remove(&conn)
    }

    /// What the account of the connection's session holds, if it was asked for.
    pub(crate) fn account(&mut self, conn: ConnId) -> Option<Account> {
        self.accounts.remove(&conn)
    }

    /// The first members of these groups, if those of all of them were asked for.
    pub(crate) fn members(&self, groups: &[(GroupId, u64)], limit: u32) -> Option<Vec<Vec<Member>>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let first = |members: &Vec<Member>| members.iter().take(limit).cloned().collect();
        groups.iter().map(|(group, _)| self.members.get(group).map(first)).collect()
    }

    /// The jobs are done.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
