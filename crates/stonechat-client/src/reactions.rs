//! Reactions by names that every keyboard has.

/// The name, and what is sent: what the web client offers, and some more.
pub(crate) const NAMED: [(&str, &str); 12] = [
    ("+1", "👍"),
    ("-1", "👎"),
    ("heart", "❤️"),
    ("laugh", "😂"),
    ("party", "🎉"),
    ("wow", "😮"),
    ("sad", "😢"),
    ("thanks", "🙏"),
    ("eyes", "👀"),
    ("ok", "👌"),
    ("fire", "🔥"),
    ("check", "✅"),
];

/// What somebody means who types this.
pub(crate) fn meant(typed: &str) -> &str {
    let name = typed.trim_matches(':');
    NAMED.iter().find(|(named, _)| *named == name).map_or(typed, |(_, reaction)| reaction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_emoji_and_all_else_for_itself() {
        assert_eq!(["+1", ":heart:", "🦀", "lgtm"].map(meant), ["👍", "❤️", "🦀", "lgtm"]);
    }
}
