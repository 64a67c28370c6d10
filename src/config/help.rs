//! The keys as text for people: the help of the command line, and the example file.

use std::fmt::Write as _;

use super::keys::{KEYS, Key, TakesEffect};
use super::kind::Kind;
use super::settings::Config;

/// Columns of the help text.
const COLUMNS: usize = 100;

/// Every key with its default, what it takes and what it means, as `--help` shows it.
#[must_use]
pub fn key_listing() -> String {
    let default = Config::default();
    KEYS.iter().fold(String::new(), |mut out, key| {
        push(&mut out, format_args!("  {} = {}", key.name, default_of(key, &default)));
        out.push_str(&wrapped(&format!("{}.", key.meaning), "      "));
        out.push_str(&wrapped(&taken(key), "      "));
        out
    })
}

/// How the environment variables are called.
#[must_use]
pub fn variable_listing() -> String {
    let mut out = String::new();
    push(&mut out, format_args!("  {:<38} --config FILE", "STONECHAT_CONFIG"));
    for key in KEYS.iter() {
        push(&mut out, format_args!("  {:<38} {}", key.variable(), key.name));
    }
    out
}

/// What it takes, and whether that may change while the server runs.
fn taken(key: &Key) -> String {
    let when = if key.takes_effect == TakesEffect::AtReload { " Changes at SIGHUP, too." } else { "" };
    format!("Takes {}.{when}", key.kind.takes())
}

/// The default as TOML. Where the machine decides, the word for that.
fn default_of(key: &Key, default: &Config) -> String {
    match &key.kind {
        Kind::Count { auto: Some(_), .. } => "\"auto\"".to_owned(),
        kind => kind.show(default),
    }
}

/// Breaks `text` at blanks into lines of at most [`COLUMNS`], each begun with `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > COLUMNS {
            push(&mut out, format_args!("{indent}{line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    push(&mut out, format_args!("{indent}{line}"));
    out
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::super::{Flag, Sources, load};
    use super::*;

    const EXAMPLE: &str = include_str!("../../stonechat.example.toml");

    const HEAD: &str = "\
# Stonechat's settings. Every key stands here with its default; take away the # in front of those to change.
#
#   stonechat --config stonechat.toml                  starts the server with this file
#   stonechat --config stonechat.toml check-config     shows what counts, and tries the connections
#
# Later wins: default, this file, environment (STONECHAT_LIMITS_INFLIGHT=8), flags (--set limits.inflight=8).
# An unknown key or a bad value is refused at start. SIGHUP has all of it read again: the keys that say so change at once, the
# others at the next start, and a bad value changes nothing.
";

    /// The example file as the table of keys has it.
    fn example() -> String {
        let default = Config::default();
        let mut out = HEAD.to_owned();
        let mut section = "";
        for key in KEYS.iter() {
            let (inside, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if inside != section {
                push(&mut out, format_args!("\n[{inside}]"));
                section = inside;
            }
            out.push('\n');
            out.push_str(&wrapped(&format!("{}.", key.meaning), "# "));
            out.push_str(&wrapped(&taken(key), "# "));
            push(&mut out, format_args!("#{name} = {}", default_of(key, &default)));
        }
        out
    }

    fn parsed(text: &str) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        load(&sources).unwrap_or_else(|problems| panic!("{problems}")).config
    }

    #[test]
    fn the_example_file_says_what_the_table_says() {
        let expected = example();
        for (line, (is, should)) in EXAMPLE.lines().zip(expected.lines()).enumerate() {
            assert_eq!(is, should, "stonechat.example.toml:{}", line + 1);
        }
        assert!(EXAMPLE == expected, "stonechat.example.toml should be:\n{expected}");
    }

    #[test]
    fn the_example_file_is_the_defaults_as_it_stands_and_uncommented() {
        assert_eq!(parsed(EXAMPLE), Config::default());
        let is_key = |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c.is_ascii_lowercase());
        let keys = EXAMPLE.lines().filter(|line| is_key(line)).count();
        assert_eq!(keys, KEYS.len());
        let uncommented: Vec<&str> = EXAMPLE.lines().map(|l| if is_key(l) { &l[1..] } else { l }).collect();
        assert_eq!(parsed(&uncommented.join("\n")), Config::default());
    }

    #[test]
    fn every_default_in_the_listing_can_be_set_as_it_stands() {
        let listing = key_listing();
        let typed: Vec<&str> = listing.lines().filter(|line| !line.starts_with("    ")).map(str::trim).collect();
        assert_eq!(typed.len(), KEYS.len());
        let flags = typed.into_iter().map(|line| Flag::Set(line.to_owned())).collect();
        let effective = load(&Sources { flags, ..Sources::default() }).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(effective.config, Config::default());
        assert!(listing.lines().all(|line| line.chars().count() <= COLUMNS), "{listing}");
    }
}
