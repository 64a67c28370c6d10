//! What docs/scaling.md says of MySQL-compatible engines is of the statements that are in the sources: no kind of statement
//! stands where the table does not name it, no table is without a key to shard by, and no engine's reserved word is a name
//! of ours without quotes.
//!
//! A use of something new makes this fail until it has been looked up in the engines' manuals, and the table says what was
//! found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The document, from the repository's root.
const DOCUMENT: &str = "docs/scaling.md";

/// Where statements for MySQL are. SQLite's are its own.
const PLACES: [&str; 4] = ["src/store", "src/import", "src/data", "sql/mysql"];
const OTHERS: [&str; 2] = ["src/store/sqlite/", "src/store/sqlite.rs"];

/// A kind of statement as the first column of the table calls it, and what it is known by. A part of a statement that stands
/// in a `Dialect` is known by the use of that, too.
const KINDS: [(&str, &[&str]); 33] = [
    ("`FOR UPDATE`", &["FOR UPDATE", "dialect().locked"]),
    ("`SKIP LOCKED`", &["SKIP LOCKED"]),
    ("`NOWAIT`", &["NOWAIT"]),
    ("`FOR SHARE`, `LOCK IN SHARE MODE`", &["FOR SHARE", "LOCK IN SHARE MODE"]),
    ("`innodb_lock_wait_timeout`", &["innodb_lock_wait_timeout"]),
    ("`MAX_EXECUTION_TIME`", &["MAX_EXECUTION_TIME", "max_execution_time", "max_statement_time"]),
    ("`wait_timeout`", &["wait_timeout = {", "transaction_timeout = {"]),
    ("`SET SESSION`, `SET NAMES`", &["SET SESSION", "SET NAMES"]),
    ("`START TRANSACTION WITH CONSISTENT SNAPSHOT`", &["CONSISTENT SNAPSHOT"]),
    ("`KILL`", &["KILL "]),
    ("`GET_LOCK`", &["GET_LOCK", "RELEASE_LOCK"]),
    ("`AUTO_INCREMENT`", &["AUTO_INCREMENT", "auto_increment", "last_insert_id", ".new_id()", "dialect().last_id"]),
    ("`ON DUPLICATE KEY UPDATE`", &["ON DUPLICATE KEY UPDATE"]),
    ("`INSERT IGNORE`", &["INSERT IGNORE", "dialect().insert_new"]),
    ("`FOREIGN KEY`", &["FOREIGN KEY", "REFERENCES "]),
    ("`CREATE VIEW`", &["OR REPLACE VIEW", "CREATE VIEW"]),
    ("`ALTER TABLE`", &["ALTER TABLE"]),
    ("`CURRENT_TIMESTAMP`", &["CURRENT_TIMESTAMP", "UNIX_TIMESTAMP", "FROM_UNIXTIME", "dialect().moment"]),
    ("`ENUM`", &["ENUM("]),
    ("`information_schema`", &["information_schema.", "dialect().has_column", "dialect().columns_of"]),
    ("`SHOW VARIABLES`", &["SHOW GLOBAL"]),
    ("prepared statements", &["stmt_cache_size"]),
    ("`max_allowed_packet`", &["@@max_allowed_packet", "packet_max("]),
    ("`EXISTS` and `NOT EXISTS`", &["EXISTS (", "EXISTS ({"]),
    ("`UNION ALL`", &["UNION ALL"]),
    ("`CAST`", &["CAST("]),
    ("`GREATEST`, `LEAST`", &["GREATEST(", "LEAST("]),
    ("bits", &["rules | ", "rules & ", ">> 32"]),
    ("`GROUP BY`, `DISTINCT`", &["GROUP BY", "DISTINCT "]),
    ("`BINARY`", &["LIKE BINARY", "BY BINARY"]),
    ("`DELETE ... LIMIT`", &["DELETE FROM `{}` LIMIT"]),
    ("statements that change nothing", &["WHERE 1 = 0"]),
    ("what no statement has", &UNUSED),
];

