//! The slots of a Redis Cluster: which one a channel is in, and sets of them.

use std::fmt;

/// How many slots there are.
pub(in crate::bus::redis) const SLOTS: usize = 16384;

/// The same as the type of a slot.
const END: u16 = 16384;

const _: () = assert!(END as usize == SLOTS);

/// All slots.
pub(in crate::bus::redis) fn all_slots() -> std::ops::Range<u16> {
    0..END
}

/// The slot of a channel. Names of this bus have no braces, so all of a name counts.
pub(in crate::bus::redis) fn slot_of(name: &str) -> u16 {
    let crc =
        name.bytes().fold(0_u16, |crc, byte| (crc << 8) ^ CRC16[usize::from((crc >> 8) ^ u16::from(byte)) & 0xff]);
    crc % END
}

/// CRC16 of the kind that is called XMODEM.
const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte: u16 = 0;
    while byte < 256 {
        let mut crc = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};

/// A set of slots.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::bus::redis) struct SlotSet(Box<[u64; SLOTS / 64]>);

impl SlotSet {
    pub(in crate::bus::redis) fn new() -> Self {
        Self(Box::new([0; SLOTS / 64]))
    }

    pub(in crate::bus::redis) fn insert(&mut self, slot: u16) {
        let slot = usize::from(slot) % SLOTS;
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    pub(in crate::bus::redis) fn contains(&self, slot: u16) -> bool {
        let slot = usize::from(slot) % SLOTS;
        self.0[slot / 64] & (1 << (slot % 64)) != 0
    }

    pub(in crate::bus::redis) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Adds all of the other.
    pub(in crate::bus::redis) fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(own, other)| *own |= other);
    }

    /// The set of a text as [`fmt::Display`] writes it; `None`: it is none.
    pub(in crate::bus::redis) fn parse(text: &str) -> Option<Self> {
        let mut set = Self::new();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
            if first > last || usize::from(last) >= SLOTS {
                return None;
            }
            (first..=last).for_each(|slot| set.insert(slot));
        }
        Some(set)
    }
}

/// Ranges, such as `0-5460,7000`.
impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut slot, mut divider) = (0, "");
        while slot < END {
            if !self.contains(slot) {
                slot += 1;
                continue;
            }
            let first = slot;
            while slot + 1 < END && self.contains(slot + 1) {
                slot += 1;
            }
            match slot - first {
                0 => write!(f, "{divider}{first}")?,
                _ => write!(f, "{divider}{first}-{slot}")?,
            }
            divider = ",";
            slot += 1;
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_in_the_slots_of_redis() {
        // As CLUSTER KEYSLOT says.
        for (name, slot) in [("x", 16287), ("a", 15495), ("123456789", 0x31c3), ("", 0)] {
            assert_eq!(slot_of(name), slot, "{name}");
        }
    }

    #[test]
    fn channels_of_one_installation_spread() {
        let mut set = SlotSet::new();
        (0..2000).for_each(|user| set.insert(slot_of(&format!("0123456789abcdef:u:{user}"))));
        let used = all_slots().filter(|slot| set.contains(*slot)).count();
        assert!(used > 1500, "{used}");
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let mut set = SlotSet::new();
        assert!(set.is_empty());
        for slot in [0, 1, 2, 63, 64, 100, 16382, 16383] {
            set.insert(slot);
        }
        assert_eq!(set.to_string(), "0-2,63-64,100,16382-16383");
        assert_eq!(SlotSet::parse(&set.to_string()), Some(set.clone()));
        let mut other = SlotSet::parse("5").unwrap();
        other.extend(&set);
        assert!(other.contains(5) && other.contains(100) && !other.contains(6));
        for bad in ["", "x", "5-4", "16384", "1,,2", "0-99999"] {
            assert_eq!(SlotSet::parse(bad), None, "{bad}");
        }
    }
}
