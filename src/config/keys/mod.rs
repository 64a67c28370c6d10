//! The table of keys: every setting's name, unit, bounds and meaning, in the order in which they are listed.

mod chat;
mod limits;
mod server;

use std::fmt;
use std::sync::LazyLock;

use super::kind::Kind;
use super::settings::Config;

/// One setting.
pub(super) struct Key {
    /// Its dotted name: what a TOML file, `--set` and the error messages call it.
    pub(super) name: &'static str,
    /// What it does, for a person; it also stands in the help and in the example file.
    pub(super) meaning: &'static str,
    /// When a change of it counts.
    pub(super) takes_effect: TakesEffect,
    /// What values it takes, and where they go.
    pub(super) kind: Kind,
}

/// When a change of a setting counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TakesEffect {
    /// When the server starts: it is used up then. An address is bound, a thread started, a table built.
    AtStart,
    /// When the settings are read again, too.
    AtReload,
}

impl Key {
    /// The environment variable of this key: `limits.inflight` is `STONECHAT_LIMITS_INFLIGHT`.
    pub(super) fn variable(&self) -> String {
        format!("STONECHAT_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// The place of the key called `name` in [`KEYS`].
pub(super) fn index_of(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

/// Every key. Those without a section come first, as TOML wants it.
pub(super) static KEYS: LazyLock<Vec<&'static Key>> =
    LazyLock::new(|| [server::KEYS, limits::KEYS, chat::KEYS].into_iter().flatten().collect());

const fn count(unit: &'static str, min: u64, max: u64, get: fn(&Config) -> u64, set: fn(&mut Config, u64)) -> Kind {
    Kind::Count { unit, min, max, auto: None, get, set }
}

const fn seconds(min: u64, max: u64, get: fn(&Config) -> u64, set: fn(&mut Config, u64)) -> Kind {
    count("seconds", min, max, get, set)
}

fn none_is_0(limit: Option<u32>) -> u64 {
    limit.unwrap_or(0).into()
}

fn unless_0(number: u64) -> Option<u32> {
    (number > 0).then(|| narrow(number))
}

/// `number` as the field's type.
fn narrow<T: TryFrom<u64>>(number: u64) -> T {
    T::try_from(number).ok().expect("a test puts every bound of the table through its setter")
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(KEYS.iter().map(|key| (key.name, key.kind.show(self)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::kind::Given;
    use super::*;

    #[test]
    fn every_default_is_within_its_bounds_and_survives_being_shown() {
        let default = Config::default();
        for key in KEYS.iter() {
            let mut config = default.clone();
            let shown = key.kind.show(&default);
            key.kind.apply(&mut config, &Given::Untyped(&shown)).unwrap_or_else(|e| panic!("{}: {e:?}", key.name));
            assert_eq!(config, default, "{}", key.name);
        }
    }

    #[test]
    fn bounds_are_kept_and_reach_the_field() {
        for key in KEYS.iter() {
            let Kind::Count { min, max, get, .. } = key.kind else { continue };
            let mut config = Config::default();
            for bound in [min, max] {
                key.kind.apply(&mut config, &Given::Untyped(&bound.to_string())).unwrap();
                assert_eq!(get(&config), bound, "{}", key.name);
            }
            let beyond = Given::Untyped(&(max + 1).to_string()).refused_by(key);
            assert!(beyond.contains(&format!("from {min} to {max}")), "{}: {beyond}", key.name);
            if let Some(below) = min.checked_sub(1) {
                Given::Untyped(&below.to_string()).refused_by(key);
            }
        }
    }

    #[test]
    fn every_word_reaches_its_field() {
        for key in KEYS.iter() {
            let Kind::Choice { words, get, .. } = key.kind else { continue };
            for word in words() {
                let mut config = Config::default();
                key.kind.apply(&mut config, &Given::Text(word)).unwrap();
                assert_eq!(get(&config), word, "{}", key.name);
            }
        }
    }

    #[test]
    fn names_and_variables_are_unique_and_sections_come_last() {
        let names: HashSet<_> = KEYS.iter().map(|key| key.name).collect();
        let variables: HashSet<_> = KEYS.iter().map(|key| key.variable()).collect();
        assert_eq!((names.len(), variables.len()), (KEYS.len(), KEYS.len()));
        assert!(KEYS.is_sorted_by_key(|key| key.name.contains('.')));
    }

    impl Given<'_> {
        /// What is said when `key` refuses this; the field must not have changed.
        fn refused_by(&self, key: &Key) -> String {
            let mut config = Config::default();
            let refused = key.kind.apply(&mut config, self).expect_err(key.name);
            assert_eq!(config, Config::default(), "{}", key.name);
            refused.0
        }
    }
}
