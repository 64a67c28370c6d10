//! A node's way to the record, which fails as databases and networks do.

use std::collections::BTreeSet;

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, NodeId, Peer, Seq, UserId};
use stonechat::store::{
    AccountPage, ActedOn, Append, Appended, BlockOutcome, Changed, ClientDialect, ClusterRow, Contact, ConversationEnd,
    ConversationPage, ConversationsWanted, Created, CursorRow, DeviceUse, EndedToken, EraseStep, Flags, FriendOutcome,
    FriendRequest, GroupChange, GroupChanged, GroupInvitation, GroupRow, JoinOutcome, KnownDevice, LeaveOutcome, LetIn,
    Listed, Member, MemberPage, Message, Missing, Moment, NewToken, OpenGroupAsk, OwnGroup, Page, Pending, Person,
    Place, ProfileChange, ProfileOutcome, Quotas, Range, ReadRow, ReceiptRow, Result, Role, Ruled, SavedReads,
    SearchPage, SearchQuery, Sender, SessionRow, Store, StoreError, TokenHash, TokenRow, TokenUse, UserRef, UserRow,
};

use crate::database::Database;
use crate::world::world;

/// One connection to the record, of one life of a node.
pub struct SimStore {
    node: usize,
    life: u32,
    /// Who calls survives a panic.
    may_panic: bool,
    /// The commits whose outcome the lane does not know.
    unsettled: Vec<Unsettled>,
}

struct Unsettled {
    conversations: BTreeSet<ConvId>,
    /// `None`: it was not committed.
    outcomes: Option<Vec<Appended>>,
}

/// A bug in the store shows: a fault like others.
pub struct Panic;

fn panic_perhaps(may_panic: bool) {
    if may_panic && world().fault("store call panics", 15) {
        // Not `panic!`, which would tell it on stderr.
        std::panic::resume_unwind(Box::new(Panic));
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("simulated".into())
}

fn not_simulated<T>() -> Result<T> {
    Err(StoreError::Broken("the simulated clients never ask this".into()))
}

fn touches<'c>(batch: &[Append], mut conversations: impl Iterator<Item = &'c ConvId>) -> bool {
    conversations.any(|conv| batch.iter().any(|message| message.conv() == *conv))
}

impl SimStore {
    pub fn new(node: usize, life: u32) -> Self {
        Self { node, life, may_panic: false, unsettled: Vec::new() }
    }

    /// A worker's: it survives a panic of the store.
    pub fn of_worker(node: usize, life: u32) -> Self {
        Self { may_panic: true, ..Self::new(node, life) }
    }

    /// The call reaches the record, or does not. Whoever has died reaches nothing any more.
    fn reach(&self) -> Result<()> {
        let world = world();
        world.interrupt(self.node, self.life, "crash before a store call");
        let is_down = world.database_is_down();
        if is_down {
            world.count("store call during an outage");
        }
        panic_perhaps(self.may_panic);
        let fails = is_down || world.fault("store call fails", 25);
        if fails || !world.cluster.is_alive(self.node, self.life) { Err(away()) } else { Ok(()) }
    }

    fn read<T>(&mut self, ask: impl FnOnce(&Database) -> T) -> Result<T> {
        self.reach()?;
        let world = world();
        let answer = ask(&world.database.borrow());
        world.interrupt(self.node, self.life, "crash after a read");
        Ok(answer)
    }

    fn write<T>(&mut self, change: impl FnOnce(&mut Database) -> T) -> Result<T> {
        self.reach()?;
        let world = world();
        let mut database = world.database.borrow_mut();
        database.tick(world.passed());
        let answer = change(&mut database);
        drop(database);
        world.interrupt(self.node, self.life, "crash after a write");
        panic_perhaps(self.may_panic);
        if world.fault("write done, answer lost", world.plan.lost_answers) { Err(away()) } else { Ok(answer) }
    }
}

