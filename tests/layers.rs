//! What the layers may know of each other, and the rules of the source that no compiler keeps.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file anyone should have to read.
const LINES_MAX: usize = 700;

/// One source file.
struct Source {
    /// From the repository's root, with forward slashes.
    path: String,
    /// Its lines, whole.
    lines: Vec<String>,
    /// The line on which its tests begin.
    tests_begin: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("crates")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("sources can be read") {
            let path: PathBuf = entry.expect("sources can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(read(root, &path));
            }
        }
    }
    assert!(sources.len() > 10, "no sources were found");
    sources
}

fn read(root: &Path, path: &Path) -> Source {
    let lines: Vec<String> = fs::read_to_string(path).expect("sources are UTF-8").lines().map(str::to_owned).collect();
    let own_tests = lines.iter().position(|line| line.starts_with("#[cfg(test)]")).unwrap_or(lines.len());
    let path = path.strip_prefix(root).expect("found below it").to_string_lossy().replace('\\', "/");
    let is_tests = path.ends_with("tests.rs") || path.contains("/tests/");
    Source { path, lines, tests_begin: if is_tests { 0 } else { own_tests } }
}

/// Lines of code, comments and tests left out, in which one of the words stands, outside the allowed places.
fn offences(words: &[&str], allowed: &[&str]) -> String {
    let mut found = String::new();
    for source in sources().iter().filter(|source| !allowed.iter().any(|place| source.path.starts_with(place))) {
        for (number, line) in source.lines[..source.tests_begin].iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = words.iter().find(|word| has_word(code, word)) {
                writeln!(found, "{}:{}: {word}: {}", source.path, number + 1, line.trim()).expect("a String takes all");
            }
        }
    }
    found
}

/// Whether the code has the word, not as a part of a longer name or path.
fn has_word(code: &str, word: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let opens = word.starts_with(part_of_a_name);
        let closes = word.ends_with(part_of_a_name);
        let begins_earlier = opens && before.is_some_and(|c| part_of_a_name(c) || c == ':');
        let ends_later = closes && after.is_some_and(part_of_a_name);
        !begins_earlier && !ends_later
    })
}

fn assert_none(rule: &str, words: &[&str], allowed: &[&str]) {
    let found = offences(words, allowed);
    assert!(found.is_empty(), "{rule}:\n{found}");
}

#[test]
fn mio_stays_in_the_network_layer() {
    assert_none(
        "mio outside src/net, the bus's own sockets and the load generator",
        &["mio"],
        &["src/net/", "src/bus/redis", "crates/stonechat-load/"],
    );
}

#[test]
fn sql_stays_in_the_store() {
    let words =
        ["SELECT ", "INSERT INTO", "INSERT IGNORE", "UPDATE ", "DELETE FROM", "CREATE TABLE", "rusqlite", "PRAGMA "];
    // What is imported is not the store's: it has another system's tables.
    let allowed = ["src/store/", "src/import/source.rs"];
    assert_none("SQL outside src/store", &words, &allowed);
    let crate_names = ["mysql::Conn", "mysql::Opts", "mysql::prelude", "mysql::params", "mysql::Error", "use mysql"];
    assert_none("the mysql crate outside src/store", &crate_names, &allowed);
}

#[test]
fn redis_stays_in_the_bus() {
    let crate_names = [
        "use redis",
        "redis::cmd",
        "redis::Cmd",
        "redis::Client",
        "redis::Connection",
        "redis::Commands",
        "redis::pipe",
        "redis::Parser",
        "redis::RedisError",
        "redis::Value",
        "PUBLISH ",
        "SUBSCRIBE ",
    ];
    assert_none("the redis crate outside src/bus", &crate_names, &["src/bus/"]);
}

#[test]
fn the_network_layer_knows_no_user_and_no_json() {
    let others: Vec<String> = everything_but("src/net/");
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    assert_none("src/net knows JSON", &["serde_json", "serde"], &others);
}

#[test]
fn the_wire_does_no_io_and_knows_no_rules() {
    let others = everything_but("crates/stonechat-protocol/src/");
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let words = ["stonechat::", "std::net", "std::thread", "std::fs", "std::io", "Instant"];
    assert_none("the protocol does I/O, or waits", &words, &others);
}

/// What each part of the server may not know, from below to above.
const MUST_NOT_KNOW: [(&str, &[&str]); 12] = [
    (
        "src/config/",
        &["net", "store", "bus", "wire", "delivery", "session", "workers", "service", "node", "server", "import"],
    ),
    (
        "src/net/",
        &["ids", "store", "bus", "wire", "delivery", "dialects", "session", "workers", "service", "node", "server"],
    ),
    (
        "src/store/",
        &["net", "bus", "wire", "delivery", "session", "workers", "service", "node", "server", "import", "data"],
    ),
    ("src/bus/", &["net", "store", "wire", "delivery", "session", "workers", "service", "node", "server"]),
    ("src/delivery/", &["session", "workers", "service", "node", "server"]),
    ("src/dialects/", &["bus", "delivery", "session", "workers", "service", "node", "server", "import"]),
    ("src/session/", &["node", "server"]),
    ("src/workers/", &["node", "server"]),
    ("src/service/", &["node", "server"]),
    ("src/node/", &["server", "admin", "readiness", "signals", "import", "data"]),
    ("src/import/", &["net", "bus", "delivery", "session", "workers", "node", "server"]),
    ("src/data/", &["net", "bus", "delivery", "session", "workers", "service", "node", "server", "import"]),
];