const UNUSED: [&str; 13] = [
    "JSON_",
    "WITH RECURSIVE",
    " OVER (",
    "RETURNING",
    "REPLACE INTO",
    "FULLTEXT",
    "MATCH (",
    "TEMPORARY TABLE",
    "CREATE TRIGGER",
    "CREATE PROCEDURE",
    "SAVEPOINT",
    "LOCK TABLES",
    "PARTITION BY",
];

/// The words that MySQL 8.4 or TiDB reserve and that are no part of every engine's older grammar, besides those that nobody
/// would take for a name.
const RESERVED: [&str; 46] = [
    "array",
    "call",
    "condition",
    "continue",
    "cube",
    "cume_dist",
    "cursor",
    "dense_rank",
    "each",
    "elseif",
    "empty",
    "except",
    "exit",
    "first_value",
    "function",
    "generated",
    "grouping",
    "groups",
    "ilike",
    "inout",
    "intersect",
    "iterate",
    "json_table",
    "lag",
    "last_value",
    "lateral",
    "lead",
    "leave",
    "loop",
    "manual",
    "nth_value",
    "ntile",
    "of",
    "out",
    "over",
    "parallel",
    "percent_rank",
    "qualify",
    "rank",
    "recursive",
    "repeat",
    "row_number",
    "system",
    "tablesample",
    "until",
    "window",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of each file that may have statements for MySQL, without comments and tests, by its path.
fn sources() -> BTreeMap<String, String> {
    let mut folders: Vec<_> = PLACES.iter().map(|place| root().join(place)).collect();
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root()).expect("found below it").to_string_lossy().replace('\\', "/");
            if !name.contains("tests") && !OTHERS.iter().any(|other| name.starts_with(other)) {
                found.insert(name, code(&fs::read_to_string(&path).expect("sources are UTF-8")));
            }
        }
    }
    assert!(found.len() > 50, "hardly any source was found");
    found
}

fn code(text: &str) -> String {
    let own = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    let lines = own.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.starts_with("--"));
    lines.fold(String::new(), |code, line| code + line + "\n")
}

/// The files in which one of the words stands.
fn files_with(sources: &BTreeMap<String, String>, words: &[&str]) -> BTreeSet<String> {
    let has = |text: &str| words.iter().any(|word| text.contains(word));
    sources.iter().filter(|(_, text)| has(text)).map(|(name, _)| name.clone()).collect()
}

/// The cells of the rows of the table whose first heading is this one.
fn table(first: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(DOCUMENT)).expect("the document is there");
    let begins = format!("| {first} |");
    let rows = text.lines().skip_while(|line| !line.starts_with(&begins)).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.skip(2).map(cells).collect();
    assert!(!rows.is_empty(), "{DOCUMENT} has no table that begins with {begins}");
    rows
}

/// The code in a cell: what stands between backticks. `{a, b}` in it stands for either.
fn codes(cell: &str) -> BTreeSet<String> {
    let spans = cell.split('`').skip(1).step_by(2);
    spans.flat_map(alternatives).collect()
}

fn alternatives(span: &str) -> Vec<String> {
    let parts = span.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    let Some((head, (inner, tail))) = parts else { return vec![span.to_owned()] };
    inner.split(',').map(|word| format!("{head}{}{tail}", word.trim())).collect()
}

#[test]
fn every_kind_of_statement_stands_where_the_table_says() {
    let sources = sources();
    let rows = table("kind of statement");
    let told: BTreeMap<&str, BTreeSet<String>> = rows.iter().map(|row| (&*row[0], codes(&row[1]))).collect();
    let mut wrong = Vec::new();
    for (kind, words) in KINDS {
        let found = files_with(&sources, words);
        match told.get(kind) {
            None => wrong.push(format!("{kind} has no row; it stands in {found:?}")),
            Some(told) if *told != found => {
                let (added, gone): (Vec<_>, Vec<_>) =
                    (found.difference(told).collect(), told.difference(&found).collect());
                wrong.push(format!("{kind}: the row lacks {added:?}, and names without need {gone:?}"));
            }
            Some(_) => {}
        }
    }
    let known: BTreeSet<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    wrong.extend(told.keys().filter(|kind| !known.contains(*kind)).map(|kind| format!("no test looks for {kind}")));
    assert!(wrong.is_empty(), "{DOCUMENT} is not of these sources:\n{}", wrong.join("\n"));
}

