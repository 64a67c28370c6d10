//! Names of earlier systems, which took everything: what becomes of each. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::garbled;
use super::report::Why;
use crate::names::{self, Unfit};

/// The longest name in characters.
const NAME_CHARS_MAX: usize = 50;

/// How often what cannot be had is taken out of a name.
const ROUNDS_MAX: usize = 60;

/// The first character of what a terminal sends for a key that is no letter.
const ESCAPE: char = '\u{1B}';

/// Whether texts may have been garbled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Letters {
    /// The server program has told the database that it speaks gbk.
    MaybeGarbled,
    /// They are what they seem.
    AsTheyAre,
}

/// A name, and why it is another one than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) whys: Vec<Why>,
}

/// The text that was meant.
pub(super) fn meant(text: &str, letters: Letters) -> Option<String> {
    match letters {
        Letters::MaybeGarbled => garbled::mended(text),
        Letters::AsTheyAre => None,
    }
}

/// The name under which somebody goes on: as it was, as far as everybody can see and type it. `instead` is for who has none.
pub(super) fn fit(raw: Option<&str>, letters: Letters, instead: &str) -> Name {
    let mut name = Name { text: raw.unwrap_or_default().to_owned(), whys: Vec::new() };
    if let Some(text) = meant(&name.text, letters) {
        name.become_this(text, Why::Garbled);
    }
    name.become_this(without_controls(&name.text), Why::Controls);
    name.become_this(name.text.trim().to_owned(), Why::Blanks);
    name.show_all();
    if name.text.chars().count() > NAME_CHARS_MAX {
        name.become_this(cut(&name.text, NAME_CHARS_MAX), Why::TooLong);
    }
    if names::enforce(&name.text).is_err() {
        name.become_this(instead.to_owned(), Why::NoName);
    }
    name
}

impl Name {
    fn become_this(&mut self, text: String, why: Why) {
        if text != self.text {
            self.text = text;
            self.whys.push(why);
        }
    }

    /// Takes out what cannot be seen.
    fn show_all(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let (text, why) = match names::enforce(&self.text) {
                Err(
                    Unfit::Invisible(c)
                    | Unfit::Direction(c)
                    | Unfit::LineEnd(c)
                    | Unfit::Unassigned(c)
                    | Unfit::LoneMark(c),
                ) => (self.text.replace(c, ""), Why::Invisible),
                Err(Unfit::Long(_)) => (cut(&self.text, self.text.chars().count() - 1), Why::TooLong),
                Ok(_) | Err(Unfit::Nothing | Unfit::Digits | Unfit::Sigil(_)) => return,
            };
            text.trim().clone_into(&mut self.text);
            if self.whys.last() != Some(&why) {
                self.whys.push(why);
            }
        }
    }
}

/// The first characters, without a blank at the end.
pub(super) fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect::<String>().trim_end().to_owned()
}

/// Without what arrow keys and the like have left in it; a tab or a line end inside is a blank.
pub(super) fn without_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ESCAPE {
            // ESC [ parameters letter, ESC O letter.
            if chars.next_if(|&next| next == '[').is_some() {
                while chars.next_if(|&next| matches!(next, ' '..='?')).is_some() {}
                chars.next_if(|&next| matches!(next, '@'..='~'));
            } else if chars.next_if(|&next| next == 'O').is_some() {
                chars.next_if(|&next| next.is_ascii_uppercase());
            }
        } else if matches!(c, '\t' | '\n' | '\r') {
            plain.push(' ');
        } else if !c.is_control() {
            plain.push(c);
        }
    }
    plain
}

/// Gives each of several with the same name one of its own: the lowest id keeps it, unless somebody else has it already; the
/// others get their id behind it. `holders` tells who has which of these keys already.
pub(super) fn part<E>(
    names: &mut BTreeMap<u32, Name>,
    mut holders: impl FnMut(&HashSet<String>) -> Result<HashMap<String, u32>, E>,
) -> Result<(), E> {
    let keys: HashSet<String> = names.values().map(|name| names::key(&name.text)).collect();
    let mut owners = holders(&keys)?;
    let mut doubled = Vec::new();
    for (&id, name) in names.iter() {
        if *owners.entry(names::key(&name.text)).or_insert(id) != id {
            doubled.push(id);
        }
    }
    for id in doubled {
        let Some(name) = names.get_mut(&id) else { continue };
        let mut round = 1;
        let free = loop {
            let ending = if round == 1 { format!("-{id}") } else { format!("-{id}-{round}") };
            let candidate = with_ending(&name.text, &ending);
            let key = names::key(&candidate);
            let owner = match owners.get(&key) {
                Some(owner) => Some(*owner),
                None => holders(&HashSet::from([key.clone()]))?.get(&key).copied(),
            };
            if owner.is_none_or(|owner| owner == id) {
                owners.insert(key, id);
                break candidate;
            }
            round += 1;
        };
        name.become_this(free, Why::Doubled);
    }
    Ok(())
}

