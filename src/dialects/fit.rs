//! What fits into an object that a client can bear: it reads 1,024 bytes with one call, and dies of more.

use serde_json::Value;

/// The bytes of a value as it is sent.
pub(super) fn bytes(value: &Value) -> usize {
    value.to_string().len()
}

/// The bytes of an element of a list: its comma comes with it.
fn element_bytes(value: &Value) -> usize {
    bytes(value) + 1
}

/// A list within a budget of bytes.
#[derive(Debug)]
pub(super) struct Fitted {
    /// As many of its elements, from the first one on, as fit.
    pub(super) list: Vec<Value>,
    /// What of the budget is left.
    pub(super) left: usize,
}

/// As many elements as fit. Each is made only if those before it did.
pub(super) fn fit(elements: impl Iterator<Item = Value>, budget: usize) -> Fitted {
    let (mut list, mut left) = (Vec::new(), budget);
    for element in elements {
        let needed = element_bytes(&element);
        if needed > left {
            break;
        }
        left -= needed;
        list.push(element);
    }
    Fitted { list, left }
}

/// Friends and groups, and what is left of their room.
#[derive(Debug)]
pub(super) struct FittedLists {
    pub(super) friends: Vec<Value>,
    pub(super) groups: Vec<Value>,
    pub(super) left: usize,
}

/// Whoever is in groups gets to see some of them, and of friends as many as there is room for then. `group` makes an element of a
/// group for a budget of bytes; one that finds no room hides no other.
pub(super) fn lists<G>(
    room: usize,
    friends: impl Iterator<Item = Value> + Clone,
    groups: &[G],
    group: impl Fn(&G, usize) -> Option<Value>,
) -> FittedLists {
    let for_friends = if groups.is_empty() { room } else { room / 2 };
    let mut left = room - for_friends + fit(friends.clone(), for_friends).left;
    let mut shown = Vec::new();
    for one in groups {
        let element = group(one, left.saturating_sub(1)).filter(|element| element_bytes(element) <= left);
        if let Some(element) = element {
            left -= element_bytes(&element);
            shown.push(element);
        }
    }
    let friends = fit(friends, room - shown.iter().map(element_bytes).sum::<usize>());
    FittedLists { friends: friends.list, groups: shown, left: friends.left }
}

/// The text cut into pieces of at most `budget` bytes each, as JSON without its quotes; between characters, and at blanks if
/// there are some near the end. At least one, and none empty but that of an empty text.
pub(super) fn pieces(text: &str, budget: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(end) = overflow(rest, budget) {
        let end = at_blank(rest, end);
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece);
        rest = behind;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// Where the text has to be cut; `None`: nowhere.
fn overflow(text: &str, budget: usize) -> Option<usize> {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += letter_bytes(letter);
        if used > budget {
            // A budget that not even one letter fits in is nobody's; it must not go on for ever, though.
            return Some(at.max(text.chars().next().map_or(0, char::len_utf8)));
        }
    }
    None
}

/// Behind the last blank of the last quarter before `end`, if there is one.
fn at_blank(text: &str, end: usize) -> usize {
    match text[..end].rfind(' ') {
        Some(blank) if blank + 1 > end - end / 4 => blank + 1,
        _ => end,
    }
}

/// As `serde_json` writes it.
fn letter_bytes(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => letter.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_elements_as_fit() {
        let all = || ["a", "bb", "ccc"].into_iter().map(Value::from);
        assert_eq!(fit(all(), 9).list, ["a", "bb"]);
        assert_eq!(fit(all(), 9).left, 0);
        assert_eq!(fit(all(), 8).list, ["a"]);
        assert_eq!(fit(all(), 0).list, Vec::<Value>::new());
        assert_eq!(fit(all(), 100).left, 100 - 15);
    }

    #[test]
    fn a_list_takes_what_another_leaves_and_one_element_hides_no_other() {
        let friends = || (0..20).map(|number| Value::from(format!("friend {number:02}")));
        let group = |bytes: &usize, _: usize| Some(Value::from("g".repeat(*bytes)));
        let found = lists(120, friends(), &[500, 10, 500, 20], group);
        assert_eq!(found.groups, ["g".repeat(10), "g".repeat(20)]);
        assert_eq!((found.friends.len(), found.left), (7, 120 - 13 - 23 - 7 * 12));
        assert_eq!(lists(120, friends(), &[500], group).friends.len(), 10);
        assert_eq!(lists(0, friends(), &[1], group).groups, Vec::<Value>::new());
    }

    #[test]
    fn a_text_is_cut_at_blanks() {
        assert_eq!(pieces("", 5), [""]);
        assert_eq!(pieces("hello", 5), ["hello"]);
        assert_eq!(pieces("hello you there", 10), ["hello you ", "there"]);
        assert_eq!(pieces("helloyouthere", 10), ["helloyouth", "ere"]);
        assert_eq!(pieces("a bcdefghijkl", 10), ["a bcdefghi", "jkl"], "not for a blank far away");
        assert_eq!(pieces("\"\"\"", 4), ["\"\"", "\""]);
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_and_short_enough(text in any::<String>(), budget in 6..40_usize) {
            let pieces = pieces(&text, budget);
            prop_assert_eq!(pieces.concat(), text.as_str());
            for piece in pieces {
                prop_assert!(bytes(&Value::from(piece)) - 2 <= budget, "{piece:?}");
            }
        }
    }
}
