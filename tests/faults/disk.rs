//! The disk of the embedded database is full.

use serde_json::json;

use crate::common::client::Client;
use crate::common::crowd::Crowd;
use crate::common::process::wait_for;
use crate::small_disk::SmallDisk;
use crate::suite::{CLIENTS, Suite, rounds};

#[test]
fn a_full_disk_is_an_answer_and_room_is_service() {
    let mut suite = Suite::start("disk");
    let disk = SmallDisk::with_a_node(&[]);
    let node = disk.node();
    let mut probe = Client::newcomer(node.addr(), "probe");
    let other = Client::newcomer(node.addr(), "other");
    let crowd = Crowd::start(&[node.addr()], CLIENTS);
    let sessions = crowd.logins();
    for _ in 0..rounds() {
        suite.struck(disk.fault());
        disk.fill();
        wait_for("a message to be refused", || {
            let reply = probe.request(json!({"msgid": 6, "toid": other.id, "msg": "x".repeat(4000)}));
            assert!([json!(0), json!(503)].contains(&reply["errno"]), "a full disk is errno 503, not {reply}");
            (reply["errno"] == 503).then_some(())
        });
        // What needs no room is done.
        probe.ok(json!({"msgid": 43, "id": other.id, "limit": 1}));
        disk.make_room();
        suite.healed(&crowd);
    }
    assert_eq!(crowd.logins(), sessions, "sessions survive a full disk");
    suite.finish(crowd);
}