impl Store for SimStore {
    fn hold_to(&mut self, _: Quotas) {}

    fn create_user(&mut self, _: &str, _: &str, _: UnixMs) -> Result<Created<UserId>> {
        not_simulated()
    }

    fn is_name_held(&mut self, _: &str, _: UnixMs) -> Result<bool> {
        not_simulated()
    }

    fn user(&mut self, who: UserRef<'_>) -> Result<Option<UserRow>> {
        self.read(|database| database.user(who))
    }

    fn set_dialect(&mut self, _: UserId, _: Option<ClientDialect>) -> Result<()> {
        not_simulated()
    }

    fn report_states(&mut self, node: NodeId, online: &[UserId], offline: &[UserId]) -> Result<()> {
        self.write(|database| database.report_states(node, online, offline))
    }

    fn reporting_nodes(&mut self) -> Result<Vec<NodeId>> {
        self.read(Database::reporting_nodes)
    }

    fn report_absent(&mut self, node: NodeId, limit: u32) -> Result<Vec<UserId>> {
        self.write(|database| database.report_absent(node, limit))
    }

    fn save_token(&mut self, token: &NewToken<'_>, _: UnixMs) -> Result<bool> {
        self.write(|database| database.save_token(token))?;
        Ok(true)
    }

    fn tokens(&mut self, asked: &[(TokenHash, &str)], now: UnixMs) -> Result<Vec<Option<TokenRow>>> {
        self.read(|database| asked.iter().map(|(hash, _)| database.token(hash, now)).collect())
    }

    fn extend_token(&mut self, hash: &TokenHash, expires_at: UnixMs, used: TokenUse<'_>, _: UnixMs) -> Result<()> {
        self.write(|database| database.extend_token(hash, expires_at, used))
    }

    fn delete_token(&mut self, hash: &TokenHash) -> Result<()> {
        self.write(|database| database.delete_token(hash))
    }

    fn device(&mut self, user: UserId, name: &str) -> Result<DeviceUse> {
        self.write(|database| DeviceUse { id: database.device(user, name), is_new: false, removed: Vec::new() })
    }

    fn known_device(&mut self, _: UserId, _: &str) -> Result<Option<KnownDevice>> {
        // Another use of a device is noted each time.
        self.read(|_| None)
    }

    fn sessions(&mut self, _: UserId, _: u32, _: u32, _: UnixMs) -> Result<Vec<SessionRow>> {
        not_simulated()
    }

    fn end_session(&mut self, _: UserId, _: u32, _: UnixMs) -> Result<Option<TokenHash>> {
        not_simulated()
    }

    fn end_other_sessions(&mut self, _: UserId, _: &TokenHash, _: UnixMs) -> Result<Vec<TokenHash>> {
        not_simulated()
    }

    fn change_password(&mut self, _: UserId, _: [&str; 2], _: &TokenHash, _: UnixMs) -> Result<Option<Vec<TokenHash>>> {
        not_simulated()
    }

    fn ended_tokens(&mut self, _: UnixMs) -> Result<Vec<EndedToken>> {
        Ok(Vec::new())
    }

    fn profile(&mut self, _: UserId) -> Result<Option<String>> {
        not_simulated()
    }

    fn change_profile(&mut self, _: UserId, _: &ProfileChange<'_>, _: UnixMs) -> Result<ProfileOutcome> {
        not_simulated()
    }

    fn erase(&mut self, _: UserId, _: &str, _: Option<UnixMs>, _: UnixMs) -> Result<Option<Vec<TokenHash>>> {
        not_simulated()
    }

    fn erase_step(&mut self, _: UserId, _: UnixMs) -> Result<EraseStep> {
        not_simulated()
    }

    fn sweep_accounts(&mut self, _: UnixMs) -> Result<bool> {
        not_simulated()
    }

