//! What SEARCH finds: whether a message's words contain a keyword, in any script, without regard to case and width. Pure.

use std::borrow::Cow;

use memchr::memmem::Finder;
use serde::Deserialize;

use crate::fold;

/// What every body begins with, up to the first character of its words.
const HEAD: &str = "{\"msg\":\"";

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Keyword {
    folded: String,
    finder: Finder<'static>,
}

/// The words of a body.
#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    msg: Cow<'a, str>,
}

impl Keyword {
    /// A keyword as it was typed.
    #[must_use]
    pub fn new(typed: &str) -> Self {
        let folded = fold::text(typed);
        let finder = Finder::new(folded.as_bytes()).into_owned();
        Self { folded, finder }
    }

    /// Whether a message with this body contains it. `room` is used anew for each body.
    #[must_use]
    pub(super) fn is_in(&self, body: &str, room: &mut Vec<u8>) -> bool {
        match plain_words(body) {
            // By far the most common words, and by far the cheapest: every character is one byte, and folds to one.
            Some(words) if words.is_ascii() => {
                if !self.folded.is_ascii() || words.len() < self.folded.len() {
                    return false;
                }
                room.clear();
                room.extend(words.bytes().map(|byte| byte.to_ascii_lowercase()));
                self.finder.find(room).is_some()
            }
            Some(words) => self.finder.find(fold::text(words).as_bytes()).is_some(),
            None => serde_json::from_str::<Words<'_>>(body)
                .is_ok_and(|words| self.finder.find(fold::text(&words.msg).as_bytes()).is_some()),
        }
    }
}

/// The words, if they stand in the body as they are: without an escape.
fn plain_words(body: &str) -> Option<&str> {
    let rest = body.strip_prefix(HEAD)?;
    let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
    (rest.as_bytes()[end] == b'"').then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(keyword: &str, body: &str) -> bool {
        Keyword::new(keyword).is_in(body, &mut Vec::new())
    }

    #[test]
    fn parts_of_words_are_found_without_regard_to_case() {
        for (keyword, body) in [
            ("lock", r#"{"msg":"At eight o'CLOCK"}"#),
            ("AT EIGHT", r#"{"msg":"at eight o'clock","ext":{"x":"y"}}"#),
            ("ΛΟΓΟΣ", r#"{"msg":"ο λόγος: λογος"}"#),
            ("straße", r#"{"msg":"DIE STRAẞE"}"#),
            ("ａｂｃ", r#"{"msg":"xABCx"}"#),
            ("é", "{\"msg\":\"cafe\u{301}\"}"),
            ("你好", r#"{"msg":"大家你好吗"}"#),
            ("a\"b", r#"{"msg":"say a\"b"}"#),
            ("héllo", r#"{"msg":"\u0048\u00c9LLO"}"#),
            ("50%", r#"{"msg":"50% off"}"#),
            ("_x", r#"{"msg":"a_x"}"#),
        ] {
            assert!(found(keyword, body), "{keyword} in {body}");
        }
    }

    #[test]
    fn only_the_words_are_looked_at() {
        for (keyword, body) in [
            ("msg", r#"{"msg":"hello"}"#),
            ("secret", r#"{"msg":"hello","ext":"secret"}"#),
            ("ext", r#"{"msg":"a\\","ext":1}"#),
            ("5_0", r#"{"msg":"5x0"}"#),
            ("aé", r#"{"msg":"ae"}"#),
            ("ab", ""),
            ("ab", "{}"),
        ] {
            assert!(!found(keyword, body), "{keyword} in {body}");
        }
    }
}
