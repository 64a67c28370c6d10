//! Some users, of whom each kind of row tells something.

use serde_json::json;

use crate::common::client::{Account, Client, PASSWORD, unique};
use crate::place::{Place, Running};

/// What came of it.
pub(crate) struct Lived {
    pub(crate) anna: Account,
    pub(crate) ben: Account,
    /// Anna's session, which was cut off.
    pub(crate) token: String,
    pub(crate) epoch: String,
    pub(crate) group: u64,
    /// How many messages and events there are between anna and ben.
    pub(crate) said: u64,
    /// The texts of ben's that anna has not had.
    pub(crate) pending: Vec<String>,
}

/// Has them live on this node.
pub(crate) fn live(running: &Running) -> Lived {
    let addr = running.node.addr();
    let mut anna = Client::newcomer(addr, "anna");
    let mut ben = Account::register(addr, "ben").login_from(addr, "phone");
    let (mut cleo, mut dora) = (Client::newcomer(addr, "cleo"), Client::newcomer(addr, "dora"));
    let mut eve = Client::newcomer(addr, "eve");
    anna.ok(json!({"msgid": 7, "friendid": ben.id}));
    anna.ok(json!({"msgid": 7, "friendid": dora.id}));
    cleo.ok(json!({"msgid": 35, "friendid": ben.id, "msg": "we met in \"Oslo\" \\ 中文 🦊\n"}));
    let group = groups([&mut anna, &mut ben, &mut cleo, &mut dora, &mut eve]);
    ben.ok(json!({"msgid": 53, "id": eve.id, "on": true}));
    let said = talk(&mut anna, &mut ben, group);
    ben.ok(json!({"msgid": 87, "name": unique("benjamin"), "ext": {"n": 1.50, "pic": "🦊"}}));
    dora.say(anna.id, "farewell");
    while anna.expect_push(6)["id"] != json!(dora.id) {}
    anna.confirm(dora.id, 1);
    dora.ok(json!({"msgid": 89, "pwd": PASSWORD}));

    let (anna_account, token, epoch) = (anna.account(), anna.token.clone(), anna.welcome["epoch"].clone());
    // A client that is cut off, not one that leaves: what comes now it has not had.
    anna.confirm(ben.id, said);
    anna.expect_pushes(10, 20);
    anna.confirm_group(group, 20);
    anna.ok(json!({"msgid": 17}));
    drop(anna);
    let pending: Vec<String> = (0..3).map(|number| format!("number {number}, while you are away")).collect();
    for text in &pending {
        ben.say(anna_account.id, text);
    }
    let said = said + pending.len() as u64;
    let (ben, epoch) = (ben.account(), epoch.as_str().expect("a text").to_owned());
    Lived { anna: anna_account, ben, token, epoch, group, said, pending }
}

/// Groups with members, admins, mutes, bans, wishes, invitations, and one that is deleted. The one that stays.
fn groups([anna, ben, cleo, dora, eve]: [&mut Client; 5]) -> u64 {
    let group = anna.create_group("group");
    for client in [&mut *ben, &mut *cleo, &mut *dora, &mut *eve] {
        client.join(group);
    }
    anna.ok(json!({"msgid": 69, "groupid": group, "id": ben.id, "role": "admin"}));
    anna.ok(json!({"msgid": 71, "groupid": group, "id": eve.id, "ban": true}));
    anna.ok(json!({"msgid": 75, "groupid": group, "id": cleo.id, "seconds": 36_000}));
    // The mute is kept for when cleo comes back.
    cleo.ok(json!({"msgid": 23, "groupid": group}));
    anna.ok(json!({"msgid": 67, "groupid": group, "join": "ask", "history": "joined"}));
    cleo.ok(json!({"msgid": 9, "groupid": group}));
    let second = ben.create_group("second");
    ben.ok(json!({"msgid": 77, "groupid": second, "id": anna.id}));
    let third = cleo.create_group("third");
    cleo.say_to_group(third, "to be deleted");
    cleo.ok(json!({"msgid": 25, "groupid": third}));
    group
}

/// Messages, edits, recalls and reactions; how many there are between the two.
fn talk(anna: &mut Client, ben: &mut Client, group: u64) -> u64 {
    anna.say_once(ben.id, "hello \u{0} \u{2028} \"\\ 中文 🦊", "cid-1");
    anna.say(ben.id, "to be edited");
    anna.say(ben.id, "to be recalled");
    ben.say(anna.id, "good morning");
    anna.ok(json!({"msgid": 57, "id": ben.id, "of": 2, "msg": "edited"}));
    anna.ok(json!({"msgid": 59, "id": ben.id, "of": 3}));
    ben.ok(json!({"msgid": 61, "id": anna.id, "of": 1, "reaction": "👍", "on": true}));
    anna.ok(json!({"msgid": 61, "id": ben.id, "of": 1, "reaction": "👍", "on": true}));
    let last = ben.ok(json!({"msgid": 61, "id": anna.id, "of": 1, "reaction": "👍", "on": false}));
    for number in 0..20 {
        ben.say_to_group(group, &format!("to all: {number}"));
    }
    anna.ok(json!({"msgid": 61, "groupid": group, "of": 3, "reaction": "🎉", "on": true}));
    anna.ok(json!({"msgid": 51, "groupid": group, "muted": true}));
    ben.send(&json!({"msgid": 45, "id": anna.id, "seq": 3}));
    ben.ok(json!({"msgid": 17}));
    last["seq"].as_u64().expect("a number")
}

/// Has them live, stops the node, and waits for nothing that is removed behind their backs.
pub(crate) fn lived(place: Place) -> (Place, Lived) {
    let running = place.start();
    let lived = live(&running);
    (running.stop(), lived)
}

/// Rows of what passes, so that every table has one: something is being deleted and erased, and was imported.
pub(crate) fn add_what_passes(place: &Place) {
    for statement in [
        "DELETE FROM ErasedUser",
        "INSERT INTO ErasedUser (id, stage, conv, seq) SELECT MAX(id), 7, 0, 0 FROM User WHERE erased_at IS NOT NULL",
        "DELETE FROM DeletedGroup",
        "INSERT INTO DeletedGroup (id, deleted_at) VALUES (999, 1700000000000)",
        "INSERT INTO Imported (kind, id, mark) VALUES (1, 7, -9223372036854775808), (4, 4294967297, 9223372036854775807)",
    ] {
        place.execute(statement);
    }
}