    fn block(&mut self, user: UserId, other: UserId) -> Result<BlockOutcome> {
        let is_known = self.write(|database| database.block(user, other))?;
        Ok(if is_known { BlockOutcome::Done { were_friends: false } } else { BlockOutcome::NoSuchUser })
    }

    fn unblock(&mut self, user: UserId, other: UserId) -> Result<bool> {
        self.write(|database| database.unblock(user, other))
    }

    fn blocked(&mut self, _: UserId, _: u32, _: u32) -> Result<Vec<Person>> {
        not_simulated()
    }

    fn blockers(&mut self, viewer: UserId, among: &[UserId]) -> Result<Vec<UserId>> {
        self.read(|database| database.blockers(viewer, among))
    }

    fn account_pages(&mut self, of: &[(UserId, DeviceId)], _: u32, _: u32) -> Result<Vec<AccountPage>> {
        let page = |database: &Database, user, device| AccountPage {
            pending: database.pending(user, device),
            friends: Vec::new(),
            is_asked: database.is_asked(user),
            is_blocked: database.is_blocked(user),
            groups: database.groups(user),
            has_more_groups: false,
        };
        self.read(|database| of.iter().map(|&(user, device)| page(database, user, device)).collect())
    }

    fn settle_asked(&mut self, user: UserId) -> Result<()> {
        self.write(|database| database.settle_asked(user))
    }

    fn asked_friends(&mut self, _: UserId, _: u32, _: u32) -> Result<Vec<FriendRequest>> {
        not_simulated()
    }

    fn withdraw_friend(&mut self, _: UserId, _: UserId) -> Result<bool> {
        not_simulated()
    }

    fn purge(&mut self) -> Result<bool> {
        not_simulated()
    }

    fn add_friend(&mut self, _: UserId, _: UserId) -> Result<FriendOutcome> {
        not_simulated()
    }

    fn delete_friend(&mut self, _: UserId, _: UserId) -> Result<bool> {
        not_simulated()
    }

    fn friends(&mut self, _: UserId, _: u32, _: u32) -> Result<Vec<Contact>> {
        self.read(|_| Vec::new())
    }

    fn friends_count(&mut self, _: UserId) -> Result<u64> {
        not_simulated()
    }

    fn request_friend(&mut self, _: UserId, _: UserId, _: &str, _: UnixMs) -> Result<FriendOutcome> {
        not_simulated()
    }

    fn answer_friend(&mut self, _: UserId, _: UserId, _: bool) -> Result<FriendOutcome> {
        not_simulated()
    }

    fn friend_requests(&mut self, _: UserId, _: u32) -> Result<Vec<FriendRequest>> {
        self.read(|_| Vec::new())
    }

    fn create_group(&mut self, _: UserId, _: &str, _: &str, _: UnixMs) -> Result<Created<GroupId>> {
        not_simulated()
    }

    fn join_group(&mut self, user: UserId, group: GroupId, _: UnixMs) -> Result<JoinOutcome> {
        self.write(|database| database.join(user, group))
    }

    fn quit_group(&mut self, user: UserId, group: GroupId) -> Result<LeaveOutcome> {
        self.write(|database| database.quit(user, group))
    }

    fn delete_group(&mut self, _: UserId, _: GroupId, _: UnixMs) -> Result<LeaveOutcome> {
        not_simulated()
    }

    fn sweep(&mut self) -> Result<bool> {
        not_simulated()
    }

    fn groups(&mut self, user: UserId, _: u32, _: u32) -> Result<Vec<(OwnGroup, u64)>> {
        self.read(|database| database.groups(user))
    }

    fn group_ids(&mut self, user: UserId) -> Result<Vec<GroupId>> {
        self.read(|database| database.group_ids(user))
    }

    fn group_ids_of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>> {
        self.read(|database| users.iter().map(|user| database.group_ids(*user)).collect())
    }

    fn group(&mut self, group: GroupId, user: UserId) -> Result<Option<(GroupRow, Option<Role>)>> {
        self.read(|database| database.group(group, user))
    }

