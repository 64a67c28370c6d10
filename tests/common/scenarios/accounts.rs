//! Registration, login, logout, tokens.

use serde_json::json;

use super::Site;
use crate::common::client::{Account, Client, PASSWORD, unique};

pub fn registration_and_login(site: Site) {
    let account = Account::register(site.here, "reg");
    assert!(account.id > 0 && i32::try_from(account.id).is_ok(), "ids are positive 31-bit numbers: {account:?}");
    for who in [json!({"id": account.id}), json!({"name": account.name}), json!({"name": account.name.to_uppercase()})]
    {
        let mut login = json!({"msgid": 1, "pwd": PASSWORD, "tag": "in"});
        login.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        let mut client = Client::connect(site.there);
        let reply = crate::common::process::wait_for("the session before to be gone", || {
            let reply = client.request(login.clone());
            (reply["errno"] != 2).then_some(reply)
        });
        assert_eq!(reply["errno"], 0, "login with {who}: {reply}");
        assert_eq!(reply["id"], account.id);
        assert_eq!(reply["name"], account.name.as_str());
        assert_eq!(reply["tag"], "in");
        assert!(
            reply["token"].as_str().is_some_and(|token| token.len() >= 16),
            "a token that cannot be guessed: {reply}"
        );
        for list in ["offlinemsg", "friends", "groups"] {
            assert_eq!(reply[list], json!([]), "{list} of a new user: {reply}");
        }
        client.log_out();
    }
}

pub fn a_taken_name_is_errno_1(site: Site) {
    let account = Account::register(site.here, "taken");
    let mut other = Client::connect(site.there);
    other.refused(json!({"msgid": 4, "name": account.name, "pwd": "another"}), 1);
    other.refused(json!({"msgid": 4, "name": account.name.to_uppercase(), "pwd": "another"}), 1);
    // The attempt changed nothing: the first password still opens it.
    account.login(site.there);
}

pub fn names_follow_the_rules(site: Site) {
    let mut client = Client::connect(site.here);
    let long = "x".repeat(51);
    for name in ["", " ", " leading", "trailing ", "tab\there", "line\nbreak", "nul\u{0}", "del\u{7f}", long.as_str()] {
        let reply = client.refused(json!({"msgid": 4, "name": name, "pwd": PASSWORD}), 400);
        assert!(reply["errmsg"].as_str().unwrap().contains("name"), "errmsg names the field: {reply}");
    }
    // 50 characters, whatever their bytes.
    let suffix = unique("n");
    let widest: String = "😀".repeat(50 - suffix.chars().count()) + &suffix;
    client.ok(json!({"msgid": 4, "name": widest, "pwd": PASSWORD}));
    client.ok(json!({"msgid": 4, "name": format!("{} Ünïcödé 名前", unique("in side")), "pwd": PASSWORD}));
}

pub fn names_that_read_the_same_are_one_account(site: Site) {
    for spellings in [
        [unique("ΛΟΓΟΣ"), "λογοσ".to_owned(), "λογος".to_owned()],
        [unique("café"), "cafe\u{301}".to_owned(), "CAFÉ".to_owned()],
        [unique("anna"), "ａｎｎａ".to_owned(), "Ａnna".to_owned()],
        [unique("山田 太郎"), "山田\u{3000}太郎".to_owned(), "山田\u{A0} 太郎".to_owned()],
    ] {
        let number = spellings[0].rsplit('-').next().unwrap().to_owned();
        let mut client = Client::connect(site.here);
        let id = client.ok(json!({"msgid": 4, "name": spellings[0], "pwd": PASSWORD}))["id"].clone();
        let mut founder = Client::newcomer(site.here, "founder");
        founder.ok(json!({"msgid": 8, "groupname": spellings[0]}));
        for spelling in &spellings[1..] {
            let spelling = format!("{spelling}-{number}");
            let mut other = Client::connect(site.there);
            other.refused(json!({"msgid": 4, "name": spelling, "pwd": PASSWORD}), 1);
            founder.refused(json!({"msgid": 8, "groupname": spelling}), 1);
            let reply = crate::common::process::wait_for("the session before to be gone", || {
                let reply = other.request(json!({"msgid": 1, "name": spelling, "pwd": PASSWORD}));
                (reply["errno"] != 2).then_some(reply)
            });
            assert_eq!((&reply["id"], &reply["name"]), (&id, &json!(spellings[0])), "{spelling:?}: {reply}");
            other.log_out();
        }
    }
}

