//! Names of users and groups: what a new one may look like, and by what two of them are compared.
//!
//! ```text
//!   a new name --check_new--> stored as it was typed
//!   any name   --key-------->  what it is compared by: NFKC, no case, one kind of blank, nothing that cannot be seen
//!   a name from before these rules that has no key of its own: --exact_key--> itself, letter by letter
//! ```
//!
//! The comparison is that of the Nickname profile of PRECIS (RFC 8266), on the tables of a current Unicode. Two things go
//! beyond it, so that names that look the same are the same: Σ, σ and ς are one letter, and what shows nothing (the
//! joiners and variation selectors of emoji) does not count. docs/decisions tells why. Pure; it knows no database.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};

use crate::fold;

/// The longest key in bytes: what the databases' columns hold.
pub const KEY_BYTES_MAX: usize = 255;

/// How often folding may be repeated until nothing changes any more. Twice is enough for every name of today's Unicode.
const ROUNDS_MAX: usize = 4;

/// What an exact key begins with. No other key does: a key neither begins nor ends with a blank.
const EXACT: char = ' ';

/// The combining class of the sign that joins two consonants of an Indic script.
const VIRAMA: u8 = 9;

/// Letters and symbols that show nothing, although Unicode does not call them ignorable.
const BLANKS: [char; 7] = ['\u{2800}', '\u{FFFC}', '\u{1107F}', '\u{13441}', '\u{13442}', '\u{16FE4}', '\u{1D159}'];

/// Unicode's Default_Ignorable_Code_Point: what shows nothing where it is not understood.
const IGNORABLE: [(char, char); 17] = [
    ('\u{AD}', '\u{AD}'),
    ('\u{34F}', '\u{34F}'),
    ('\u{61C}', '\u{61C}'),
    ('\u{115F}', '\u{1160}'),
    ('\u{17B4}', '\u{17B5}'),
    ('\u{180B}', '\u{180F}'),
    ('\u{200B}', '\u{200F}'),
    ('\u{202A}', '\u{202E}'),
    ('\u{2060}', '\u{206F}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{FE00}', '\u{FE0F}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{FFA0}', '\u{FFA0}'),
    ('\u{FFF0}', '\u{FFF8}'),
    ('\u{1BCA0}', '\u{1BCA3}'),
    ('\u{1D173}', '\u{1D17A}'),
    ('\u{E0000}', '\u{E0FFF}'),
];

/// Why a name cannot be had. The text goes behind the field's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// A character that cannot be seen.
    #[error("must not contain U+{:04X}, which shows nothing", u32::from(*.0))]
    Invisible(char),
    /// A character that changes the direction of the text around it.
    #[error("must not contain U+{:04X}, which changes the direction of the text", u32::from(*.0))]
    Direction(char),
    /// A character that breaks the line.
    #[error("must not contain U+{:04X}, which ends a line", u32::from(*.0))]
    LineEnd(char),
    /// A code that is no character, or everybody's own.
    #[error("must not contain U+{:04X}, which is no character that this version knows", u32::from(*.0))]
    Unassigned(char),
    /// A combining mark with nothing below it.
    #[error("must not contain U+{:04X} without a letter ahead of it", u32::from(*.0))]
    LoneMark(char),
    /// It would be taken for an id.
    #[error("must not consist of digits alone; add a letter")]
    Digits,
    /// It would be taken for a group, or for a mention.
    #[error("must not begin with `{0}`")]
    Sigil(char),
    /// It unfolds into a long text.
    #[error("is too long: written out it has {0} bytes, and at most {KEY_BYTES_MAX} are allowed")]
    Long(usize),
    /// Nothing is left of it.
    #[error("shows nothing")]
    Nothing,
}

