//! What a chat message may contain, where it may go, and how it arrives.

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Account, Client, seqs, unique};

/// Asserts RFC 3339 in UTC with milliseconds: `2026-01-31T12:34:56.789Z`.
fn assert_time(message: &Value) {
    let time = message["time"].as_str().unwrap_or_else(|| panic!("no time: {message}"));
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "RFC 3339 with milliseconds: {message}");
}

pub fn a_message_arrives_as_it_was_sent(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let ack = alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": "hello", "cid": "c-1", "tag": "t", "id": alice.id}));
    assert_eq!(ack["msgid"], 11);
    assert_eq!(ack["toid"], bob.id, "{ack}");
    assert_eq!(ack["seq"], 1, "{ack}");
    assert_eq!(ack["cid"], "c-1", "{ack}");
    assert_eq!(ack["tag"], "t", "{ack}");
    assert_time(&ack);
    let push = bob.expect_push(6);
    assert_eq!(push["id"], alice.id, "{push}");
    assert_eq!(push["name"], alice.name.as_str(), "{push}");
    assert_eq!(push["toid"], bob.id, "{push}");
    assert_eq!(push["msg"], "hello", "{push}");
    assert_eq!(push["seq"], 1, "{push}");
    assert_eq!(push["time"], ack["time"], "the sender and the addressee see one time");
    assert!(push.get("tag").is_none(), "a tag is between the sender and the server: {push}");
    alice.expect_silence();
    bob.expect_silence();
}

pub fn both_directions_share_one_sequence(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for round in 0..5 {
        assert_eq!(alice.say(bob.id, "ping")["seq"], 2 * round + 1);
        assert_eq!(bob.expect_push(6)["seq"], 2 * round + 1);
        assert_eq!(bob.say(alice.id, "pong")["seq"], 2 * round + 2);
        assert_eq!(alice.expect_push(6)["seq"], 2 * round + 2);
    }
    let mut carol = Client::newcomer(site.there, "carol");
    assert_eq!(alice.say(carol.id, "first")["seq"], 1, "each conversation counts for itself");
    assert_eq!(carol.expect_push(6)["msg"], "first");
}

/// Sends each text and compares what arrives, now and out of the store.
fn assert_texts_arrive(site: Site, texts: &[String]) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for text in texts {
        alice.say(bob.id, text);
        assert_eq!(bob.expect_push(6)["msg"].as_str(), Some(text.as_str()), "pushed as it was sent");
    }
    for (stored, text) in bob.history_with(alice.id).iter().zip(texts) {
        assert_eq!(stored["msg"].as_str(), Some(text.as_str()), "stored as it was sent");
    }
}

pub fn every_script_survives(site: Site) {
    let texts = [
        "",
        " leading and trailing ",
        "ASCII: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        "Ελληνικά кириллица עברית العربية فارسی",
        "हिन्दी বাংলা தமிழ் ไทย ខ្មែរ မြန်မာ ગુજરાતી",
        "漢字 かな カナ 한글 𠮷野家 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 ᚠᛇᚻ",
        "😀 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇨🇭 ✊🏿 e\u{301} \u{202e}right to left\u{202c} zero\u{200b}width \u{feff}",
        "\u{0}\u{1}\u{7f}\u{80}\u{9f}\u{2028}\u{2029}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}",
        "tab\tnewline\nreturn\r\nquote\" backslash\\ slash/",
        "'; DROP TABLE User; -- {\"msgid\": 1} </script> %s ${x}",
    ];
    assert_texts_arrive(site, &texts.map(str::to_owned));
    let planes = (0..0x11_0000u32).step_by(37).filter_map(char::from_u32).collect::<Vec<char>>();
    let pieces: Vec<String> = planes.chunks(1500).map(|piece| piece.iter().collect()).collect();
    assert_texts_arrive(site, &pieces);
}

