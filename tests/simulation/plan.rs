//! What kind of cluster a seed makes, and how rough its life is.

use std::time::Duration;

use stonechat::config::{Config, PasswordCost, SessionPolicy};

use crate::checker::{Device, User};
use crate::rng::Rng;

/// So many of 10,000 users want events as what is pending.
const WANTING: u32 = 5000;

/// The shape of a run. Everything in it comes from the seed, but for what tests set.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a kind of life by itself")]
pub struct Plan {
    pub nodes: usize,
    pub reactors: usize,
    pub lanes: usize,
    pub workers: usize,
    pub users: u32,
    /// Groups, each by its members; the first is the creator.
    pub groups: Vec<Vec<u32>>,
    pub seats: Vec<Seat>,
    pub policy: SessionPolicy,
    /// Messages each client sends while it storms.
    pub messages: u32,
    /// Edits, recalls and reactions, besides.
    pub changes: u32,
    /// What each client sends at most before an ack comes.
    pub inflight: usize,
    pub outbox_bytes: usize,
    /// What the kernel holds for a client that does not read.
    pub room_bytes: usize,
    pub offline_messages: u32,
    /// Sessions of a group that are told something in one turn of a reactor.
    pub slice: usize,
    /// Steps of the storm.
    pub steps: usize,
    /// Multiplies the frequency of every fault; 0: none.
    pub roughness: u32,
    /// In so many of 10,000 cases (times the roughness) the store does what it is told, and its answer is lost.
    pub lost_answers: u32,
    /// In so many of 10,000 cases somebody is kicked, muted, made an admin, or comes back.
    pub rulings: u32,
    /// Clients ask for something else than messages in so many of 10,000 cases.
    pub curiosity: u32,
    /// Who logs out does so to hand its connection on, which somebody takes over at once.
    pub takes_turns: bool,
    /// Others make at most so many steps while one part is interrupted.
    pub interruption_steps: usize,
    /// Clients go on somewhere else whenever a PONG has proved that the server knows what they have confirmed.
    pub restless: bool,
    /// Everybody says one thing more in every conversation when all is healed: it shows who has gone deaf, and hides who
    /// would have missed the last message of the storm.
    pub last_words: bool,
    /// Each message is sent a second time though it was acked.
    pub sends_twice: bool,
    /// The data go back to an earlier state now and then, as after the restore of a backup, or a fail-over to a replica that
    /// was behind. The clients remember what they have had from one session to the next, and do what they are told to do
    /// then.
    pub restores: bool,
    /// See [`Plan::with_changes`].
    pub is_changeful: bool,
    pub bug: Bug,
}

/// One client, and how it takes messages.
#[derive(Clone, Debug)]
pub struct Seat {
    pub user: User,
    /// It names its device by this number; 0: it names none.
    pub device: Device,
    pub habit: Habit,
    /// It wants edits, recalls and reactions as what is pending. All of a user that share a place do, or none.
    pub wants_events: bool,
    /// Another client of the user names no device either: what one has confirmed counts for both.
    pub shares_its_place: bool,
}

/// How the server learns what has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Habit {
    /// The client says so, with DELIVERED.
    Confirms,
    /// From the client's TCP.
    Silent,
}

/// A bug that a test plants into what surrounds the server. Never there otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    None,
    /// The store says that a message is stored, and does not store it.
    AckWithoutStoring,
    /// The store does not look for cids.
    ForgetCids,
    /// The network swaps two pushes of one group.
    SwapPushes,
    /// The store leaves a number out.
    SkipNumber,
    /// A push goes to somebody else as well.
    TellOutsider,
    /// An ack is swallowed.
    SwallowAck,
    /// What was written counts as acknowledged by the client's TCP.
    WrittenIsAcknowledged,
    /// A connection that breaks seems to end in order.
    BreaksInOrder,
    /// What one device of a user has confirmed counts for all of them.
    OneCursorForAll,
    /// The store makes no new epoch when it is told to.
    SameEpoch,
    /// A client goes on counting when the data went back.
    CountsOn,
    /// The store makes one each time that it is told to, whatever the present one is.
    EpochForEach,
    /// The store keeps the text of what is recalled.
    KeepRecalled,
    /// The store keeps the text of what is edited, and forgets the new one.
    KeepEdited,
    /// The store stores what is said by somebody who is muted.
    HearTheMuted,
    /// The store stores what is said by somebody who is blocked.
    HearTheBlocked,
    /// A kick is carried out, for all that the store says, and leaves the membership.
    KickKeepsMembership,
    /// The store leaves out what has changed while bells were lost.
    LeaveOutChanged,
}

