//! A node's way to the record. What no node asks in such a run ends it.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, NodeId, Peer, Seq, UserId};
use stonechat::store::{
    AccountPage, ActedOn, Append, Appended, BlockOutcome, Changed, ClientDialect, ClusterRow, Contact, ConversationEnd,
    ConversationPage, ConversationsWanted, Created, CursorRow, DeviceUse, EndedToken, EraseStep, Flags, FriendOutcome,
    FriendRequest, GroupChange, GroupChanged, GroupInvitation, GroupRow, GroupSettings, JoinOutcome, KnownDevice,
    LeaveOutcome, LetIn, Listed, Member, MemberPage, Message, Missing, Moment, NewToken, OpenGroupAsk, OwnGroup, Page,
    Pending, Person, Place, ProfileChange, ProfileOutcome, Quotas, Range, ReadRow, ReceiptRow, Result, Role, Ruled,
    SavedReads, SearchPage, SearchQuery, Sender, SessionRow, Store, TokenHash, TokenRow, TokenUse, UserRef, UserRow,
};

use crate::record::{self, Record, SharedRecord, lock, person};

/// Tokens live so long, in milliseconds.
const TOKEN_LIFE_MS: i64 = 30 * 24 * 3_600_000;

/// One connection to the record.
pub struct RunStore(pub SharedRecord);

impl RunStore {
    /// What a call does, which is counted.
    #[expect(clippy::unnecessary_wraps, reason = "it is what the calls return")]
    fn call<T>(&self, name: &'static str, ask: impl FnOnce(&mut Record) -> T) -> Result<T> {
        let mut record = lock(&self.0);
        *record.calls.entry(name).or_default() += 1;
        Ok(ask(&mut record))
    }
}

fn own_groups(record: &Record, of: UserId) -> Vec<(OwnGroup, u64)> {
    let own = |id: GroupId| {
        let (name, desc, settings) = (format!("group{id}"), String::new(), GroupSettings::default());
        let (_, total) = record.members(id, 0);
        (OwnGroup { group: GroupRow { id, name, desc, settings }, role: Role::Normal }, total)
    };
    record.population.groups(of.number()).into_iter().map(own).collect()
}

/// The first messages that somebody else has said there.
fn oldest(record: &Record, (reader, pending): (UserId, &[Pending]), limit: u32) -> Vec<Message> {
    let of_one = |position: &Pending| record.messages(position.conv, position.delivered, limit);
    let mut all: Vec<Message> = pending.iter().flat_map(of_one).collect();
    all.retain(|message| message.sender.id != reader);
    all.truncate(limit as usize);
    all
}

