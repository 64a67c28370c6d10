//! Every sample into both stores: the rows that come out, and what the report tells of those that do not (tests/import/expected).

use crate::place::{Old, Place, import, report};

/// The rows, and behind an empty line the report's lines.
fn comes_out(schema: &str, old: &Old, place: &Place) -> String {
    let (_, told) = report(schema, old, place);
    place.contents().join("\n") + "\n\n" + &told.join("\n") + "\n"
}

/// Imports the sample into both, once by name and once by its columns.
fn check(sample: (&str, &str), schema: &str, expected: &str) {
    let old = Old::sample(sample.0, sample.1);
    for (place, word) in Place::both().into_iter().zip([schema, "auto"]) {
        let found = comes_out(word, &old, &place);
        assert!(found == expected, "imported as {word}, this comes out:\n{found}");
        let again = comes_out(word, &old, &place);
        assert!(again == expected, "the second time, this comes out:\n{again}");
        let third = import(word, &old, &place, &[]).succeeded();
        for table in ["users", "friendships", "groups", "members of groups", "offline messages"] {
            assert_eq!(third.brought(table).0, 0, "{}", third.stdout);
        }
    }
}

macro_rules! samples {
    ($($test:ident: $file:literal, $database:literal, $schema:literal, $expected:literal;)*) => {
        $(#[test]
        fn $test() {
            let sample = (include_str!(concat!("samples/", $file)), $database);
            check(sample, $schema, include_str!(concat!("expected/", $expected)));
        })*
    };
}

samples! {
    the_course: "course_chat.sql", "course_chat", "course", "course.txt";
    the_course_of_a_readme: "seed002_chatserver.sql", "seed002_chat", "course", "seed002.txt";
    qq: "qq_mychat.sql", "Mychat", "qq", "qq.txt";
    polaris: "polaris_chat.sql", "polaris_chat", "polaris", "polaris.txt";
    cmf: "cmf_chat.sql", "cmf_chat", "cmf", "cmf.txt";
    sponge_of_2023: "sponge_2023.sql", "sponge", "sponge", "sponge.txt";
    sponge_of_2024: "sponge_2024_raybox.sql", "raybox_chat", "sponge", "raybox.txt";
}