    fn members(&mut self, group: GroupId, after: u32, limit: u32) -> Result<MemberPage> {
        self.read(|database| database.members(group, after, limit))
    }

    fn members_of_all(&mut self, groups: &[(GroupId, u64)], limit: u32) -> Result<Vec<Vec<Member>>> {
        self.read(|database| groups.iter().map(|(group, _)| database.members(*group, 0, limit).members).collect())
    }

    fn set_group(&mut self, _: UserId, _: GroupId, _: &GroupChange<'_>, _: UnixMs) -> Result<Ruled<GroupChanged>> {
        not_simulated()
    }

    fn set_role(&mut self, by: UserId, group: GroupId, user: UserId, role: Role) -> Result<Ruled<ActedOn>> {
        self.write(|database| database.set_role(by, group, user, role))
    }

    fn kick(&mut self, by: UserId, group: GroupId, user: UserId) -> Result<Ruled<ActedOn>> {
        self.write(|database| database.kick(by, group, user))
    }

    fn ban(&mut self, by: UserId, group: GroupId, user: UserId, _: UnixMs) -> Result<Ruled<ActedOn>> {
        self.write(|database| database.ban(by, group, user))
    }

    fn lift_ban(&mut self, by: UserId, group: GroupId, user: UserId) -> Result<Ruled<()>> {
        self.write(|database| database.lift_ban(by, group, user))
    }

    fn bans(&mut self, by: UserId, group: GroupId, _: u32, _: u32) -> Result<Ruled<Vec<Person>>> {
        self.read(|database| database.bans(by, group))
    }

    fn mute(&mut self, by: UserId, group: GroupId, user: UserId, until: UnixMs, now: UnixMs) -> Result<Ruled<ActedOn>> {
        self.write(|database| database.mute(by, group, user, until, now))
    }

    fn invite(&mut self, _: UserId, _: GroupId, _: UserId, _: UnixMs) -> Result<Ruled<GroupRow>> {
        not_simulated()
    }

    fn answer_invitation(&mut self, _: UserId, _: GroupId, _: bool, _: UnixMs) -> Result<Ruled<Option<LetIn>>> {
        not_simulated()
    }

    fn answer_wish(&mut self, _: UserId, _: GroupId, _: UserId, _: bool, _: UnixMs) -> Result<Ruled<Option<LetIn>>> {
        not_simulated()
    }

    fn wishes(&mut self, _: UserId, _: GroupId, _: u32, _: u32) -> Result<Ruled<Vec<Person>>> {
        not_simulated()
    }

    fn group_admins(&mut self, _: GroupId, _: u32) -> Result<Vec<UserId>> {
        not_simulated()
    }

    fn invitations(&mut self, _: UserId, _: u32) -> Result<Vec<GroupInvitation>> {
        self.read(|_| Vec::new())
    }

    fn open_group_asks(&mut self, _: UserId, _: u32) -> Result<Vec<OpenGroupAsk>> {
        not_simulated()
    }

    fn withdraw_wish(&mut self, _: UserId, _: GroupId) -> Result<bool> {
        not_simulated()
    }

    fn find_users(&mut self, _: Option<UserId>, _: &str, _: u32) -> Result<Vec<Person>> {
        not_simulated()
    }

    fn find_groups(&mut self, _: Option<GroupId>, _: &str, _: u32) -> Result<Vec<GroupRow>> {
        not_simulated()
    }

    fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        self.reach()?;
        let world = world();
        let doubted = self.unsettled.iter().flat_map(|unsettled| &unsettled.conversations);
        assert!(!touches(batch, doubted), "a lane appends in a conversation before it has settled it");
        if batch.len() > 1 && world.fault("a fault of some of a batch", 150) {
            return Err(StoreError::Busy("simulated".into()));
        }
        let locked = world.locked(batch);
        let free: Vec<Append> = batch.iter().filter(|message| !locked.contains(&message.conv())).cloned().collect();
        let conversations = free.iter().map(Append::conv).collect();
        if !free.is_empty() && world.fault("outcome unknown, not committed", 80) {
            // The locked ones are in doubt, too, for all the lane knows.
            self.unsettled.push(Unsettled { conversations, outcomes: None });
            return Err(StoreError::OutcomeUnknown("simulated".into()));
        }
        world.database.borrow_mut().tick(world.passed());
        let mut stored = world.database.borrow_mut().append(&free).into_iter();
        let outcome_of = |message: &Append| {
            let is_locked = locked.contains(&message.conv());
            if is_locked { Appended::Locked } else { stored.next().expect("one for each that is free") }
        };
        let outcomes: Vec<Appended> = batch.iter().map(outcome_of).collect();
        world.interrupt(self.node, self.life, "crash between commit and ack");
        if !free.is_empty() && world.fault("outcome unknown, committed", 80) {
            self.unsettled.push(Unsettled { conversations, outcomes: Some(outcomes) });
            return Err(StoreError::OutcomeUnknown("simulated".into()));
        }
        Ok(outcomes)
    }

    fn append_unlocked(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        self.append(batch)
    }

    fn settle(&mut self, batch: &[Append]) -> Result<Option<Vec<Appended>>> {
        self.reach()?;
        let world = world();
        if world.fault("settling fails", 2000) {
            return Err(away());
        }
        let place = self.unsettled.iter().position(|unsettled| touches(batch, unsettled.conversations.iter()));
        let place = place.expect("only an unknown outcome is settled");
        let outcomes = self.unsettled.swap_remove(place).outcomes;
        // What was committed may have gone with the data since: it is looked up. It is told from now on.
        let mut database = world.database.borrow_mut();
        database.tick(world.passed());
        let outcomes = outcomes.filter(|outcomes| database.holds_all(batch, outcomes));
        if outcomes.is_some() {
            for message in batch {
                database.mark(message.conv());
            }
        }
        Ok(outcomes)
    }

    fn messages(
        &mut self,
        reader: UserId,
        conv: ConvId,
        range: Range,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Option<(Vec<Message>, bool)>> {
        self.read(|database| database.messages(reader, conv, range, limit, bytes_max))
    }

    fn pending(&mut self, user: UserId, device: DeviceId) -> Result<Vec<Pending>> {
        self.read(|database| database.pending(user, device))
    }

    fn pending_of_all(&mut self, sessions: &[(UserId, DeviceId)]) -> Result<Vec<Vec<Pending>>> {
        self.read(|database| sessions.iter().map(|(user, device)| database.pending(*user, *device)).collect())
    }

    fn position(&mut self, user: UserId, device: DeviceId, conv: ConvId) -> Result<Option<Pending>> {
        self.read(|database| database.position(user, device, conv))
    }

    fn pages(
        &mut self,
        reader: UserId,
        device: DeviceId,
        places: &[Place],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Page>> {
        self.read(|database| {
            // The last ones may find no room.
            let answered = if places.len() > 1 && world().fault("a page has no room for all", 200) {
                &places[..places.len() / 2]
            } else {
                places
            };
            answered.iter().map(|place| database.page(reader, device, *place, limit, bytes_max)).collect()
        })
    }

    fn pages_of_many(
        &mut self,
        group: GroupId,
        _: Seq,
        readers: &[(UserId, DeviceId)],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Page>> {
        world().count("sessions of a group are asked about together");
        let place = Place { conv: ConvId::group(group), after: None };
        self.read(|database| {
            let page = |(reader, device): &(UserId, DeviceId)| database.page(*reader, *device, place, limit, bytes_max);
            readers.iter().map(page).collect()
        })
    }

    fn oldest_pending(
        &mut self,
        reader: UserId,
        pending: &[Pending],
        listed: Listed,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Message>> {
        self.read(|database| database.oldest_pending(reader, pending, listed, limit, bytes_max))
    }

    fn oldest_pending_of_many(
        &mut self,
        of: &[Missing<'_>],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Vec<Message>>> {
        self.read(|database| {
            let of_one = |of: &Missing<'_>| database.oldest_pending(of.reader, of.pending, of.listed, limit, bytes_max);
            of.iter().map(of_one).collect()
        })
    }

    fn search(&mut self, _: UserId, _: &SearchQuery, _: u32) -> Result<SearchPage> {
        unreachable!("nobody searches in the simulation")
    }

    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>> {
        let is_locked = |_: &&CursorRow| world().fault("a cursor is locked", 100);
        let locked: Vec<CursorRow> = rows.iter().filter(is_locked).copied().collect();
        let free: Vec<CursorRow> = rows.iter().filter(|row| !locked.contains(row)).copied().collect();
        self.write(|database| {
            world().cluster.pass_over(&database.given_out_again(&free));
            database.save_cursors(epoch, &free);
        })?;
        Ok(locked)
    }

    fn save_reads(&mut self, _: &str, _: &[ReadRow]) -> Result<SavedReads> {
        not_simulated()
    }

    fn conversations(&mut self, _: UserId, _: ConversationsWanted) -> Result<ConversationPage> {
        not_simulated()
    }

    fn set_flags(&mut self, _: UserId, _: ConvId, _: Option<bool>, _: Option<bool>) -> Result<Option<Flags>> {
        not_simulated()
    }

    fn receipts(&mut self, _: UserId, _: ConvId, _: u32, _: u32) -> Result<Option<Vec<ReceiptRow>>> {
        not_simulated()
    }

    fn conversation_ends(&mut self, _: &[ConvId]) -> Result<Vec<ConversationEnd>> {
        not_simulated()
    }

    fn is_typing_told(&mut self, _: UserId, _: Peer, _: u32) -> Result<bool> {
        not_simulated()
    }

    fn positions(&mut self, _: UserId, _: DeviceId, _: &[ConvId]) -> Result<Vec<Pending>> {
        not_simulated()
    }

    fn friend_ids_of_all(&mut self, _: &[UserId], _: u32) -> Result<Vec<(UserId, UserId)>> {
        not_simulated()
    }

    fn cluster(&mut self) -> Result<ClusterRow> {
        // Asked in the background, by the clock: it fails with the database, but is no place for faults of its own.
        let world = world();
        if world.database_is_down() || !world.cluster.is_alive(self.node, self.life) {
            return Err(away());
        }
        let mut database = world.database.borrow_mut();
        database.tick(world.passed());
        Ok(database.cluster())
    }

    fn changed(&mut self, since: Moment, _: u32) -> Result<Option<Changed>> {
        self.reach()?;
        let world = world();
        if world.fault("too much has changed", 1000) {
            return Ok(None);
        }
        world.count("asked what has changed");
        let mut database = world.database.borrow_mut();
        database.tick(world.passed());
        Ok(Some(database.changed(since)))
    }

    fn new_epoch(&mut self, old: &str) -> Result<ClusterRow> {
        self.write(|database| database.new_epoch(old))
    }

    fn note_node(&mut self, _: NodeId, _: UnixMs) -> Result<()> {
        Ok(())
    }

    fn forget_node(&mut self, _: NodeId) -> Result<()> {
        self.write(|_| ())
    }

    fn has_node(&mut self, _: NodeId) -> Result<bool> {
        self.read(|_| true)
    }

    fn ends(&mut self, convs: &[ConvId]) -> Result<Vec<(ConvId, Seq)>> {
        self.read(|database| database.ends(convs))
    }

    fn senders(&mut self, of: &[(ConvId, Seq)]) -> Result<Vec<Sender>> {
        self.read(|database| database.senders(of))
    }

    fn ping(&mut self) -> Result<()> {
        self.read(|_| ())
    }
}
