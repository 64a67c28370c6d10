//! Migrations and settings.

use stonechat::store::StoreError;

use crate::fresh::{Fresh, user};

pub(crate) fn migrating_again_changes_nothing(fresh: &Fresh) {
    user(&mut *fresh.store(), "ann");
    let applied = fresh.number("SELECT SUM(version * 0 + applied_at) FROM SchemaVersion");
    fresh.stores.migrate().unwrap();
    assert_eq!(fresh.number("SELECT SUM(version * 0 + applied_at) FROM SchemaVersion"), applied);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM User"), 1);
}

pub(crate) fn a_newer_schema_is_refused_and_left_alone(fresh: &Fresh) {
    fresh.execute("INSERT INTO SchemaVersion (version, applied_at) VALUES (77, 1)");
    fresh.execute("DROP VIEW OfflineMessage");
    let Err(StoreError::Broken(told)) = fresh.stores.migrate() else { panic!("refused") };
    let told = told.to_string();
    assert!(told.contains("77") && told.contains("up to 6"), "{told}");
    fresh.execute("CREATE VIEW OfflineMessage AS SELECT 1 AS userid");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM SchemaVersion"), 7);
}

pub(crate) fn two_nodes_migrate_at_once(fresh: &Fresh) {
    // As if the tables were not there: the statements run again, against each other.
    fresh.execute("DELETE FROM SchemaVersion");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fresh.stores.migrate().unwrap());
        }
    });
    assert_eq!(fresh.number("SELECT COUNT(*) FROM SchemaVersion"), 6);
    user(&mut *fresh.store(), "ann");
}

pub(crate) fn a_fresh_database_is_durable(fresh: &Fresh) {
    assert_eq!(fresh.stores.durability_warnings().unwrap(), Vec::<String>::new());
}
