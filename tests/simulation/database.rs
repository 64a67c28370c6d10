//! The record as a model: the contract of `Store` in maps. It never fails; its shim, `store`, does. And it can go back to
//! what it was at an earlier moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

use stonechat::clock::UnixMs;
use stonechat::config::PasswordCost;
use stonechat::ids::{ConvId, DeviceId, GroupId, Members, NodeId, Peer, Seq, UserId};
use stonechat::service::auth::password::Hasher;
use stonechat::store::rights::{Action, Rules, Standing, may};
use stonechat::store::{
    Append, Appended, Change, Changed, ClusterRow, CursorRow, EventsPending, GroupRow, GroupSettings, JoinOutcome,
    Kind, LeaveOutcome, Listed, Member, MemberPage, Message, Moment, NewToken, OwnGroup, OwnPending, Page, Pending,
    Person, Place, Range, Role, Sender, TokenHash, TokenRow, TokenUse, UserRef, UserRow,
};

use crate::checker::{Conv, Device, What};
use crate::events::{self, Reactions};
use crate::plan::{Bug, Plan};

mod order;

/// Every user's password.
pub const PASSWORD: &str = "secret";

/// One stay of a user in a group, as the record knows it.
#[derive(Clone, Debug)]
pub struct Stay {
    pub user: u32,
    pub group: u32,
    /// The last message when the user joined.
    pub joined_at: Seq,
    /// The user has left.
    pub is_over: bool,
}

impl Stay {
    /// Whether it began in the same way.
    fn is_same(&self, other: &Self) -> bool {
        (self.user, self.group, self.joined_at) == (other.user, other.group, other.joined_at)
    }
}

/// A named device, as it began.
#[derive(Clone, Debug)]
pub struct Birth {
    pub user: UserId,
    pub device: DeviceId,
    pub name: String,
    /// The ends of the user's conversations then.
    pub ends: BTreeMap<ConvId, Seq>,
}

impl Birth {
    /// The device, as the checker calls it.
    fn named(&self) -> Device {
        self.name.parse().expect("devices are named by numbers")
    }
}

/// A message, or an event about the one that is `of`.
#[derive(Clone)]
pub struct Row {
    pub kind: Kind,
    pub of: Seq,
    pub sender: UserId,
    pub sent_at: UnixMs,
    pub cid: Option<String>,
    pub body: String,
    /// The edit or recall that it was changed by last.
    pub changed: Option<(Seq, UnixMs)>,
}

/// What was ever stored under a number.
#[derive(Clone)]
pub struct Named {
    pub sender: UserId,
    pub cid: String,
    pub what: What,
}

/// What was stored when the data went back, and is no more. Nothing of it goes back itself.
#[derive(Clone, Default)]
pub struct Gone {
    /// With the last epoch before that.
    pub messages: BTreeMap<Spoken, u32>,
    pub stays: Vec<(Stay, u32)>,
    /// The users' named devices, likewise.
    pub devices: Vec<(UserId, Device, u32)>,
    /// How often that was.
    pub restores: u32,
    /// The last epoch before the last time.
    last: u32,
    /// The ends of the conversations as they were again after it.
    ends: BTreeMap<ConvId, Seq>,
    /// The numbers of each conversation that may be given out again in the present epoch: behind the first, up to the second.
    again: BTreeMap<ConvId, (Seq, Seq)>,
    /// What was ever stored, by its number and its time as clients see it: what it was, its text may not say any more.
    names: BTreeMap<(ConvId, Seq, String), Named>,
}

/// A message: its conversation, its number, who said it, its cid.
pub type Spoken = (ConvId, Seq, UserId, String);

/// What a cursor passes that is written for a message which the data have lost.
pub struct Passed {
    pub user: UserId,
    pub device: Device,
    /// What has those numbers now.
    pub messages: Vec<Spoken>,
    /// The user had said what was there before.
    pub is_of_own: bool,
}