#[test]
fn every_row_says_something_of_every_engine() {
    let told = |row: &&Vec<String>| row.len() == 6 && row.iter().all(|cell| !cell.is_empty());
    let short: Vec<_> = table("kind of statement").iter().filter(|row| !told(row)).map(|row| row[0].clone()).collect();
    assert_eq!(short, Vec::<String>::new(), "these have not six cells that say something");
}

/// The tables, and the names of their columns and indexes that stand without quotes.
fn schema(sources: &BTreeMap<String, String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut tables, mut unquoted) = (BTreeSet::new(), BTreeSet::new());
    let is_name = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    for (_, text) in sources.iter().filter(|(name, _)| name.starts_with("sql/mysql/")) {
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("CREATE TABLE IF NOT EXISTS `") {
                tables.extend(rest.split('`').next().map(str::to_owned));
            }
            let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || "(),;".contains(c)).collect();
            let named = words.windows(2).filter(|pair| ["COLUMN", "KEY"].contains(&pair[0])).map(|pair| pair[1]);
            let names = words.first().copied().into_iter().chain(named).filter(|word| is_name(word));
            unquoted.extend(names.map(str::to_owned));
        }
    }
    (tables, unquoted)
}

#[test]
fn every_table_has_a_key_to_shard_by() {
    let (mut tables, _) = schema(&sources());
    assert!(tables.len() > 20, "{tables:?}");
    // The table of versions stands in the code.
    tables.insert("SchemaVersion".to_owned());
    let told: BTreeSet<String> = table("table").iter().flat_map(|row| codes(&row[0])).collect();
    assert_eq!(told, tables, "{DOCUMENT} is of other tables than the schema");
}

/// The texts between quotes, as far as they have to do with SQL.
fn statements(code: &str) -> Vec<String> {
    let code = code.replace("'\"'", "' '").replace("\\\"", "'");
    let texts = code.split('"').skip(1).step_by(2);
    let is_sql =
        |text: &&str| ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WHERE ", "JOIN "].iter().any(|w| text.contains(w));
    texts.filter(is_sql).map(str::to_owned).collect()
}

#[test]
fn no_engine_reserves_a_name_that_stands_without_quotes() {
    let sources = sources();
    let (tables, unquoted) = schema(&sources);
    let reserved = |name: &str| RESERVED.contains(&name.to_lowercase().as_str());
    // The files that have this one have landed, and are not edited any more: src/store/mysql/migration.rs quotes it.
    let is_quoted_later = |name: &str| name == "until";
    let wrong: Vec<_> = unquoted.iter().filter(|name| reserved(name) && !is_quoted_later(name)).collect();
    assert!(unquoted.contains("state_node") && unquoted.contains("user_by_state_node"), "{unquoted:?}");
    assert!(wrong.is_empty(), "quote them in sql/mysql: {wrong:?}");
    // Those that are quoted there must be so everywhere.
    let quoted: BTreeSet<&str> =
        tables.iter().map(String::as_str).chain(["until"]).filter(|name| reserved(name)).collect();
    assert_eq!(quoted, ["Cursor", "until"].into());
    let mut bare = Vec::new();
    for (file, text) in sources.iter().filter(|(file, _)| file.starts_with("src/")) {
        for statement in statements(text) {
            let words = statement.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '`'));
            bare.extend(words.filter(|word| quoted.contains(word)).map(|word| format!("{file}: {word}: {statement}")));
        }
    }
    assert!(bare.is_empty(), "quote the names:\n{}", bare.join("\n"));
}

#[test]
fn cells_are_read_as_they_are_meant() {
    let expected: BTreeSet<String> = ["a/b.rs", "a/c.rs", "d"].map(str::to_owned).into();
    assert_eq!(codes("`a/{b, c}.rs`, and `d`"), expected);
    assert_eq!(codes("nowhere"), BTreeSet::new());
    assert_eq!(code("// x\nlet a; // y\n--z\n#[cfg(test)]\nmod tests {}"), "let a; // y\n");
    assert_eq!(statements("let a = '\"'; run(\"SELECT 1\", \"no\")"), ["SELECT 1"]);
}