pub fn names_that_cannot_be_seen_or_told_from_ids_are_refused(site: Site) {
    let mut client = Client::newcomer(site.here, "names");
    for (bad, told) in [
        ("anna\u{200B}", "U+200B"),
        ("\u{202E}anna", "U+202E"),
        ("\u{2800}", "U+2800"),
        ("\u{3164}", "U+3164"),
        ("an\u{AD}na", "U+00AD"),
        ("\u{FE0F}", "U+FE0F"),
        ("\u{301}", "U+0301"),
        ("\u{180E}x", "U+180E"),
        ("anna\u{378}", "U+0378"),
        ("a\u{2028}b", "U+2028"),
        ("\u{200D}", "U+200D"),
        ("12345", "digits"),
        ("１２３", "digits"),
        ("١٢٣", "digits"),
        ("12 345", "digits"),
        ("#chess", "`#`"),
        ("＃chess", "`#`"),
        ("@anna", "`@`"),
    ] {
        for (field, request) in [
            ("`name`", json!({"msgid": 4, "name": bad, "pwd": PASSWORD})),
            ("`groupname`", json!({"msgid": 8, "groupname": bad})),
        ] {
            let reply = client.refused(request, 400);
            let errmsg = reply["errmsg"].as_str().unwrap_or_default();
            assert!(errmsg.contains(field) && errmsg.contains(told), "{bad:?} is refused for {told}: {reply}");
        }
    }
    for good in ["👨‍👩‍👧", "❤️", "می‌خواهم", "ශ්‍රී", "🙂"] {
        let name = unique(good);
        client.ok(json!({"msgid": 4, "name": name, "pwd": PASSWORD}));
        client.ok(json!({"msgid": 8, "groupname": name}));
        let found = client.ok(json!({"msgid": 31, "keyword": name}));
        assert_eq!(found["users"][0]["name"], json!(name), "as it was typed: {found}");
    }
}

pub fn wrong_credentials_are_errno_1(site: Site) {
    let account = Account::register(site.here, "creds");
    let mut client = Client::connect(site.there);
    let wrong_password = client.refused(json!({"msgid": 1, "id": account.id, "pwd": "not it"}), 1);
    let wrong_token = client.refused(json!({"msgid": 1, "id": account.id, "token": "not a token"}), 1);
    let unknown_id = client.refused(json!({"msgid": 1, "id": i32::MAX, "pwd": PASSWORD}), 1);
    let unknown_name = client.refused(json!({"msgid": 1, "name": unique("nobody"), "pwd": PASSWORD}), 1);
    assert_eq!(wrong_password["errmsg"], unknown_id["errmsg"], "an error must not tell whether an account exists");
    assert_eq!(wrong_password["errmsg"], unknown_name["errmsg"], "an error must not tell whether an account exists");
    assert_eq!(wrong_token["msgid"], 2);
    client.refused(json!({"msgid": 27}), 401);
    let stranger = Client::newcomer(site.here, "stranger");
    let with_foreign_token = json!({"msgid": 1, "id": account.id, "token": stranger.token});
    client.refused(with_foreign_token, 1);
}

pub fn a_second_login_on_a_connection_is_a_conflict(site: Site) {
    let mut client = Client::newcomer(site.here, "twice");
    let other = Account::register(site.there, "twice-other");
    client.refused(json!({"msgid": 1, "id": client.id, "pwd": PASSWORD}), 409);
    client.refused(json!({"msgid": 1, "id": other.id, "pwd": PASSWORD}), 409);
    let account = client.ok(json!({"msgid": 41}));
    assert_eq!(account["id"], client.id, "still the first: {account}");
}