/// All that is stored.
#[derive(Clone)]
pub struct Database {
    users: BTreeMap<UserId, String>,
    /// By its hash: whose it is, when it ends, where it was used last.
    tokens: BTreeMap<TokenHash, (UserId, UnixMs, [String; 2])>,
    groups: BTreeMap<GroupId, BTreeMap<UserId, Standing>>,
    bans: BTreeSet<(GroupId, UserId)>,
    /// Who does not want to hear from whom.
    blocks: BTreeSet<(UserId, UserId)>,
    /// Of whom it is known that nobody waits for their answer: nobody ever does.
    unasked: BTreeSet<UserId>,
    /// Of those who have left while they were muted.
    kept_mutes: BTreeMap<(GroupId, UserId), UnixMs>,
    ends: BTreeMap<ConvId, Seq>,
    /// The record's own clock, and when something was said in each conversation, and somebody joined or left each group.
    now: Moment,
    said_at: BTreeMap<ConvId, Moment>,
    joined_at: BTreeMap<GroupId, Moment>,
    messages: BTreeMap<(ConvId, Seq), Row>,
    reactions: Reactions,
    cids: BTreeMap<(ConvId, UserId, String), Seq>,
    cursors: BTreeMap<(UserId, DeviceId, ConvId), Seq>,
    /// Who is reported online, and by which node.
    states: BTreeMap<UserId, NodeId>,
    /// Epochs are numbered here, in the order in which they were made.
    epoch: u32,
    /// The last epoch that was made. As chance makes the real ones, none is made twice, whatever the data have forgotten.
    pub epochs: u32,
    pub stays: Vec<Stay>,
    births: Vec<Birth>,
    pub gone: Gone,
    /// The last number that a device was given. None is given out twice here, whatever the data have forgotten: a session of a
    /// device that is forgotten, and a new device with the same number, would share what is confirmed until the data are known
    /// to have gone back.
    devices: u32,
    bug: Bug,
    appended: u32,
}

pub fn user(number: u32) -> UserId {
    UserId::new(i64::from(number)).expect("users are numbered from 1")
}

pub fn group(number: u32) -> GroupId {
    GroupId::new(i64::from(number)).expect("groups are numbered from 1")
}

/// What the record calls a conversation.
pub fn conv_id(conv: Conv) -> ConvId {
    match conv {
        Conv::Pair(a, b) => ConvId::pair(user(a), user(b)),
        Conv::Group(number) => ConvId::group(group(number)),
    }
}

/// What the checker calls a conversation.
pub fn named(members: Members) -> Conv {
    match members {
        Members::Pair(a, b) => Conv::pair(a.number(), b.number()),
        Members::Group(group) => Conv::Group(group.number()),
    }
}

fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| Hasher::new(PasswordCost { memory_kib: 8, passes: 1 }).hash(PASSWORD).expect("randomness"))
}

fn place(used: TokenUse<'_>) -> [String; 2] {
    [used.device.to_owned(), used.address.to_owned()]
}

impl Database {
    pub fn new(plan: &Plan) -> Self {
        let mut database = Self {
            users: (1..=plan.users).map(|number| (user(number), format!("user{number}"))).collect(),
            tokens: BTreeMap::new(),
            groups: BTreeMap::new(),
            bans: BTreeSet::new(),
            blocks: BTreeSet::new(),
            unasked: BTreeSet::new(),
            kept_mutes: BTreeMap::new(),
            ends: BTreeMap::new(),
            now: Moment(0),
            said_at: BTreeMap::new(),
            joined_at: BTreeMap::new(),
            messages: BTreeMap::new(),
            reactions: Reactions::new(),
            cids: BTreeMap::new(),
            cursors: BTreeMap::new(),
            epoch: 1,
            epochs: 1,
            stays: Vec::new(),
            births: Vec::new(),
            gone: Gone::default(),
            devices: 0,
            states: BTreeMap::new(),
            bug: plan.bug,
            appended: 0,
        };
        for (number, members) in (1..).zip(&plan.groups) {
            database.ends.insert(ConvId::group(group(number)), 0);
            database.groups.insert(group(number), [(user(members[0]), as_member(Role::Creator))].into());
            database.cursors.insert((user(members[0]), DeviceId::UNNAMED, ConvId::group(group(number))), 0);
            database.stays.push(Stay { user: members[0], group: number, joined_at: 0, is_over: false });
            for member in &members[1..] {
                database.join(user(*member), group(number));
            }
        }
        database
    }

    pub fn end(&self, conv: ConvId) -> Seq {
        self.ends.get(&conv).copied().unwrap_or(0)
    }

    /// The ends of all conversations, as the checker calls them.
    pub fn all_ends(&self) -> BTreeMap<Conv, Seq> {
        self.ends.iter().filter_map(|(conv, end)| Some((named(conv.members()?), *end))).collect()
    }

