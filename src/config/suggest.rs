//! Did you mean ...? The nearest of some known names, if it is near enough to be a typing error.

/// The known name nearest to `typed`; `None` if none is within about a third of its length.
pub(super) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance costs the product of both lengths; nobody mistypes a key into one this long.
    const TYPED_BYTES_MAX: usize = 100;
    if typed.len() > TYPED_BYTES_MAX {
        return None;
    }
    let near_enough = (typed.chars().count() / 3).max(1);
    let mut known: Vec<(usize, &str)> = known.map(|name| (distance_to_key(typed, name), name)).collect();
    known.sort_by_key(|(distance, _)| *distance);
    known.first().filter(|(distance, _)| *distance <= near_enough).map(|(_, name)| *name)
}

/// The distance to `name`; 0 when only the section in front of the dot was forgotten or is another.
fn distance_to_key(typed: &str, name: &str) -> usize {
    let last = |dotted: &str| dotted.rsplit('.').next().map(str::to_owned);
    if last(typed) == last(name) {
        return 0;
    }
    distance(typed, name)
}

/// Levenshtein: how many characters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["limits.inflight", "listen", "store.pool"];

    #[test]
    fn a_typing_error_finds_its_key() {
        assert_eq!(nearest("limits.inflght", KNOWN.into_iter()), Some("limits.inflight"));
        assert_eq!(nearest("lisen", KNOWN.into_iter()), Some("listen"));
        assert_eq!(nearest("inflight", KNOWN.into_iter()), Some("limits.inflight"));
        assert_eq!(nearest("mysql.pool", KNOWN.into_iter()), Some("store.pool"));
    }

    #[test]
    fn nothing_is_suggested_for_something_else() {
        assert_eq!(nearest("colour", KNOWN.into_iter()), None);
        assert_eq!(nearest("", KNOWN.into_iter()), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), KNOWN.into_iter()), None);
    }

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