#[test]
fn no_layer_knows_what_is_above_it() {
    for (layer, above) in MUST_NOT_KNOW {
        let others: Vec<String> = everything_but(layer);
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let words: Vec<String> = above.iter().map(|name| format!("crate::{name}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_none(&format!("{layer} uses what is above it"), &words, &others);
    }
}

/// The paths of all files outside a layer, as places where a rule for that layer does not hold.
fn everything_but(layer: &str) -> Vec<String> {
    sources().into_iter().map(|source| source.path).filter(|path| !path.starts_with(layer)).collect()
}

#[test]
fn unsafe_stays_in_one_file() {
    assert_none("unsafe outside src/net/sys.rs", &["unsafe"], &["src/net/sys.rs"]);
}

#[test]
fn nothing_unwraps() {
    assert_none("unwrap outside tests", &[".unwrap()", ".unwrap_err()"], &[]);
    assert_none("panics by design", &["todo!", "unimplemented!", "dbg!"], &[]);
}

#[test]
fn every_module_says_what_it_is() {
    for source in sources() {
        let first = source.lines.first().map(String::as_str).unwrap_or_default();
        assert!(first.starts_with("//!"), "{} does not begin with a `//!` sentence", source.path);
    }
}

/// What main, tests, benches and fuzzers of the server reach: the less, the more may change without them.
const PUBLIC_ITEMS: usize = 677;

#[test]
fn the_server_shows_no_more_than_it_has_to() {
    let kinds = ["fn", "struct", "enum", "trait", "const", "type", "static", "mod", "use"];
    let is_public = |line: &&String| {
        let item = line.trim_start().strip_prefix("pub ").and_then(|item| item.split_whitespace().next());
        item.is_some_and(|kind| kinds.contains(&kind))
    };
    let server = sources().into_iter().filter(|source| source.path.starts_with("src/"));
    let public: usize = server.map(|source| source.lines[..source.tests_begin].iter().filter(is_public).count()).sum();
    assert_eq!(public, PUBLIC_ITEMS, "public items of src: make them `pub(crate)`, or say here how many there are now");
}

#[test]
fn files_have_a_name_and_a_size() {
    for source in sources() {
        for vague in ["utils", "util", "helpers", "helper", "manager", "misc"] {
            let named_so = source.path.split(['/', '.']).any(|part| part.split('_').any(|word| word == vague));
            assert!(!named_so, "{}: `{vague}` says nothing", source.path);
        }
        assert!(source.lines.len() <= LINES_MAX, "{} has {} lines", source.path, source.lines.len());
    }
}

/// The files that the tree of docs/architecture.md names, from the repository's root.
fn drawn() -> BTreeSet<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let document = fs::read_to_string(document).expect("the document is there");
    let tree = document.split("## The tree").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("it has a tree");
    let mut folders: Vec<(usize, String)> = Vec::new();
    let mut drawn = BTreeSet::new();
    for line in tree.lines().filter(|line| line.starts_with("    ")) {
        let indent = line.len() - line.trim_start().len();
        folders.retain(|(other, _)| *other < indent);
        let first = line.split_whitespace().next().unwrap_or_default();
        if first.contains('/') && !first.contains(".rs") {
            let above = folders.last().map(|(_, path)| path.as_str()).unwrap_or_default();
            folders.push((indent, format!("{above}{}/", first.trim_end_matches('/'))));
        }
        let folder = folders.last().map(|(_, path)| path.as_str()).unwrap_or_default();
        let part_of_a_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.');
        let words = line.split(|c| !part_of_a_path(c)).map(|word| word.trim_end_matches('.'));
        drawn.extend(words.filter(|word| word.strip_suffix(".rs").is_some()).map(|word| format!("{folder}{word}")));
    }
    drawn
}

#[test]
fn the_tree_in_the_document_is_that_of_the_folders() {
    let drawn = drawn();
    let is_drawn_folder = |path: &str| ["src/", "crates/stonechat-protocol/"].iter().any(|root| path.starts_with(root));
    let is_tests = |path: &str| path.ends_with("tests.rs");
    let there: BTreeSet<String> = sources().into_iter().map(|source| source.path).collect();
    let missing: Vec<&String> =
        there.iter().filter(|path| is_drawn_folder(path) && !is_tests(path) && !drawn.contains(*path)).collect();
    let gone: Vec<&String> = drawn.iter().filter(|path| !there.contains(*path)).collect();
    assert!(missing.is_empty(), "docs/architecture.md does not name {missing:#?}");
    assert!(gone.is_empty(), "docs/architecture.md names what is not there: {gone:#?}");
}

#[test]
fn the_rules_find_what_they_forbid() {
    assert!(has_word("use mio::Poll;", "mio"));
    assert!(!has_word("let premio = 1;", "mio"));
    assert!(!has_word("crate::bus::redis::Client", "redis::Client"), "our own module of that name is fine");
    assert!(has_word("let c = redis::Client::open(url)", "redis::Client"));
    assert!(has_word("x.unwrap()", ".unwrap()"));
    assert!(!has_word("deny(unsafe_code)", "unsafe"));
    assert!(has_word("\"SELECT id FROM User\"", "SELECT "));
}