impl Plan {
    pub fn draw(rng: &mut Rng) -> Self {
        let users = u32::try_from(rng.between(3, 5)).expect("small");
        let policy = match rng.below(4) {
            0 => SessionPolicy::Multi,
            1 => SessionPolicy::Replace,
            _ => SessionPolicy::Reject,
        };
        let groups =
            (0..rng.between(1, 2)).map(|_| (1..=users).filter(|user| *user <= 2 || rng.chance(7000)).collect());
        let groups = groups.collect();
        let seats = draw_seats(rng, users, policy);
        let seats_count = seats.len();
        let messages = u32::try_from(rng.between(4, 16)).expect("small");
        Self {
            groups,
            seats,
            nodes: rng.between(1, 3),
            reactors: rng.between(1, 2),
            lanes: rng.between(1, 2),
            workers: rng.between(1, 3),
            users,
            policy,
            messages,
            changes: if rng.chance(3000) { 0 } else { messages / 2 },
            inflight: rng.between(1, 8),
            outbox_bytes: if rng.chance(4000) { 1024 } else { 256 * 1024 },
            room_bytes: if rng.chance(4000) { 256 } else { 64 * 1024 },
            offline_messages: u32::try_from(rng.between(1, 20)).expect("small"),
            slice: 1 + seats_count % 2,
            steps: rng.between(200, 1500),
            roughness: u32::try_from(rng.between(1, 4)).expect("small"),
            lost_answers: if rng.chance(2000) { 500 } else { 25 },
            curiosity: if rng.chance(2000) { 4000 } else { 500 },
            rulings: if rng.chance(5000) { 0 } else { 4000 },
            takes_turns: false,
            interruption_steps: 8,
            restless: false,
            last_words: rng.chance(5000),
            sends_twice: false,
            restores: false,
            is_changeful: false,
            bug: Bug::None,
        }
    }

    /// The data go back now and then, and clients have something to say before and after that.
    pub fn with_restores(&mut self) {
        self.restores = true;
        (self.messages, self.changes) = (40, 10);
        self.steps = self.steps.max(600);
    }

    /// Much is edited, recalled and reacted to, and people are sent out and come back.
    pub fn with_changes(&mut self) {
        (self.messages, self.changes, self.rulings) = (24, 24, 2000);
        self.steps = self.steps.max(1500);
        self.is_changeful = true;
    }

    /// The settings of the nodes.
    pub fn config(&self) -> Config {
        let mut config = Config { session_policy: self.policy, reactors: self.reactors, ..Config::default() };
        config.password = PasswordCost { memory_kib: 8, passes: 1 };
        config.limits.logins_per_minute = None;
        config.limits.registrations_per_minute = None;
        config.limits.outbox_bytes = self.outbox_bytes;
        config.limits.offline_messages = self.offline_messages;
        config.limits.inflight = self.inflight;
        config.store.timeout = Duration::from_millis(300);
        config
    }
}

fn draw_seats(rng: &mut Rng, users: u32, policy: SessionPolicy) -> Vec<Seat> {
    let silent = [0, 3000, 10_000][rng.below(3)];
    let unnamed = if policy == SessionPolicy::Multi { rng.between(1, 2) } else { 1 };
    let mut seats = Vec::new();
    for user in 1..=users {
        let is_named = rng.chance(if policy == SessionPolicy::Multi { 5000 } else { 1500 });
        let wants_events = rng.chance(WANTING);
        let clients = match policy {
            SessionPolicy::Multi if is_named => 2,
            _ => unnamed,
        };
        for device in (1..).take(clients) {
            seats.push(Seat {
                user,
                device: if is_named { device } else { 0 },
                habit: if rng.chance(silent) { Habit::Silent } else { Habit::Confirms },
                wants_events,
                shares_its_place: clients > 1 && !is_named,
            });
        }
    }
    seats
}
