//! The kinds of values: how each is read from a file or from text, bounded, put into [`Config`] and shown.
//!
//! A kind holds the two functions that reach its field, so a value of the wrong type cannot get near it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::backend_url::UrlShape;
use super::logs::{LogFormat, LogLevel};
use super::network::{self, Networks};
use super::secret::masked;
use super::settings::{AcceptPolicy, Config, Friending, Relative, SessionPolicy, Synchronous};

/// The most addresses in a list.
const ADDRESSES_MAX: usize = 64;

/// A value as a source gives it.
#[derive(Clone, Debug)]
pub(super) enum Given<'a> {
    /// From a variable or a flag: plain text, read by the key's kind.
    Untyped(&'a str),
    /// A string of a TOML file.
    Text(&'a str),
    /// An integer of a TOML file.
    Integer(i64),
    /// A boolean of a TOML file.
    Boolean(bool),
    /// Something of a TOML file that no key takes, by its type's name.
    Other(&'static str),
}

/// A kind of value, with the way to its field.
pub(super) enum Kind {
    /// A list of socket addresses, `least` or more.
    Addresses { least: usize, get: fn(&Config) -> &[SocketAddr], set: fn(&mut Config, Vec<SocketAddr>) },
    /// A socket address, or "" for none.
    OptionalAddress { get: fn(&Config) -> Option<SocketAddr>, set: fn(&mut Config, Option<SocketAddr>) },
    /// A folder's path.
    Folder { get: fn(&Config) -> &Path, set: fn(&mut Config, PathBuf) },
    /// The path of a file (or what else it is), or "" for none.
    File { what: &'static str, get: fn(&Config) -> Option<&Path>, set: fn(&mut Config, Option<PathBuf>) },
    /// The URL of another server, or "" for none. It may hold a password.
    Url { shape: UrlShape, get: fn(&Config) -> Option<&str>, set: fn(&mut Config, Option<String>) },
    /// A whole number of `unit`, from `min` to `max`. With `auto`, the word "auto" is a value, too.
    Count {
        unit: &'static str,
        min: u64,
        max: u64,
        auto: Option<fn() -> u64>,
        get: fn(&Config) -> u64,
        set: fn(&mut Config, u64),
    },
    /// A list of web pages' origins; may be empty.
    Origins { get: fn(&Config) -> &[String], set: fn(&mut Config, Vec<String>) },
    /// A list of hosts' names; may be empty.
    Hosts { get: fn(&Config) -> &[String], set: fn(&mut Config, Vec<String>) },
    /// A list of relatives of the course's program; may be empty.
    Relatives { get: fn(&Config) -> &[Relative], set: fn(&mut Config, Vec<Relative>) },
    /// A list of addresses and networks.
    Networks { get: fn(&Config) -> &Networks, set: fn(&mut Config, Networks) },
    /// true or false.
    Switch { get: fn(&Config) -> bool, set: fn(&mut Config, bool) },
    /// One of a few words.
    Choice { words: fn() -> Vec<&'static str>, get: fn(&Config) -> &'static str, set: fn(&mut Config, &str) -> bool },
}

/// A value that the kind does not take: says what it would take, and never repeats a URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refused(pub(super) String);

impl Kind {
    /// Puts `given` into its field.
    pub(super) fn apply(&self, config: &mut Config, given: &Given<'_>) -> Result<(), Refused> {
        let refused = || Refused(format!("must be {}{}", self.takes(), self.not(given)));
        match self {
            Self::Addresses { least, set, .. } => {
                let all = given.text().and_then(addresses).filter(|all| all.len() >= *least);
                set(config, all.ok_or_else(refused)?);
            }
            Self::OptionalAddress { set, .. } => match given.text() {
                Some("") => set(config, None),
                text => set(config, Some(text.and_then(address).ok_or_else(refused)?)),
            },
            Self::Folder { set, .. } => {
                set(config, given.text().filter(|text| !text.is_empty()).map(PathBuf::from).ok_or_else(refused)?);
            }
            Self::File { set, .. } => {
                let path = given.text().ok_or_else(refused)?;
                set(config, (!path.is_empty()).then(|| PathBuf::from(path)));
            }
            Self::Url { shape, set, .. } => match given.text() {
                Some("") => set(config, None),
                Some(text) => match shape.problem(text) {
                    Some(why) => return Err(Refused(why)),
                    None => {
                        set(config, Some(Some(text).filter(|text| shape.fits(text)).ok_or_else(refused)?.to_owned()));
                    }
                },
                None => return Err(refused()),
            },
            Self::Count { min, max, auto, set, .. } => {
                let asked_auto = auto.filter(|_| given.text() == Some("auto")).map(|choose| choose());
                let number = asked_auto.or_else(|| given.number()).filter(|number| (*min..=*max).contains(number));
                set(config, number.ok_or_else(refused)?);
            }
            Self::Origins { set, .. } => set(config, given.text().and_then(network::origins).ok_or_else(refused)?),
            Self::Hosts { set, .. } => set(config, given.text().and_then(network::hosts).ok_or_else(refused)?),
            Self::Relatives { set, .. } => set(config, given.text().and_then(relatives).ok_or_else(refused)?),
            Self::Networks { set, .. } => {
                set(config, given.text().and_then(Networks::parse).ok_or_else(refused)?);
            }
            Self::Switch { set, .. } => set(config, given.boolean().ok_or_else(refused)?),
            Self::Choice { set, .. } => {
                given.text().filter(|text| set(config, text)).ok_or_else(refused)?;
            }
        }
        Ok(())
    }

    /// The value as TOML; passwords are masked.
    pub(super) fn show(&self, config: &Config) -> String {
        match self {
            Self::Addresses { get, .. } => {
                let all: Vec<String> = get(config).iter().map(ToString::to_string).collect();
                quoted(all.join(", "))
            }
            Self::OptionalAddress { get, .. } => quoted(get(config).map(|addr| addr.to_string()).unwrap_or_default()),
            Self::Folder { get, .. } => quoted(get(config).to_string_lossy()),
            Self::File { get, .. } => quoted(get(config).map(Path::to_string_lossy).unwrap_or_default()),
            Self::Url { get, .. } => quoted(get(config).map(masked).unwrap_or_default()),
            Self::Count { get, .. } => get(config).to_string(),
            Self::Origins { get, .. } | Self::Hosts { get, .. } => quoted(get(config).join(", ")),
            Self::Relatives { get, .. } => {
                let all: Vec<&str> = get(config).iter().map(|one| one.word()).collect();
                quoted(all.join(", "))
            }
            Self::Networks { get, .. } => quoted(get(config).to_string()),
            Self::Switch { get, .. } => get(config).to_string(),
            Self::Choice { get, .. } => quoted(get(config)),
        }
    }

    /// What it takes, in words: "a whole number from 1 to 100 (passes)".
    pub(super) fn takes(&self) -> String {
        match self {
            Self::Addresses { least: 0, .. } => {
                "addresses with a port and commas between them, like \"127.0.0.1:8000, [::1]:8000\", or empty for none".to_owned()
            }
            Self::Addresses { .. } => {
                "addresses with a port, like 127.0.0.1:8000 or [::1]:8000, with commas between them, none of them twice"
                    .to_owned()
            }
            Self::OptionalAddress { .. } => "an address with a port, like 127.0.0.1:9000, or empty for none".to_owned(),
            Self::Folder { .. } => "the path of a folder".to_owned(),
            Self::File { what, .. } => format!("the path of a {what}, or empty for none"),
            Self::Url { shape, .. } => shape.takes().to_owned(),
            Self::Count { unit, min, max, auto: None, .. } => {
                format!("a whole number from {min} to {max} ({unit})")
            }
            Self::Count { unit, min, max, auto: Some(_), .. } => {
                format!("a whole number from {min} to {max} ({unit}), or \"auto\"")
            }
            Self::Origins { .. } => {
                "origins with commas between them, like \"https://chat.example.org, http://intranet:8080\", or empty for none"
                    .to_owned()
            }
            Self::Hosts { .. } => {
                "names of hosts with commas between them, like \"chat.example.org, chat.lan\", or empty for none".to_owned()
            }
            Self::Relatives { .. } => {
                format!("some of {} with commas between them, or empty for none", Relative::words().join(", "))
            }
            Self::Networks { .. } => {
                "addresses and networks with commas between them, like \"192.0.2.7, 10.0.0.0/8\"".to_owned()
            }
            Self::Switch { .. } => "true or false".to_owned(),
            Self::Choice { words, .. } => {
                let words: Vec<String> = words().into_iter().map(quoted).collect();
                format!("one of {}", words.join(", "))
            }
        }
    }

    /// ", not 7": what was given instead. Nothing for a URL, which may hold a password.
    fn not(&self, given: &Given<'_>) -> String {
        if matches!(self, Self::Url { .. }) {
            return String::new();
        }
        match given {
            Given::Untyped(text) | Given::Text(text) => format!(", not {}", quoted(text)),
            Given::Integer(number) => format!(", not {number}"),
            Given::Boolean(value) => format!(", not {value}"),
            Given::Other(kind) => format!(", not a TOML {kind}"),
        }
    }
}

impl<'a> Given<'a> {
    /// As text. Plain text may stand in double quotes, as it would in the file.
    fn text(&self) -> Option<&'a str> {
        match self {
            Self::Untyped(text) => Some(unquoted(text)),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Untyped(text) => unquoted(text).parse().ok(),
            Self::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn boolean(&self) -> Option<bool> {
        match self {
            Self::Untyped(text) => unquoted(text).parse().ok(),
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

/// A type whose values have names in the settings.
pub(super) trait Named: Copy + PartialEq + 'static {
    /// Every value with its name.
    const ALL: &'static [(&'static str, Self)];

    /// The names.
    fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|(word, _)| *word).collect()
    }

    /// Its own name.
    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, value)| *value == self).map(|(word, _)| *word).expect("ALL has every value")
    }

    /// Becomes the value called `word`; `false`, and nothing is changed, if there is none.
    fn become_named(&mut self, word: &str) -> bool {
        let Some((_, value)) = Self::ALL.iter().find(|(known, _)| *known == word) else { return false };
        *self = *value;
        true
    }
}

