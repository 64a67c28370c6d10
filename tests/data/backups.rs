//! Copies of the embedded database: complete while a server writes, or not there at all; and what becomes of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::client::{Client, texts};
use crate::common::process::wait_for;
use crate::life::lived;
use crate::place::{Place, fed, on_a_full_disk, tail};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    (folder, file)
}

fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What is in the folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_under_load_has_all_that_was_acknowledged_before() {
    let running = Place::sqlite().start();
    let addr = running.node.addr();
    let mut anna = Client::newcomer(addr, "anna");
    let ben = Client::newcomer(addr, "ben");
    let (folder, file) = folder();
    let acked: Mutex<Vec<(String, i64)>> = Mutex::new(Vec::new());
    let is_over = AtomicBool::new(false);
    let known = || acked.lock().unwrap().clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let cid = format!("cid-{number}");
                let ack = anna.say_once(ben.id, "hello", &cid);
                acked.lock().unwrap().push((cid, ack["seq"].as_i64().unwrap()));
            }
        });
        for round in 1..=5 {
            wait_for("messages", || (known().len() >= round * 50).then_some(()));
            let before = known();
            running.run(&["backup", word(&file), "--force"]).succeeded();
            let after = known().len();
            let copy = Connection::open(&file).unwrap();
            let mut rows = copy.prepare("SELECT seq, cid FROM Message ORDER BY seq").unwrap();
            let stored: Vec<(i64, String)> =
                rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
            let numbers: Vec<i64> = stored.iter().map(|(seq, _)| *seq).collect();
            assert_eq!(numbers, (1..=i64::try_from(stored.len()).unwrap()).collect::<Vec<_>>(), "no hole");
            let end: i64 = copy.query_row("SELECT last_seq FROM Conversation", [], |row| row.get(0)).unwrap();
            assert_eq!(stored.len(), usize::try_from(end).unwrap(), "and the conversation says so");
            for (cid, seq) in &before {
                // Stored as clients have sent it, behind what kind of cid it is.
                let (_, stored) = &stored[usize::try_from(seq - 1).unwrap()];
                assert!(stored.ends_with(cid.as_str()), "{cid} was acknowledged as {seq}, and there is {stored}");
            }
            wait_for("the server to go on", || (known().len() > after).then_some(()));
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(names(folder.path()), ["backup.db"]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "it has everybody's messages");
}

#[test]
fn a_backup_replaces_nothing_unless_it_is_told_to() {
    let (place, _) = lived(Place::sqlite());
    let (folder, file) = folder();
    fs::write(&file, "precious").unwrap();
    place.run(&["backup", word(&file)]).refused("is there already");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    place.run(&["backup", word(&file), "--force"]).succeeded();
    let moved = Place::sqlite();
    moved.run(&["restore", word(&file)]).succeeded();
    assert_eq!(tail(&moved.dump()), tail(&place.dump()));
    place.run(&["backup", word(&folder.path().join("none/backup.db"))]).refused("cannot create");
    assert_eq!(names(folder.path()), ["backup.db"]);
}

#[test]
fn a_full_disk_leaves_no_backup() {
    let (place, _) = lived(Place::sqlite());
    let (folder, file) = folder();
    let mut command = on_a_full_disk(150, &["backup", word(&file)]);
    command.args(place.flags());
    assert!(fs::metadata(place.file()).unwrap().len() > 150 * 512);
    fed(&mut command, b"").refused("error: the database: ");
    assert_eq!(names(folder.path()), [""; 0]);
    fs::write(&file, "precious").unwrap();
    command.arg("--force");
    fed(&mut command, b"").refused("error: the database: ");
    assert_eq!(
        (names(folder.path()), fs::read_to_string(&file).unwrap()),
        (vec!["backup.db".to_owned()], "precious".to_owned())
    );
}

