//! A logged-in session: what it has heard, and where it stands in each conversation. Owned by its reactor.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use thin_vec::ThinVec;

use super::seq_tracker::{Confirmed, OwnMessages, SeqTracker};
use super::tcp_acks::TcpAcks;
use crate::bus::Channel;
use crate::config::SessionPolicy;
use crate::delivery::directory;
use crate::ids::{ConvId, DeviceId, GroupId, Members, Seq, UserId};
use crate::net::ConnId;
use crate::service::caller::Caller;
use crate::service::limits::address::AddressKey;
use crate::store::{ClientDialect, CursorRow, EventsPending, TokenHash, token_key};
use crate::wants::{Want, Wants};
use crate::wire::request::CatchUp;

/// A logged-in session. Most of them only sit there, and a list that is nearly always empty takes one word in them.
pub struct Live {
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub name: Arc<str>,
    /// The user's device.
    pub device: DeviceId,
    /// The hash of the token it holds.
    pub token: TokenHash,
    /// What it wants to be told besides messages.
    pub wants: Wants,
    /// What it was told of what it had missed.
    pub catch_up: CatchUp,
    /// By which earlier system's client the account was heard to speak.
    pub dialect: Option<ClientDialect>,
    /// The groups it hears; each is subscribed to once on its behalf.
    pub groups: ThinVec<GroupId>,
    /// Groups the user is in, as far as is known, and whose positions are being read: it does not hear them yet.
    pub following: ThinVec<Following>,
    /// The generation of the data in which it logged in.
    pub epoch: u32,
    /// What it has of each conversation.
    pub seqs: SeqTracker,
    /// What its TCP has; `None` for a client that confirms with DELIVERED.
    pub tcp_acks: Option<Box<TcpAcks>>,
    /// Notices that came before the login's reply; they follow it.
    pub early: ThinVec<Bytes>,
    /// The store did not answer; what of it is to be asked again at the next tick.
    pub retry: Retry,
    /// How often its groups have changed: an answer of the store about them may be older than the last change.
    pub group_changes: u32,
    /// How often they had when its last request was handed to a worker.
    pub changes_when_asked: u32,
    /// It waits for its comparison with the store.
    pub in_line: bool,
    pub(crate) tick_at: Option<Instant>,
}

/// A group that a session is about to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Following {
    /// The group.
    pub group: GroupId,
    /// By which change of its groups: an answer to a question from before the user left, and came back, is not about this.
    pub change: u32,
    /// Whether its client takes the user for a member.
    pub(crate) client: ClientKnows,
}

/// Whether a client was told that its user is in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientKnows {
    /// By the reply to its own request.
    Yes,
    /// It is told when the session hears the group.
    No,
}

/// Questions to the store that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retry {
    /// A page of messages.
    pub fetch: bool,
    /// The comparison with the cursors.
    pub compare: bool,
    /// The positions in groups that were joined elsewhere.
    pub follow: bool,
}

/// How a client takes messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientOptions {
    /// It confirms with DELIVERED.
    pub confirms: bool,
    /// Which of the user's own messages it is shown.
    pub own: OwnMessages,
    /// What it is told of what it has missed.
    pub catch_up: CatchUp,
    /// By which earlier system's client the account was heard to speak.
    pub dialect: Option<ClientDialect>,
}

impl Live {
    /// A session that is about to enter.
    #[must_use]
    pub fn new(caller: Caller, options: ClientOptions, groups: Vec<GroupId>, epoch: u32) -> Self {
        let Caller { user, name, device, token, wants, .. } = caller;
        Self {
            user,
            name,
            device,
            token,
            wants,
            catch_up: options.catch_up,
            dialect: options.dialect,
            groups: groups.into(),
            following: ThinVec::new(),
            epoch,
            seqs: SeqTracker::new(user, options.own, EventsPending::of(wants)),
            tcp_acks: (!options.confirms).then(Box::default),
            early: ThinVec::new(),
            retry: Retry::default(),
            group_changes: 0,
            changes_when_asked: 0,
            in_line: false,
            tick_at: None,
        }
    }

