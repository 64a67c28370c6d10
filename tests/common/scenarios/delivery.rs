//! An acknowledged message reaches everyone, in order, and not again once it is confirmed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Account, Client, seqs, texts};
use crate::common::process::wait_for;

/// Sends `count` messages to a user, some at a time, and checks their acks.
fn say_many(from: &mut Client, to: u64, count: usize) {
    let texts: Vec<String> = (1..=count).map(|number| format!("message {number}")).collect();
    for some in texts.chunks(100) {
        for text in some {
            from.send(&json!({"msgid": 6, "toid": to, "msg": text}));
        }
        for ack in from.expect_pushes(11, some.len()) {
            assert_eq!(ack["errno"], 0, "{ack}");
        }
    }
}

fn nothing_pending(account: &Account, site: Site, why: &str) {
    wait_for(why, || account.pending(site.there).is_empty().then_some(()));
}

/// Who talks in the group of [`everyone_sees_the_same_order`], and how many messages each.
const MEMBERS: usize = 5;
const EACH: usize = 40;

pub fn everyone_sees_the_same_order(site: Site) {
    let mut members: Vec<Client> =
        (0..MEMBERS).map(|n| Client::newcomer(if n % 2 == 0 { site.here } else { site.there }, "member")).collect();
    let group = members[0].create_group("order");
    for member in &mut members[1..] {
        member.join(group);
    }
    let talking: Vec<_> = members.into_iter().map(|member| std::thread::spawn(move || talk(member, group))).collect();
    let seen: Vec<BTreeMap<u64, String>> =
        talking.into_iter().map(|talk| talk.join().expect("no talker failed")).collect();
    for one in &seen {
        assert_eq!(one, &seen[0], "every member sees the same text under the same seq");
    }
}

/// Says its share and gathers all, own messages by their acks. What is pushed must ascend.
fn talk(mut member: Client, group: u64) -> BTreeMap<u64, String> {
    for number in 0..EACH {
        let text = format!("{} says {number}", member.name);
        member.send(&json!({"msgid": 10, "groupid": group, "msg": text, "cid": text}));
    }
    let mut seen = BTreeMap::new();
    let mut last_pushed = 0;
    while seen.len() < MEMBERS * EACH {
        let message = member.recv();
        if message["msgid"] == 49 {
            continue;
        }
        let seq = message["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {message}"));
        let text = if message["msgid"] == 12 { &message["cid"] } else { &message["msg"] };
        if message["msgid"] == 10 {
            assert!(seq > last_pushed, "seq {seq} pushed after {last_pushed}");
            last_pushed = seq;
        }
        let before = seen.insert(seq, text.as_str().unwrap_or_else(|| panic!("no text: {message}")).to_owned());
        assert_eq!(before, None, "seq {seq} came twice: {message}");
    }
    let expected: Vec<u64> = (1..=(MEMBERS * EACH) as u64).collect();
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), expected, "without a hole");
    seen
}

/// Messages of different conversations are ordered by their time, which has milliseconds.
fn next_millisecond() {
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let start = now();
    while now() <= start {
        std::hint::spin_loop();
    }
}

pub fn messages_wait_for_a_login(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut carol = Client::newcomer(site.there, "carol");
    let bob = Account::register(site.there, "bob");
    alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": "one", "ext": {"n": 1}}));
    next_millisecond();
    carol.say(bob.id, "two");
    next_millisecond();
    alice.say(bob.id, "three");
    let client = bob.login(site.there);
    let waiting = client.offline_messages();
    assert_eq!(texts(&waiting), ["one", "two", "three"], "oldest first");
    let first = &waiting[0];
    assert_eq!(
        (&first["msgid"], &first["id"], &first["toid"]),
        (&json!(6), &json!(alice.id), &json!(bob.id)),
        "{first}"
    );
    assert_eq!((&first["name"], &first["ext"]), (&json!(alice.name), &json!({"n": 1})), "{first}");
    assert_eq!(seqs(&waiting), [1, 1, 2]);
}

