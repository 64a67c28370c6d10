//! The trait, call by call: which statements, in what kind of transaction.

use super::group_entry::Answer;
use super::groups::NewGroup;
use super::history::PageLimit;
use super::membership::ruled;
use super::{
    Engine, SqlStore, account_page, accounts, asked, blocks, changes, cluster, confirm, conversations, erase, find,
    friends, group_entry, group_order, groups, held, history, membership, oldest, pages, pending, profile, receipts,
    retention, search, sweep, tokens, user_quota,
};
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, NodeId, Peer, Seq, UserId};
use crate::store::{
    AccountPage, ActedOn, AdminStore, Append, Appended, BlockOutcome, Changed, ClientDialect, ClusterRow, Contact,
    ConversationEnd, ConversationPage, ConversationsWanted, Created, CursorRow, DeviceUse, EndedToken, EraseStep,
    Flags, FriendOutcome, FriendRequest, GroupChange, GroupChanged, GroupInvitation, GroupRow, JoinOutcome,
    KnownDevice, LeaveOutcome, LetIn, Listed, Member, MemberPage, Message, Missing, Moment, NewToken, OpenGroupAsk,
    OwnGroup, Page, Pending, Person, Place, ProfileChange, ProfileOutcome, Quotas, Range, ReadRow, ReceiptRow, Result,
    Role, Ruled, SavedReads, SearchPage, SearchQuery, Sender, SessionRow, Store, TokenHash, TokenRow, TokenUse,
    UserQuota, UserRef, UserRow,
};

/// How long ended tokens are kept, in milliseconds: whoever has not asked for so long has no session of that time.
const ENDED_KEPT_MS: i64 = 24 * 3600 * 1000;

impl<E: Engine> Store for SqlStore<E> {
    fn hold_to(&mut self, quotas: Quotas) {
        self.1 = quotas;
    }

    fn create_user(&mut self, name: &str, password: &str, now: UnixMs) -> Result<Created<UserId>> {
        self.0.write(|sql| accounts::create(sql, name, password, now))
    }

    fn is_name_held(&mut self, name: &str, now: UnixMs) -> Result<bool> {
        self.0.read(|sql| accounts::is_held(sql, name, now))
    }

    fn user(&mut self, who: UserRef<'_>) -> Result<Option<UserRow>> {
        self.0.read(|sql| accounts::user(sql, who))
    }

    fn set_dialect(&mut self, user: UserId, dialect: Option<ClientDialect>) -> Result<()> {
        self.0.write_one(|sql| accounts::set_dialect(sql, user, dialect))
    }

    fn report_states(&mut self, node: NodeId, online: &[UserId], offline: &[UserId]) -> Result<()> {
        if online.is_empty() && offline.is_empty() {
            return Ok(());
        }
        self.0.write(|sql| accounts::report_states(sql, node, online, offline))
    }

    fn reporting_nodes(&mut self) -> Result<Vec<NodeId>> {
        self.0.read(accounts::reporting_nodes)
    }

    fn report_absent(&mut self, node: NodeId, limit: u32) -> Result<Vec<UserId>> {
        self.0.write(|sql| accounts::report_absent(sql, node, limit))
    }

    fn save_token(&mut self, token: &NewToken<'_>, now: UnixMs) -> Result<bool> {
        let limit = self.1.tokens;
        self.0.write(|sql| tokens::save(sql, token, now, limit))
    }

    fn tokens(&mut self, asked: &[(TokenHash, &str)], now: UnixMs) -> Result<Vec<Option<TokenRow>>> {
        self.0.read(|sql| tokens::tokens(sql, asked, now))
    }

    fn extend_token(&mut self, hash: &TokenHash, expires_at: UnixMs, used: TokenUse<'_>, now: UnixMs) -> Result<()> {
        self.0.write(|sql| tokens::extend(sql, hash, expires_at, used, now))
    }

