//! The trait, call by call: which statements, in what kind of transaction.

use super::groups::NewGroup;
use super::history::PageLimit;
use super::{Engine, SqlStore, accounts, cluster, find, friends, groups, history, pages, pending, sweep};
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, NodeId, Seq, UserId};
use crate::store::{
    Append, Appended, ClusterRow, Created, CursorRow, DeviceUse, FriendOutcome, FriendRequest, GroupRow, JoinOutcome,
    LeaveOutcome, MemberPage, Message, NewToken, OwnPending, Page, Pending, Person, Place, Quotas, Range, Result,
    Store, TokenHash, TokenRow, UserRef, UserRow,
};

impl<E: Engine> Store for SqlStore<E> {
    fn hold_to(&mut self, quotas: Quotas) {
        self.1 = quotas;
    }

    fn create_user(&mut self, name: &str, password: &str, now: UnixMs) -> Result<Created<UserId>> {
        self.0.write(|sql| accounts::create(sql, name, password, now))
    }

    fn user(&mut self, who: UserRef<'_>) -> Result<Option<UserRow>> {
        self.0.read(|sql| accounts::user(sql, who))
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

    fn report_absent(&mut self, node: NodeId) -> Result<()> {
        self.0.write_one(|sql| accounts::report_absent(sql, node))
    }

    fn save_token(&mut self, token: &NewToken<'_>, now: UnixMs) -> Result<()> {
        let limit = self.1.tokens;
        self.0.write(|sql| accounts::save_token(sql, token, now, limit))
    }

    fn token(&mut self, hash: &TokenHash, now: UnixMs) -> Result<Option<TokenRow>> {
        self.0.read(|sql| accounts::token(sql, hash, now))
    }

    fn extend_token(&mut self, hash: &TokenHash, expires_at: UnixMs) -> Result<()> {
        self.0.write(|sql| accounts::extend_token(sql, hash, expires_at))
    }

    fn delete_token(&mut self, hash: &TokenHash) -> Result<()> {
        self.0.write_one(|sql| accounts::delete_token(sql, hash))
    }

    fn device(&mut self, user: UserId, name: &str) -> Result<DeviceUse> {
        if let Some((known, true)) = self.0.read(|sql| accounts::known_device(sql, user, name))? {
            return Ok(DeviceUse { id: known, is_new: false, removed: Vec::new() });
        }
        let limit = self.1.devices;
        self.0.write(|sql| accounts::use_device(sql, user, name, limit))
    }

    fn has_device(&mut self, user: UserId, name: &str) -> Result<bool> {
        self.0.read(|sql| Ok(accounts::known_device(sql, user, name)?.is_some()))
    }

    fn add_friend(&mut self, user: UserId, friend: UserId) -> Result<FriendOutcome> {
        let limit = self.1.friends;
        self.0.write(|sql| friends::add(sql, user, friend, limit))
    }

    fn delete_friend(&mut self, user: UserId, friend: UserId) -> Result<bool> {
        self.0.write(|sql| friends::delete(sql, user, friend))
    }

    fn friends(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<Person>> {
        self.0.read(|sql| friends::page(sql, user, after, limit))
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

    fn create_group(&mut self, creator: UserId, name: &str, desc: &str, now: UnixMs) -> Result<Created<GroupId>> {
        let quotas = self.1;
        let group = NewGroup { creator, name, desc };
        self.0.write(|sql| groups::create(sql, group, now, &quotas))
    }

    fn join_group(&mut self, user: UserId, group: GroupId) -> Result<JoinOutcome> {
        let quotas = self.1;
        self.0.write(|sql| groups::join(sql, user, group, &quotas))
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

    fn groups(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<GroupRow>> {
        self.0.read(|sql| groups::of_user(sql, user, after, limit))
    }

    fn group_ids(&mut self, user: UserId) -> Result<Vec<GroupId>> {
        self.0.read(|sql| groups::ids_of_user(sql, user))
    }

    fn group_ids_of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>> {
        self.0.read(|sql| groups::ids_of_users(sql, users))
    }

    fn group(&mut self, group: GroupId, user: UserId) -> Result<Option<(GroupRow, bool)>> {
        self.0.read(|sql| groups::one(sql, group, user))
    }

    fn members(&mut self, group: GroupId, after: u32, limit: u32) -> Result<MemberPage> {
        self.0.read(|sql| groups::members(sql, group, after, limit))
    }

    fn members_of_all(&mut self, groups: &[GroupId], limit: u32) -> Result<Vec<MemberPage>> {
        self.0.read(|sql| groups::members_of_all(sql, groups, limit))
    }

    fn find_users(&mut self, id: Option<UserId>, prefix: &str, limit: u32) -> Result<Vec<Person>> {
        self.0.read(|sql| find::users(sql, id, prefix, limit))
    }

    fn find_groups(&mut self, id: Option<GroupId>, prefix: &str, limit: u32) -> Result<Vec<GroupRow>> {
        self.0.read(|sql| find::all_groups(sql, id, prefix, limit))
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
        self.0.read(|sql| history::messages(sql, reader, conv, range, limit))
    }

    fn pending(&mut self, user: UserId, device: DeviceId) -> Result<Vec<Pending>> {
        self.0.read(|sql| pending::of_one(sql, user, device))
    }

    fn pending_of_all(&mut self, sessions: &[(UserId, DeviceId)]) -> Result<Vec<Vec<Pending>>> {
        self.0.read(|sql| pending::of_all(sql, sessions))
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

    fn oldest_pending(
        &mut self,
        reader: UserId,
        pending: &[Pending],
        own: OwnPending,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Message>> {
        let limit = PageLimit { messages: limit, bytes: bytes_max };
        self.0.read(|sql| history::oldest_pending(sql, reader, pending, own, limit))
    }

    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.0.save_cursors(epoch, rows)
    }

    fn cluster(&mut self) -> Result<ClusterRow> {
        self.0.read(|sql| cluster::row(sql))
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

    fn ping(&mut self) -> Result<()> {
        self.0.read(|sql| sql.first("SELECT 1", &[]).map(|_| ()))
    }
}
