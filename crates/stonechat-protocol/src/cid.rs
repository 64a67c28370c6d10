//! A sender's own id for a message (`cid`), as it is stored: an integer and a string of the same digits are two.
//!
//! ```text
//!   "a1" -> a1        what can be nothing but a string: itself
//!   7    -> \u{1}i7   what might be either is marked, by a character ahead that says which
//!   "7"  -> \u{1}s7
//! ```
//!
//! Messages that are older than this rule have `7` for both. So a stored `7` without a mark is an older message's, and
//! counts as sent before, whether it is the number or the string that is sent again ([`older_form`]).

const MARK: char = '\u{1}';

/// The stored form of an integer; `digits` is its JSON text.
#[must_use]
pub fn of_integer(digits: &str) -> Box<str> {
    marked('i', digits)
}

/// The stored form of a string.
#[must_use]
pub fn of_string(text: &str) -> Box<str> {
    if text.starts_with(MARK) || is_integer(text) { marked('s', text) } else { text.into() }
}

/// What an older message would have in place of this stored form; `None` where that is the same.
#[must_use]
pub fn older_form(stored: &str) -> Option<&str> {
    stored.strip_prefix(MARK)?.get(1..)
}

fn marked(kind: char, text: &str) -> Box<str> {
    let mut stored = String::with_capacity(text.len() + 2);
    stored.extend([MARK, kind]);
    stored.push_str(text);
    stored.into_boxed_str()
}

/// Whether an integer is written like this.
fn is_integer(text: &str) -> bool {
    // What has other characters, nearly every string, needs no closer look.
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && text.parse().is_ok_and(|number: i64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_and_its_digits_are_two() {
        for digits in ["7", "0", "-3", "9223372036854775807", "-9223372036854775808"] {
            assert_ne!(of_integer(digits), of_string(digits));
            for stored in [of_integer(digits), of_string(digits)] {
                assert_eq!(older_form(&stored), Some(digits), "both are what older messages have");
            }
        }
    }

    #[test]
    fn what_is_no_integers_text_is_stored_as_it_is() {
        for text in ["a1", "6ba7b810-9dad", "007", "+7", "-0", "7.0", "1e3", "９", "-", "9223372036854775808", " 7"] {
            assert_eq!(&*of_string(text), text);
            assert_eq!(older_form(text), None);
        }
    }

    #[test]
    fn no_string_is_stored_as_an_integer_is() {
        assert_ne!(of_string("\u{1}i7"), of_integer("7"));
        assert_ne!(of_string("\u{1}s7"), of_string("7"));
    }
}
