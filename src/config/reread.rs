//! What becomes of settings that are read again while the server runs: some keys take effect at once, the others at the next start.

use std::path::Path;

use super::keys::{KEYS, Key, TakesEffect};
use super::kind::Kind;
use super::settings::Config;

/// Settings that were read again, beside those that count.
#[derive(Clone, Debug)]
pub(crate) struct Reread {
    /// What counts from now on: that of before, with the keys that may change.
    pub(crate) config: Config,
    /// The keys of these.
    pub(crate) changed: Vec<&'static str>,
    /// Keys that have changed, too, and wait for the next start.
    pub(crate) waiting: Vec<&'static str>,
}

impl Reread {
    /// What is to change when these settings come in the place of those that count.
    #[must_use]
    pub(crate) fn between(counts: &Config, read: &Config) -> Self {
        // A server that has not begun to speak TLS cannot begin now, nor end it.
        let speaks_tls = counts.tls.pair().is_some() && read.tls.pair().is_some();
        let may_change =
            |key: &Key| key.takes_effect == TakesEffect::AtReload && (speaks_tls || !key.name.starts_with("tls."));
        let mut config = counts.clone();
        let (mut changed, mut waiting) = (Vec::new(), Vec::new());
        for key in KEYS.iter().filter(|key| key.kind.differs(counts, read)) {
            if may_change(key) {
                key.kind.copy(read, &mut config);
                changed.push(key.name);
            } else {
                waiting.push(key.name);
            }
        }
        Self { config, changed, waiting }
    }
}

impl Kind {
    /// Whether the field differs; also where the difference is a password, which is not shown.
    fn differs(&self, one: &Config, other: &Config) -> bool {
        match self {
            Self::Url { get, .. } => get(one) != get(other),
            kind => kind.show(one) != kind.show(other),
        }
    }

    /// Takes the field over.
    fn copy(&self, from: &Config, to: &mut Config) {
        match self {
            Self::Addresses { get, set, .. } => set(to, get(from).to_vec()),
            Self::OptionalAddress { get, set } => set(to, get(from)),
            Self::Folder { get, set } => set(to, get(from).to_owned()),
            Self::File { get, set, .. } => set(to, get(from).map(Path::to_owned)),
            Self::Url { get, set, .. } => set(to, get(from).map(str::to_owned)),
            Self::Count { get, set, .. } => set(to, get(from)),
            Self::Origins { get, set } | Self::Hosts { get, set } => set(to, get(from).to_vec()),
            Self::Relatives { get, set } => set(to, get(from).to_vec()),
            Self::Networks { get, set } => set(to, get(from).clone()),
            Self::Switch { get, set } => set(to, get(from)),
            Self::Choice { get, set, .. } => {
                set(to, get(from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::load_text;
    use super::*;

    fn parsed(text: &str) -> Config {
        load_text(text).unwrap_or_else(|problems| panic!("{problems}")).config
    }

    #[test]
    fn what_may_change_does_and_what_may_not_is_named() {
        let counts = parsed("");
        let read = parsed(
            "listen = \"127.0.0.1:9999\"\nmysql = \"mysql://a:b@c:1/d\"\nfriends_only = true\n\
             [limits]\ninflight = 3\nline_bytes = 9000\n[password]\npasses = 3",
        );
        let reread = Reread::between(&counts, &read);
        // What was not set gives way to what was, and changes with it.
        assert_eq!(reread.changed, ["friends_only", "limits.line_bytes", "limits.inflight"]);
        assert_eq!(reread.waiting, ["listen", "mysql", "password.passes"]);
        let mut expected = counts.clone();
        expected.friends_only = true;
        (expected.limits.inflight, expected.limits.line_bytes) = (3, 9000);
        assert_eq!(reread.config, expected);
        let again = Reread::between(&reread.config, &read);
        assert!(again.changed.is_empty(), "{:?}", again.changed);
        assert_eq!(again.waiting, reread.waiting, "they still wait");
    }

    #[test]
    fn a_new_password_is_a_change_though_it_is_not_shown() {
        let reread = Reread::between(&parsed("redis = \"redis://:a@c:1/\""), &parsed("redis = \"redis://:b@c:1/\""));
        assert_eq!(reread.waiting, ["redis"]);
    }

    #[test]
    fn a_certificate_moves_but_tls_neither_begins_nor_ends() {
        let (none, one) = (parsed(""), parsed("tls.cert = \"a\"\ntls.key = \"b\""));
        let other = parsed("tls.cert = \"c\"\ntls.key = \"b\"");
        assert_eq!(Reread::between(&one, &other).changed, ["tls.cert"]);
        for (counts, read) in [(&none, &one), (&one, &none)] {
            let reread = Reread::between(counts, read);
            assert_eq!((reread.changed.len(), reread.waiting), (0, vec!["tls.cert", "tls.key"]));
            assert_eq!(reread.config, *counts);
        }
    }

    #[test]
    fn every_key_is_copied_as_it_is() {
        let mut all = Config::default();
        for key in KEYS.iter() {
            // Another value than the default, where the kind has one that is easily made.
            match &key.kind {
                Kind::Count { min, max, get, set, .. } => {
                    let other = if get(&all) == *max { *min } else { *max };
                    set(&mut all, other);
                }
                Kind::Switch { get, set } => {
                    let other = !get(&all);
                    set(&mut all, other);
                }
                Kind::Choice { words, set, .. } => {
                    set(&mut all, words().last().unwrap());
                }
                _ => {}
            }
        }
        let mut copied = Config::default();
        for key in KEYS.iter() {
            key.kind.copy(&all, &mut copied);
        }
        assert_eq!(copied, all);
    }
}
