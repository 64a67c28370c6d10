//! The connection of an upgrade ends at each statement in turn, as if the node had been killed; the next start completes what it
//! finds. (SQLite does all of it in one transaction: a test in src/store/sqlite.rs.)

use stonechat::store::OpenStore;
use stonechat::store::mysql::MySqlStores;

use super::Dump;
use super::shape::{shape, tables};
use crate::common::mariadb::MariaDb;
use crate::fresh::{Fresh, TIMEOUT};
use crate::proxy::{Cut, Proxy};

/// What is made anew each time, or tells when that was.
const MADE_ANEW: [(&str, &str); 3] = [("Cluster", "id"), ("Cluster", "epoch"), ("SchemaVersion", "applied_at")];

pub(super) fn at_every_statement(dump: &Dump) {
    let server = MariaDb::hasty();
    let proxy = Proxy::start(server.port());
    let name = |number: usize| format!("killed_{}_{number}", dump.version);
    let old = |number: usize| Fresh::old_mysql(&server.url(&name(number)), dump.mysql);
    let upgrade = |number: usize, change: usize, cut: Cut| {
        proxy.cut_at_change(change, cut);
        MySqlStores::new(&MariaDb::url_on_port(&name(number), proxy.port), TIMEOUT).unwrap().migrate()
    };

    let reference = old(0);
    upgrade(0, 0, Cut::Never).unwrap();
    let changes = proxy.changes();
    assert!((5..1_000).contains(&changes), "{changes} statements");
    let upgraded = whole(&reference);
    for number in 1..=changes {
        let fresh = old(number);
        upgrade(number, number, Cut::After).expect_err("the server got the statement, and the node never heard of it");
        // The next one is killed, too, sooner or later, if it comes as far.
        let _ = upgrade(number, 1 + number * 7 % changes, Cut::Before);
        upgrade(number, 0, Cut::Never).unwrap();
        assert_eq!(whole(&fresh), upgraded, "killed at statement {number} of {changes}");
    }
}

/// What the database is made of, and all rows.
fn whole(fresh: &Fresh) -> Vec<String> {
    let mut all = shape(fresh);
    for table in tables(fresh) {
        let is_anew = |column: &String| MADE_ANEW.contains(&(table.name.as_str(), column.as_str()));
        let kept: Vec<usize> = (0..table.columns.len()).filter(|&at| !is_anew(&table.columns[at])).collect();
        let mut rows: Vec<String> = table
            .rows
            .iter()
            .map(|row| kept.iter().map(|&at| row[at].as_str()).collect::<Vec<_>>().join(" "))
            .map(|row| format!("{} {row}", table.name))
            .collect();
        rows.sort();
        all.append(&mut rows);
    }
    all
}