pub fn logout_ends_the_session_not_the_connection(site: Site) {
    let mut client = Client::newcomer(site.here, "out");
    let first = client.account();
    let second = Account::register(site.there, "out-other");
    let reply = client.request(json!({"msgid": 3, "tag": 7}));
    assert_eq!((&reply["msgid"], &reply["errno"], &reply["tag"]), (&json!(16), &json!(0), &json!(7)), "{reply}");
    client.refused(json!({"msgid": 27}), 401);
    client.refused(json!({"msgid": 3}), 401);

    let reply = client.ok(json!({"msgid": 1, "id": second.id, "pwd": PASSWORD, "ack": true}));
    assert_eq!(reply["id"], second.id);
    // Messages for the one who left go to his backlog, not to this connection.
    let mut writer = Client::newcomer(site.there, "out-writer");
    writer.say(first.id, "for the first");
    writer.say(second.id, "for the second");
    assert_eq!(client.expect_push(6)["msg"], "for the second");
    client.expect_silence();
}

pub fn logout_revokes_the_token(site: Site) {
    let mut client = Client::newcomer(site.here, "revoke");
    client.log_out();
    let mut again = Client::connect(site.there);
    again.refused(json!({"msgid": 1, "id": client.id, "token": client.token}), 1);
}

pub fn a_token_resumes_and_takes_over(site: Site) {
    let mut ghost = Client::newcomer(site.here, "ghost");
    let mut writer = Client::newcomer(site.here, "ghost-writer");
    writer.say(ghost.id, "before");
    assert_eq!(ghost.expect_push(6)["msg"], "before");

    let mut resumed = Client::resume(site.there, ghost.id, &ghost.token);
    ghost.expect_closed();
    let pending = resumed.offline_messages();
    assert_eq!(pending.len(), 1, "what the ghost had not confirmed comes again: {}", resumed.welcome);
    assert_eq!(pending[0]["msg"], "before");
    writer.say(ghost.id, "after");
    assert_eq!(resumed.expect_push(6)["msg"], "after");
    resumed.expect_silence();

    // The token outlives the connection: once more, after an ordinary loss.
    let (id, token) = (resumed.id, resumed.token.clone());
    drop(resumed);
    Client::resume(site.here, id, &token);
}

pub fn account_repeats_the_login_reply(site: Site) {
    let mut client = Client::newcomer(site.here, "account");
    let mut friend = Client::newcomer(site.there, "account-friend");
    client.ok(json!({"msgid": 7, "friendid": friend.id}));
    let group = client.create_group("account-group");
    friend.say(client.id, "unconfirmed");
    let reply = client.ok(json!({"msgid": 41, "tag": "t"}));
    assert_eq!(reply["msgid"], 42);
    assert_eq!(reply["tag"], "t");
    assert_eq!(reply["id"], client.id);
    assert_eq!(reply["name"], client.name.as_str());
    assert!(reply.get("token").is_none(), "no token: {reply}");
    assert_eq!(reply["friends"][0]["id"], friend.id, "{reply}");
    assert_eq!(reply["friends"][0]["name"], friend.name.as_str(), "{reply}");
    assert_eq!(reply["groups"][0]["id"], group, "{reply}");
    assert!(reply["offlinemsg"].is_array(), "{reply}");
}

/// Every request of the table but LOGIN, REGISTER and PING, with fields that are fine.
pub fn requests_need_a_session(site: Site) {
    let mut client = Client::connect(site.here);
    for request in [
        json!({"msgid": 3}),
        json!({"msgid": 6, "toid": 1, "msg": "x"}),
        json!({"msgid": 7, "friendid": 1}),
        json!({"msgid": 8, "groupname": "g", "groupdesc": "d"}),
        json!({"msgid": 9, "groupid": 1}),
        json!({"msgid": 10, "groupid": 1, "msg": "x"}),
        json!({"msgid": 21, "friendid": 1}),
        json!({"msgid": 23, "groupid": 1}),
        json!({"msgid": 25, "groupid": 1}),
        json!({"msgid": 27}),
        json!({"msgid": 29}),
        json!({"msgid": 31, "keyword": "x"}),
        json!({"msgid": 33}),
        json!({"msgid": 35, "friendid": 1, "msg": "x"}),
        json!({"msgid": 37, "friendid": 1, "accept": true}),
        json!({"msgid": 41}),
        json!({"msgid": 43, "id": 1}),
    ] {
        let mut request = request;
        request["tag"] = json!("who am I");
        let reply = client.refused(request, 401);
        assert_eq!(reply["tag"], "who am I", "{reply}");
    }
    client.ok(json!({"msgid": 17}));
}