    fn delete_token(&mut self, hash: &TokenHash) -> Result<()> {
        self.0.write_one(|sql| tokens::delete(sql, hash))
    }

    fn device(&mut self, user: UserId, name: &str) -> Result<DeviceUse> {
        let limit = self.1.devices;
        self.0.write(|sql| accounts::use_device(sql, user, name, limit))
    }

    fn known_device(&mut self, user: UserId, name: &str) -> Result<Option<KnownDevice>> {
        self.0.read(|sql| accounts::known_device(sql, user, name))
    }

    fn sessions(&mut self, user: UserId, after: u32, limit: u32, now: UnixMs) -> Result<Vec<SessionRow>> {
        if self.0.read(|sql| tokens::is_numbering_wanted(sql, user))? {
            self.0.write(|sql| tokens::give_numbers(sql, user))?;
        }
        self.0.read(|sql| tokens::sessions(sql, user, after, limit, now))
    }

    fn end_session(&mut self, user: UserId, number: u32, now: UnixMs) -> Result<Option<TokenHash>> {
        self.0.write(|sql| tokens::end(sql, user, number, now))
    }

    fn end_other_sessions(&mut self, user: UserId, but: &TokenHash, now: UnixMs) -> Result<Vec<TokenHash>> {
        self.0.write(|sql| {
            accounts::lock_devices(sql, user)?;
            tokens::end_others(sql, user, Some(but), now)
        })
    }

    fn change_password(
        &mut self,
        user: UserId,
        passwords: [&str; 2],
        but: &TokenHash,
        now: UnixMs,
    ) -> Result<Option<Vec<TokenHash>>> {
        self.0.write(|sql| tokens::change_password(sql, user, passwords, but, now))
    }

    fn ended_tokens(&mut self, since: UnixMs) -> Result<Vec<EndedToken>> {
        self.0.read(|sql| tokens::ended(sql, since))
    }

    fn profile(&mut self, user: UserId) -> Result<Option<String>> {
        self.0.read(|sql| profile::of(sql, user))
    }

    fn change_profile(&mut self, user: UserId, change: &ProfileChange<'_>, now: UnixMs) -> Result<ProfileOutcome> {
        self.0.write(|sql| profile::change(sql, user, change, now))
    }

    fn erase(
        &mut self,
        user: UserId,
        proof: &str,
        held_until: Option<UnixMs>,
        now: UnixMs,
    ) -> Result<Option<Vec<TokenHash>>> {
        self.0.write(|sql| erase::begin(sql, user, Some(proof), held_until, now))
    }

    fn erase_step(&mut self, user: UserId, now: UnixMs) -> Result<EraseStep> {
        self.0.write(|sql| erase::step(sql, user, now))
    }

    fn sweep_accounts(&mut self, now: UnixMs) -> Result<bool> {
        if let Some(user) = self.0.read(erase::next)? {
            self.0.write(|sql| erase::sweep(sql, user, now))?;
            return Ok(true);
        }
        let before = UnixMs(now.0.saturating_sub(ENDED_KEPT_MS));
        let is_wanted =
            self.0.read(|sql| Ok((tokens::is_sweep_wanted(sql, before)?, held::is_sweep_wanted(sql, now)?)))?;
        match is_wanted {
            (true, _) => self.0.write(|sql| tokens::sweep(sql, before))?,
            (_, true) => self.0.write(|sql| held::sweep(sql, now))?,
            (false, false) => return Ok(false),
        }
        Ok(true)
    }

    fn account_pages(&mut self, of: &[(UserId, DeviceId)], friends: u32, groups: u32) -> Result<Vec<AccountPage>> {
        self.0.read(|sql| account_page::read(sql, of, [friends, groups]))
    }

    fn block(&mut self, user: UserId, other: UserId) -> Result<BlockOutcome> {
        let limit = self.1.blocks;
        self.0.write(|sql| blocks::block(sql, user, other, limit))
    }

