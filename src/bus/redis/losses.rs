//! Which bells of this node were lost, as far as the others have not been told.

use super::channels::{LOST_IN, NodeWord};
use super::cluster::slots::SlotSet;

/// What was lost since it was told last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Losses {
    #[default]
    None,
    /// Bells in these slots of a cluster.
    In(SlotSet),
    /// Any bells.
    Any,
}

impl Losses {
    /// Bells were lost, or may have been, whichever.
    pub(super) fn note(&mut self) {
        *self = Self::Any;
    }

    /// The same of bells in these slots.
    pub(super) fn note_in(&mut self, slots: &SlotSet) {
        match self {
            Self::None => *self = Self::In(slots.clone()),
            Self::In(before) => before.extend(slots),
            Self::Any => {}
        }
    }

    /// How the others are told.
    pub(super) fn text(&self) -> Vec<u8> {
        match self {
            Self::In(slots) => [LOST_IN, slots.to_string().as_bytes()].concat(),
            Self::None | Self::Any => NodeWord::Lost.text().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_and_any_is_more_than_some() {
        let mut losses = Losses::default();
        losses.note_in(&SlotSet::parse("5").unwrap());
        losses.note_in(&SlotSet::parse("6-9").unwrap());
        assert_eq!(losses.text(), b"lost 5-9");
        losses.note();
        losses.note_in(&SlotSet::parse("10").unwrap());
        assert_eq!(losses.text(), b"lost");
    }
}