pub fn escapes_survive(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for (raw, text) in [
        (r#""\u0041\u00e9\u4e2d""#, "Aé中"),
        (r#""\ud83d\ude00 \uD83D\uDE00""#, "😀 😀"),
        (r#""\u0000\b\f\n\r\t\"\\\/""#, "\u{0}\u{8}\u{c}\n\r\t\"\\/"),
        (r#""\u007f\u2028\u2029\uffff""#, "\u{7f}\u{2028}\u{2029}\u{ffff}"),
    ] {
        alice.send_raw(format!("{{\"msgid\":6,\"toid\":{},\"msg\":{raw}}}\n", bob.id).as_bytes());
        let ack = alice.reply(11, &json!(raw));
        assert_eq!(ack["errno"], 0, "{raw}: {ack}");
        assert_eq!(bob.expect_push(6)["msg"], text, "{raw} pushed");
        assert_eq!(bob.history_with(alice.id).last().unwrap()["msg"], text, "{raw} stored");
    }
}

pub fn the_size_limit_is_exact(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    // The limit is in bytes of UTF-8, not in characters nor in bytes of JSON.
    for text in ["x".repeat(8192), "é".repeat(4096), "😀".repeat(2048), "\"".repeat(8192), "\u{1}".repeat(8192)] {
        alice.say(bob.id, &text);
        assert_eq!(bob.expect_push(6)["msg"].as_str(), Some(text.as_str()));
        let too_long = json!({"msgid": 6, "toid": bob.id, "msg": text + "."});
        alice.refused(too_long, 413);
    }
    alice.refused(json!({"msgid": 6, "toid": bob.id, "msg": "m", "ext": "x".repeat(8193)}), 413);
    assert_eq!(alice.say(bob.id, "next")["seq"], 6, "what was refused took no seq");
}

pub fn half_a_surrogate_pair_is_refused(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for raw in [r#""\ud83d""#, r#""\ude00 x""#, r#""\ud83d\u0041""#, r#""\ud83d\ud83d\ude00""#] {
        for fields in [format!("\"msg\":{raw}"), format!("\"msg\":\"m\",\"ext\":{raw}")] {
            alice.send_raw(format!("{{\"msgid\":6,\"tag\":1,\"toid\":{},{fields}}}\n", bob.id).as_bytes());
            let reply = alice.reply(11, &json!(fields));
            assert_eq!((&reply["errno"], &reply["tag"]), (&json!(400), &json!(1)), "{fields}: {reply}");
        }
    }
    alice.say(bob.id, "whole");
    assert_eq!(bob.expect_push(6)["seq"], 1);
}

pub fn ext_carries_any_json(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let kinds = [
        json!(true),
        json!(0),
        json!(-1.5e-7),
        json!(9_007_199_254_740_993_u64),
        json!("text 😀 \u{0}\n"),
        json!([]),
        json!({}),
        json!([1, "two", null, [3, {"four": 4}]]),
        json!({"msgid": 6, "seq": 99, "errno": 1, "ключ": {"\"": "\\"}, "": null}),
    ];
    for ext in &kinds {
        alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": "m", "ext": ext}));
        let push = bob.expect_push(6);
        assert_eq!(push["ext"], *ext, "{push}");
    }
    let stored: Vec<Value> = bob.history_with(alice.id).iter().map(|message| message["ext"].clone()).collect();
    assert_eq!(stored, kinds);
    alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": "null is as good as nothing", "ext": null}));
    assert_eq!(bob.expect_push(6)["ext"], Value::Null);
}

pub fn ext_keeps_its_digits(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for number in
        ["123456789012345678901234567890", "-0.1000000000000000055511151231257827", "1.10", "18446744073709551616"]
    {
        alice.send_raw(format!("{{\"msgid\":6,\"toid\":{},\"msg\":\"m\",\"ext\":[{number}]}}\n", bob.id).as_bytes());
        let ack = alice.reply(11, &json!(number));
        assert_eq!(ack["errno"], 0, "{number}: {ack}");
        let line = bob.recv_line();
        assert!(line.contains(&format!("[{number}]")), "{number} keeps its digits: {line}");
    }
    // Out of every float's range: taken or refused, but answered, and what arrives can be parsed.
    alice.send_raw(format!("{{\"msgid\":6,\"toid\":{},\"msg\":\"m\",\"ext\":1e400}}\n", bob.id).as_bytes());
    let reply = alice.reply(11, &json!("1e400"));
    assert!([json!(0), json!(400)].contains(&reply["errno"]), "{reply}");
}

pub fn deep_nesting_is_refused(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for depth in [1_000, 20_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            if depth * (open.len() + close.len()) > 60_000 {
                continue;
            }
            let nested = open.repeat(depth) + "1" + &close.repeat(depth);
            let line = format!("{{\"msgid\":6,\"toid\":{},\"msg\":\"m\",\"ext\":{nested}}}\n", bob.id);
            alice.send_raw(line.as_bytes());
            let reply = alice.reply(11, &json!(format!("{depth} levels of {open}")));
            // The deeper one is over the limit of an ext's size as well; either is a refusal.
            assert!([json!(400), json!(413)].contains(&reply["errno"]), "{depth} levels of {open}: {reply}");
            if depth == 1_000 {
                assert_eq!(reply["errno"], 400, "{depth} levels of {open}: {reply}");
            }
        }
    }
    alice.say(bob.id, "still here");
    assert_eq!(bob.expect_push(6)["seq"], 1);
}

/// Whatever is taken can be read wherever it is listed, by a parser that goes 127 levels deep, as this one does.
pub fn the_deepest_ext_can_be_read_everywhere(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    let group = alice.create_group("deep");
    let mut joining = bob.login(site.there);
    joining.join(group);
    joining.log_out();
    alice.expect_notice("group_joined");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for (levels, errno) in [(124, 0), (125, 400)] {
            let ext = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            for (msgid, to) in [(6, format!("\"toid\":{}", bob.id)), (10, format!("\"groupid\":{group}"))] {
                alice.send_raw(format!("{{\"msgid\":{msgid},{to},\"msg\":\"m\",\"ext\":{ext}}}\n").as_bytes());
                let reply = alice.recv();
                assert_eq!(reply["errno"], errno, "{levels} levels of {open}: {reply}");
            }
        }
    }
    let mut bob = bob.login(site.there);
    assert_eq!(bob.offline_messages().len(), 4);
    assert_eq!(bob.ok(json!({"msgid": 33}))["offlinemsg"].as_array().map(Vec::len), Some(4));
    assert_eq!((bob.history_with(alice.id).len(), bob.history_of_group(group).len()), (2, 2));
    let deepest: Value = serde_json::from_str(&format!("{}1{}", "[".repeat(124), "]".repeat(124))).unwrap();
    assert_eq!(bob.history_with(alice.id)[0]["ext"], deepest);
}

pub fn messages_that_cannot_be(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    alice.refused(json!({"msgid": 6, "toid": alice.id, "msg": "to myself"}), 400);
    alice.refused(json!({"msgid": 6, "toid": i32::MAX, "msg": "to nobody"}), 404);
    for (field, request) in [
        ("toid", json!({"msgid": 6, "msg": "m"})),
        ("toid", json!({"msgid": 6, "toid": "7", "msg": "m"})),
        ("toid", json!({"msgid": 6, "toid": -1, "msg": "m"})),
        ("toid", json!({"msgid": 6, "toid": 1.5, "msg": "m"})),
        ("toid", json!({"msgid": 6, "toid": null, "msg": "m"})),
        ("toid", json!({"msgid": 6, "toid": 1_u64 << 40, "msg": "m"})),
        ("msg", json!({"msgid": 6, "toid": bob.id})),
        ("msg", json!({"msgid": 6, "toid": bob.id, "msg": 7})),
        ("msg", json!({"msgid": 6, "toid": bob.id, "msg": null})),
        ("msg", json!({"msgid": 6, "toid": bob.id, "msg": ["m"]})),
        ("cid", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": ["c"]})),
        ("cid", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": ""})),
        ("cid", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": "c".repeat(65)})),
        ("groupid", json!({"msgid": 10, "msg": "m"})),
        ("groupid", json!({"msgid": 10, "groupid": "g", "msg": "m"})),
    ] {
        let reply = alice.refused(request, 400);
        assert!(reply["errmsg"].as_str().unwrap().contains(field), "errmsg names {field}: {reply}");
    }
    assert!(bob.login(site.there).offline_messages().is_empty(), "nothing of it was stored");
}

pub fn nobody_speaks_for_another(site: Site) {
    let mut eve = Client::newcomer(site.here, "eve");
    let mut bob = Client::newcomer(site.there, "bob");
    let alice = Account::register(site.there, "alice");
    let group = eve.create_group("own");
    eve.refused(json!({"msgid": 6, "id": alice.id, "toid": bob.id, "msg": "I am alice"}), 403);
    eve.refused(json!({"msgid": 10, "id": alice.id, "groupid": group, "msg": "I am alice"}), 403);
    eve.refused(json!({"msgid": 7, "id": alice.id, "friendid": bob.id}), 403);
    eve.ok(json!({"msgid": 7, "id": eve.id, "friendid": bob.id}));
    bob.expect_notice("friend_added");
    bob.expect_silence();
}

pub fn group_messages_reach_the_others(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let mut carol = Client::newcomer(site.here, "carol");
    let group = alice.create_group("talk");
    bob.join(group);
    carol.join(group);
    let ack = bob.ok(json!({"msgid": 10, "groupid": group, "msg": "hi 👋", "ext": {"a": 1}, "cid": "c", "tag": 5}));
    assert_eq!(ack["msgid"], 12);
    assert_eq!(
        (&ack["groupid"], &ack["seq"], &ack["cid"], &ack["tag"]),
        (&json!(group), &json!(1), &json!("c"), &json!(5))
    );
    assert_time(&ack);
    for client in [&mut alice, &mut carol] {
        let push = client.expect_push(10);
        assert_eq!(push["id"], bob.id, "{push}");
        assert_eq!(push["name"], bob.name.as_str(), "{push}");
        assert_eq!(push["groupid"], group, "{push}");
        assert_eq!((&push["msg"], &push["ext"]), (&json!("hi 👋"), &json!({"a": 1})), "{push}");
        assert_eq!((&push["seq"], &push["time"]), (&json!(1), &ack["time"]), "{push}");
    }
    // The sender has the ack; had it got a push as well, that would come before carol's message.
    carol.say_to_group(group, "marker");
    let push = bob.expect_push(10);
    assert_eq!((&push["msg"], &push["seq"]), (&json!("marker"), &json!(2)));
}

pub fn a_cid_makes_a_message_once(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("once");
    bob.join(group);
    let first = alice.say_once(bob.id, "once", "same");
    alice.say(bob.id, "between");
    for _ in 0..3 {
        let again = alice.say_once(bob.id, "once", "same");
        assert_eq!((&again["seq"], &again["time"], &again["cid"]), (&first["seq"], &first["time"], &json!("same")));
    }
    // Many of the same in flight at once, in one batch of the lane.
    for _ in 0..20 {
        alice.send(&json!({"msgid": 10, "groupid": group, "msg": "burst", "cid": "burst"}));
    }
    for _ in 0..20 {
        assert_eq!(alice.expect_push(12)["seq"], 1);
    }
    alice.say_to_group(group, "group marker");
    alice.say(bob.id, "marker");
    assert_eq!(seqs(&bob.expect_pushes(6, 3)), [1, 2, 3], "no seq twice");
    assert_eq!(seqs(&bob.expect_pushes(10, 2)), [1, 2], "no seq twice");
    assert_eq!(seqs(&bob.history_with(alice.id)), [1, 2, 3]);
}

pub fn a_cid_belongs_to_sender_and_conversation(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let carol = Account::register(site.there, "carol");
    let cid = unique("shared");
    assert_eq!(alice.say_once(bob.id, "a to b", &cid)["seq"], 1);
    assert_eq!(bob.say_once(alice.id, "b to a", &cid)["seq"], 2, "another sender's cid is another message");
    assert_eq!(alice.say_once(carol.id, "a to c", &cid)["seq"], 1, "another conversation's as well");
    assert_eq!(bob.expect_push(6)["msg"], "a to b");
    assert_eq!(alice.expect_push(6)["msg"], "b to a");
    let widest = "😀".repeat(64);
    for cid in [json!(7), json!((1_u64 << 53) - 1), json!(widest)] {
        let first = alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": cid}));
        let again = alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": cid}));
        assert_eq!((&first["cid"], &again["cid"]), (&cid, &cid), "a cid comes back as it was sent");
        assert_eq!(first["seq"], again["seq"], "cid {cid}");
    }
    assert_eq!(carol.login(site.here).offline_messages()[0]["msg"], "a to c");
}

/// The string used to be taken for the number sent again: acknowledged, and not stored.
pub fn an_integer_and_a_string_of_its_digits_are_two_cids(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let number = 1_700_000_000_007_u64;
    for (seq, cid) in [(1, json!(number)), (2, json!(number.to_string())), (3, json!(format!("0{number}")))] {
        for _ in 0..2 {
            let ack = alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": cid.to_string(), "cid": cid}));
            assert_eq!((&ack["seq"], &ack["cid"]), (&json!(seq), &cid), "{ack}");
        }
    }
    // In one batch, too.
    let lines: Vec<String> = [json!(-3), json!("-3"), json!("-3"), json!(-3)]
        .iter()
        .map(|cid| json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": cid}).to_string() + "\n")
        .collect();
    alice.send_raw(lines.concat().as_bytes());
    let acks: Vec<Value> = (0..4).map(|_| alice.expect_push(11)).collect();
    assert_eq!(seqs(&acks), [4, 5, 5, 4], "{acks:?}");
    assert_eq!(seqs(&bob.expect_pushes(6, 5)), [1, 2, 3, 4, 5]);
}