fn with_ending(base: &str, ending: &str) -> String {
    cut(base, NAME_CHARS_MAX.saturating_sub(ending.chars().count())) + ending
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(raw: &str) -> (String, Vec<Why>) {
        let Name { text, whys } = fit(Some(raw), Letters::MaybeGarbled, "user-7");
        (text, whys)
    }

    #[test]
    fn what_can_be_seen_stays() {
        for name in ["anna", "3", "#chess", "O'Brien", "张三", "Gao Yang", "😀", &"g".repeat(50)] {
            assert_eq!(fitted(name), (name.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn what_cannot_be_typed_goes() {
        for (raw, name, why) in [
            (" cleo ", "cleo", Why::Blanks),
            ("dora\t", "dora", Why::Controls),
            ("f\u{1B}[Drank", "frank", Why::Controls),
            ("f\u{1B}[1;5Drank\u{1B}OA", "frank", Why::Controls),
            ("a\u{0}b\u{7}", "ab", Why::Controls),
            ("寮犱笁", "张三", Why::Garbled),
            ("an\u{200B}na", "anna", Why::Invisible),
            ("\u{202E}anna", "anna", Why::Invisible),
            (&"n".repeat(255), &"n".repeat(50), Why::TooLong),
        ] {
            let (text, whys) = fitted(raw);
            assert_eq!((text.as_str(), whys[0]), (name, why), "{raw:?}: {whys:?}");
        }
        assert_eq!(fitted("a\tb").0, "a b");
        assert_eq!(fitted("x\u{1B}").0, "x");
        assert_eq!(fitted("x\u{1B}[").0, "x");
    }

    #[test]
    fn who_has_no_name_gets_one() {
        for raw in [None, Some(""), Some("  "), Some("\u{1B}[A"), Some("\u{200B}"), Some("\u{301}")] {
            let name = fit(raw, Letters::AsTheyAre, "user-7");
            assert_eq!(name.text, "user-7", "{raw:?}");
            assert!(name.whys.contains(&Why::NoName));
        }
        let long = fit(Some(&"\u{FDFA}".repeat(50)), Letters::AsTheyAre, "user-7");
        assert!(names::enforce(&long.text).is_ok() && long.whys == [Why::TooLong], "{long:?}");
    }

    fn parted(names: &[(u32, &str)], taken: &[(&str, u32)]) -> Vec<String> {
        let name = |text: &str| Name { text: text.to_owned(), whys: Vec::new() };
        let mut all: BTreeMap<u32, Name> = names.iter().map(|&(id, text)| (id, name(text))).collect();
        let taken: HashMap<String, u32> = taken.iter().map(|&(text, id)| (names::key(text), id)).collect();
        let holders = |keys: &HashSet<String>| {
            let held = taken.iter().filter(|(key, _)| keys.contains(*key));
            Ok::<_, ()>(held.map(|(key, id)| (key.clone(), *id)).collect())
        };
        part(&mut all, holders).unwrap();
        all.into_values().map(|name| name.text).collect()
    }

    #[test]
    fn doubled_names_get_the_id() {
        assert_eq!(parted(&[(7, "Eric"), (8, "eric"), (9, "Eric")], &[]), ["Eric", "eric-8", "Eric-9"]);
        assert_eq!(parted(&[(7, "Eric"), (8, "eric"), (9, "eric-8")], &[]), ["Eric", "eric-8-2", "eric-8"]);
        assert_eq!(parted(&[(7, "Eric"), (8, "ben")], &[("eric", 70), ("ben", 8)]), ["Eric-7", "ben"]);
        assert_eq!(parted(&[(7, "Eric")], &[("eric", 70), ("eric-7", 71)]), ["Eric-7-2"]);
        assert_eq!(parted(&[(7, "Eric"), (8, "eric")], &[("eric", 7), ("eric-8", 8)]), ["Eric", "eric-8"], "run again");
        let long = "n".repeat(50);
        assert_eq!(parted(&[(1, &long), (12, &long)], &[])[1], format!("{}-12", "n".repeat(47)));
    }
}
