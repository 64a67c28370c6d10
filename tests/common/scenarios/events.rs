//! EDIT, RECALL, REACT: what becomes of a message, here and there; SEARCH: what was said is found.

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Client, seqs};

fn edit(client: &mut Client, with: Value, of: u64, msg: &str) -> Value {
    ask(client, 57, with, json!({"of": of, "msg": msg}))
}

fn ask(client: &mut Client, msgid: u64, with: Value, fields: Value) -> Value {
    let mut request = with;
    request["msgid"] = json!(msgid);
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    client.request(request)
}

fn found(reply: &Value) -> Vec<u64> {
    seqs(reply["messages"].as_array().unwrap_or_else(|| panic!("SEARCH without messages[]: {reply}")))
}

pub fn an_edit_reaches_everyone(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    alice.say(bob.id, "helo");
    bob.expect_push(6);
    let edited = ask(
        &mut alice,
        57,
        json!({"id": bob.id}),
        json!({"of": 1, "msg": "hello", "ext": {"a": 1.50}, "cid": 7, "tag": "t"}),
    );
    assert_eq!((&edited["msgid"], &edited["errno"], &edited["seq"]), (&json!(58), &json!(0), &json!(2)), "{edited}");
    assert_eq!((&edited["cid"], &edited["tag"], &edited["toid"]), (&json!(7), &json!("t"), &json!(bob.id)));
    let push = bob.expect_push(57);
    assert_eq!((&push["id"], &push["name"], &push["toid"]), (&json!(alice.id), &json!(alice.name), &json!(bob.id)));
    assert_eq!((&push["of"], &push["seq"], &push["msg"]), (&json!(1), &json!(2), &json!("hello")), "{push}");
    assert_eq!(push["ext"], json!({"a": 1.5}));
    let history = bob.history_with(alice.id);
    assert_eq!(seqs(&history), [1, 2], "who counts sees no hole");
    assert_eq!((&history[0]["msg"], &history[0]["edited"]), (&json!("hello"), &edited["time"]), "{history:?}");
    assert_eq!((&history[1]["msgid"], &history[1]["msg"]), (&json!(57), &json!("hello")));
    edit(&mut alice, json!({"id": bob.id}), 1, "hello, bob");
    bob.expect_push(57);
    let history = alice.history_with(bob.id);
    assert_eq!(history[0]["msg"], "hello, bob");
    assert_eq!((history[1].get("msg"), &history[1]["of"]), (None, &json!(1)), "overtaken: {history:?}");
}

pub fn edits_that_cannot_be(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    alice.say(bob.id, "one");
    let with_alice = json!({"id": alice.id});
    let with_bob = json!({"id": bob.id});
    edit(&mut alice, with_bob.clone(), 1, "two");
    for (errno, with, fields) in [
        (404, &with_bob, json!({"of": 9, "msg": "x"})),
        (409, &with_bob, json!({"of": 2, "msg": "x"})),
        (400, &with_bob, json!({"of": 0, "msg": "x"})),
        (400, &with_bob, json!({"of": "1", "msg": "x"})),
        (400, &with_bob, json!({"of": 1})),
        (400, &with_bob, json!({"of": 1, "msg": 7})),
        (413, &with_bob, json!({"of": 1, "msg": "x".repeat(9_000)})),
        (400, &json!({"id": alice.id}), json!({"of": 1, "msg": "x"})),
        (400, &json!({}), json!({"of": 1, "msg": "x"})),
        (400, &json!({"id": bob.id, "groupid": 1}), json!({"of": 1, "msg": "x"})),
        (404, &json!({"groupid": 999_999}), json!({"of": 1, "msg": "x"})),
    ] {
        let reply = ask(&mut alice, 57, with.clone(), fields.clone());
        assert_eq!((&reply["msgid"], &reply["errno"]), (&json!(58), &json!(errno)), "{with} {fields}: {reply}");
        assert!(reply["errmsg"].is_string());
    }
    let reply = edit(&mut bob, with_alice, 1, "mine now");
    assert_eq!(reply["errno"], 403, "{reply}");
    for reaction in [json!(7), json!(""), json!("x".repeat(33)), json!("\n"), Value::Null] {
        let reply = ask(&mut alice, 61, with_bob.clone(), json!({"of": 1, "reaction": reaction, "on": true}));
        assert_eq!((&reply["msgid"], &reply["errno"]), (&json!(62), &json!(400)), "{reaction}: {reply}");
    }
    assert_eq!(seqs(&alice.history_with(bob.id)), [1, 2], "nothing was changed");
}

pub fn a_recalled_text_is_nowhere(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    alice.say(bob.id, "a secret");
    bob.expect_push(6);
    let with_bob = json!({"id": bob.id});
    let account = bob.account();
    bob.log_out();
    let recalled = ask(&mut alice, 59, with_bob.clone(), json!({"of": 1}));
    assert_eq!((&recalled["errno"], &recalled["seq"]), (&json!(0), &json!(2)), "{recalled}");
    let again = ask(&mut alice, 59, with_bob.clone(), json!({"of": 1}));
    assert_eq!((&again["errno"], &again["seq"], &again["time"]), (&json!(0), &json!(2), &recalled["time"]), "{again}");
    assert_eq!(edit(&mut alice, with_bob, 1, "x")["errno"], 409);
    let pending = account.pending(site.there);
    let mut bob = account.login(site.there);
    for messages in [pending, bob.offline_messages(), bob.history_with(alice.id), alice.history_with(bob.id)] {
        for message in &messages {
            assert!(!message.to_string().contains("secret"), "{message}");
            let is_it = message["msgid"] == 6;
            assert_eq!(
                (message.get("recalled"), message.get("msg")),
                (is_it.then_some(&json!(true)), None),
                "{message}"
            );
        }
    }
    assert_eq!(bob.history_with(alice.id)[1]["msgid"], 59);
    assert_eq!(found(&ask(&mut bob, 63, json!({}), json!({"keyword": "secret"}))), Vec::<u64>::new());
}

