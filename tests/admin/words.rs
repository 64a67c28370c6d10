//! Every word by HTTP, and what clients see of it.

use serde_json::{Value, json};

use crate::common::client::{Client, PASSWORD};
use crate::common::process::wait_for;
use crate::desk::Desk;

/// On each kind of database.
fn on_both(name: &str, settings: &[&str], test: impl Fn(&Desk)) {
    test(&Desk::on_sqlite(settings));
    test(&Desk::on_mariadb(&format!("admin_{name}"), settings));
}

#[test]
fn a_disabled_account_is_shut_out_until_it_is_enabled() {
    on_both("disabled", &[], |desk| {
        let addr = desk.node.addr();
        let mut ann = Client::newcomer(addr, "ann");
        let (id, token) = (ann.id, ann.token.clone());
        desk.post(&format!("/v1/users/{id}/disable"), Value::Null);
        let last = ann.expect_closed();
        assert!(last.iter().any(|notice| notice["kind"] == "ended"), "{last:?}");
        let by_password = json!({"msgid": 1, "id": id, "pwd": PASSWORD});
        let refused = desk.node.connect().refused(by_password.clone(), 403);
        assert!(refused["errmsg"].as_str().unwrap().contains("disabled"), "{refused}");
        desk.node.connect().refused(json!({"msgid": 1, "id": id, "token": token}), 403);
        // Who does not know the password learns nothing of it.
        desk.node.connect().refused(json!({"msgid": 1, "id": id, "pwd": "wrong"}), 1);
        assert!(desk.get(&format!("/v1/users/{id}"))["disabled"].is_string());
        desk.post(&format!("/v1/users/{id}/enable"), Value::Null);
        Client::resume(addr, id, &token).log_out();
        desk.node.connect().ok(by_password);
    });
}

#[test]
fn a_new_password_and_a_logout_end_what_was_before() {
    on_both("password", &[], |desk| {
        let mut ann = Client::newcomer(desk.node.addr(), "ann");
        let (id, token) = (ann.id, ann.token.clone());
        let answer = desk.post(&format!("/v1/users/{id}/reset-password"), Value::Null);
        ann.expect_closed();
        desk.node.connect().refused(json!({"msgid": 1, "id": id, "token": token}), 1);
        desk.node.connect().refused(json!({"msgid": 1, "id": id, "pwd": PASSWORD}), 1);
        let mut again = desk.node.connect();
        let reply = again.ok(json!({"msgid": 1, "id": id, "pwd": answer["password"]}));
        desk.post(&format!("/v1/users/{id}/logout"), Value::Null);
        again.expect_closed();
        desk.node.connect().refused(json!({"msgid": 1, "id": id, "token": reply["token"]}), 1);
        desk.node.connect().ok(json!({"msgid": 1, "id": id, "pwd": answer["password"]}));
    });
}

#[test]
fn users_are_listed_in_pages() {
    on_both("lists", &[], |desk| {
        let made: Vec<u64> = (0..5).map(|_| Client::newcomer(desk.node.addr(), "many").id).collect();
        let mut seen = Vec::new();
        let mut path = "/v1/users?limit=2".to_owned();
        loop {
            let page = desk.get(&path);
            let users = page["users"].as_array().unwrap();
            assert!(users.len() <= 2);
            seen.extend(users.iter().map(|user| user["id"].as_u64().unwrap()));
            let Some(next) = page["next"].as_u64() else { break };
            path = format!("/v1/users?limit=2&after={next}");
        }
        assert_eq!(seen, made);
    });
}

#[test]
fn groups_are_handed_over_and_deleted() {
    on_both("groups", &[], |desk| {
        let mut ann = Client::newcomer(desk.node.addr(), "ann");
        let mut ben = Client::newcomer(desk.node.addr(), "ben");
        let stranger = Client::newcomer(desk.node.addr(), "stranger");
        let group = ann.create_group("garden");
        ben.join(group);
        assert_eq!(desk.get("/v1/groups")["groups"][0]["creator"], ann.id);
        let path = format!("/v1/groups/{group}");
        desk.post(&format!("{path}/hand-over"), json!({"user": ben.id}));
        let told = ann.expect_notice("group_role");
        let told = if told["role"] == "creator" { told } else { ann.expect_notice("group_role") };
        assert_eq!((&told["id"], &told["role"]), (&json!(ben.id), &json!("creator")));
        assert_eq!(desk.get(&path)["creator"], ben.id);
        let (status, told) = desk.ask("POST", &format!("{path}/hand-over"), json!({"user": stranger.id}));
        assert_eq!(status, 409, "{told}");
        desk.post(&format!("{path}/retention"), json!({"days": 30}));
        assert_eq!(desk.get(&path)["retention_days"], 30);
        let (status, _) = desk.ask("DELETE", &path, Value::Null);
        assert_eq!(status, 200);
        ben.expect_notice("group_deleted");
        assert_eq!(desk.ask("GET", &path, Value::Null).0, 404);
    });
}

