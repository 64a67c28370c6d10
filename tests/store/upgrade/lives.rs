//! The people of a dump come back: with their passwords and their tokens, to what they had, and what they do next comes behind it.
//! What is here says in Rust what scripts/schema-dump has had them do.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::common::client::{Account, Client, seqs};

const NAMES: [&str; 12] = [
    "anna",
    "Ben",
    "ΛΟΓΟΣ",
    "O'Brien",
    "café",
    "张三 😀",
    "back\\slash \"q\"",
    "100%_sure",
    "carl",
    "dora",
    "eve",
    "mallory",
];
/// Of version 1: there were no rules for names yet.
const FIRST_NAMES: [&str; 12] = [
    "anna",
    "ben",
    "ΛΟΓΟΣ",
    "λογοσ",
    "anna\u{200B}",
    "12345",
    "#chess",
    "O'Brien",
    "café",
    "cafe\u{301}",
    "张三 😀",
    "Ａnna",
];
const ANNA: u64 = 1;
const BEN: u64 = 2;
const LOGOS: u64 = 3;
const OBRIEN: u64 = 4;
const ZHANG: u64 = 6;
const SLASH: u64 = 7;
const PERCENT: u64 = 8;
const CARL: u64 = 9;
const DORA: u64 = 10;
const EVE: u64 = 11;
const MALLORY: u64 = 12;
const FRIEDA: u64 = 101;
const GUEL: u64 = 102;
// Groups.
const CHESS: u64 = 1;
const GO: u64 = 2;
const READING: u64 = 51;

/// What the two, or a group, have said first; 8 texts of anna's, in the group of anna and Ben in turn.
const TEXTS: [&str; 8] = [
    "plain",
    "it's \"quoted\" \\ back\\slash",
    "é 😀 👩‍👩‍👧 中文",
    "\0 🦊 \u{2028}",
    "\u{2028} raw",
    "100%_ -- ; DROP TABLE User",
    "",
    "line\nline\ttab",
];

/// What a schema could keep.
#[derive(Clone, Copy)]
struct Since(i64);

impl Since {
    fn chat(self) -> bool {
        self.0 >= 3
    }

    fn import(self) -> bool {
        self.0 >= 4
    }

    /// An account may be disabled: mallory's is.
    fn operation(self) -> bool {
        self.0 >= 5
    }

    /// How many events there are behind the first nine messages of anna and Ben.
    fn events(self) -> u64 {
        if self.chat() { 6 } else { 0 }
    }

    /// And behind the first eight in the group.
    fn group_events(self) -> u64 {
        if self.chat() { 3 } else { 0 }
    }
}

pub(super) fn everybody_goes_on(addr: SocketAddr, version: i64, tokens: &[(u64, String, String)]) {
    let since = Since(version);
    passwords_are_good(addr, since);
    if version == 1 {
        // What these have said is looked at by first.rs.
        return tokens_are_good(addr, tokens);
    }
    unread_is_unread(addr, since);
    tokens_are_good(addr, tokens);
    what_was_said_is_there(addr, since);
    people_know_each_other(addr, since);
    groups_are_as_they_were(addr, since);
    if since.chat() {
        conversations_are_as_they_were(addr);
        groups_keep_order(addr, since);
        accounts_are_as_they_were(addr);
    } else {
        what_had_arrived_is_read(addr);
    }
    if since.import() {
        who_was_imported_is_there(addr);
    }
    what_comes_next_comes_behind_it(addr, since);
}

fn login(addr: SocketAddr, user: u64) -> Client {
    login_with(addr, user, json!({}))
}

fn login_with(addr: SocketAddr, user: u64, mut fields: Value) -> Client {
    fields["ack"] = json!(true);
    fields["pwd"] = json!(format!("pw of {user}"));
    Account { id: user, name: format!("user {user}") }.login_with(addr, fields)
}

/// One field of each object of a list.
fn each(list: &Value, field: &str) -> Vec<Value> {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter().map(|object| object[field].clone()).collect()
}