impl Named for SessionPolicy {
    const ALL: &'static [(&'static str, Self)] =
        &[("reject", Self::Reject), ("replace", Self::Replace), ("multi", Self::Multi)];
}

impl Named for Friending {
    const ALL: &'static [(&'static str, Self)] = &[("open", Self::Open), ("ask", Self::Ask)];
}

impl Named for AcceptPolicy {
    const ALL: &'static [(&'static str, Self)] =
        &[("round_robin", Self::RoundRobin), ("least_loaded", Self::LeastLoaded)];
}

impl Named for Relative {
    const ALL: &'static [(&'static str, Self)] = &[
        ("course", Self::Course),
        ("qq", Self::Qq),
        ("kalosaner", Self::KalosAner),
        ("muduochatservice", Self::MuduoChatService),
        ("jjli0427", Self::JjLi0427),
        ("cmsmn", Self::Cmsmn),
        ("frostcza", Self::Frostcza),
        ("hwg1999", Self::Hwg1999),
        ("gochat", Self::Gochat),
        ("lyyzzz1", Self::Lyyzzz1),
    ];
}

impl Named for Synchronous {
    const ALL: &'static [(&'static str, Self)] = &[("full", Self::Full), ("normal", Self::Normal)];
}

impl Named for LogLevel {
    const ALL: &'static [(&'static str, Self)] =
        &[("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];
}

impl Named for LogFormat {
    const ALL: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

/// Addresses with commas between them, none of them twice.
fn addresses(text: &str) -> Option<Vec<SocketAddr>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let all: Vec<SocketAddr> = text.split(',').map(|one| address(one.trim())).collect::<Option<_>>()?;
    let is_twice = |(index, one): (usize, &SocketAddr)| one.port() != 0 && all[..index].contains(one);
    (all.len() <= ADDRESSES_MAX && !all.iter().enumerate().any(is_twice)).then_some(all)
}

/// Names with commas between them.
fn relatives(text: &str) -> Option<Vec<Relative>> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| Relative::ALL.iter().find(|(known, _)| *known == name).map(|(_, one)| *one)).collect()
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// As a TOML string.
fn quoted(text: impl AsRef<str>) -> String {
    let mut out = String::from('"');
    for c in text.as_ref().chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                write!(out, "\\U{:08X}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_toml() {
        for text in ["", "plain", "a \"b\" \\ c", "line\nbreak\u{7f}", "žluť 🐦"] {
            let parsed: toml::Table = toml::from_str(&format!("key = {}", quoted(text))).unwrap();
            assert_eq!(parsed["key"].as_str(), Some(text));
        }
    }
}