pub fn reactions_are_counted(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("reactions");
    bob.join(group);
    alice.expect_notice("group_joined");
    alice.say_to_group(group, "cake?");
    bob.expect_push(10);
    let in_group = json!({"groupid": group});
    let react = |client: &mut Client, reaction: &str, on: bool| {
        ask(client, 61, json!({"groupid": group}), json!({"of": 1, "reaction": reaction, "on": on}))
    };
    let first = react(&mut bob, "👍", true);
    assert_eq!((&first["msgid"], &first["seq"], &first["groupid"]), (&json!(62), &json!(2), &json!(group)), "{first}");
    let push = alice.expect_push(61);
    assert_eq!((&push["of"], &push["reaction"], &push["on"]), (&json!(1), &json!("👍"), &json!(true)), "{push}");
    assert_eq!(react(&mut bob, "👍", true)["seq"], 2, "twice is the same event");
    let nothing = react(&mut bob, "never", false);
    assert_eq!((&nothing["errno"], nothing.get("seq")), (&json!(0), None), "{nothing}");
    assert_eq!(react(&mut alice, "👍", true)["seq"], 3);
    assert_eq!(react(&mut alice, "🎂", true)["seq"], 4);
    let of_first = |client: &mut Client| client.history_of_group(group)[0]["reactions"].clone();
    let counted = |mine: bool| json!([{"reaction": "👍", "count": 2, "mine": true}, {"reaction": "🎂", "count": 1, "mine": mine}]);
    assert_eq!((of_first(&mut alice), of_first(&mut bob)), (counted(true), counted(false)));
    assert_eq!(react(&mut alice, "🎂", false)["seq"], 5);
    assert_eq!(of_first(&mut bob), json!([{"reaction": "👍", "count": 2, "mine": true}]));
    assert_eq!(seqs(&bob.history_of_group(group)), [1, 2, 3, 4, 5]);
    let mut stranger = Client::newcomer(site.here, "stranger");
    let refused = ask(&mut stranger, 61, in_group, json!({"of": 1, "reaction": "x", "on": true}));
    assert_eq!(refused["errno"], 403, "{refused}");
}

/// A client of the earlier protocol: it sends and understands nothing of this.
pub fn an_older_client_is_not_disturbed(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let with_bob = json!({"id": bob.id});
    for text in ["one", "two"] {
        alice.say(bob.id, text);
        bob.expect_push(6);
    }
    // As it happens, as a line that is to be ignored: no holes for who counts.
    edit(&mut alice, with_bob.clone(), 1, "uno");
    assert_eq!(bob.expect_push(57)["seq"], 3);
    bob.confirm(alice.id, 2);
    let account = bob.account();
    bob.log_out();
    // What happens meanwhile is not pending for it.
    ask(&mut alice, 61, with_bob.clone(), json!({"of": 2, "reaction": "x", "on": true}));
    ask(&mut alice, 59, with_bob.clone(), json!({"of": 1}));
    let mut bob = account.login(site.there);
    assert_eq!(bob.offline_messages(), Vec::<Value>::new());
    bob.expect_silence();
    alice.say(bob.id, "three");
    let push = bob.expect_push(6);
    assert_eq!((&push["seq"], &push["msg"]), (&json!(6), &json!("three")));
    bob.confirm(alice.id, 6);
    bob.log_out();
    assert_eq!(account.pending(site.there), Vec::<Value>::new());
}

pub fn what_was_said_is_found_again(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("search");
    for text in ["the Blue house", "a red one", "BLUE again"] {
        alice.say(bob.id, text);
    }
    // In another millisecond: the order of conversations goes by it.
    std::thread::sleep(std::time::Duration::from_millis(5));
    alice.say_to_group(group, "blue among us");
    let search = |client: &mut Client, fields: Value| ask(client, 63, json!({}), fields);
    let all = search(&mut alice, json!({"keyword": "blue"}));
    assert_eq!((found(&all), &all["more"]), (vec![1, 3, 1], &json!(false)), "{all}");
    assert_eq!(all["messages"][0]["msgid"], 10, "each as its push");
    let with_bob = json!({"id": bob.id, "keyword": "blue", "limit": 1});
    let first = search(&mut alice, with_bob.clone());
    assert_eq!((found(&first), &first["more"]), (vec![3], &json!(true)));
    let mut rest = with_bob;
    rest["after"] = first["next"].clone();
    assert_eq!(found(&search(&mut alice, rest)), [1]);
    assert_eq!(found(&search(&mut bob, json!({"keyword": "blue"}))), [3, 1], "not what the group said");
    let from_bob = json!({"keyword": "blue", "from": bob.id});
    assert_eq!(found(&search(&mut bob, from_bob)), Vec::<u64>::new());
    for (errno, fields) in [
        (400, json!({})),
        (400, json!({"keyword": "b"})),
        (400, json!({"keyword": 12})),
        (400, json!({"keyword": "blue", "limit": 0})),
        (400, json!({"keyword": "blue", "after": "nonsense"})),
        (400, json!({"keyword": "blue", "after": 7})),
        (400, json!({"keyword": "blue", "id": bob.id, "groupid": group})),
        (403, json!({"keyword": "blue", "groupid": group})),
        (404, json!({"keyword": "blue", "groupid": 999_999})),
    ] {
        let reply = search(&mut bob, fields.clone());
        assert_eq!((&reply["msgid"], &reply["errno"]), (&json!(64), &json!(errno)), "{fields}: {reply}");
    }
}
