//! Every word by `stonechat admin`: what people read, and what programs do.

use serde_json::{Value, json};

use crate::common::certificates::Ca;
use crate::common::client::{Client, PASSWORD};
use crate::common::http;
use crate::common::process::server_command;
use crate::desk::Desk;

fn every_word(desk: &Desk) {
    let mut ann = Client::newcomer(desk.node.addr(), "ann");
    let mut ben = Client::newcomer(desk.node.addr(), "ben");
    let group = ann.create_group("garden");
    ben.join(group);
    let (id, group_id, ben_id) = (ann.id.to_string(), group.to_string(), ben.id.to_string());

    let listed = desk.says(&["users", "list"]);
    assert!(listed.starts_with("id ") && listed.contains(&ann.name), "{listed}");
    assert!(desk.says(&["users", "show", &id]).contains(&ann.name));
    assert!(desk.says(&["groups", "list"]).contains("garden"));
    assert!(desk.says(&["groups", "show", &group_id]).contains("creator"));
    assert!(desk.says(&["groups", "hand-over", &group_id, &ben_id]).contains("is user"));
    desk.says(&["groups", "retention", &group_id, "default"]);
    let sessions = desk.says(&["sessions", "list"]);
    assert!(sessions.contains(&format!("{ben_id}.1")), "{sessions}");
    desk.says(&["sessions", "end", &format!("{ben_id}.1")]);
    ben.expect_closed();
    desk.says(&["quota", &id, "friends", "3"]);
    desk.says(&["broadcast", "hello all"]);
    assert_eq!(ann.expect_notice("broadcast")["text"], "hello all");
    desk.says(&["retention", "run"]);
    desk.says(&["log-level", "info"]);
    let exported: Value = serde_json::from_str(&desk.says(&["users", "export", &id])).unwrap();
    assert_eq!(exported["user"]["name"], json!(ann.name));
    desk.says(&["users", "disable", &id]);
    ann.expect_closed();
    desk.says(&["users", "enable", &id]);
    desk.says(&["users", "logout", &id]);
    let told = desk.says(&["users", "reset-password", &id]);
    let password = told.trim().strip_prefix("password: ").expect("it is printed").to_owned();
    desk.node.connect().refused(json!({"msgid": 1, "id": ann.id, "pwd": PASSWORD}), 1);
    desk.node.connect().ok(json!({"msgid": 1, "id": ann.id, "pwd": password}));
    desk.says(&["groups", "delete", &group_id]);
    desk.says(&["users", "erase", &id]);
    desk.node.connect().refused(json!({"msgid": 1, "id": ann.id, "pwd": password}), 1);
    assert!(desk.says(&["audit", "list"]).contains("erase"));
}

#[test]
fn every_word_on_sqlite() {
    every_word(&Desk::on_sqlite(&[]));
}

#[test]
fn every_word_on_mariadb() {
    every_word(&Desk::on_mariadb("admin_command", &[]));
}

#[test]
fn programs_get_json_and_an_exit_code() {
    let desk = Desk::on_sqlite(&[]);
    let ids: Vec<u64> = (0..3).map(|_| Client::newcomer(desk.node.addr(), "many").id).collect();
    let page: Value = serde_json::from_str(&desk.says(&["--json", "users", "list", "--limit", "2"])).unwrap();
    assert_eq!((&page["users"][0]["id"], &page["next"]), (&json!(ids[0]), &json!(ids[1])));
    let refused = desk.command(&["users", "disable", "4000000"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("there is no user 4000000"), "{told}");
    assert_eq!(desk.command(&["users", "disable", "x"]).status.code(), Some(2));
    assert_eq!(desk.command(&["groups", "retention", "1", "soon"]).status.code(), Some(2));
}

#[test]
fn the_server_is_found_by_its_folder_or_asked_by_token() {
    let desk = Desk::on_sqlite(&[]);
    let folder = desk.node.folder().to_str().unwrap().to_owned();
    let (address, token) = (desk.node.admin().to_string(), desk.token_file());
    let run = |words: &[&str]| server_command().args(words).output().unwrap();
    assert!(run(&["admin", "--data", &folder, "users", "list"]).status.success());
    assert!(run(&["--data", &folder, "admin", "users", "list"]).status.success());
    let by_token = ["admin", "--admin", &address, "--token-file", token.to_str().unwrap(), "users", "list"];
    assert!(run(&by_token).status.success());
    assert!(run(&["top", "--screens", "1", "--every", "0.1", &address]).status.success());
    let nowhere = run(&["admin", "--data", "/nowhere/at/all", "users", "list"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("no server answers at /nowhere/at/all/admin.sock"));
}

#[test]
fn with_a_certificate_the_address_speaks_https() {
    let (ca, other) = (Ca::new("ours"), Ca::new("another"));
    let certificate = ca.sign_loopback();
    let settings = certificate.settings();
    let desk = Desk::on_sqlite(&settings.each_ref().map(String::as_str));
    let id = Client::newcomer(desk.node.addr(), "watched").id;
    let (port, token) = (desk.node.admin().port(), desk.token_file());
    let address = format!("https://localhost:{port}");
    let run = |words: &[&str]| {
        let output = server_command().args(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let by_https = |ca: &Ca, words: &[&str]| {
        let (ca, token) = (ca.file(), token.display().to_string());
        let mut all = vec!["admin", "--admin", &address, "--ca", ca.to_str().unwrap(), "--token-file", &token];
        all.extend(words);
        run(&all)
    };
    let (code, listed, told) = by_https(&ca, &["--json", "users", "list"]);
    let listed: Value = serde_json::from_str(&listed).unwrap_or_else(|_| panic!("{code:?} {told}"));
    assert_eq!(listed["users"][0]["id"], json!(id));
    let (_, exported, _) = by_https(&ca, &["users", "export", &id.to_string()]);
    assert!(exported.contains("\"watched"), "{exported}");
    let (code, _, told) = by_https(&other, &["users", "list"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("certificate is not accepted") && told.contains("--ca"), "{told}");
    let (_, screen, _) =
        run(&["top", "--screens", "1", "--every", "0.1", "--ca", ca.file().to_str().unwrap(), &address]);
    assert!(screen.contains("sessions") && !screen.contains("does not answer"), "{screen}");
    // This machine may do without; a monitor needs no token and no TLS.
    assert_eq!(desk.ask_by_token("GET", "/v1/users", Value::Null).0, 200);
    assert_eq!(http::get(desk.node.admin(), "/metrics").0, 200);
}