#[test]
fn a_restore_is_told_to_clients_and_keeps_what_was_there() {
    let running = Place::sqlite().start();
    let addr = running.node.addr();
    let mut anna = Client::newcomer(addr, "anna");
    let ben = Client::newcomer(addr, "ben");
    anna.say(ben.id, "before");
    let (_folder, file) = folder();
    running.run(&["backup", word(&file)]).succeeded();
    anna.say(ben.id, "after");
    let epoch = anna.welcome["epoch"].clone();

    let refused = running.run(&["restore", word(&file)]).refused("another stonechat runs on the data folder");
    assert!(refused.stdout.is_empty());
    anna.say(ben.id, "still here");
    let (id, token, ben) = (anna.id, anna.token.clone(), ben.account());
    drop(anna);
    let place = running.stop();
    let full = place.dump();

    let told = place.run(&["restore", word(&file)]).succeeded().out();
    let aside = told.trim().rsplit(' ').next().unwrap().to_owned();
    let running = place.start();
    let mut anna = Client::resume(running.node.addr(), id, &token);
    assert_ne!(anna.welcome["epoch"], epoch, "another life of the data: clients count anew");
    assert_eq!(texts(&anna.history_with(ben.id)), ["before"]);
    assert_eq!(anna.say(ben.id, "anew")["seq"], json!(2));
    drop(anna);
    let place = running.stop();

    place.run(&["restore", &aside]).succeeded();
    let again = place.dump();
    assert_eq!(tail(&again), tail(&full), "what was put aside is whole");
    let epoch_of = |dump: &[u8]| -> Value {
        serde_json::from_slice::<Value>(dump.split(|byte| *byte == b'\n').next().unwrap()).unwrap()["epoch"].clone()
    };
    assert_ne!(epoch_of(&again), epoch_of(&full), "and begins anew once more");
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let (place, _) = lived(Place::sqlite());
    let before = place.dump();
    let (folder, file) = folder();
    place.run(&["backup", word(&file)]).succeeded();
    let whole = fs::read(&file).unwrap();
    let damaged = {
        let mut bytes = whole.clone();
        let page = bytes.len() / 2 / 4096 * 4096;
        bytes[page..page + 4096].fill(0xa5);
        bytes
    };
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE User (name TEXT); CREATE TABLE x (y INT)").unwrap();
    let newer = at("newer.db", &whole);
    Connection::open(&newer).unwrap().execute_batch("INSERT INTO SchemaVersion VALUES (99, 1)").unwrap();
    let bad = [
        (folder.path().join("none.db"), "cannot open"),
        (at("text.db", b"-- a dump"), "it is not a SQLite database"),
        (at("cut.db", &whole[..whole.len() / 2 + 100]), "error: the database: "),
        (at("damaged.db", &damaged), "error: the database: "),
        (foreign, "no backup of a Stonechat"),
        (newer, "run a newer stonechat"),
        (place.file(), "the very file"),
    ];
    for (path, told) in bad {
        place.run(&["restore", word(&path)]).refused(told);
        assert_eq!(tail(&place.dump()), tail(&before), "{}", path.display());
        assert_eq!(place.texts("SELECT epoch FROM Cluster").len(), 1);
    }
    let Place::Sqlite(data) = &place else { unreachable!("made above") };
    assert_eq!(names(data.path()), ["stonechat.db", "stonechat.lock"], "nothing is left lying about");
}

#[test]
fn a_copy_of_the_files_of_a_killed_server_can_be_restored() {
    let running = Place::sqlite().start();
    let mut anna = Client::newcomer(running.node.addr(), "anna");
    let ben = Client::newcomer(running.node.addr(), "ben");
    anna.say(ben.id, "in the log");
    running.node.kill();
    let (folder, file) = folder();
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    fs::copy(running.node.database(), &file).unwrap();
    fs::copy(log(&running.node.database()), log(&file)).unwrap();
    let place = Place::sqlite();
    place.run(&["restore", word(&file)]).succeeded();
    assert_eq!(place.number("SELECT COUNT(*) AS n FROM Message"), 1);
    place.run(&["check"]).succeeded();
    drop(folder);
}

#[test]
fn a_backup_of_mysql_is_made_otherwise() {
    let place = Place::mysql();
    place.run(&["backup", "/tmp/never"]).refused("mysqldump --single-transaction");
    place.run(&["restore", "/tmp/never"]).refused("stonechat load");
}
