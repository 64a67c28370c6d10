//! What a session wants to be told besides messages: LOGIN's `want`. Nothing of it is told to who has not asked for it.

use crate::store::EventsPending;
use crate::wire::request;

/// A set of [`Want`]s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wants(u8);

/// Something to be told of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Want {
    /// Who comes and goes.
    Presence = 1,
    /// What has arrived, and what was read.
    Receipts = 2,
    /// Who is writing.
    Typing = 4,
    /// Edits, recalls and reactions, as what is pending.
    Events = 8,
}

impl Want {
    /// What is only hinted at: not even made where nobody wants it.
    pub(crate) const HINTS: [Self; 3] = [Self::Presence, Self::Receipts, Self::Typing];
}

impl From<request::Wants> for Wants {
    fn from(asked: request::Wants) -> Self {
        let all = [
            (request::Want::Presence, Want::Presence),
            (request::Want::Receipts, Want::Receipts),
            (request::Want::Typing, Want::Typing),
            (request::Want::Events, Want::Events),
        ];
        let wanted = all.into_iter().filter(|(word, _)| asked.has(*word));
        wanted.fold(Self::default(), |wants, (_, want)| wants.and(want))
    }
}

impl Wants {
    /// The same set, and this.
    #[must_use]
    pub fn and(self, want: Want) -> Self {
        Self(self.0 | want as u8)
    }

    /// Whether this is wanted.
    #[must_use]
    pub fn has(self, want: Want) -> bool {
        self.0 & want as u8 != 0
    }

    /// Whether events are pending for such a session. For one that does not want them the cursor passes over them.
    #[must_use]
    pub fn events_pending(self) -> EventsPending {
        if self.has(Want::Events) { EventsPending::Listed } else { EventsPending::LeftOut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_wanted() {
        let wants = Wants::default().and(Want::Receipts).and(Want::Events);
        let all = [Want::Presence, Want::Receipts, Want::Typing, Want::Events];
        assert_eq!(all.map(|want| wants.has(want)), [false, true, false, true]);
        assert_eq!(wants.events_pending(), EventsPending::Listed);
        assert_eq!(Wants::default().events_pending(), EventsPending::LeftOut);
    }
}
