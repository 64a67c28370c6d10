//! What a session wants to be told besides messages: LOGIN's `want`. Nothing of it is told to who has not asked for it.

/// What a session wants to be told that older clients are not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Want {
    /// When friends come and go.
    Presence,
    /// How far others have received and read.
    Receipts,
    /// Who is typing.
    Typing,
    /// Edits, recalls and reactions, until they are confirmed.
    Events,
}

impl Want {
    /// The words on the wire.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("presence", Self::Presence),
        ("receipts", Self::Receipts),
        ("typing", Self::Typing),
        ("events", Self::Events),
    ];

    /// What is only hinted at: nobody keeps it, and where nobody wants it, it is not even made.
    pub const HINTS: [Self; 3] = [Self::Presence, Self::Receipts, Self::Typing];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Receipts => "receipts",
            Self::Typing => "typing",
            Self::Events => "events",
        }
    }
}

/// What a session wants: all of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wants(u8);

impl Wants {
    /// Whether this is wanted.
    #[must_use]
    pub fn has(self, want: Want) -> bool {
        self.0 & (1 << want as u8) != 0
    }

    /// The same set, and this.
    #[must_use]
    pub fn and(self, want: Want) -> Self {
        Self(self.0 | 1 << want as u8)
    }
}

impl FromIterator<Want> for Wants {
    fn from_iter<I: IntoIterator<Item = Want>>(wants: I) -> Self {
        wants.into_iter().fold(Self::default(), Self::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_wanted() {
        let wants = Wants::default().and(Want::Receipts).and(Want::Events);
        let all = Want::WORDS.map(|(word, want)| (word, wants.has(want)));
        assert_eq!(all, [("presence", false), ("receipts", true), ("typing", false), ("events", true)]);
        assert_eq!(wants, [Want::Events, Want::Receipts, Want::Events].into_iter().collect());
    }
}