pub fn a_long_backlog_comes_whole_and_in_order(site: Site) {
    const BACKLOG: usize = 1_000;
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    say_many(&mut alice, bob.id, BACKLOG);
    let mut client = bob.login(site.there);
    let mut got = client.offline_messages();
    assert_eq!(got.len(), 100, "the login reply carries the first hundred");
    // Said while the backlog is being read: it comes behind it.
    alice.say(bob.id, "live");
    got.extend(client.expect_pushes(6, BACKLOG - 100 + 1));
    assert_eq!(seqs(&got), (1..=BACKLOG as u64 + 1).collect::<Vec<_>>());
    assert_eq!(got.last().unwrap()["msg"], "live");
    client.confirm(alice.id, BACKLOG as u64 + 1);
    client.log_out();
    nothing_pending(&bob, site, "a confirmed backlog to be gone");
}

pub fn only_the_unconfirmed_come_again(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    say_many(&mut alice, bob.id, 5);
    assert_eq!(seqs(&bob.expect_pushes(6, 5)), [1, 2, 3, 4, 5]);
    bob.confirm(alice.id, 3);
    let account = bob.account();
    drop(bob);
    wait_for("messages 4 and 5 alone to be pending", || (seqs(&account.pending(site.there)) == [4, 5]).then_some(()));
    // Seen a second time and still not confirmed: they stay.
    assert_eq!(seqs(&account.pending(site.there)), [4, 5]);
    let mut client = account.login(site.there);
    client.confirm(alice.id, 5);
    drop(client);
    nothing_pending(&account, site, "confirmed messages to be gone");
    alice.say(account.id, "six");
    assert_eq!(seqs(&account.pending(site.there)), [6]);
}

pub fn reading_counts_as_delivered_for_a_client_that_never_confirms(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    say_many(&mut alice, bob.id, 3);
    let mut client = bob.login_unconfirming(site.there);
    assert_eq!(client.offline_messages().len(), 3);
    say_many(&mut alice, bob.id, 2);
    client.expect_pushes(6, 2);
    client.ok(json!({"msgid": 17}));
    drop(client);
    // The cursor is looked at with a client that confirms: looking must not move it.
    nothing_pending(&bob, site, "what was read to count as delivered");
    alice.say(bob.id, "more");
    assert_eq!(texts(&bob.pending(site.there)), ["more"]);
}

pub fn nobody_has_his_own_messages_pending(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("mine");
    bob.join(group);
    say_many(&mut alice, bob.id, 3);
    alice.say_to_group(group, "to all");
    let account = alice.account();
    drop(alice);
    assert!(account.pending(site.here).is_empty(), "own messages are not pending");
    bob.say(account.id, "answer");
    assert_eq!(texts(&account.pending(site.here)), ["answer"]);
}

pub fn offline_shows_what_is_unconfirmed(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    say_many(&mut alice, bob.id, 4);
    bob.expect_pushes(6, 4);
    let unconfirmed = |bob: &mut Client| -> Vec<u64> {
        let reply = bob.ok(json!({"msgid": 33}));
        assert_eq!(reply["msgid"], 34);
        seqs(reply["offlinemsg"].as_array().unwrap_or_else(|| panic!("OFFLINE without offlinemsg[]: {reply}")))
    };
    assert_eq!(unconfirmed(&mut bob), [1, 2, 3, 4]);
    bob.confirm(alice.id, 2);
    assert_eq!(unconfirmed(&mut bob), [3, 4], "a session sees its own confirmations at once");
    bob.confirm(alice.id, 4);
    assert!(unconfirmed(&mut bob).is_empty());
}

pub fn a_cid_survives_a_reconnect(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let first = alice.say_once(bob.id, "once", "c");
    let account = alice.account();
    drop(alice);
    let mut alice = account.login(site.there);
    let again = alice.say_once(bob.id, "once", "c");
    assert_eq!((&again["seq"], &again["time"]), (&first["seq"], &first["time"]));
    alice.say(bob.id, "marker");
    assert_eq!(texts(&bob.expect_pushes(6, 2)), ["once", "marker"]);
}

