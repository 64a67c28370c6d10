//! What stands in a message: who sent it, its number, and when it was to be sent; then padding.
//!
//! ```text
//!   0000002a 000003e8 00000000075bcd15 abcdefghij...    (without the blanks)
//!   sender   number   ns since start   padding up to the wanted length
//! ```
//!
//! All digits are hexadecimal and none needs a JSON escape, so what arrives must be the very same bytes.

/// The bytes of a stamp without padding: no message is shorter.
pub(crate) const STAMP_BYTES: usize = 32;

/// The mark of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    /// The sender's connection.
    pub(crate) sender: u32,
    /// Counts the sender's messages from 0.
    pub(crate) number: u32,
    /// When it was to be sent, in nanoseconds since the start of the run.
    pub(crate) at_ns: u64,
}

impl Stamp {
    /// Writes the digits to the beginning of `text`, which has at least [`STAMP_BYTES`].
    pub(crate) fn write(self, text: &mut [u8]) {
        write_hex(&mut text[..8], u64::from(self.sender));
        write_hex(&mut text[8..16], u64::from(self.number));
        write_hex(&mut text[16..STAMP_BYTES], self.at_ns);
    }

    /// Reads the stamp of a text, whatever follows it. `None`: this is no message of ours.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let sender = u32::try_from(read_hex(text.get(..8)?)?).ok()?;
        let number = u32::try_from(read_hex(text.get(8..16)?)?).ok()?;
        let at_ns = read_hex(text.get(16..STAMP_BYTES)?)?;
        Some(Self { sender, number, at_ns })
    }
}

/// The text of a message before it is stamped: blank digits, then padding that shows what is cut off or mixed up.
pub(crate) fn blank(message_bytes: usize) -> Vec<u8> {
    let padding = (b'a'..=b'z').cycle().take(message_bytes.saturating_sub(STAMP_BYTES));
    std::iter::repeat_n(b'0', STAMP_BYTES).chain(padding).collect()
}

fn write_hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    for digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u64::from(value);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let stamp = Stamp { sender: u32::MAX, number: 7, at_ns: 1 << 60 };
        let mut text = blank(40);
        stamp.write(&mut text);
        assert_eq!(text, b"ffffffff000000071000000000000000abcdefgh");
        assert_eq!(Stamp::read(&text), Some(stamp));
    }

    #[test]
    fn what_is_no_stamp_is_refused() {
        assert_eq!(Stamp::read(b"ffffffff"), None);
        assert_eq!(Stamp::read(&[b'G'; 40]), None);
    }
}