    pub fn ends(&self, convs: &[ConvId]) -> Vec<(ConvId, Seq)> {
        convs.iter().filter_map(|conv| Some((*conv, *self.ends.get(conv)?))).collect()
    }

    pub fn senders(&self, of: &[(ConvId, Seq)]) -> Vec<Sender> {
        let told = |&(conv, seq): &(ConvId, Seq)| {
            let row = self.messages.get(&(conv, seq))?;
            Some(Sender { conv, seq, user: row.sender, sent_at: row.sent_at })
        };
        of.iter().filter_map(told).collect()
    }

    pub fn cluster(&self) -> ClusterRow {
        ClusterRow { id: "simulated".to_owned(), epoch: self.epoch.to_string(), moment: Some(self.now) }
    }

    /// The record's clock goes on.
    pub fn tick(&mut self, passed: Duration) {
        self.now = Moment(i64::try_from(passed.as_secs()).expect("a run is short"));
    }

    /// Something was said in it.
    pub fn mark(&mut self, conv: ConvId) {
        self.said_at.insert(conv, self.now);
    }

    /// What has changed since.
    pub fn changed(&self, since: Moment) -> Changed {
        let conversations =
            self.said_at.iter().filter(|(_, at)| **at >= since).map(|(conv, _)| (*conv, self.end(*conv)));
        let members = |group| self.groups.get(group).map_or_else(Vec::new, |members| members.keys().copied().collect());
        let groups = self.joined_at.iter().filter(|(_, at)| **at >= since).map(|(group, _)| (*group, members(group)));
        let leaves_out = self.bug == Bug::LeaveOutChanged;
        Changed {
            now: self.now,
            conversations: conversations.filter(|_| !leaves_out).collect(),
            groups: groups.filter(|_| !leaves_out).collect(),
        }
    }

    pub fn new_epoch(&mut self, old: &str) -> ClusterRow {
        let makes_one = match self.bug {
            Bug::SameEpoch => false,
            Bug::EpochForEach => true,
            _ => self.epoch.to_string() == old,
        };
        if makes_one {
            crate::world::world().count("epoch made");
            self.epochs += 1;
            self.epoch = self.epochs;
        }
        self.cluster()
    }

    /// The data become again what they were when this copy was made.
    pub fn go_back(&mut self, copy: Self) {
        let mut now = std::mem::replace(self, copy);
        let last = now.epochs;
        let lost: Vec<Spoken> = now.spoken().filter(|message| !self.holds(message)).collect();
        now.gone.messages.extend(lost.into_iter().map(|message| (message, last)));
        // A stay that began after the copy was made; one that ended since goes on.
        let is_known = |stay: &Stay| self.stays.iter().any(|known| known.is_same(stay));
        now.gone.stays.extend(now.stays.iter().filter(|stay| !is_known(stay)).map(|stay| (stay.clone(), last)));
        let lost = now.births.iter().filter(|birth| self.births.iter().all(|known| known.device != birth.device));
        now.gone.devices.extend(lost.map(|birth| (birth.user, birth.named(), last)));
        if !now.is_unnoticed() {
            now.gone.again.clear();
        }
        for (conv, given_out) in &now.ends {
            let end = self.end(*conv);
            let again = now.gone.again.entry(*conv).or_insert((end, *given_out));
            *again = (again.0.min(end), again.1.max(*given_out));
        }
        now.gone.restores += 1;
        now.gone.last = last;
        now.gone.ends = self.ends.clone();
        (self.gone, self.epochs, self.devices, self.appended) = (now.gone, last, now.devices, now.appended);
    }

    /// Whether no epoch was made since the data went back.
    pub fn is_unnoticed(&self) -> bool {
        self.gone.restores > 0 && self.epochs == self.gone.last
    }

    fn spoken(&self) -> impl Iterator<Item = Spoken> {
        self.messages.iter().map(spoken)
    }

    /// The named device's beginning: behind what is there. Whom the data have forgotten is a new device at its next login;
    /// without one, its session goes on, and lacks nothing that was stored since.
    pub fn beginning(&self, user: UserId, name: &str) -> &BTreeMap<ConvId, Seq> {
        let birth = self.births.iter().find(|birth| birth.user == user && birth.name == name);
        birth.map_or(&self.gone.ends, |birth| &birth.ends)
    }

