//! What the streams of old clients may hold: halves, several objects at once, and what their servers died of.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::clients::{GAP, Old, Program};
use crate::common::client::{Account, Client, unique};
use crate::common::node::Node;
use crate::common::process::wait_for;

fn pair(addr: SocketAddr) -> (Old, Client) {
    (Old::join(Program::Course, addr, &unique("old")), Account::register(addr, "new").login(addr))
}

#[test]
fn objects_are_cut_wherever_segments_end() {
    let node = Node::with_settings(&[GAP]);
    let (mut old, mut new) = pair(node.addr());
    let to = new.id;
    let chat = |text: &str| json!({"msgid": 6, "id": 1, "toid": to, "msg": text}).to_string();
    // Byte by byte, through the middle of a letter, and the NUL by itself.
    for byte in (chat("halves 你") + "\0").bytes() {
        old.send_bytes(&[byte]);
        sleep(Duration::from_millis(1));
    }
    // Several in one, with whatever stands between them.
    old.send_bytes(
        [chat("one"), "\0".into(), chat("two"), chat("three"), "\r\n \0\0".into(), chat("four")].concat().as_bytes(),
    );
    let texts: Vec<_> = (0..5).map(|_| new.expect_push(6)["msg"].clone()).collect();
    assert_eq!(texts, ["halves 你", "one", "two", "three", "four"]);
}

#[test]
fn what_is_no_object_costs_nobody_anything() {
    let node = Node::with_settings(&[GAP]);
    let (mut old, mut new) = pair(node.addr());
    let to = new.id;
    let chat = |text: &str| json!({"msgid": 6, "id": 1, "toid": to, "msg": text}).to_string() + "\0";
    for bad in [
        "no object at all\0",
        "{\"msgid\":\"six\",\"toid\":1}\0",
        "{\"msgid\":6,\"toid\":\"one\",\"msg\":7}\0",
        "{\"msgid\":6}\0",
        "{\"msgid\":99}",
        "{\"msgid\":99.5}",
        "{]\0",
        "{\"half\":\"of one\0",
        "[1,2]\0",
        "}}}}\0",
        "\u{feff}{}\0",
    ] {
        old.send_bytes(bad.as_bytes());
        old.send_bytes(chat(bad).as_bytes());
        assert_eq!(new.expect_push(6)["msg"], bad);
    }
    // A lost backslash swallows the quote that would close the text: what begins a second later is taken all the same.
    old.send_bytes(b"{\"msgid\":6,\"msg\":\"lost\\\"}");
    sleep(Duration::from_millis(1_200));
    old.send_bytes(chat("found").as_bytes());
    assert_eq!(new.expect_push(6)["msg"], "found");
    assert!(old.shown.is_empty());
    // 100 KB in one object is too much; nobody else is concerned.
    old.send_bytes(b"{\"msgid\":6,\"msg\":\"");
    old.send_bytes(&vec![b'x'; 100_000]);
    let mut other = Old::join(Program::Course, node.addr(), &unique("other"));
    new.ok(json!({"msgid": 6, "toid": other.id, "msg": "still here"}));
    other.wait_for_shown(1);
    node.assert_running();
}

#[test]
fn who_stands_at_a_menu_is_not_sent_away() {
    let node = Node::with_settings(&[GAP, "limits.login_seconds=1", "limits.silent_per_address=3"]);
    let mut silent = Old::start(Program::Course, node.addr());
    let mut at_menu = Old::start(Program::Polaris, node.addr());
    let name = unique("anna");
    let id = at_menu.register(&name);
    let mut native = Client::connect(node.addr());
    native.request(json!({"msgid": 17}));
    // Its second is over when the fourth has come and gone, who has no place among the silent any more.
    let mut places = vec![Old::start(Program::Qq, node.addr())];
    places.push(Old::start(Program::Qq, node.addr()));
    let lines = native.expect_closed();
    assert_eq!(lines.last().unwrap()["errno"], 401);
    sleep(Duration::from_millis(1_500));
    let stays = places.iter_mut().map(|one| !one.is_closed()).filter(|stays| *stays).count();
    assert!(!silent.is_closed() && stays >= 1, "{stays}");
    at_menu.login(id);
    at_menu.log_out();
    sleep(Duration::from_millis(1_500));
    at_menu.login(id);
    assert_eq!(silent.register(&unique("ben")), id + 1);
    // Where nobody is expected who stands at a menu, nobody may be silent.
    let node = Node::with_settings(&["limits.login_seconds=1", "dialects.enabled=false"]);
    let mut silent = Old::start(Program::Course, node.addr());
    wait_for("the silent one to be sent away", || silent.is_closed().then_some(()));
}