pub fn a_group_backlog_waits_for_each_member(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let mut carol = Client::newcomer(site.here, "carol");
    let group = alice.create_group("absent");
    bob.join(group);
    carol.join(group);
    let accounts = [bob.account(), carol.account()];
    bob.log_out();
    carol.log_out();
    for number in 1..=3 {
        alice.say_to_group(group, &format!("{number}"));
    }
    let mut bob = accounts[0].login(site.there);
    assert_eq!(seqs(&bob.offline_messages()), [1, 2, 3]);
    assert_eq!(
        (&bob.offline_messages()[0]["msgid"], &bob.offline_messages()[0]["groupid"]),
        (&json!(10), &json!(group))
    );
    bob.confirm_group(group, 3);
    bob.log_out();
    nothing_pending(&accounts[0], site, "bob's backlog to be confirmed");
    assert_eq!(seqs(&accounts[1].pending(site.there)), [1, 2, 3], "one member's cursor is not another's");
}

pub fn each_device_has_its_own_cursor(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    for device in ["phone", "laptop"] {
        bob.login_from(site.there, device).log_out();
    }
    alice.say(bob.id, "to all devices");
    let pending_on = |device: &str| -> Vec<Value> {
        let mut client = bob.login_from(site.there, device);
        let pending = client.offline_messages();
        client.log_out();
        pending
    };
    assert_eq!(texts(&pending_on("phone")), ["to all devices"]);
    let mut phone = bob.login_from(site.there, "phone");
    phone.confirm(alice.id, 1);
    phone.log_out();
    wait_for("the phone's cursor to move", || pending_on("phone").is_empty().then_some(()));
    assert_eq!(texts(&pending_on("laptop")), ["to all devices"], "the laptop has not confirmed");
    // A device seen for the first time starts with an empty backlog.
    assert!(pending_on("watch").is_empty());
}

/// What one says on one device is news to the others.
pub fn own_messages_wait_for_other_devices(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    for device in ["phone", "laptop"] {
        bob.login_from(site.there, device).log_out();
    }
    let mut phone = bob.login_from(site.there, "phone");
    phone.say(alice.id, "said on the phone");
    phone.log_out();
    let laptop = bob.login_from(site.there, "laptop");
    let pending = laptop.offline_messages();
    assert_eq!(texts(&pending), ["said on the phone"]);
    assert_eq!((&pending[0]["id"], &pending[0]["toid"]), (&json!(bob.id), &json!(alice.id)), "{}", pending[0]);
    assert_eq!(alice.expect_push(6)["msg"], "said on the phone");
}

pub fn a_cursor_never_moves_back(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    say_many(&mut alice, bob.id, 4);
    bob.expect_pushes(6, 4);
    bob.confirm(alice.id, 4);
    bob.confirm(alice.id, 1);
    assert_eq!(bob.ok(json!({"msgid": 33}))["offlinemsg"], json!([]), "only forward");
    // Beyond the end: the next message must not count as delivered.
    bob.confirm(alice.id, 1_000_000);
    let account = bob.account();
    drop(bob);
    nothing_pending(&account, site, "the confirmed messages to be gone");
    alice.say(account.id, "five");
    assert_eq!(seqs(&account.pending(site.there)), [5], "never beyond the last seq");
}

pub fn a_foreign_cursor_is_ignored(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    let mut eve = Client::newcomer(site.there, "eve");
    let group = alice.create_group("foreign");
    alice.say(bob.id, "for bob");
    alice.say_to_group(group, "for the group");
    eve.confirm(bob.id, 1);
    eve.confirm(i32::MAX as u64, 1);
    eve.confirm_group(group, 1);
    eve.confirm_group(i32::MAX as u64, 1);
    eve.expect_silence();
    assert_eq!(texts(&bob.pending(site.there)), ["for bob"]);
}
