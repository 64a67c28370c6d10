//! The handler table: every request, where it runs and what it is given. Built once, shared by all reactors.

use super::ahead::Question;
use super::caller::{Caller, Guest};
use super::ctx::{Ctx, HandlerResult};
use super::handlers::chat::{self, ParseToAppend};
use super::handlers::{
    account, asked, block, conversations, erase, find, friend, group, group_entry, group_order, history, login,
    profile, search, sessions,
};
use crate::wire::msg_id::MsgId;
use crate::wire::request::{Bounds, Envelope, Request, RequestError};

/// A parsed request, on its way to a worker, that needs a session.
pub(crate) type SessionJob = Box<dyn FnOnce(&mut Ctx, &Caller) -> HandlerResult + Send>;
type HandleVisitor = Box<dyn FnOnce(&mut Ctx, &Guest) -> HandlerResult + Send>;
/// A parsed request, on its way to a worker, that needs none.
pub(crate) struct VisitorJob {
    /// What it asks the store first.
    pub(crate) question: Option<Question>,
    /// All of it.
    pub(crate) handle: HandleVisitor,
}

type Parse<T> = Box<dyn Fn(&Envelope<'_>, Bounds) -> Result<T, RequestError> + Send + Sync>;

/// Where a request runs, and what it is given. Who needs a session is given a [`Caller`]: no handler can forget to
/// check.
pub(crate) enum Route {
    /// In the reactor: answers PONG.
    Ping,
    /// In the reactor: nothing happens.
    Pong,
    /// In the reactor: moves a cursor.
    Delivered,
    /// In the reactor: moves a cursor, and what the user has read.
    Read,
    /// In the reactor, and on a worker if it is passed on.
    Typing,
    /// To the conversation's lane.
    Chat(ParseToAppend),
    /// On a worker, for a logged-in user.
    Session(Parse<SessionJob>),
    /// On a worker, for anyone.
    Anyone(Parse<VisitorJob>),
}

fn route(id: MsgId) -> Route {
    match id {
        MsgId::Ping => Route::Ping,
        MsgId::Pong => Route::Pong,
        MsgId::Delivered => Route::Delivered,
        MsgId::Read => Route::Read,
        MsgId::Typing => Route::Typing,
        MsgId::Conversations => session(conversations::list),
        MsgId::ConversationSet => session(conversations::set),
        MsgId::Receipts => session(conversations::receipts),
        MsgId::OneChat => Route::Chat(chat::to_user),
        MsgId::GroupChat => Route::Chat(chat::to_group),
        MsgId::Register => anyone(login::register, |_| None),
        MsgId::Login => anyone(login::login, login::question),
        MsgId::Logout => session(login::logout),
        MsgId::AddFriend => session(friend::add),
        MsgId::DelFriend => session(friend::delete),
        MsgId::Friends => session(friend::list),
        MsgId::FriendRequest => session(friend::ask),
        MsgId::FriendAnswer => session(friend::answer),
        MsgId::CreateGroup => session(group::create),
        MsgId::AddGroup => session(group::join),
        MsgId::QuitGroup => session(group::quit),
        MsgId::DelGroup => session(group::delete),
        MsgId::Groups => session(group::list),
        MsgId::GroupSet => session(group_order::set),
        MsgId::GroupRole => session(group_order::role),
        MsgId::GroupKick => session(group_order::kick),
        MsgId::GroupBans => session(group_order::bans),
        MsgId::GroupMute => session(group_order::mute),
        MsgId::GroupInvite => session(group_entry::invite),
        MsgId::GroupAnswer => session(group_entry::answer),
        MsgId::GroupRequests => session(group_entry::requests),
        MsgId::Find => session(find::find),
        MsgId::Offline => session(account::offline),
        MsgId::Account => session(account::account),
        MsgId::History => session(history::history),
        MsgId::Edit => Route::Chat(chat::edit),
        MsgId::Recall => Route::Chat(chat::recall),
        MsgId::React => Route::Chat(chat::react),
        MsgId::Search => session(search::search),
        MsgId::Block => session(block::block),
        MsgId::Blocked => session(block::list),
        MsgId::Password => session(sessions::password),
        MsgId::Sessions => session(sessions::sessions),
        MsgId::Profile => session(profile::profile),
        MsgId::Erase => session(erase::erase),
        MsgId::Asked => session(asked::asked),
    }
}

fn session<R: Request>(handler: fn(&mut Ctx, &Caller, &R) -> HandlerResult) -> Route {
    Route::Session(Box::new(move |line, bounds| {
        let request = R::parse(line, bounds)?;
        Ok(Box::new(move |ctx, caller| handler(ctx, caller, &request)))
    }))
}

fn anyone<R: Request>(
    handler: fn(&mut Ctx, &Guest, &R) -> HandlerResult,
    question: fn(&R) -> Option<Question>,
) -> Route {
    Route::Anyone(Box::new(move |line, bounds| {
        let request = R::parse(line, bounds)?;
        let question = question(&request);
        Ok(VisitorJob { question, handle: Box::new(move |ctx, guest| handler(ctx, guest, &request)) })
    }))
}

/// msgid -> [`Route`].
pub struct Table {
    /// By the request's number.
    routes: Vec<Option<Route>>,
}

impl Table {
    /// The whole table.
    #[must_use]
    pub fn new() -> Self {
        let numbers = MsgId::ALL.into_iter().map(|id| usize::from(id.number()));
        let mut routes: Vec<Option<Route>> = (0..=numbers.max().unwrap_or(0)).map(|_| None).collect();
        for id in MsgId::ALL {
            routes[usize::from(id.number())] = Some(route(id));
        }
        Self { routes }
    }

    /// Where this request runs.
    #[must_use]
    pub(crate) fn route(&self, id: MsgId) -> &Route {
        self.routes[usize::from(id.number())].as_ref().expect("every MsgId has been entered by new()")
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}