/// What a name is compared by; two names with the same key are the same. Also what the beginning of a name is compared
/// by: its key is the beginning of the name's key, unless it ends in the middle of a composed letter.
#[must_use]
pub fn key(name: &str) -> String {
    let mut folded = fold(name);
    for _ in 1..ROUNDS_MAX {
        let again = fold(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// The key of a name that has been there before its key was somebody else's, or that cannot be compared: itself.
#[must_use]
pub fn exact_key(name: &str) -> String {
    format!("{EXACT}{name}")
}

/// The first character that no exact key begins with, and every other key is above: where the exact keys end.
#[must_use]
pub fn exact_keys_end() -> String {
    // The next one in the order of bytes.
    "!".to_owned()
}

/// The key of a name in which everything can be seen.
///
/// # Errors
/// What cannot be seen in it, or that it is too long.
pub fn enforce(name: &str) -> Result<String, Unfit> {
    check_characters(name)?;
    let key = key(name);
    match key.len() {
        0 => Err(Unfit::Nothing),
        bytes if bytes > KEY_BYTES_MAX => Err(Unfit::Long(bytes)),
        _ => Ok(key),
    }
}

/// Whether somebody may have this name from now on.
///
/// # Errors
/// Why not: as [`enforce`], and what would be taken for an id, a group or a mention.
pub fn check_new(name: &str) -> Result<(), Unfit> {
    let key = enforce(name)?;
    if let Some(sigil @ ('#' | '@')) = key.chars().next() {
        return Err(Unfit::Sigil(sigil));
    }
    let mut visible = key.chars().filter(|&c| c != ' ' && !is_combining_mark(c));
    if visible.all(char::is_numeric) {
        return Err(Unfit::Digits);
    }
    Ok(())
}

fn fold(name: &str) -> String {
    let normal = name.chars().filter(|&c| !is_ignorable(c)).nfkc();
    let folded = normal.flat_map(fold::case).filter(|&c| !is_ignorable(c)).nfkc();
    let mut key = String::with_capacity(name.len());
    let mut blank = false;
    for c in folded {
        if is_blank(c) {
            blank = !key.is_empty();
            continue;
        }
        if std::mem::take(&mut blank) {
            key.push(' ');
        }
        key.push(c);
    }
    key
}

fn is_blank(c: char) -> bool {
    c.general_category() == GeneralCategory::SpaceSeparator
}

fn is_ignorable(c: char) -> bool {
    IGNORABLE.iter().any(|&(first, last)| (first..=last).contains(&c))
}

fn changes_direction(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn check_characters(name: &str) -> Result<(), Unfit> {
    // Composed first: what is written in pieces is judged by the letter they make.
    let chars: Vec<char> = name.nfc().collect();
    let at = |place: Option<usize>| place.and_then(|place| chars.get(place).copied());
    for (place, &c) in chars.iter().enumerate() {
        let (before, after) = (at(place.checked_sub(1)), at(place.checked_add(1)));
        check_character(c, before, after)?;
    }
    Ok(())
}

fn check_character(c: char, before: Option<char>, after: Option<char>) -> Result<(), Unfit> {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned};
    if changes_direction(c) {
        return Err(Unfit::Direction(c));
    }
    if may_join(c, before, after) {
        return Ok(());
    }
    if is_ignorable(c) || BLANKS.contains(&c) {
        return Err(Unfit::Invisible(c));
    }
    match c.general_category() {
        LineSeparator | ParagraphSeparator => Err(Unfit::LineEnd(c)),
        Control | Format => Err(Unfit::Invisible(c)),
        PrivateUse | Surrogate | Unassigned => Err(Unfit::Unassigned(c)),
        _ if is_combining_mark(c) => match before {
            Some(before) if !is_blank(before) => Ok(()),
            _ => Err(Unfit::LoneMark(c)),
        },
        // A letter that only one of the tables knows has no small letter yet, and its key would change.
        _ if c.general_category_group() == GeneralCategoryGroup::Letter && !c.is_alphabetic() => {
            Err(Unfit::Unassigned(c))
        }
        _ => Ok(()),
    }
}

/// What shows nothing by itself, but changes how its neighbours look, where it does: in an emoji of several parts, and in
/// the scripts that are written with joiners.
fn may_join(c: char, before: Option<char>, after: Option<char>) -> bool {
    let (Some(before), after) = (before, after.unwrap_or(' ')) else { return false };
    let is_keycap = matches!(before, '0'..='9' | '#' | '*') && after == '\u{20E3}';
    match c {
        '\u{FE0E}' | '\u{FE0F}' => is_picture(before) || is_keycap,
        '\u{200D}' => is_virama(before) || ((is_picture(before) || before == '\u{FE0F}') && is_picture(after)),
        '\u{200C}' => is_virama(before) || (is_arabic(before) && is_arabic(after)),
        _ => false,
    }
}

/// An emoji that can be part of a larger one.
fn is_picture(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

fn is_virama(c: char) -> bool {
    canonical_combining_class(c) == VIRAMA
}

/// A letter or mark of the Arabic script, in which Persian and its neighbours part a word's letters with a joiner.
fn is_arabic(c: char) -> bool {
    let is_in_script = matches!(c, '\u{620}'..='\u{6FF}' | '\u{750}'..='\u{77F}' | '\u{870}'..='\u{8FF}');
    is_in_script && (c.is_alphabetic() || is_combining_mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> Unfit {
        check_new(name).expect_err(name)
    }

    #[test]
    fn names_that_read_the_same_are_the_same() {
        for group in [
            &["anna", "ANNA", "Anna", "ａｎｎａ", "ＡＮＮＡ", "𝐚𝐧𝐧𝐚"][..],
            &["café", "cafe\u{301}", "CAFÉ", "CAFE\u{301}"],
            &["ΛΟΓΟΣ", "λογοσ", "λογος", "Λογος"],
            &["ΟΔΥΣΣΕΥΣ", "οδυσσευς", "οδυσσευσ", "ΟΔΥςΣΕΥσ"],
            &["оля", "ОЛЯ"],
            &["ﬁn", "fin", "FIN"],
            &["한글", "한글"],
            &["山田 太郎", "山田\u{3000}太郎", "山田\u{A0}太郎", "山田  太郎"],
            &["ｶﾞ", "ガ", "カ\u{3099}"],
            &["㍿", "株式会社"],
            &["Å", "\u{212B}", "A\u{30A}", "å"],
            &["Kelvin", "\u{212A}elvin"],
            &["❤️", "❤"],
            &["👨‍👩‍👧", "👨👩👧"],
            &["anna", "an\u{200B}na", "an\u{AD}na", "\u{202E}anna", "anna\u{FE0F}"],
            &["Straße", "STRAẞE"],
        ] {
            let keys: Vec<String> = group.iter().map(|name| key(name)).collect();
            assert!(keys.iter().all(|key| *key == keys[0]), "{group:?}: {keys:?}");
        }
    }

    #[test]
    fn different_letters_stay_different() {
        for (one, other) in
            [("arger", "ärger"), ("straße", "strasse"), ("ısı", "isi"), ("a b", "ab"), ("anna", "аnna"), ("ᾳ", "α")]
        {
            assert_ne!(key(one), key(other), "{one} and {other}");
        }
    }

    #[test]
    fn the_key_of_a_beginning_is_the_beginning_of_the_key() {
        for (name, prefix) in [
            ("ΟΔΥΣΣΕΥΣ", "ΟΔΥΣ"),
            ("ΟΔΥΣΣΕΥΣ", "οδυς"),
            ("Οδυσσεύς", "ΟΔΥΣΣΕΎΣ"),
            ("Ａnna", "an"),
            ("café", "CAFE\u{301}"),
            ("İstanbul", "İ"),
            ("straße", "STRA"),
            ("山田　太郎", "山田 太"),
            ("👨‍👩‍👧 family", "👨‍👩"),
        ] {
            assert!(key(name).starts_with(&key(prefix)), "{name}, {prefix}: {} {}", key(name), key(prefix));
        }
        assert_eq!(key("\u{200B}"), "", "nothing is left of what shows nothing");
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for c in [
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{2060}',
            '\u{FEFF}',
            '\u{AD}',
            '\u{34F}',
            '\u{2800}',
            '\u{3164}',
            '\u{115F}',
            '\u{1160}',
            '\u{FFA0}',
            '\u{180E}',
            '\u{180B}',
            '\u{17B4}',
            '\u{FE00}',
            '\u{FE0F}',
            '\u{E0100}',
            '\u{E0041}',
            '\u{FFFC}',
            '\u{FFF9}',
            '\u{1D159}',
            '\u{1D173}',
            '\u{13441}',
            '\u{13430}',
            '\u{16FE4}',
            '\u{1BCA0}',
            '\u{7F}',
            '\u{85}',
            '\u{600}',
        ] {
            for name in [format!("anna{c}"), format!("{c}anna"), format!("an{c}na"), c.to_string(), format!("{c}{c}")] {
                assert!(
                    matches!(refusal(&name), Unfit::Invisible(told) if told == c),
                    "{name:?}: {:?}",
                    refusal(&name)
                );
            }
        }
        for c in ['\u{202E}', '\u{202A}', '\u{2066}', '\u{2069}', '\u{200E}', '\u{200F}', '\u{61C}'] {
            assert_eq!(refusal(&format!("{c}anna")), Unfit::Direction(c));
        }
        for c in ['\u{378}', '\u{E000}', '\u{FDD0}', '\u{FFFF}', '\u{10FFFF}', '\u{F0000}', '\u{2FE0}'] {
            assert_eq!(refusal(&format!("anna{c}")), Unfit::Unassigned(c));
        }
        assert_eq!(refusal("a\u{2028}b"), Unfit::LineEnd('\u{2028}'));
        assert_eq!(refusal("\u{301}"), Unfit::LoneMark('\u{301}'));
        assert_eq!(refusal("a \u{301}"), Unfit::LoneMark('\u{301}'));
        assert_eq!(refusal("\u{20E3}"), Unfit::LoneMark('\u{20E3}'));
        assert_eq!(refusal("\u{20E3}\u{FE0F}"), Unfit::LoneMark('\u{20E3}'));
    }

    #[test]
    fn every_ignorable_character_is_refused_and_counts_for_nothing() {
        for (first, last) in IGNORABLE {
            for c in first..=last {
                let name = format!("ab{c}cd");
                assert!(check_new(&name).is_err(), "{name:?}");
                assert_eq!(key(&name), "abcd", "{name:?}");
            }
        }
    }

    #[test]
    fn names_of_people_and_emoji_are_taken() {
        for name in [
            "anna",
            "张三 😀",
            "山田 太郎",
            "한글",
            "한글",
            "Nguyễn",
            "O'Brien",
            "ශ්‍රී ලංකා",
            "می‌خواهم",
            "क्ष",
            "ক্‌ষ",
            "שָׁלוֹם",
            "مُحَمَّد",
            "ภาษาไทย",
            "❤️",
            "👨‍👩‍👧",
            "🏳️‍🌈",
            "🏴‍☠️",
            "👩🏽‍💻",
            "🇳🇴",
            "🙂",
            "🫨",
            "4you",
            "1️⃣st",
            "R2-D2",
            "10 a",
            "%_?;--",
            "a#b",
            "a@b.org",
            "♯",
            "٣أ",
            "50%",
            "-1",
            "ΟΔΥΣΣΕΥΣ",
            "straße",
        ] {
            assert_eq!(check_new(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_would_be_taken_for_an_id_a_group_or_a_mention_is_refused() {
        for name in ["1", "12345", "１２３", "١٢٣", "१२३", "𝟏𝟐", "²", "①", "❶", "12 345", "1\u{301}", "1️⃣"]
        {
            assert_eq!(refusal(name), Unfit::Digits, "{name}");
        }
        for name in ["#chess", "@anna", "＃chess", "＠anna", "﹟x", "﹫x", "#", "#️⃣"] {
            assert!(matches!(refusal(name), Unfit::Sigil(_)), "{name}");
        }
    }

    #[test]
    fn a_name_that_unfolds_into_a_long_text_is_refused() {
        assert!(matches!(refusal(&"\u{FDFA}".repeat(50)), Unfit::Long(_)));
        assert_eq!(check_new(&"𝔘".repeat(50)), Ok(()));
        assert_eq!(check_new(&"😀".repeat(50)), Ok(()));
        assert_eq!(check_new(&"é".repeat(50)), Ok(()));
    }

    /// A key that changed when it was made once more would be another one after the next change of this file.
    #[test]
    fn keys_are_stable_for_every_character() {
        use GeneralCategory::{Control, PrivateUse, Unassigned};
        // The many that fold to themselves are left out for the time they take.
        let is_plain = |c: char| matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{20000}'..);
        let assigned = |c: &char| !matches!(c.general_category(), Control | PrivateUse | Unassigned);
        for c in ('\0'..=char::MAX).filter(assigned).filter(|&c| !is_plain(c)) {
            let name = format!("a{c}");
            let once = key(&name);
            assert_eq!(key(&once), once, "U+{:04X}", u32::from(c));
            assert!(!once.starts_with(EXACT), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn exact_keys_lie_ahead_of_all_others() {
        for name in ["anna", "λογοσ", "\u{200B}anna", "!", "😀"] {
            assert!(exact_key(name) < exact_keys_end() && exact_key(name).len() <= KEY_BYTES_MAX);
            assert!(key(name) >= exact_keys_end(), "{name:?}");
        }
    }
}
