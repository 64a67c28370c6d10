//! Who makes room when nearly all connections are taken.

use super::*;

/// Ten connections may be open, and nine are too many to be silent for long. `open` are.
fn bed(open: i64) -> Bed {
    let mut config = Config { reactors: 1, ..Config::default() };
    config.limits.connections = 10;
    let bed = Bed::with(config);
    bed.metrics.connections.set(open);
    bed
}

impl Bed {
    fn turn_ends(&mut self) {
        self.local.turn_ended(&mut self.net, self.now);
    }

    fn closed(&self) -> Vec<u32> {
        let closed = self.net.0.iter().filter(|(_, (_, wire))| wire.closed == Some(CloseReason::LoginTimeout));
        let mut slots: Vec<u32> = closed.map(|(id, _)| id.slot).collect();
        slots.sort_unstable();
        slots
    }

    /// Three that are silent, one a second, and one who is logged in.
    fn open_all(&mut self) {
        for slot in [2, 0, 1] {
            self.open(slot);
            self.now += Duration::from_secs(1);
        }
        self.open(3);
        self.log_in(3, 1);
    }
}

#[test]
fn near_the_limit_the_silent_have_the_time_of_a_login_and_the_oldest_go_first() {
    let mut bed = bed(10);
    bed.open_all();
    bed.now += Duration::from_secs(26);
    bed.turn_ends();
    assert!(bed.closed().is_empty(), "all have been silent for less than a login may take");
    bed.now += Duration::from_secs(30);
    bed.turn_ends();
    assert_eq!(bed.closed(), [2], "one is too many");
    bed.turn_ends();
    assert_eq!(bed.closed(), [2], "not at every turn");
    bed.metrics.connections.set(11);
    bed.net.0.retain(|_, (_, wire)| wire.closed.is_none());
    bed.now += Duration::from_secs(5);
    bed.turn_ends();
    assert_eq!(bed.closed(), [0, 1], "and never one who is logged in");
}

#[test]
fn far_from_the_limit_the_silent_stay() {
    let mut bed = bed(9);
    bed.open_all();
    bed.now += Duration::from_secs(500);
    bed.turn_ends();
    assert!(bed.closed().is_empty());
}

#[test]
fn a_request_at_the_menu_makes_one_young_again() {
    let mut bed = bed(10);
    bed.open_all();
    bed.session(2).stands_at_menu();
    bed.now += Duration::from_secs(60);
    let now = bed.now;
    bed.session(2).breaks_silence(now);
    bed.session(0).at_worker = true;
    bed.turn_ends();
    assert_eq!(bed.closed(), [1], "of the others one waits for a worker");
}
