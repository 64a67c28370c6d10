//! Both databases have the same columns, but for the marks by which nodes of a cluster find what has changed: those are MySQL's. (A test in src/store/sqlite/whole.rs compares SQLite's with the list that dumps go by.)

use crate::place::Place;

#[test]
fn both_databases_have_the_same_columns() {
    let places = Place::both().map(|place| place.start().stop());
    let sqlite = "SELECT t.name || '.' || c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                  WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mysql = "SELECT CONCAT(c.table_name, '.', c.column_name) FROM information_schema.columns c \
                 JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
                 WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' AND c.table_name <> 'GoneGroup' \
                 AND c.column_name <> 'changed_at'";
    let [mut first, mut second] = [places[0].texts(sqlite), places[1].texts(mysql)];
    first.sort();
    second.sort();
    assert!(first.len() > 80, "{first:?}");
    assert_eq!(first, second);
}