#[test]
fn sessions_are_listed_and_ended() {
    on_both("sessions", &["session_policy=multi"], |desk| {
        let mut first = Client::newcomer(desk.node.addr(), "two");
        let mut second = Client::login_as(desk.node.addr(), &first.name);
        let listed = desk.get("/v1/sessions");
        let numbers: Vec<&str> =
            listed["sessions"].as_array().unwrap().iter().map(|row| row["number"].as_str().unwrap()).collect();
        assert_eq!(numbers, [format!("{}.1", first.id), format!("{}.2", first.id)]);
        desk.post(&format!("/v1/sessions/{}/end", numbers[0]), Value::Null);
        first.expect_closed();
        second.expect_silence();
        assert_eq!(desk.get("/v1/sessions")["sessions"].as_array().unwrap().len(), 1);
        let (status, _) = desk.ask("DELETE", &format!("/v1/sessions/{}", numbers[0]), Value::Null);
        assert_eq!(status, 404);
    });
}

#[test]
fn a_users_own_quota_goes_before_the_settings() {
    on_both("quota", &["quota.friends=1"], |desk| {
        let mut ann = Client::newcomer(desk.node.addr(), "ann");
        let others: Vec<u64> = (0..3).map(|_| Client::newcomer(desk.node.addr(), "other").id).collect();
        let path = format!("/v1/users/{}/quota", ann.id);
        ann.ok(json!({"msgid": 7, "friendid": others[0]}));
        ann.refused(json!({"msgid": 7, "friendid": others[1]}), 409);
        desk.post(&path, json!({"name": "friends", "value": 2}));
        ann.ok(json!({"msgid": 7, "friendid": others[1]}));
        ann.refused(json!({"msgid": 7, "friendid": others[2]}), 409);
        desk.post(&path, json!({"name": "friends", "value": 0}));
        ann.ok(json!({"msgid": 7, "friendid": others[2]}));
        assert_eq!(desk.get(&format!("/v1/users/{}", ann.id))["quotas"], json!({"friends": 0}));
        desk.post(&path, json!({"name": "friends", "value": null}));
        assert_eq!(desk.get(&format!("/v1/users/{}", ann.id))["quotas"], json!({}));
    });
}

#[test]
fn everybody_hears_a_broadcast() {
    let desk = Desk::on_sqlite(&[]);
    let mut sessions: Vec<Client> = (0..3).map(|_| Client::newcomer(desk.node.addr(), "hears")).collect();
    assert_eq!(desk.post("/v1/broadcast", json!({"text": "down at \"ten\""}))["told"], "all nodes");
    for session in &mut sessions {
        assert_eq!(session.expect_notice("broadcast")["text"], "down at \"ten\"");
    }
}

#[test]
fn the_log_level_is_changed_and_taken_back() {
    let desk = Desk::on_sqlite(&[]);
    let debug_lines =
        || desk.node.log().lines().filter(|line| line.contains(" DEBUG ") || line.contains(" TRACE ")).count();
    Client::newcomer(desk.node.addr(), "quiet").log_out();
    assert_eq!(debug_lines(), 0);
    desk.post("/v1/log-level", json!({"level": "trace"}));
    wait_for("lines that were not logged before", || {
        drop(Client::newcomer(desk.node.addr(), "loud"));
        (debug_lines() > 0).then_some(())
    });
    desk.post("/v1/log-level", json!({"level": "as-started"}));
}

#[test]
fn each_action_leaves_a_row_in_the_audit() {
    on_both("audit", &[], |desk| {
        let mut ann = Client::newcomer(desk.node.addr(), "ann");
        let group = ann.create_group("garden");
        let user = format!("/v1/users/{}", ann.id);
        desk.get(&format!("{user}/export"));
        for (path, body) in [
            (format!("{user}/disable"), Value::Null),
            (format!("{user}/enable"), Value::Null),
            (format!("{user}/reset-password"), Value::Null),
            (format!("{user}/logout"), Value::Null),
            (format!("{user}/quota"), json!({"name": "devices", "value": 3})),
            (format!("/v1/groups/{group}/retention"), json!({"days": 7})),
            (format!("/v1/groups/{group}/delete"), Value::Null),
            ("/v1/retention/run".to_owned(), Value::Null),
            ("/v1/broadcast".to_owned(), json!({"text": "hello"})),
            ("/v1/log-level".to_owned(), json!({"level": "info"})),
            (format!("{user}/erase"), Value::Null),
        ] {
            desk.post(&path, body);
        }
        let (of_ann, of_group) = (format!("user {}", ann.id), format!("group {group}"));
        let noted = desk.audit();
        let expected = [
            ["export", &of_ann, ""],
            ["disable", &of_ann, ""],
            ["enable", &of_ann, ""],
            ["reset-password", &of_ann, ""],
            ["logout", &of_ann, ""],
            ["quota", &of_ann, "devices 3"],
            ["retention", &of_group, "7 days"],
            ["delete", &of_group, ""],
            ["retention-run", "cluster", ""],
            ["broadcast", "cluster", "5 bytes"],
            ["log-level", "node", "info"],
            ["erase", &of_ann, ""],
        ];
        assert_eq!(noted, expected.map(|row| row.map(str::to_owned)));
        let rows = desk.get("/v1/audit");
        let who = |at: usize| rows["audit"][at]["who"].as_str().unwrap().to_owned();
        assert!(who(0).starts_with("uid "), "{}", who(0));
        assert_eq!(who(1), "token");
        // What was not done is not noted.
        assert_eq!(desk.ask("POST", &format!("{user}/disable"), Value::Null).0, 404);
        assert_eq!(desk.audit().len(), expected.len());
    });
}