#[test]
fn where_nearly_all_connections_are_taken_the_silent_give_way() {
    // Nine of ten may be open; more are too many.
    let node = Node::with_settings(&[GAP, "reactors=1", "limits.login_seconds=2", "limits.connections=10"]);
    let mut silent: Vec<Old> = (0..4).map(|_| Old::start(Program::Course, node.addr())).collect();
    let mut members: Vec<Old> =
        (0..5).map(|number| Old::join(Program::Course, node.addr(), &unique(&format!("member{number}")))).collect();
    sleep(Duration::from_millis(2_500));
    assert!(silent.iter_mut().all(|one| !one.is_closed()), "the limit is not near yet");
    let mut last = Old::join(Program::Course, node.addr(), &unique("last"));
    wait_for("the oldest to make room", || silent[0].is_closed().then_some(()));
    // The next look comes after five seconds.
    sleep(Duration::from_millis(5_500));
    assert!(silent[1..].iter_mut().all(|one| !one.is_closed()), "one was enough");
    assert!(members.iter_mut().all(|one| !one.is_closed()) && !last.is_closed());
}

#[test]
fn a_first_object_in_pieces_shows_the_same() {
    let node = Node::with_settings(&[GAP, "limits.login_seconds=1"]);
    for pieces in [
        ["{\"msgid\":4,\"name\":\"in two\",", "\"password\":\"secret\"}\0"],
        ["{\"msgid\":4,\"name\":\"nul\",\"pwd\":\"x\"}", "\0"],
    ] {
        let mut old = Old::start(Program::Course, node.addr());
        for piece in pieces {
            old.send_bytes(piece.as_bytes());
            sleep(Duration::from_millis(100));
        }
        assert_eq!(old.awaited(5)["errno"], 0);
        // At the menu it has the time of one who is silent, not that of a login.
        sleep(Duration::from_millis(1_500));
        assert!(!old.is_closed());
    }
}

#[test]
fn a_line_that_comes_in_pieces_is_still_a_line() {
    let node = Node::with_settings(&[GAP]);
    let mut client = Client::connect(node.addr());
    for piece in [&b"{\"msgid\":17,"[..], b"\"tag\":1}", b"\n"] {
        client.send_raw(piece);
        sleep(Duration::from_millis(50));
    }
    assert_eq!(client.recv(), json!({"msgid": 18, "errno": 0, "tag": 1}));
    let mut client = Client::connect(node.addr());
    client.send_raw(b"{\"msgid\":6,\"password\":\"no login\"}\nhello?\n");
    assert_eq!(client.recv()["errno"], 401);
    assert_eq!(client.recv()["msgid"], 19);
}

#[test]
fn what_is_nothing_at_the_beginning_costs_nothing_that_follows() {
    let node = Node::with_settings(&[GAP]);
    for nothing in [&b"\0"[..], b"{}\0", b"{\"id\":1,\"msgid\":1,\"password\":\"x\0", b"what\0", b" \0\0 \0"] {
        let mut old = Old::start(Program::Course, node.addr());
        old.send_bytes(nothing);
        sleep(Duration::from_millis(100));
        old.register(&unique("afterwards"));
    }
    // Half of an object that never ends gives way to the next one a second later.
    let mut old = Old::start(Program::Polaris, node.addr());
    old.send_bytes(b"{\"msgId\":5,\"username\":\"a\"b\",\"password\":\"");
    sleep(Duration::from_millis(1_200));
    old.register(&unique("afterwards"));
    // What ends with a line end is a line all the same.
    let mut client = Client::connect(node.addr());
    client.send_raw(b"\0 \0{\"msgid\":17}\n");
    assert_eq!(client.recv(), json!({"msgid": 18, "errno": 0}));
}
