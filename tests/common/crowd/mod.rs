//! A crowd of clients in pairs and groups that keeps talking while a test breaks things, and the verdict in the end.
//!
//! ```text
//!   Crowd --Stage--> Talker thread of each client --Diary--> Histories --check--> violations
//! ```

mod line;
mod talker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::talker::{Diary, Talker};
use super::checker::{Conv, Histories, Member, Outcome, Violation, check};
use super::client::Account;

/// Members of one group.
const GROUP: usize = 10;
/// How long the crowd may take to have everything acknowledged, once all is healed.
const SETTLE: Duration = Duration::from_secs(90);

/// What the clients do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Stage {
    Talk = 0,
    Settle = 1,
    Read = 2,
    /// Something does not come to an end: stop, so that the diaries tell what.
    GiveUp = 3,
}

/// What the clients and the test share.
pub struct Phase {
    stage: AtomicU8,
    clients: Vec<Counters>,
    finished: AtomicUsize,
}

#[derive(Default)]
struct Counters {
    acked: AtomicU64,
    logins: AtomicU64,
    settled: AtomicBool,
    hang_up: AtomicBool,
}

impl Phase {
    fn stage(&self) -> Stage {
        match self.stage.load(Ordering::SeqCst) {
            0 => Stage::Talk,
            1 => Stage::Settle,
            2 => Stage::Read,
            _ => Stage::GiveUp,
        }
    }

    fn go_to(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::SeqCst);
    }

    fn logins(&self, client: usize) {
        self.clients[client].logins.fetch_add(1, Ordering::SeqCst);
    }

    fn acked(&self, client: usize) {
        self.clients[client].acked.fetch_add(1, Ordering::SeqCst);
    }

    fn settled(&self, client: usize, is_settled: bool) {
        // Whoever may still write is not settled.
        let is_settled = is_settled && self.stage() != Stage::Talk;
        self.clients[client].settled.store(is_settled, Ordering::SeqCst);
    }

    fn takes_hang_up(&self, client: usize) -> bool {
        self.clients[client].hang_up.swap(false, Ordering::SeqCst)
    }

    fn finished(&self) {
        self.finished.fetch_add(1, Ordering::SeqCst);
    }
}

/// Clients at work.
pub struct Crowd {
    phase: Arc<Phase>,
    members: Vec<Member>,
    threads: Vec<JoinHandle<Diary>>,
}

/// What came of it.
pub struct Outcomes {
    pub violations: Vec<Violation>,
    /// Answers that no fault explains.
    pub surprises: Vec<String>,
    /// Messages that were acknowledged.
    pub acked: usize,
    /// Answers 503.
    pub refused: usize,
    /// Messages whose connection ended before the answer.
    pub unknown: usize,
    pub sessions: usize,
    pub longest_wait: Duration,
}

impl Crowd {
    /// Registers so many clients, puts them into pairs and groups, and lets them talk through these doors.
    pub fn start(doors: &[SocketAddr], clients: usize) -> Self {
        let accounts: Vec<Account> = (0..clients).map(|_| Account::register(doors[0], "crowd")).collect();
        let ids: Vec<u32> = accounts.iter().map(|account| u32::try_from(account.id).unwrap()).collect();
        let mut convs: Vec<Vec<Conv>> = vec![Vec::new(); clients];
        for pair in 0..clients / 2 {
            let conv = Conv::pair(ids[2 * pair], ids[2 * pair + 1]);
            convs[2 * pair].push(conv);
            convs[2 * pair + 1].push(conv);
        }
        let mut members = Vec::new();
        for (number, group) in accounts.chunks(GROUP).enumerate() {
            let conv = gather(doors[0], group);
            for index in 0..group.len() {
                convs[number * GROUP + index].push(conv);
                members.push(Member::always(ids[number * GROUP + index], conv));
            }
        }
        let clients = (0..clients).map(|_| Counters::default()).collect();
        let phase = Phase { stage: AtomicU8::new(Stage::Talk as u8), clients, finished: AtomicUsize::new(0) };
        let phase = Arc::new(phase);
        let threads = accounts.iter().zip(convs).enumerate().map(|(index, (account, convs))| {
            let talker = Talker::new(account, doors, index, convs, Arc::clone(&phase));
            std::thread::spawn(move || talker.run(index))
        });
        let threads = threads.collect();
        let crowd = Self { phase, members, threads };
        crowd.wait_until_all_are_served();
        crowd
    }