    /// The channels subscribed to on its behalf besides its groups': given up when its cursors are written. Not kept:
    /// most sessions only sit there, and all of them would hold memory for it.
    #[must_use]
    pub(crate) fn own_channels(&self, policy: SessionPolicy) -> Vec<Channel> {
        let mut channels = own_channels(self.user, self.device, &self.token, policy);
        channels.extend(want_channels(self.wants));
        channels
    }

    /// The user has joined a group: its position is about to be read.
    pub(crate) fn follow(&mut self, group: GroupId, client: ClientKnows) -> Following {
        self.group_changes = self.group_changes.wrapping_add(1);
        let following = Following { group, change: self.group_changes, client };
        self.following.push(following);
        following
    }

    /// The session as handlers see it.
    #[must_use]
    pub(crate) fn caller(&self, conn: ConnId, from: AddressKey) -> Caller {
        let Self { user, name, device, token, wants, .. } = self;
        Caller { conn, user: *user, name: Arc::clone(name), device: *device, from, token: *token, wants: *wants }
    }

    /// A message of `conv` was queued to the client; `offset` is the stream's end behind it.
    pub fn pushed(&mut self, conv: ConvId, seq: Seq, offset: u64) {
        if let Some(tcp_acks) = &mut self.tcp_acks {
            tcp_acks.pushed(conv, seq, offset);
        }
    }

    /// The cursor row that says: everything up to `delivered` has arrived.
    #[must_use]
    pub fn cursor(&self, conv: ConvId, delivered: Seq) -> CursorRow {
        CursorRow { user: self.user, device: self.device, conv, delivered }
    }

    /// What TCP has delivered moves the cursors.
    pub(crate) fn confirm_delivered(&mut self, delivered: Vec<(ConvId, Seq)>) -> Vec<CursorRow> {
        let mut rows = Vec::new();
        for (conv, seq) in delivered {
            if let Confirmed::Moved(moved) = self.seqs.confirm(conv, seq) {
                rows.push(self.cursor(conv, moved));
            }
        }
        rows
    }

    pub(crate) fn wants_tick(&self) -> bool {
        self.tcp_acks.as_ref().is_some_and(|tcp_acks| tcp_acks.is_waiting())
            || self.seqs.has_gaps()
            || self.retry != Retry::default()
    }
}

/// Whether a session in these groups hears what is said there: it does in every conversation of its user with another one.
#[must_use]
pub(crate) fn hears(groups: &[GroupId], conv: ConvId) -> bool {
    match conv.members() {
        Some(Members::Group(group)) => groups.contains(&group),
        Some(Members::Pair(..)) | None => true,
    }
}

/// What a session of `device` that holds `token` is resumed by.
#[must_use]
pub(crate) fn resume_key(token: &TokenHash, device: DeviceId) -> u64 {
    directory::resume_key(token_key(token), device)
}

/// What a node subscribes to for a session of `user`, besides the groups.
#[must_use]
pub(crate) fn own_channels(user: UserId, device: DeviceId, token: &TokenHash, policy: SessionPolicy) -> Vec<Channel> {
    let device_of = Channel::Device(user, device);
    let token = Channel::Token(resume_key(token, device));
    // Presence and news; then what tells another node whether a login there takes this session's place, or is refused.
    match policy {
        SessionPolicy::Reject => vec![Channel::User(user), device_of, token],
        SessionPolicy::Replace => vec![Channel::User(user), device_of],
        SessionPolicy::Multi => vec![Channel::User(user), token],
    }
}

/// What a node subscribes to so that others know that a session here wants to be told.
pub(crate) fn want_channels(wants: Wants) -> impl Iterator<Item = Channel> {
    Want::HINTS.into_iter().filter(move |want| wants.has(*want)).map(Channel::Want)
}