fn passwords_are_good(addr: SocketAddr, since: Since) {
    let names = if since.0 == 1 { FIRST_NAMES } else { NAMES };
    for (user, mut name) in (1..).zip(names) {
        let mut stranger = Client::connect(addr);
        stranger.refused(json!({"msgid": 1, "id": user, "pwd": "not it"}), 1);
        if since.chat() && user == DORA {
            stranger.refused(json!({"msgid": 1, "id": user, "pwd": format!("pw of {user}")}), 1);
            stranger.refused(json!({"msgid": 1, "name": name, "pwd": format!("pw of {user}")}), 1);
            continue;
        }
        if since.operation() && user == MALLORY {
            stranger.refused(json!({"msgid": 1, "name": name, "pwd": format!("pw of {user}")}), 403);
            continue;
        }
        if since.chat() && user == CARL {
            name = "Carlo";
        }
        let reply = stranger.ok(json!({"msgid": 1, "name": name, "pwd": format!("pw of {user}"), "ack": true}));
        assert_eq!((&reply["id"], &reply["name"]), (&json!(user), &json!(name)));
        stranger.log_out();
    }
}

fn tokens_are_good(addr: SocketAddr, tokens: &[(u64, String, String)]) {
    assert!(tokens.len() >= 3, "{tokens:?}");
    for (user, device, token) in tokens {
        let mut request = json!({"msgid": 1, "id": user, "token": token, "ack": true});
        if !device.is_empty() {
            request["device"] = json!(device);
        }
        let reply = Client::connect(addr).ok(request);
        assert_eq!((&reply["id"], &reply["token"]), (&json!(user), &json!(token)));
    }
}

/// The `seq` of what is pending, of the conversation with Ben and of the group.
fn pending(client: &Client) -> (Vec<u64>, Vec<u64>) {
    let (groups, pairs): (Vec<Value>, Vec<Value>) =
        client.offline_messages().into_iter().partition(|message| message["groupid"].is_u64());
    let with_ben: Vec<Value> =
        pairs.into_iter().filter(|message| message["id"] == BEN || message["toid"] == BEN).collect();
    let mut both = (seqs(&with_ben), seqs(&groups));
    both.0.sort_unstable();
    both.1.sort_unstable();
    both
}

/// Each device is where it was.
fn unread_is_unread(addr: SocketAddr, since: Since) {
    let (events, group_events) = (since.events(), since.group_events());
    let away = [10 + events, 11 + events, 12 + events];
    let to_all = 9 + group_events;
    let mut anna = login(addr, ANNA);
    assert_eq!(pending(&anna), ([&[9][..], &away].concat(), vec![2, 4, 6, 8, to_all]));
    anna.log_out();
    let mut phone = login_with(addr, ANNA, json!({"device": "phone"}));
    // What was said from another device is news for this one.
    assert_eq!(pending(&phone), (away.to_vec(), vec![7, 8, to_all]));
    phone.log_out();
    let mut zhang = login(addr, ZHANG);
    assert_eq!(pending(&zhang).1, [5, 6, 7, 8, to_all]);
    zhang.log_out();
    let mut percent = login(addr, PERCENT);
    assert_eq!(percent.offline_messages()[0]["msg"], "to one who was never there");
    percent.log_out();
}