    /// How often clients have logged in so far: a session that ended counts again.
    pub fn logins(&self) -> u64 {
        self.phase.clients.iter().map(|client| client.logins.load(Ordering::SeqCst)).sum()
    }

    /// Lets the first so many clients hang up and come back.
    pub fn hang_up(&self, clients: usize) {
        for client in &self.phase.clients[..clients] {
            client.hang_up.store(true, Ordering::SeqCst);
        }
    }

    /// Waits until so many messages more have been acknowledged, whosever; how long that took.
    pub fn wait_for_acks(&self, count: u64) -> Duration {
        let all = || -> u64 { self.acks().iter().sum() };
        let before = all();
        wait(&format!("{count} acks"), || all() >= before + count)
    }

    /// Waits until every client has had a message acknowledged that was not before; how long that took.
    pub fn wait_until_all_are_served(&self) -> Duration {
        let before = self.acks();
        wait("every client to be served", || self.acks().iter().zip(&before).all(|(now, before)| now > before))
    }

    /// Lets all come to an end and compares what they saw with what is stored.
    pub fn finish(self) -> Outcomes {
        self.phase.go_to(Stage::Settle);
        let settled = || self.phase.clients.iter().all(|client| client.settled.load(Ordering::SeqCst));
        let deadline = Instant::now() + SETTLE;
        while !settled() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut surprises = Vec::new();
        if !settled() {
            surprises.push(format!("not everything was acknowledged within {SETTLE:?} after the last fault"));
        }
        self.phase.go_to(Stage::Read);
        let finished = || self.phase.finished.load(Ordering::SeqCst) == self.threads.len();
        while !finished() && Instant::now() < deadline + SETTLE {
            std::thread::sleep(Duration::from_millis(20));
        }
        if !finished() {
            surprises.push("not every client could read HISTORY".to_owned());
            self.phase.go_to(Stage::GiveUp);
        }
        let mut histories = Histories { members: self.members, ..Histories::default() };
        for thread in self.threads {
            let diary = thread.join().expect("a client failed; its message is above");
            histories.sends.extend(diary.sends);
            histories.sessions.extend(diary.sessions);
            histories.readings.extend(diary.readings);
            histories.waits.extend(diary.waits);
            surprises.extend(diary.surprises);
        }
        outcomes(&histories, surprises)
    }

    fn acks(&self) -> Vec<u64> {
        self.phase.clients.iter().map(|client| client.acked.load(Ordering::SeqCst)).collect()
    }
}

/// How long it took until it is so.
fn wait(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SETTLE, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// A group of these accounts.
fn gather(door: SocketAddr, accounts: &[Account]) -> Conv {
    let mut group = None;
    for account in accounts {
        let mut client = account.login(door);
        match group {
            None => group = Some(client.create_group("crowd")),
            Some(group) => _ = client.join(group),
        }
        client.log_out();
    }
    Conv::Group(u32::try_from(group.expect("a group has members")).unwrap())
}

fn outcomes(histories: &Histories, surprises: Vec<String>) -> Outcomes {
    let count = |is: fn(&Outcome) -> bool| histories.sends.iter().filter(|sent| is(&sent.outcome)).count();
    Outcomes {
        violations: check(histories),
        surprises,
        acked: count(|outcome| matches!(outcome, Outcome::Acked(_))),
        refused: count(|outcome| matches!(outcome, Outcome::Refused(_))),
        unknown: count(|outcome| matches!(outcome, Outcome::Unknown)),
        sessions: histories.sessions.len(),
        longest_wait: histories.waits.iter().map(|wait| wait.took).max().unwrap_or_default(),
    }
}