    fn unblock(&mut self, user: UserId, other: UserId) -> Result<bool> {
        self.0.write(|sql| blocks::unblock(sql, user, other))
    }

    fn blocked(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<Person>> {
        self.0.read(|sql| blocks::blocked(sql, user, after, limit))
    }

    fn blockers(&mut self, viewer: UserId, among: &[UserId]) -> Result<Vec<UserId>> {
        if among.is_empty() {
            return Ok(Vec::new());
        }
        self.0.read(|sql| blocks::blockers(sql, viewer, among))
    }

    fn add_friend(&mut self, user: UserId, friend: UserId) -> Result<FriendOutcome> {
        let limit = self.1.friends;
        self.0.write(|sql| friends::add(sql, user, friend, limit))
    }

    fn delete_friend(&mut self, user: UserId, friend: UserId) -> Result<bool> {
        self.0.write(|sql| friends::delete(sql, user, friend))
    }

    fn friends(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<Contact>> {
        self.0.read(|sql| friends::page(sql, user, after, limit))
    }

    fn friend_ids_of_all(&mut self, users: &[UserId], limit: u32) -> Result<Vec<(UserId, UserId)>> {
        self.0.read(|sql| friends::ids_of_all(sql, users, limit))
    }

    fn friends_count(&mut self, user: UserId) -> Result<u64> {
        self.0.read(|sql| friends::count(sql, user))
    }

    fn request_friend(&mut self, from: UserId, to: UserId, msg: &str, now: UnixMs) -> Result<FriendOutcome> {
        let limit = self.1.friend_requests;
        self.0.write(|sql| friends::request(sql, (from, to), msg, now, limit))
    }

    fn answer_friend(&mut self, user: UserId, from: UserId, accept: bool) -> Result<FriendOutcome> {
        let limit = self.1.friends;
        self.0.write(|sql| friends::answer(sql, user, from, accept, limit))
    }

    fn friend_requests(&mut self, user: UserId, limit: u32) -> Result<Vec<FriendRequest>> {
        self.0.read(|sql| friends::requests(sql, user, limit))
    }

    fn settle_asked(&mut self, user: UserId) -> Result<()> {
        self.0.write(|sql| asked::settle(sql, user))
    }

    fn asked_friends(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<FriendRequest>> {
        self.0.read(|sql| friends::asked(sql, user, after, limit))
    }

    fn withdraw_friend(&mut self, user: UserId, other: UserId) -> Result<bool> {
        self.0.write(|sql| friends::withdraw(sql, user, other))
    }

    fn create_group(&mut self, creator: UserId, name: &str, desc: &str, now: UnixMs) -> Result<Created<GroupId>> {
        let quotas = self.1;
        let group = NewGroup { creator, name, desc };
        self.0.write(|sql| groups::create(sql, group, now, &quotas))
    }

    fn join_group(&mut self, user: UserId, group: GroupId, now: UnixMs) -> Result<JoinOutcome> {
        let quotas = self.1;
        self.0.write(|sql| group_entry::join(sql, user, group, now, &quotas))
    }

    fn quit_group(&mut self, user: UserId, group: GroupId) -> Result<LeaveOutcome> {
        self.0.write(|sql| groups::quit(sql, user, group))
    }

    fn delete_group(&mut self, user: UserId, group: GroupId, now: UnixMs) -> Result<LeaveOutcome> {
        self.0.write(|sql| groups::delete(sql, user, group, now))
    }

    fn sweep(&mut self) -> Result<bool> {
        Ok(self.0.read(|sql| sweep::is_wanted(sql))? && self.0.write(|sql| sweep::piece(sql))?)
    }

    fn groups(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<(OwnGroup, u64)>> {
        self.0.read(|sql| groups::of_user(sql, user, after, limit))
    }

    fn group_ids(&mut self, user: UserId) -> Result<Vec<GroupId>> {
        self.0.read(|sql| groups::ids_of_user(sql, user))
    }

    fn group_ids_of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>> {
        self.0.read(|sql| groups::ids_of_users(sql, users))
    }

    fn group(&mut self, group: GroupId, user: UserId) -> Result<Option<(GroupRow, Option<Role>)>> {
        self.0.read(|sql| membership::one(sql, group, user))
    }

    fn members(&mut self, group: GroupId, after: u32, limit: u32) -> Result<MemberPage> {
        self.0.read(|sql| groups::members(sql, group, after, limit))
    }

    fn members_of_all(&mut self, groups: &[(GroupId, u64)], limit: u32) -> Result<Vec<Vec<Member>>> {
        self.0.read(|sql| groups::members_of_all(sql, groups, limit))
    }

    fn set_group(
        &mut self,
        by: UserId,
        group: GroupId,
        change: &GroupChange<'_>,
        now: UnixMs,
    ) -> Result<Ruled<GroupChanged>> {
        self.0.write(|sql| ruled(group_order::set(sql, by, group, change, now)))
    }

    fn set_role(&mut self, by: UserId, group: GroupId, user: UserId, role: Role) -> Result<Ruled<ActedOn>> {
        let quotas = self.1;
        self.0.write(|sql| ruled(group_order::set_role(sql, (by, user), group, role, &quotas)))
    }

    fn kick(&mut self, by: UserId, group: GroupId, user: UserId) -> Result<Ruled<ActedOn>> {
        self.0.write(|sql| ruled(group_order::kick(sql, by, group, user)))
    }

    fn ban(&mut self, by: UserId, group: GroupId, user: UserId, now: UnixMs) -> Result<Ruled<ActedOn>> {
        let quotas = self.1;
        self.0.write(|sql| ruled(group_order::ban(sql, (by, user), group, now, &quotas)))
    }

    fn lift_ban(&mut self, by: UserId, group: GroupId, user: UserId) -> Result<Ruled<()>> {
        self.0.write(|sql| ruled(group_order::lift_ban(sql, by, group, user)))
    }

    fn bans(&mut self, by: UserId, group: GroupId, after: u32, limit: u32) -> Result<Ruled<Vec<Person>>> {
        self.0.read(|sql| ruled(group_order::bans(sql, by, group, after, limit)))
    }

    fn mute(&mut self, by: UserId, group: GroupId, user: UserId, until: UnixMs, now: UnixMs) -> Result<Ruled<ActedOn>> {
        self.0.write(|sql| ruled(group_order::mute(sql, (by, user), group, until, now)))
    }

    fn invite(&mut self, by: UserId, group: GroupId, user: UserId, now: UnixMs) -> Result<Ruled<GroupRow>> {
        let quotas = self.1;
        self.0.write(|sql| ruled(group_entry::invite(sql, (by, user), group, now, &quotas)))
    }

    fn answer_invitation(
        &mut self,
        user: UserId,
        group: GroupId,
        accept: bool,
        now: UnixMs,
    ) -> Result<Ruled<Option<LetIn>>> {
        let quotas = self.1;
        let answer = Answer { accept, now };
        self.0.write(|sql| ruled(group_entry::answer_invitation(sql, user, group, answer, &quotas)))
    }

    fn answer_wish(
        &mut self,
        by: UserId,
        group: GroupId,
        user: UserId,
        accept: bool,
        now: UnixMs,
    ) -> Result<Ruled<Option<LetIn>>> {
        let quotas = self.1;
        let answer = Answer { accept, now };
        self.0.write(|sql| ruled(group_entry::answer_wish(sql, (by, user), group, answer, &quotas)))
    }

    fn wishes(&mut self, by: UserId, group: GroupId, after: u32, limit: u32) -> Result<Ruled<Vec<Person>>> {
        self.0.read(|sql| ruled(group_entry::wishes(sql, by, group, after, limit)))
    }

    fn group_admins(&mut self, group: GroupId, limit: u32) -> Result<Vec<UserId>> {
        self.0.read(|sql| group_order::admins(sql, group, limit))
    }

    fn invitations(&mut self, user: UserId, limit: u32) -> Result<Vec<GroupInvitation>> {
        self.0.read(|sql| group_entry::invitations(sql, user, limit))
    }

    fn open_group_asks(&mut self, user: UserId, limit: u32) -> Result<Vec<OpenGroupAsk>> {
        self.0.read(|sql| group_entry::open_asks(sql, user, limit))
    }

    fn withdraw_wish(&mut self, user: UserId, group: GroupId) -> Result<bool> {
        self.0.write(|sql| group_entry::withdraw(sql, user, group))
    }

    fn find_users(&mut self, id: Option<UserId>, prefix: &str, limit: u32) -> Result<Vec<Person>> {
        match confirm::users(&mut self.0, id, prefix, limit)? {
            Some(found) => Ok(found),
            None => self.0.read(|sql| find::users(sql, id, prefix, limit)),
        }
    }

    fn find_groups(&mut self, id: Option<GroupId>, prefix: &str, limit: u32) -> Result<Vec<GroupRow>> {
        match confirm::groups(&mut self.0, id, prefix, limit)? {
            Some(found) => Ok(found),
            None => self.0.read(|sql| find::all_groups(sql, id, prefix, limit)),
        }
    }

    fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.0.append(batch)
    }

    fn append_unlocked(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.0.append_unlocked(batch)
    }

    fn settle(&mut self, batch: &[Append]) -> Result<Option<Vec<Appended>>> {
        self.0.settle(batch)
    }

    fn messages(
        &mut self,
        reader: UserId,
        conv: ConvId,
        range: Range,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Option<(Vec<Message>, bool)>> {
        let limit = PageLimit { messages: limit, bytes: bytes_max };
        match confirm::messages(&mut self.0, reader, conv, range, limit)? {
            Some(page) => Ok(Some(page)),
            None => self.0.read(|sql| history::messages(sql, reader, conv, range, limit)),
        }
    }

    fn pending(&mut self, user: UserId, device: DeviceId) -> Result<Vec<Pending>> {
        self.0.read(|sql| pending::of_one(sql, user, device))
    }

    fn pending_of_all(&mut self, sessions: &[(UserId, DeviceId)]) -> Result<Vec<Vec<Pending>>> {
        self.0.read(|sql| pending::of_all(sql, sessions))
    }

    fn positions(&mut self, user: UserId, device: DeviceId, convs: &[ConvId]) -> Result<Vec<Pending>> {
        Ok(self.0.read(|sql| pending::positions(sql, user, device, convs))?.into_values().collect())
    }

    fn position(&mut self, user: UserId, device: DeviceId, conv: ConvId) -> Result<Option<Pending>> {
        self.0.read(|sql| pending::position(sql, user, device, conv))
    }

    fn pages(
        &mut self,
        reader: UserId,
        device: DeviceId,
        places: &[Place],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Page>> {
        let limit = PageLimit { messages: limit, bytes: bytes_max };
        self.0.read(|sql| pages::pages(sql, reader, device, places, limit))
    }

    fn pages_of_many(
        &mut self,
        group: GroupId,
        told: Seq,
        readers: &[(UserId, DeviceId)],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Page>> {
        let limit = PageLimit { messages: limit, bytes: bytes_max };
        self.0.read(|sql| pages::of_many(sql, group, told, readers, limit))
    }

    fn oldest_pending(
        &mut self,
        reader: UserId,
        pending: &[Pending],
        listed: Listed,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Message>> {
        let limit = PageLimit { messages: limit, bytes: bytes_max };
        self.0.read(|sql| oldest::of_one(sql, Missing { reader, pending, listed }, limit))
    }

    fn oldest_pending_of_many(
        &mut self,
        of: &[Missing<'_>],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Vec<Message>>> {
        let limit = PageLimit { messages: limit, bytes: bytes_max };
        self.0.read(|sql| oldest::of_many(sql, of, limit))
    }

    fn search(&mut self, reader: UserId, query: &SearchQuery, limit: u32) -> Result<SearchPage> {
        match confirm::search(&mut self.0, reader, query, limit)? {
            Some(page) => Ok(page),
            None => self.0.read(|sql| search::search(sql, reader, query, limit)),
        }
    }

    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.0.save_cursors(epoch, rows)
    }

    fn save_reads(&mut self, epoch: &str, rows: &[ReadRow]) -> Result<SavedReads> {
        if rows.is_empty() {
            return Ok(SavedReads::default());
        }
        self.0.save_reads(epoch, rows)
    }

    fn conversations(&mut self, user: UserId, wanted: ConversationsWanted) -> Result<ConversationPage> {
        self.0.read(|sql| conversations::page(sql, user, wanted))
    }

    fn set_flags(
        &mut self,
        user: UserId,
        conv: ConvId,
        muted: Option<bool>,
        pinned: Option<bool>,
    ) -> Result<Option<Flags>> {
        self.0.write(|sql| conversations::set_flags(sql, user, conv, muted, pinned))
    }

    fn receipts(&mut self, reader: UserId, conv: ConvId, after: u32, limit: u32) -> Result<Option<Vec<ReceiptRow>>> {
        self.0.read(|sql| receipts::of_conversation(sql, reader, conv, after, limit))
    }

    fn conversation_ends(&mut self, convs: &[ConvId]) -> Result<Vec<ConversationEnd>> {
        self.0.read(|sql| receipts::ends(sql, convs))
    }

    fn is_typing_told(&mut self, user: UserId, to: Peer, members_max: u32) -> Result<bool> {
        self.0.read(|sql| receipts::is_typing_told(sql, user, to, members_max))
    }

    fn cluster(&mut self) -> Result<ClusterRow> {
        self.0.read(|sql| cluster::row(sql))
    }

    fn changed(&mut self, since: Moment, limit: u32) -> Result<Option<Changed>> {
        let since = changes::looked_back(since, self.0.mark_to_commit_max());
        self.0.read(|sql| changes::since(sql, since, limit))
    }

    fn new_epoch(&mut self, old: &str) -> Result<ClusterRow> {
        self.0.write_one(|sql| cluster::new_epoch(sql, old))?;
        self.cluster()
    }

    fn note_node(&mut self, node: NodeId, now: UnixMs) -> Result<()> {
        self.0.write(|sql| cluster::note_node(sql, node, now))
    }

    fn forget_node(&mut self, node: NodeId) -> Result<()> {
        self.0.write_one(|sql| cluster::forget_node(sql, node))
    }

    fn has_node(&mut self, node: NodeId) -> Result<bool> {
        self.0.read(|sql| cluster::has_node(sql, node))
    }

    fn ends(&mut self, convs: &[ConvId]) -> Result<Vec<(ConvId, Seq)>> {
        self.0.read(|sql| cluster::ends(sql, convs))
    }

    fn senders(&mut self, of: &[(ConvId, Seq)]) -> Result<Vec<Sender>> {
        self.0.read(|sql| cluster::senders(sql, of))
    }

    fn purge(&mut self) -> Result<bool> {
        self.0.purge()
    }

    fn admin(&mut self) -> Option<&mut dyn AdminStore> {
        Some(self)
    }

    fn user_quota(&mut self, user: UserId, quota: UserQuota) -> Result<Option<u32>> {
        self.0.read(|sql| user_quota::own(sql, user, quota))
    }

    fn floor(&mut self, conv: ConvId) -> Result<Option<Seq>> {
        self.0.read(|sql| retention::floor(sql, conv))
    }

    fn ping(&mut self) -> Result<()> {
        self.0.read(|sql| sql.first("SELECT 1", &[]).map(|_| ()))?;
        self.0.takes_writes()
    }
}