fn what_was_said_is_there(addr: SocketAddr, since: Since) {
    let mut anna = login(addr, ANNA);
    let said = anna.history_with(BEN);
    assert_eq!(seqs(&said), (1..=12 + since.events()).collect::<Vec<_>>());
    for (at, text) in TEXTS.iter().enumerate() {
        let message = &said[at];
        assert_eq!((&message["msgid"], &message["id"], &message["toid"]), (&json!(6), &json!(ANNA), &json!(BEN)));
        match at {
            1 if since.chat() => {
                assert_eq!(message["msg"], "edited: \"2\" \\ 🦊");
                assert_eq!(message["edited"], said[9]["time"]);
            }
            5 if since.chat() => assert_eq!((&message["recalled"], &message["msg"]), (&json!(true), &Value::Null)),
            _ => assert_eq!((&message["msg"], &message["edited"]), (&json!(text), &Value::Null)),
        }
    }
    assert_eq!((&said[8]["id"], &said[8]["msg"]), (&json!(BEN), &json!("good morning")));
    assert_eq!(said[8]["ext"].to_string(), r#"{"n":[1,null],"type":"text/plain"}"#);
    for (number, message) in said[said.len() - 3..].iter().enumerate() {
        assert_eq!((&message["id"], &message["msg"]), (&json!(BEN), &json!(format!("while you are away {number}"))));
    }
    if since.chat() {
        let reaction = |reaction: &str| json!({"reaction": reaction, "count": 1, "mine": true});
        assert_eq!(said[0]["reactions"], json!([reaction("👍"), reaction("\\o/")]));
        assert_eq!(each(&json!(said[9..15]), "msgid"), [57, 59, 61, 61, 61, 61]);
        assert_eq!(each(&json!(said[9..15]), "of"), [2, 6, 1, 1, 1, 1]);
    }

    let said = anna.history_of_group(CHESS);
    assert_eq!(seqs(&said), (1..=9 + since.group_events()).collect::<Vec<_>>());
    for (at, text) in TEXTS.iter().enumerate() {
        assert_eq!(said[at]["id"], [ANNA, BEN][at % 2]);
        match at {
            2 if since.chat() => assert_eq!(said[at]["recalled"], true),
            _ => assert_eq!(said[at]["msg"], json!(text)),
        }
    }
    if since.chat() {
        assert_eq!(said[1]["reactions"], json!([{"reaction": "🎉", "count": 2, "mine": true}]));
    }
    assert_eq!(said.last().unwrap()["msg"], "to all who are away");
    let found = anna.ok(json!({"msgid": 63, "keyword": "GOOD morning"}));
    assert_eq!(each(&found["messages"], "seq"), [9]);
    anna.log_out();
    let mut logos = login(addr, LOGOS);
    assert_eq!(logos.history_with(SLASH)[0]["msg"], "no cid");
    logos.log_out();
}

fn people_know_each_other(addr: SocketAddr, since: Since) {
    let mut ben = login(addr, BEN);
    let friends = ben.ok(json!({"msgid": 27}))["friends"].clone();
    assert_eq!(each(&friends, "id"), [ANNA, ZHANG]);
    if since.chat() {
        assert_eq!(friends[0]["ext"], json!({"status": "in \"Oslo\" \\ 🦊", "n": 1.5}));
    }
    let asks = ben.expect_push(35);
    assert_eq!((&asks["id"], &asks["msg"]), (&json!(CARL), &json!("")));
    ben.log_out();
    let mut anna = login(addr, ANNA);
    assert_eq!(each(&anna.welcome["friends"], "id"), [BEN, LOGOS]);
    let asks = anna.expect_push(35);
    assert_eq!((&asks["id"], &asks["msg"]), (&json!(OBRIEN), &json!("we met in \"Oslo\" \\ 中文")));
    anna.log_out();
    let mut obrien = login(addr, OBRIEN);
    assert_eq!(each(&obrien.ok(json!({"msgid": 91}))["friends"], "id"), [ANNA]);
    obrien.log_out();
}

fn groups_are_as_they_were(addr: SocketAddr, since: Since) {
    let mut anna = login(addr, ANNA);
    let groups = anna.ok(json!({"msgid": 29}))["groups"].clone();
    let (chess, go) = (&groups[0], &groups[1]);
    let settings = |group: &Value| {
        ["id", "groupname", "groupdesc", "total", "join", "speak", "history", "role"].map(|field| group[field].clone())
    };
    let members: Vec<(Value, Value)> =
        each(&chess["users"], "id").into_iter().zip(each(&chess["users"], "role")).collect();
    let member = |id: u64, role: &str| (json!(id), json!(role));
    let desc = "it's \"quoted\" \\ 😀";
    if since.chat() {
        let expected = json!([CHESS, "chess", "Thursdays at nine", 5, "ask", "all", "joined", "creator"]);
        assert_eq!(json!(settings(chess)), expected);
        let expected = json!([GO, "weiqi", desc, 2, "invite", "admins", "all", "normal"]);
        assert_eq!(json!(settings(go)), expected);
        let others = [LOGOS, ZHANG, SLASH].map(|id| member(id, "normal"));
        assert_eq!(members, [&[member(ANNA, "creator"), member(BEN, "admin")][..], &others].concat());
    } else {
        let expected = json!([CHESS, "chess", "Thursdays at eight", 4, "open", "all", "all", "creator"]);
        assert_eq!(json!(settings(chess)), expected);
        let expected = json!([GO, "go & 围棋", desc, 2, "open", "all", "all", "normal"]);
        assert_eq!(json!(settings(go)), expected);
        let others = [BEN, LOGOS, ZHANG].map(|id| member(id, "normal"));
        assert_eq!(members, [&[member(ANNA, "creator")][..], &others].concat());
    }
    anna.log_out();
    let mut obrien = login(addr, OBRIEN);
    obrien.refused(json!({"msgid": 43, "groupid": CHESS}), 403);
    obrien.log_out();
}

/// How far people have read, and what they want to see of it.
fn conversations_are_as_they_were(addr: SocketAddr) {
    let of = |client: &mut Client, field: &str, id: u64| -> Value {
        let list = client.ok(json!({"msgid": 47}))["conversations"].clone();
        let found = list.as_array().unwrap().iter().find(|row| row[field] == id).cloned();
        found.unwrap_or_else(|| panic!("{field} {id} is not in {list}"))
    };
    let mut anna = login(addr, ANNA);
    let chess = of(&mut anna, "groupid", CHESS);
    let fields = ["total", "last_seq", "muted", "pinned"].map(|field| chess[field].clone());
    assert_eq!(json!(fields), json!([5, 12, true, true]));
    assert_eq!(chess["last"]["msg"], "to all who are away");
    let dora = of(&mut anna, "id", DORA);
    assert_eq!((&dora["erased"], &dora["name"]), (&json!(true), &Value::Null));
    assert_eq!(anna.history_with(DORA)[0]["recalled"], true);
    anna.log_out();
    let mut ben = login(addr, BEN);
    let with_anna = of(&mut ben, "id", ANNA);
    let fields = ["last_seq", "muted", "pinned"].map(|field| with_anna[field].clone());
    assert_eq!(json!(fields), json!([18, false, true]));
    ben.log_out();
    let mut logos = login(addr, LOGOS);
    let chess = of(&mut logos, "groupid", CHESS);
    assert_eq!((&chess["read"], &chess["unread"]), (&json!(7), &json!(2)), "8 and 12: events do not count");
    logos.log_out();
}

/// Of a version that did not know what was read: what had arrived, was.
fn what_had_arrived_is_read(addr: SocketAddr) {
    let mut zhang = login(addr, ZHANG);
    let chess = zhang.ok(json!({"msgid": 47}))["conversations"][0].clone();
    let fields = ["groupid", "last_seq", "read", "unread"].map(|field| chess[field].clone());
    assert_eq!(json!(fields), json!([CHESS, 9, 4, 5]));
    zhang.log_out();
}

fn groups_keep_order(addr: SocketAddr, since: Since) {
    let mut anna = login(addr, ANNA);
    let of_chess = |msgid: u64| json!({"msgid": msgid, "groupid": CHESS});
    assert_eq!(each(&anna.ok(of_chess(73))["users"], "id"), [MALLORY]);
    assert_eq!(each(&anna.ok(of_chess(81))["users"], "id"), [EVE]);
    anna.refused(json!({"msgid": 10, "groupid": GO, "msg": "only admins speak"}), 403);
    let outsiders = if since.operation() { vec![EVE] } else { vec![MALLORY, EVE] };
    for user in outsiders {
        let mut client = login(addr, user);
        client.refused(of_chess(43), 403);
        client.log_out();
    }
    if !since.operation() {
        let mut mallory = login(addr, MALLORY);
        mallory.refused(of_chess(9), 403);
        mallory.log_out();
    }
    let mut zhang = login(addr, ZHANG);
    let muted = json!({"msgid": 10, "groupid": CHESS, "msg": "muted"});
    assert!(zhang.refused(muted.clone(), 403)["until"].as_str().unwrap().starts_with("2100-"));
    zhang.log_out();
    // Who had left while muted is muted again.
    let mut obrien = login(addr, OBRIEN);
    assert_eq!(obrien.ok(of_chess(9))["waiting"], true);
    anna.ok(json!({"msgid": 79, "groupid": CHESS, "id": OBRIEN, "accept": true}));
    assert!(obrien.refused(muted, 403)["until"].as_str().unwrap().starts_with("2100-"));
    obrien.ok(of_chess(23));
    obrien.log_out();
    anna.log_out();
    let mut slash = login(addr, SLASH);
    assert_eq!(seqs(&slash.history_of_group(CHESS)), [9, 10, 11, 12], "from the joining on");
    slash.log_out();
    let mut carl = login(addr, CARL);
    let invited = json!([{"groupid": GO, "groupname": "weiqi", "id": BEN, "name": "Ben"}]);
    assert_eq!(carl.ok(json!({"msgid": 91}))["groups"], invited);
    carl.log_out();
}

fn accounts_are_as_they_were(addr: SocketAddr) {
    let mut ben = login(addr, BEN);
    assert_eq!(each(&ben.ok(json!({"msgid": 55}))["users"], "id"), [EVE]);
    ben.log_out();
    let mut eve = login(addr, EVE);
    eve.refused(json!({"msgid": 6, "toid": BEN, "msg": "blocked"}), 403);
    for name in ["Carl", "DORA"] {
        let mut stranger = Client::connect(addr);
        stranger.refused(json!({"msgid": 4, "name": name, "pwd": "held"}), 1);
    }
    eve.refused(json!({"msgid": 8, "groupname": "Go & 围棋", "groupdesc": ""}), 1);
    eve.log_out();
    let mut carl = login(addr, CARL);
    assert_eq!(carl.ok(json!({"msgid": 87, "name": "carl"}))["name"], "carl", "one's own name comes back");
    carl.log_out();
    let mut anna = login(addr, ANNA);
    let sessions = anna.ok(json!({"msgid": 85}))["sessions"].clone();
    assert!(each(&sessions, "device").contains(&json!("phone")), "{sessions}");
    anna.log_out();
}

fn who_was_imported_is_there(addr: SocketAddr) {
    let mut guel = login(addr, GUEL);
    assert_eq!((&guel.welcome["name"], &guel.offline_messages()[0]["msg"]), (&json!("gül"), &json!("早上好")));
    assert_eq!(each(&guel.welcome["friends"], "id"), [FRIEDA]);
    assert_eq!(each(&guel.welcome["groups"], "id"), [READING]);
    guel.log_out();
    let mut frieda = login(addr, FRIEDA);
    assert_eq!(each(&frieda.welcome["groups"], "role"), ["creator"]);
    frieda.log_out();
}

fn what_comes_next_comes_behind_it(addr: SocketAddr, since: Since) {
    let (mut anna, mut ben) = (login(addr, ANNA), login(addr, BEN));
    let again = anna.ok(json!({"msgid": 6, "toid": BEN, "msg": "again", "cid": "t-0"}));
    assert_eq!(again["seq"], 1, "it was stored before the upgrade");
    assert_eq!(ben.ok(json!({"msgid": 6, "toid": ANNA, "msg": "again", "cid": 3}))["seq"], 9);
    assert_eq!(anna.say(BEN, "new")["seq"], json!(13 + since.events()));
    assert_eq!(ben.expect_push(6)["msg"], "new");
    assert_eq!(ben.say_to_group(CHESS, "new")["seq"], json!(10 + since.group_events()));
    let last = if since.import() { GUEL } else { MALLORY };
    assert_eq!(Account::register(addr, "new").id, last + 1);
    let last_group = if since.import() { READING } else { 3 };
    assert_eq!(anna.create_group("new"), last_group + 1, "also where the last one was deleted");
}