/// The calls that no node makes in such a run, by the types of their arguments.
macro_rules! never_asked {
    ($($name:ident($($arg:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&mut self $(, _: $arg)*) -> $answer {
            unreachable!(concat!("nobody asks for ", stringify!($name)))
        })*
    };
}

impl Store for RunStore {
    fn hold_to(&mut self, _: Quotas) {}

    fn tokens(&mut self, asked: &[(TokenHash, &str)], now: UnixMs) -> Result<Vec<Option<TokenRow>>> {
        let row = |record: &Record, hash: &TokenHash| {
            let number = record.owner(hash)?;
            Some(TokenRow {
                user: person(number),
                expires_at: UnixMs(now.0 + TOKEN_LIFE_MS),
                is_latest: true,
                device: String::new(),
                address: String::new(),
                is_disabled: false,
                known_device: None,
                groups: record.population.groups(number).to_vec(),
            })
        };
        self.call("tokens", |record| asked.iter().map(|(hash, _)| row(record, hash)).collect())
    }

    fn extend_token(&mut self, _: &TokenHash, _: UnixMs, _: TokenUse<'_>, _: UnixMs) -> Result<()> {
        self.call("extend_token", |_| ())
    }

    fn report_states(&mut self, node: NodeId, online: &[UserId], offline: &[UserId]) -> Result<()> {
        self.call("report_states", |record| record.report_states(node, online, offline))
    }

    fn reporting_nodes(&mut self) -> Result<Vec<NodeId>> {
        self.call("reporting_nodes", |_| Vec::new())
    }

    fn report_absent(&mut self, _: NodeId, _: u32) -> Result<Vec<UserId>> {
        self.call("report_absent", |_| Vec::new())
    }

    fn ended_tokens(&mut self, _: UnixMs) -> Result<Vec<EndedToken>> {
        self.call("ended_tokens", |_| Vec::new())
    }

    fn blockers(&mut self, _: UserId, _: &[UserId]) -> Result<Vec<UserId>> {
        self.call("blockers", |_| Vec::new())
    }

    fn account_pages(&mut self, of: &[(UserId, DeviceId)], _: u32, _: u32) -> Result<Vec<AccountPage>> {
        let page = |record: &Record, user| AccountPage {
            pending: record.pending(user),
            groups: own_groups(record, user),
            ..AccountPage::default()
        };
        self.call("account_pages", |record| of.iter().map(|&(user, _)| page(record, user)).collect())
    }

    fn friends_count(&mut self, _: UserId) -> Result<u64> {
        self.call("friends_count", |_| 0)
    }

    fn settle_asked(&mut self, _: UserId) -> Result<()> {
        self.call("settle_asked", |_| ())
    }

    fn groups(&mut self, user: UserId, _: u32, _: u32) -> Result<Vec<(OwnGroup, u64)>> {
        self.call("groups", |record| own_groups(record, user))
    }

    fn group_ids(&mut self, user: UserId) -> Result<Vec<GroupId>> {
        self.call("group_ids", |record| record.population.groups(user.number()).to_vec())
    }

    fn group_ids_of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>> {
        self.call("group_ids_of_all", |record| {
            users.iter().map(|user| record.population.groups(user.number()).to_vec()).collect()
        })
    }

    fn members(&mut self, group: GroupId, _: u32, limit: u32) -> Result<MemberPage> {
        self.call("members", |record| {
            let (members, total) = record.members(group, limit);
            MemberPage { members, total }
        })
    }

    fn members_of_all(&mut self, groups: &[(GroupId, u64)], limit: u32) -> Result<Vec<Vec<Member>>> {
        self.call("members_of_all", |record| groups.iter().map(|(group, _)| record.members(*group, limit).0).collect())
    }

    fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        self.call("append", |record| batch.iter().map(|append| record.append(append)).collect())
    }

    fn append_unlocked(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        self.append(batch)
    }

    fn pending(&mut self, user: UserId, _: DeviceId) -> Result<Vec<Pending>> {
        self.call("pending", |record| record.pending(user))
    }

    fn pending_of_all(&mut self, sessions: &[(UserId, DeviceId)]) -> Result<Vec<Vec<Pending>>> {
        self.call("pending_of_all", |record| sessions.iter().map(|(user, _)| record.pending(*user)).collect())
    }

    fn position(&mut self, user: UserId, _: DeviceId, conv: ConvId) -> Result<Option<Pending>> {
        self.call("position", |record| record.position(user, conv))
    }

    fn pages(&mut self, reader: UserId, _: DeviceId, places: &[Place], limit: u32, _: usize) -> Result<Vec<Page>> {
        self.call("pages", |record| places.iter().map(|place| record.page(reader, *place, limit)).collect())
    }

    fn pages_of_many(
        &mut self,
        group: GroupId,
        _: Seq,
        readers: &[(UserId, DeviceId)],
        limit: u32,
        _: usize,
    ) -> Result<Vec<Page>> {
        let place = Place { conv: ConvId::group(group), after: None };
        self.call("pages_of_many", |record| {
            readers.iter().map(|(reader, _)| record.page(*reader, place, limit)).collect()
        })
    }

    fn oldest_pending(
        &mut self,
        reader: UserId,
        pending: &[Pending],
        _: Listed,
        limit: u32,
        _: usize,
    ) -> Result<Vec<Message>> {
        self.call("oldest_pending", |record| oldest(record, (reader, pending), limit))
    }

    fn oldest_pending_of_many(&mut self, of: &[Missing<'_>], limit: u32, _: usize) -> Result<Vec<Vec<Message>>> {
        self.call("oldest_pending_of_many", |record| {
            of.iter().map(|of| oldest(record, (of.reader, of.pending), limit)).collect()
        })
    }

    fn save_cursors(&mut self, _: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>> {
        self.call("save_cursors", |record| record.save_cursors(rows))?;
        Ok(Vec::new())
    }

    fn cluster(&mut self) -> Result<ClusterRow> {
        self.call("cluster", |_| ClusterRow {
            id: "run".to_owned(),
            epoch: "first".to_owned(),
            moment: Some(record::moment()),
        })
    }

    fn changed(&mut self, since: Moment, limit: u32) -> Result<Option<Changed>> {
        self.call("changed", |record| {
            let conversations = record.changed(since);
            let is_known = conversations.len() <= limit as usize;
            is_known.then(|| Changed { now: record::moment(), conversations, groups: Vec::new() })
        })
    }

    fn note_node(&mut self, _: NodeId, _: UnixMs) -> Result<()> {
        self.call("note_node", |_| ())
    }

    fn forget_node(&mut self, _: NodeId) -> Result<()> {
        self.call("forget_node", |_| ())
    }

    fn has_node(&mut self, _: NodeId) -> Result<bool> {
        self.call("has_node", |_| true)
    }

    fn ends(&mut self, convs: &[ConvId]) -> Result<Vec<(ConvId, Seq)>> {
        self.call("ends", |record| convs.iter().map(|conv| (*conv, record.end(*conv))).collect())
    }

    fn senders(&mut self, of: &[(ConvId, Seq)]) -> Result<Vec<Sender>> {
        self.call("senders", |record| {
            let of_one = |&(conv, seq): &(ConvId, Seq)| {
                let message = record.messages(conv, seq.saturating_sub(1), 1).into_iter().find(|m| m.seq == seq)?;
                Some(Sender { conv, seq, user: message.sender.id, sent_at: message.sent_at })
            };
            of.iter().filter_map(of_one).collect()
        })
    }

    fn ping(&mut self) -> Result<()> {
        self.call("ping", |_| ())
    }

    never_asked! {
        create_user(&str, &str, UnixMs) -> Result<Created<UserId>>;
        is_name_held(&str, UnixMs) -> Result<bool>;
        user(UserRef<'_>) -> Result<Option<UserRow>>;
        set_dialect(UserId, Option<ClientDialect>) -> Result<()>;
        save_token(&NewToken<'_>, UnixMs) -> Result<bool>;
        delete_token(&TokenHash) -> Result<()>;
        device(UserId, &str) -> Result<DeviceUse>;
        known_device(UserId, &str) -> Result<Option<KnownDevice>>;
        sessions(UserId, u32, u32, UnixMs) -> Result<Vec<SessionRow>>;
        end_session(UserId, u32, UnixMs) -> Result<Option<TokenHash>>;
        end_other_sessions(UserId, &TokenHash, UnixMs) -> Result<Vec<TokenHash>>;
        change_password(UserId, [&str;2], &TokenHash, UnixMs) -> Result<Option<Vec<TokenHash>>>;
        change_profile(UserId, &ProfileChange<'_>, UnixMs) -> Result<ProfileOutcome>;
        profile(UserId) -> Result<Option<String>>;
        erase(UserId, &str, Option<UnixMs>, UnixMs) -> Result<Option<Vec<TokenHash>>>;
        erase_step(UserId, UnixMs) -> Result<EraseStep>;
        sweep_accounts(UnixMs) -> Result<bool>;
        block(UserId, UserId) -> Result<BlockOutcome>;
        unblock(UserId, UserId) -> Result<bool>;
        blocked(UserId, u32, u32) -> Result<Vec<Person>>;
        add_friend(UserId, UserId) -> Result<FriendOutcome>;
        delete_friend(UserId, UserId) -> Result<bool>;
        friends(UserId, u32, u32) -> Result<Vec<Contact>>;
        friend_ids_of_all(&[UserId], u32) -> Result<Vec<(UserId, UserId)>>;
        request_friend(UserId, UserId, &str, UnixMs) -> Result<FriendOutcome>;
        answer_friend(UserId, UserId, bool) -> Result<FriendOutcome>;
        friend_requests(UserId, u32) -> Result<Vec<FriendRequest>>;
        asked_friends(UserId, u32, u32) -> Result<Vec<FriendRequest>>;
        withdraw_friend(UserId, UserId) -> Result<bool>;
        create_group(UserId, &str, &str, UnixMs) -> Result<Created<GroupId>>;
        join_group(UserId, GroupId, UnixMs) -> Result<JoinOutcome>;
        quit_group(UserId, GroupId) -> Result<LeaveOutcome>;
        delete_group(UserId, GroupId, UnixMs) -> Result<LeaveOutcome>;
        sweep() -> Result<bool>;
        group(GroupId, UserId) -> Result<Option<(GroupRow, Option<Role>)>>;
        set_group(UserId, GroupId, &GroupChange<'_>, UnixMs) -> Result<Ruled<GroupChanged>>;
        set_role(UserId, GroupId, UserId, Role) -> Result<Ruled<ActedOn>>;
        kick(UserId, GroupId, UserId) -> Result<Ruled<ActedOn>>;
        ban(UserId, GroupId, UserId, UnixMs) -> Result<Ruled<ActedOn>>;
        lift_ban(UserId, GroupId, UserId) -> Result<Ruled<()>>;
        bans(UserId, GroupId, u32, u32) -> Result<Ruled<Vec<Person>>>;
        mute(UserId, GroupId, UserId, UnixMs, UnixMs) -> Result<Ruled<ActedOn>>;
        invite(UserId, GroupId, UserId, UnixMs) -> Result<Ruled<GroupRow>>;
        answer_invitation(UserId, GroupId, bool, UnixMs) -> Result<Ruled<Option<LetIn>>>;
        answer_wish(UserId, GroupId, UserId, bool, UnixMs) -> Result<Ruled<Option<LetIn>>>;
        wishes(UserId, GroupId, u32, u32) -> Result<Ruled<Vec<Person>>>;
        group_admins(GroupId, u32) -> Result<Vec<UserId>>;
        invitations(UserId, u32) -> Result<Vec<GroupInvitation>>;
        open_group_asks(UserId, u32) -> Result<Vec<OpenGroupAsk>>;
        withdraw_wish(UserId, GroupId) -> Result<bool>;
        find_users(Option<UserId>, &str, u32) -> Result<Vec<Person>>;
        find_groups(Option<GroupId>, &str, u32) -> Result<Vec<GroupRow>>;
        settle(&[Append]) -> Result<Option<Vec<Appended>>>;
        messages(UserId, ConvId, Range, u32, usize) -> Result<Option<(Vec<Message>, bool)>>;
        positions(UserId, DeviceId, &[ConvId]) -> Result<Vec<Pending>>;
        search(UserId, &SearchQuery, u32) -> Result<SearchPage>;
        save_reads(&str, &[ReadRow]) -> Result<SavedReads>;
        conversations(UserId, ConversationsWanted) -> Result<ConversationPage>;
        set_flags(UserId, ConvId, Option<bool>, Option<bool>) -> Result<Option<Flags>>;
        receipts(UserId, ConvId, u32, u32) -> Result<Option<Vec<ReceiptRow>>>;
        conversation_ends(&[ConvId]) -> Result<Vec<ConversationEnd>>;
        is_typing_told(UserId, Peer, u32) -> Result<bool>;
        new_epoch(&str) -> Result<ClusterRow>;
        purge() -> Result<bool>;
    }
}