    /// What was ever stored under this number and at this time.
    pub fn named(&self, conv: ConvId, seq: Seq, time: &str) -> Option<&Named> {
        self.gone.names.get(&(conv, seq, time.to_owned()))
    }

    /// Whether all that was stored of the batch is there.
    pub fn holds_all(&self, batch: &[Append], outcomes: &[Appended]) -> bool {
        batch.iter().zip(outcomes).all(|(message, outcome)| {
            let Appended::Stored(seq) = *outcome else { return true };
            let cid = message.cid.as_deref().expect("clients give cids");
            self.holds(&(message.conv(), seq, message.sender, cid.to_owned()))
        })
    }

    /// Whether this very message is stored under this number.
    pub fn holds(&self, (conv, seq, sender, cid): &Spoken) -> bool {
        let row = self.messages.get(&(*conv, *seq));
        row.is_some_and(|row| row.sender == *sender && row.cid.as_ref() == Some(cid))
    }

    pub fn user(&self, who: UserRef<'_>) -> Option<UserRow> {
        let id = match who {
            UserRef::Id(id) => id,
            UserRef::Name(name) => {
                self.users.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(id, _)| *id)?
            }
        };
        let name = self.users.get(&id)?.clone();
        Some(UserRow { id, name, password: password_hash().to_owned(), dialect: None, is_disabled: false })
    }

    pub fn is_asked(&self, user: UserId) -> bool {
        !self.unasked.contains(&user)
    }

    pub fn settle_asked(&mut self, user: UserId) {
        self.unasked.insert(user);
    }

    fn person(&self, id: UserId) -> Person {
        Person { id, name: self.users.get(&id).cloned().unwrap_or_default() }
    }

    pub fn report_states(&mut self, node: NodeId, online: &[UserId], offline: &[UserId]) {
        self.states.extend(online.iter().map(|user| (*user, node)));
        self.states.retain(|user, by| *by != node || !offline.contains(user));
    }

    pub fn reporting_nodes(&self) -> Vec<NodeId> {
        let nodes: BTreeSet<NodeId> = self.states.values().copied().collect();
        nodes.into_iter().collect()
    }

    pub fn report_absent(&mut self, node: NodeId, limit: u32) -> Vec<UserId> {
        let users = self.states.iter().filter(|(_, by)| **by == node).map(|(user, _)| *user);
        let users: Vec<UserId> = users.take(limit.try_into().expect("small")).collect();
        self.states.retain(|user, _| !users.contains(user));
        users
    }

    /// The node that has reported the user online.
    pub fn state(&self, user: UserId) -> Option<NodeId> {
        self.states.get(&user).copied()
    }

    pub fn save_token(&mut self, token: &NewToken<'_>) {
        self.tokens.insert(*token.hash, (token.user, token.expires_at, place(token.used)));
    }

    pub fn token(&self, hash: &TokenHash, now: UnixMs) -> Option<TokenRow> {
        let (user, expires_at, place) = self.tokens.get(hash).filter(|(_, expires_at, _)| *expires_at > now)?;
        let [device, address] = place.clone();
        Some(TokenRow {
            user: self.person(*user),
            expires_at: *expires_at,
            is_latest: true,
            device,
            address,
            is_disabled: false,
            known_device: None,
            groups: self.group_ids(*user),
        })
    }

    pub fn extend_token(&mut self, hash: &TokenHash, expires_at: UnixMs, used: TokenUse<'_>) {
        if let Some((_, end, used_at)) = self.tokens.get_mut(hash) {
            (*end, *used_at) = (expires_at, place(used));
        }
    }

    pub fn delete_token(&mut self, hash: &TokenHash) {
        self.tokens.remove(hash);
    }

    pub fn device(&mut self, user: UserId, name: &str) -> DeviceId {
        let mut known = self.births.iter().filter(|birth| birth.user == user);
        if let Some(birth) = known.find(|birth| birth.name == name) {
            return birth.device;
        }
        self.devices += 1;
        let device = DeviceId(self.devices);
        let rows = self.cursors.keys().filter(|(whose, which, _)| *whose == user && *which == DeviceId::UNNAMED);
        let ends: BTreeMap<ConvId, Seq> = rows.map(|(_, _, conv)| (*conv, self.end(*conv))).collect();
        self.cursors.extend(ends.iter().map(|(conv, end)| ((user, device, *conv), *end)));
        self.births.push(Birth { user, device, name: name.to_owned(), ends });
        device
    }

    /// The user's devices, the unnamed one first.
    fn devices(&self, user: UserId) -> Vec<DeviceId> {
        let named = self.births.iter().filter(|birth| birth.user == user).map(|birth| birth.device);
        std::iter::once(DeviceId::UNNAMED).chain(named).collect()
    }

    pub fn join(&mut self, user: UserId, group: GroupId) -> JoinOutcome {
        let row = row_of(group);
        let conv = ConvId::group(group);
        let last_seq = self.end(conv);
        let Some(members) = self.groups.get_mut(&group) else { return JoinOutcome::NoSuchGroup };
        if let Some(role) = members.get(&user).and_then(|standing| standing.role) {
            return JoinOutcome::Already(OwnGroup { group: row, role });
        }
        if self.bans.contains(&(group, user)) {
            return JoinOutcome::Banned;
        }
        let muted_until = self.kept_mutes.remove(&(group, user)).unwrap_or(UnixMs(0));
        members.insert(user, Standing { muted_until, ..as_member(Role::Normal) });
        self.joined_at.insert(group, self.now);
        for device in self.devices(user) {
            self.cursors.insert((user, device, conv), last_seq);
        }
        let (user, group) = (user.number(), group.number());
        self.stays.push(Stay { user, group, joined_at: last_seq, is_over: false });
        JoinOutcome::New { group: row, last_seq }
    }

    pub fn quit(&mut self, user: UserId, group: GroupId) -> LeaveOutcome {
        let Some(members) = self.groups.get_mut(&group) else { return LeaveOutcome::NoSuchGroup };
        let Some(standing) = members.get(&user).copied() else { return LeaveOutcome::NotAllowed };
        if standing.role == Some(Role::Creator) {
            return LeaveOutcome::IsCreator;
        }
        members.remove(&user);
        self.has_left(user, group, standing);
        LeaveOutcome::Done
    }

    /// What else goes with a membership; a mute is kept.
    fn has_left(&mut self, user: UserId, group: GroupId, standing: Standing) {
        if standing.muted_until > UnixMs(0) {
            self.kept_mutes.insert((group, user), standing.muted_until);
        }
        self.joined_at.insert(group, self.now);
        for device in self.devices(user) {
            self.cursors.remove(&(user, device, ConvId::group(group)));
        }
        let stay = self.stays.iter_mut().rev().find(|stay| stay.user == user.number() && stay.group == group.number());
        stay.expect("who is a member has joined").is_over = true;
    }

    pub fn groups(&self, user: UserId) -> Vec<(OwnGroup, u64)> {
        let own = |(id, members): (&GroupId, &BTreeMap<UserId, Standing>)| {
            let role = members.get(&user)?.role?;
            Some((OwnGroup { group: row_of(*id), role }, self.members(*id, 0, 0).total))
        };
        self.groups.iter().filter_map(own).collect()
    }

    pub fn group_ids(&self, user: UserId) -> Vec<GroupId> {
        self.groups(user).iter().map(|(own, _)| own.group.id).collect()
    }

    pub fn group(&self, id: GroupId, user: UserId) -> Option<(GroupRow, Option<Role>)> {
        self.groups.get(&id).map(|members| (row_of(id), members.get(&user).and_then(|standing| standing.role)))
    }

    pub fn members(&self, group: GroupId, after: u32, limit: u32) -> MemberPage {
        let Some(all) = self.groups.get(&group) else { return MemberPage::default() };
        let listed = all.iter().filter(|(id, _)| id.number() > after).take(limit as usize);
        let member = |(id, standing): (&UserId, &Standing)| Member {
            person: self.person(*id),
            role: standing.role.expect("a member has a role"),
            profile: None,
        };
        let members = listed.map(member).collect();
        MemberPage { members, total: all.len() as u64 }
    }

    pub fn append(&mut self, batch: &[Append]) -> Vec<Appended> {
        batch.iter().map(|message| self.append_one(message)).collect()
    }

    fn append_one(&mut self, append: &Append) -> Appended {
        let Append { sender, to, cid, .. } = append;
        let conv = &append.conv();
        if let Some(refusal) = self.refusal(append) {
            return refusal;
        }
        if let Peer::User(to) = to {
            for user in [sender, to] {
                self.cursors.entry((*user, DeviceId::UNNAMED, *conv)).or_insert(0);
            }
        }
        let key = cid.as_deref().map(|cid| (*conv, *sender, cid.to_owned()));
        if let Some(seq) = key.as_ref().and_then(|key| self.cids.get(key)).copied()
            && self.bug != Bug::ForgetCids
        {
            return Appended::Duplicate { seq, sent_at: self.messages[&(*conv, seq)].sent_at };
        }
        if self.end(*conv) < append.known_end {
            return Appended::WentBack(self.end(*conv));
        }
        if let Some(event) = append.body.event() {
            let target = self.messages.get(&(*conv, event.of));
            let standing = self.standing_of(append);
            if let Some(not_stored) = events::decide(append, event, (target, standing), &self.reactions) {
                return not_stored;
            }
        }
        self.appended += 1;
        let mut seq = self.end(*conv) + 1;
        if self.bug == Bug::AckWithoutStoring && self.appended == 7 {
            return Appended::Stored(seq);
        }
        if self.bug == Bug::SkipNumber && self.appended == 7 {
            seq += 1;
        }
        self.ends.insert(*conv, seq);
        self.mark(*conv);
        self.store(append, seq);
        if let Some(key) = key {
            self.cids.insert(key, seq);
        }
        Appended::Stored(seq)
    }

    fn store(&mut self, append: &Append, seq: Seq) {
        let Append { sender, cid, body, sent_at, .. } = append;
        let conv = append.conv();
        let row = Row {
            kind: body.kind(),
            of: body.event().map_or(0, |event| event.of),
            sender: *sender,
            sent_at: *sent_at,
            cid: cid.as_deref().map(str::to_owned),
            body: body.row_body().to_owned(),
            changed: None,
        };
        self.messages.insert((conv, seq), row);
        if let Some(event) = body.event() {
            self.change(append, seq, event.of, &event.change);
        }
        let cid = cid.as_deref().expect("clients give cids").to_owned();
        let named = Named { sender: *sender, cid, what: events::what(append) };
        self.gone.names.insert((conv, seq, sent_at.to_string()), named);
    }

    /// What an event does to the message that it is about.
    fn change(&mut self, append: &Append, seq: Seq, of: Seq, change: &Change) {
        let (conv, sent_at) = (append.conv(), append.sent_at);
        let target = self.messages.get_mut(&(conv, of)).expect("it was looked at");
        match change {
            Change::Edit(body) => {
                if self.bug != Bug::KeepEdited {
                    target.body = body.to_string();
                }
                target.changed = Some((seq, sent_at));
            }
            Change::Recall => {
                if self.bug != Bug::KeepRecalled {
                    target.body.clear();
                }
                target.changed = Some((seq, sent_at));
                self.reactions.retain(|(its_conv, its_of, ..), _| (*its_conv, *its_of) != (conv, of));
            }
            Change::React { reaction, on } => {
                let key = (conv, of, append.sender, reaction.to_string());
                self.reactions.insert(key, (*on, seq, sent_at));
            }
        }
    }

    fn standing_of(&self, append: &Append) -> Option<Standing> {
        let Peer::Group(group) = append.to else { return None };
        Some(
            self.groups
                .get(&group)
                .and_then(|members| members.get(&append.sender))
                .copied()
                .unwrap_or(Standing::STRANGER),
        )
    }

    /// Why it may not be stored, as far as that has nothing to do with what is stored already.
    fn refusal(&self, append: &Append) -> Option<Appended> {
        match append.to {
            Peer::Group(group) if !self.groups.contains_key(&group) => Some(Appended::NoSuchGroup),
            Peer::Group(_) => {
                let standing = self.standing_of(append).expect("in a group");
                if self.bug == Bug::HearTheMuted && standing.role.is_some() {
                    return None;
                }
                match append.body.event() {
                    None => may(Action::Speak, standing, Rules::default(), append.sent_at).err().map(events::denied),
                    Some(_) => standing.role.is_none().then_some(Appended::NotMember),
                }
            }
            Peer::User(to) if !self.users.contains_key(&to) => Some(Appended::NoSuchUser),
            Peer::User(_) if self.bug == Bug::HearTheBlocked => None,
            Peer::User(to) if self.blocks.contains(&(append.sender, to)) => Some(Appended::HasBlocked),
            Peer::User(to) => self.blocks.contains(&(to, append.sender)).then_some(Appended::Blocked),
        }
    }

    fn message(&self, conv: ConvId, seq: Seq, row: &Row, reader: UserId) -> Message {
        let Row { kind, of, sender, sent_at, cid, changed, .. } = row;
        let body = match kind {
            Kind::Message => row.body.clone(),
            Kind::Recall | Kind::Reaction => String::new(),
            Kind::Edit => {
                let target = self.messages.get(&(conv, *of));
                let is_last = |target: &&Row| target.changed.is_some_and(|(by, _)| by == seq);
                target.filter(is_last).map(|target| target.body.clone()).unwrap_or_default()
            }
        };
        let is_reaction = *kind == Kind::Reaction;
        let reaction = if is_reaction { events::given(&self.reactions, (conv, seq), row) } else { None };
        let reactions =
            if *kind == Kind::Message { events::counts(&self.reactions, (conv, seq), reader) } else { Vec::new() };
        Message {
            cid: cid.clone(),
            kind: *kind,
            of: *of,
            edited_at: changed.map(|(_, at)| at),
            reaction,
            reacted: !reactions.is_empty(),
            reactions,
            ..Message::said((conv, seq), self.person(*sender), *sent_at, body)
        }
    }

    /// Whether the user may read the conversation.
    fn is_own(&self, user: UserId, conv: ConvId) -> bool {
        match conv.members() {
            Some(Members::Group(group)) => self.is_member(user, group),
            Some(Members::Pair(a, b)) => a == user || b == user,
            None => false,
        }
    }

    pub fn messages(
        &self,
        reader: UserId,
        conv: ConvId,
        range: Range,
        limit: u32,
        bytes_max: usize,
    ) -> Option<(Vec<Message>, bool)> {
        if !self.is_own(reader, conv) {
            return None;
        }
        let (after, before) = match range {
            Range::After(after) => (after, Seq::MAX),
            Range::Before(before) => (0, before),
            Range::Latest => (0, Seq::MAX),
        };
        let all = self.messages.range((conv, after.saturating_add(1))..(conv, before));
        let mut all: Vec<Message> = all.map(|((_, seq), row)| self.message(conv, *seq, row, reader)).collect();
        let from_the_end = !matches!(range, Range::After(_));
        if from_the_end {
            all.reverse();
        }
        let found = all.len();
        let mut bytes = 0;
        let mut page: Vec<Message> = all
            .into_iter()
            .take(limit as usize)
            .enumerate()
            .take_while(|(place, message)| {
                bytes += message.body.len();
                *place == 0 || bytes <= bytes_max
            })
            .map(|(_, message)| message)
            .collect();
        let more = page.len() < found;
        if from_the_end {
            page.reverse();
        }
        Some((page, more))
    }

    pub fn pending(&self, user: UserId, device: DeviceId) -> Vec<Pending> {
        let rows = self.cursors.keys().filter(|(whose, which, _)| *whose == user && *which == DeviceId::UNNAMED);
        let positions = rows.filter_map(|(_, _, conv)| self.position(user, device, *conv));
        positions.filter(|position| position.last_seq > position.delivered).collect()
    }

    pub fn position(&self, user: UserId, device: DeviceId, conv: ConvId) -> Option<Pending> {
        self.cursors.get(&(user, DeviceId::UNNAMED, conv)).filter(|_| self.is_own(user, conv))?;
        let delivered = self.cursors.get(&(user, device, conv)).copied().unwrap_or(0);
        Some(Pending { conv, delivered, last_seq: self.end(conv) })
    }

    pub fn page(&self, reader: UserId, device: DeviceId, place: Place, limit: u32, bytes_max: usize) -> Page {
        let Place { conv, after } = place;
        let position = self.position(reader, device, conv);
        let after = after.or(position.map(|position| position.delivered)).unwrap_or(0);
        let page = position.and_then(|_| self.messages(reader, conv, Range::After(after), limit, bytes_max));
        Page { conv, position, messages: page.map(|(messages, _)| messages).unwrap_or_default() }
    }

    pub fn oldest_pending(
        &self,
        reader: UserId,
        pending: &[Pending],
        listed: Listed,
        limit: u32,
        bytes_max: usize,
    ) -> Vec<Message> {
        let mut rows: Vec<std::collections::VecDeque<Message>> = Vec::new();
        let skip = (listed.own == OwnPending::LeftOut).then_some(reader);
        for Pending { conv, delivered, .. } in pending.iter().filter(|pending| self.is_own(reader, pending.conv)) {
            let all = self.messages.range((*conv, delivered + 1)..=(*conv, Seq::MAX));
            let is_pending = |row: &Row| listed.events == EventsPending::Listed || !row.kind.is_event();
            let news = all.filter(|(_, row)| Some(row.sender) != skip && is_pending(row));
            rows.push(news.map(|((_, seq), row)| self.message(*conv, *seq, row, reader)).collect());
        }
        let mut oldest: Vec<Message> = Vec::new();
        let mut bytes = 0;
        while oldest.len() < limit as usize {
            let heads = rows.iter_mut().filter(|row| !row.is_empty());
            let Some(next) = heads.min_by_key(|row| (row[0].sent_at, row[0].conv)) else { break };
            let message = next.pop_front().expect("only those that are not empty");
            bytes += message.body.len();
            if !oldest.is_empty() && bytes > bytes_max {
                break;
            }
            oldest.push(message);
        }
        oldest
    }

    /// Before that: where rows pass numbers that were given out again, though nobody has noticed it yet, the messages that were
    /// given such numbers.
    pub fn given_out_again(&self, rows: &[CursorRow]) -> Vec<Passed> {
        let mut again = Vec::new();
        for CursorRow { user, device, conv, delivered } in rows.iter().filter(|_| self.is_unnoticed()) {
            let birth = self.births.iter().find(|birth| birth.user == *user && birth.device == *device);
            let name = match birth {
                Some(birth) => birth.named(),
                None if *device == DeviceId::UNNAMED => 0,
                // Nothing is written for a device that is forgotten.
                None => continue,
            };
            let before = self.cursors.get(&(*user, *device, *conv)).copied().unwrap_or(0);
            let (behind, up_to) = self.gone.again.get(conv).copied().unwrap_or_default();
            let (first, last) = (before.max(behind) + 1, up_to.min(*delivered));
            if first <= last {
                let passed = self.messages.range((*conv, first)..=(*conv, last));
                // Nobody but the record knows of it if its answer was lost with the connection.
                let own = |(its_conv, seq, sender, _): &Spoken| (*its_conv, *seq, *sender) == (*conv, last, *user);
                let is_of_own = self.gone.messages.keys().any(own);
                again.push(Passed { user: *user, device: name, messages: passed.map(spoken).collect(), is_of_own });
            }
        }
        again
    }

    pub fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) {
        if self.epoch.to_string() != epoch {
            return;
        }
        for CursorRow { user, device, conv, delivered } in rows {
            if !self.cursors.contains_key(&(*user, DeviceId::UNNAMED, *conv)) || *delivered > self.end(*conv) {
                continue;
            }
            if !self.devices(*user).contains(device) {
                // It was made room for, or went with the data.
                continue;
            }
            let moved = if self.bug == Bug::OneCursorForAll { self.devices(*user) } else { vec![*device] };
            for device in moved {
                let cursor = self.cursors.entry((*user, device, *conv)).or_insert(0);
                *cursor = (*delivered).max(*cursor);
            }
        }
    }

    /// The conversations in which something was said.
    pub fn conversations(&self) -> Vec<Members> {
        let spoken = self.ends.iter().filter(|(_, end)| **end > 0);
        spoken.filter_map(|(conv, _)| conv.members()).collect()
    }

    pub fn is_member(&self, user: UserId, group: GroupId) -> bool {
        self.groups.get(&group).is_some_and(|members| members.contains_key(&user))
    }
}

fn spoken(((conv, seq), row): (&(ConvId, Seq), &Row)) -> Spoken {
    (*conv, *seq, row.sender, row.cid.clone().expect("clients give cids"))
}

fn as_member(role: Role) -> Standing {
    Standing { role: Some(role), muted_until: UnixMs(0) }
}

fn row_of(id: GroupId) -> GroupRow {
    GroupRow { id, name: format!("group{id}"), desc: String::new(), settings: GroupSettings::default() }
}
