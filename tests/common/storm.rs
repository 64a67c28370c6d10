//! Many senders at once, half of them to one group, the others each to one reader; and what is stored in the end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::client::{Account, Client};
use super::process::wait_for;
use super::sender::{Acks, Sender, To, assert_each_exists_once};

/// Senders at work. The test strikes in the middle, then asks whether anything was lost.
pub struct Storm {
    group: u64,
    reader: Account,
    to_group: Vec<JoinHandle<Acks>>,
    to_reader: Vec<(Account, JoinHandle<Acks>)>,
    acked: Arc<AtomicUsize>,
}

impl Storm {
    /// Starts this many senders with `count` messages each.
    pub fn start(addr: SocketAddr, senders: usize, count: usize) -> Self {
        let mut reader = Client::newcomer(addr, "reader");
        let group = reader.create_group("storm");
        let acked = Arc::new(AtomicUsize::new(0));
        let start = |account: &Account, to: To| {
            let sender = Sender { addr, account: account.clone(), to, count, acked: Arc::clone(&acked) };
            std::thread::spawn(move || sender.run())
        };
        let (mut to_group, mut to_reader) = (Vec::new(), Vec::new());
        for number in 0..senders {
            let account = Account::register(addr, "sender");
            if number % 2 == 0 {
                account.login(addr).join(group);
                to_group.push(start(&account, To::Group(group)));
            } else {
                let sending = start(&account, To::User(reader.id));
                to_reader.push((account, sending));
            }
        }
        Self { group, reader: reader.account(), to_group, to_reader, acked }
    }

    /// Waits until this many messages have been acknowledged since the start.
    pub fn wait_for_acks(&self, count: usize) {
        wait_for(&format!("{count} acks"), || (self.acked.load(Ordering::SeqCst) >= count).then_some(()));
    }

    /// Waits for the senders, then compares their acks with what is stored.
    pub fn assert_nothing_lost(self, addr: SocketAddr) {
        let mut of_group = BTreeMap::new();
        for sender in self.to_group {
            of_group.extend(sender.join().expect("a sender to the group failed; its message is above"));
        }
        let mut of_pairs = Vec::new();
        for (account, sender) in self.to_reader {
            of_pairs.push((account, sender.join().expect("a sender to the reader failed; its message is above")));
        }
        let mut reader = self.reader.login(addr);
        assert_each_exists_once(&reader.history_of_group(self.group), &of_group);
        for (account, acks) in of_pairs {
            assert_each_exists_once(&reader.history_with(account.id), &acks);
        }
    }
}
