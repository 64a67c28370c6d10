//! WebSocket frames (RFC 6455), as a server reads and writes them. Frames become lines in place: a text message is a line,
//! and what reads lines reads those.
//!
//! ```text
//!   bytes of the socket:  [head|masked payload][head|masked payl ... ][head|ping]
//!   decode, in place:     [message\n mess ... ]                        Control::Ping
//! ```
//!
//! A head has at least six bytes and a line end has one, so what comes out never needs more room than what went in; only the
//! head of the first frame may have come before, for which the caller leaves [`HEADROOM`]. A line break within a message
//! becomes a blank: in JSON it can only stand between two tokens.
//!
//! Everything that the standard forbids ends the connection with its code ([`CloseCode`]), before anything is kept of it.
//! Extensions are never agreed on, so a reserved bit is an error. Binary messages are not spoken here.

use std::str;

use bytes::Bytes;
use memchr::memchr2_iter;

/// Bytes that the caller leaves free ahead of what was read: a line end is written there if a frame's head came before.
pub const HEADROOM: usize = 1;
/// The longest payload of a control frame, in bytes (section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;
/// The longest head of a frame that a client sends: two bytes, eight of length, four of mask.
const HEAD_BYTES_MAX: usize = 14;
/// Where the mask is kept: in the last four bytes of a head that is as long as it can be.
const MASK_AT: usize = HEAD_BYTES_MAX - 4;
/// The longest head of a frame that a server sends.
const OWN_HEAD_BYTES_MAX: usize = 10;

/// Why a connection ends, as a Close frame says it (section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
pub enum CloseCode {
    /// All is done.
    Normal = 1000,
    /// This end goes away.
    GoingAway = 1001,
    /// The peer broke the rules of the standard.
    ProtocolError = 1002,
    /// A kind of message that is not spoken here: binary.
    Unsupported = 1003,
    /// A text is not UTF-8.
    InvalidText = 1007,
    /// The peer broke our own rules.
    Policy = 1008,
    /// A message is too large.
    TooLarge = 1009,
}

/// A control frame that asks for something. (A Pong asks for nothing.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control<'a> {
    /// Answer with a Pong of the same payload.
    Ping(&'a [u8]),
    /// The peer ends the connection, with this code if it gave one: answer with a Close, and send nothing more. What comes
    /// behind it is not read.
    Close(Option<u16>),
}

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Opcode {
    Continuation,
    Text,
    Close,
    Ping,
    Pong,
}

/// Of the frame that is being read: its head, or the rest of its payload.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// So many bytes of the head are in [`Decoder::head`].
    Head { bytes: u8 },
    /// A part of a text message.
    Text { left: u32, is_last: bool },
    /// A control frame; its payload gathers in [`Decoder::control`].
    Control { opcode: Opcode, left: u8 },
    /// A Close was read.
    Ended,
}

/// The frames of one connection, from what was read so far. Memory: some bytes, and a control frame's payload while it is
/// incomplete.
#[derive(Debug)]
pub struct Decoder {
    reading: Reading,
    /// The head; behind it, in the last four bytes, the mask, turned so that its first byte is for the next byte of the payload.
    head: [u8; HEAD_BYTES_MAX],
    /// A text message has begun, and its last fragment has not.
    is_fragmented: bool,
    /// Bytes of the present message so far, those announced by the present frame included.
    message: u32,
    /// The beginning of a character whose other bytes are in the next piece.
    cut: Cut,
    control: Option<Box<Payload>>,
}

/// What has come of a control frame's payload.
#[derive(Debug)]
struct Payload {
    bytes: [u8; CONTROL_BYTES_MAX],
    len: u8,
}

impl Payload {
    fn push(&mut self, piece: &[u8]) {
        let begin = usize::from(self.len);
        self.bytes[begin..begin + piece.len()].copy_from_slice(piece);
        self.len += u8::try_from(piece.len()).expect("a control frame is short");
    }
}

/// The beginning of a character in UTF-8.
#[derive(Clone, Copy, Default, Debug)]
struct Cut {
    bytes: [u8; 4],
    len: u8,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            reading: Reading::Head { bytes: 0 },
            head: [0; HEAD_BYTES_MAX],
            is_fragmented: false,
            message: 0,
            cut: Cut::default(),
            control: None,
        }
    }
}

impl Decoder {
    /// Turns what was read, `buffer[HEADROOM..]`, into lines at the beginning of `buffer`; how many bytes they have. A message
    /// whose end has not come is a line without its end, and the rest follows in the next call. `control` is told of control
    /// frames. No message may have more than `message_bytes`, nor more than 4 GiB.
    ///
    /// # Errors
    /// The peer has broken the rules: close with this code. What came before the offence is lost, too.
    pub fn decode(
        &mut self,
        buffer: &mut [u8],
        message_bytes: usize,
        mut control: impl FnMut(Control<'_>),
    ) -> Result<usize, CloseCode> {
        let (mut read, mut written) = (HEADROOM.min(buffer.len()), 0);
        while read < buffer.len() {
            match self.reading {
                Reading::Head { bytes } => {
                    self.head[usize::from(bytes)] = buffer[read];
                    read += 1;
                    self.reading = Reading::Head { bytes: bytes + 1 };
                    self.take_head(usize::from(bytes) + 1, message_bytes)?;
                    written += self.end_if_complete(&mut buffer[written..], &mut control)?;
                }
                Reading::Text { left, is_last } => {
                    let whole = usize::try_from(left).unwrap_or(usize::MAX);
                    let len = whole.min(buffer.len() - read);
                    self.unmask(&mut buffer[read..read + len]);
                    buffer.copy_within(read..read + len, written);
                    self.take_text(&mut buffer[written..written + len])?;
                    (read, written) = (read + len, written + len);
                    self.reading = Reading::Text { left: u32::try_from(whole - len).unwrap_or(left), is_last };
                    written += self.end_if_complete(&mut buffer[written..], &mut control)?;
                }
                Reading::Control { opcode, left } => {
                    let len = usize::from(left).min(buffer.len() - read);
                    self.unmask(&mut buffer[read..read + len]);
                    let empty = || Box::new(Payload { bytes: [0; CONTROL_BYTES_MAX], len: 0 });
                    self.control.get_or_insert_with(empty).push(&buffer[read..read + len]);
                    read += len;
                    self.reading =
                        Reading::Control { opcode, left: left.saturating_sub(u8::try_from(len).unwrap_or(left)) };
                    written += self.end_if_complete(&mut buffer[written..], &mut control)?;
                }
                Reading::Ended => break,
            }
            debug_assert!(written <= read, "{written} bytes of lines out of {read}");
        }
        Ok(written)
    }

    /// Looks at the first bytes of a head: each rule as soon as its byte is there.
    fn take_head(&mut self, bytes: usize, message_bytes: usize) -> Result<(), CloseCode> {
        let [first, second, ..] = self.head;
        let is_last = first & 0x80 != 0;
        if bytes == 1 {
            return self.opcode().map(|_| ());
        }
        let opcode = self.opcode()?;
        let is_masked = second & 0x80 != 0;
        let short = second & 0x7f;
        let is_control = matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
        if bytes == 2 && (!is_masked || (is_control && (!is_last || usize::from(short) > CONTROL_BYTES_MAX))) {
            return Err(CloseCode::ProtocolError);
        }
        let length_bytes = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if bytes < 2 + length_bytes {
            return Ok(());
        }
        let length = self.head[2..2 + length_bytes].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        let length = if length_bytes == 0 { u64::from(short) } else { length };
        if bytes == 2 + length_bytes {
            self.check_length(opcode, length_bytes, length, message_bytes)?;
        }
        if bytes < 2 + length_bytes + 4 {
            return Ok(());
        }
        self.head.copy_within(2 + length_bytes..2 + length_bytes + 4, MASK_AT);
        self.reading = if is_control {
            Reading::Control { opcode, left: short }
        } else {
            self.is_fragmented = !is_last;
            // Both are checked: no more than a message may have.
            let length = u32::try_from(length).map_err(|_| CloseCode::TooLarge)?;
            self.message = self.message.checked_add(length).ok_or(CloseCode::TooLarge)?;
            Reading::Text { left: length, is_last }
        };
        Ok(())
    }

    /// What the frame is, by its first byte.
    fn opcode(&self) -> Result<Opcode, CloseCode> {
        let first = self.head[0];
        if first & 0x70 != 0 {
            return Err(CloseCode::ProtocolError);
        }
        match (first & 0x0f, self.is_fragmented) {
            (0, true) => Ok(Opcode::Continuation),
            (1, false) => Ok(Opcode::Text),
            (2, false) => Err(CloseCode::Unsupported),
            (8, _) => Ok(Opcode::Close),
            (9, _) => Ok(Opcode::Ping),
            (10, _) => Ok(Opcode::Pong),
            _ => Err(CloseCode::ProtocolError),
        }
    }

    fn check_length(
        &self,
        opcode: Opcode,
        length_bytes: usize,
        length: u64,
        message_bytes: usize,
    ) -> Result<(), CloseCode> {
        // The shortest form must be used (section 5.2), and the highest bit of eight bytes is 0.
        let is_shortest = match length_bytes {
            0 => true,
            2 => length > 125,
            _ => length > u64::from(u16::MAX) && length >> 63 == 0,
        };
        if !is_shortest {
            return Err(CloseCode::ProtocolError);
        }
        let is_text = matches!(opcode, Opcode::Text | Opcode::Continuation);
        if is_text && u64::from(self.message).saturating_add(length) > message_bytes as u64 {
            return Err(CloseCode::TooLarge);
        }
        Ok(())
    }

    /// Removes the mask, eight bytes at a time, and turns it for what follows.
    fn unmask(&mut self, payload: &mut [u8]) {
        let [.., a, b, c, d] = self.head;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let mut chunks = payload.chunks_exact_mut(8);
        for chunk in &mut chunks {
            let bytes: [u8; 8] = (&*chunk).try_into().expect("eight bytes");
            chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
        for (byte, mask) in chunks.into_remainder().iter_mut().zip([a, b, c, d].iter().cycle()) {
            *byte ^= mask;
        }
        self.head[MASK_AT..].rotate_left(payload.len() % 4);
    }

    /// A piece of a text message: it must be UTF-8, and keeps no line breaks.
    fn take_text(&mut self, piece: &mut [u8]) -> Result<(), CloseCode> {
        self.cut.go_on(piece)?;
        let breaks: Vec<usize> = memchr2_iter(b'\n', b'\r', piece).collect();
        for at in breaks {
            piece[at] = b' ';
        }
        Ok(())
    }

    /// What follows from the end of a frame, if this is one. Writes the end of a line; how many bytes that has.
    fn end_if_complete(&mut self, room: &mut [u8], control: &mut impl FnMut(Control<'_>)) -> Result<usize, CloseCode> {
        match self.reading {
            Reading::Text { left: 0, is_last } => {
                self.reading = Reading::Head { bytes: 0 };
                if !is_last {
                    return Ok(0);
                }
                self.message = 0;
                if std::mem::take(&mut self.cut).len > 0 {
                    return Err(CloseCode::InvalidText);
                }
                room[0] = b'\n';
                Ok(1)
            }
            Reading::Control { opcode, left: 0 } => {
                self.reading = Reading::Head { bytes: 0 };
                let payload = self.control.take();
                let payload = payload.as_ref().map_or(&[][..], |payload| &payload.bytes[..usize::from(payload.len)]);
                match opcode {
                    Opcode::Ping => control(Control::Ping(payload)),
                    Opcode::Close => {
                        let code = close_code(payload)?;
                        self.reading = Reading::Ended;
                        control(Control::Close(code));
                    }
                    Opcode::Pong | Opcode::Text | Opcode::Continuation => {}
                }
                Ok(0)
            }
            Reading::Head { .. } | Reading::Text { .. } | Reading::Control { .. } | Reading::Ended => Ok(0),
        }
    }
}

impl Cut {
    /// Goes on with the next piece of the text, whose end may cut a character again.
    fn go_on(&mut self, piece: &[u8]) -> Result<(), CloseCode> {
        let mut rest = piece;
        while self.len > 0 {
            let Some((byte, behind)) = rest.split_first() else { return Ok(()) };
            self.bytes[usize::from(self.len)] = *byte;
            self.len += 1;
            rest = behind;
            match str::from_utf8(&self.bytes[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(CloseCode::InvalidText),
            }
        }
        match str::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let begun = &rest[error.valid_up_to()..];
                self.bytes[..begun.len()].copy_from_slice(begun);
                self.len = u8::try_from(begun.len()).expect("at most three bytes");
                Ok(())
            }
            Err(_) => Err(CloseCode::InvalidText),
        }
    }
}

/// The code in a Close frame's payload.
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseCode> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        [_] => return Err(CloseCode::ProtocolError),
    };
    // 1004 to 1006 and 1015 are never sent; those between 1016 and 2999 are for later versions (section 7.4).
    let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !may_be_sent {
        return Err(CloseCode::ProtocolError);
    }
    str::from_utf8(reason).map(|_| Some(code)).map_err(|_| CloseCode::InvalidText)
}

/// The heads of short text messages, most of which are answers.
static SHORT_HEADS: [[u8; 2]; CONTROL_BYTES_MAX + 1] = short_heads();

#[expect(clippy::cast_possible_truncation, reason = "at most 125")]
const fn short_heads() -> [[u8; 2]; CONTROL_BYTES_MAX + 1] {
    let mut heads = [[0x81, 0]; CONTROL_BYTES_MAX + 1];
    let mut len = 0;
    while len < heads.len() {
        heads[len][1] = len as u8;
        len += 1;
    }
    heads
}

/// The head of a text message of so many bytes, ahead of which it goes out: the message itself may be shared by many.
#[must_use]
pub fn text_head(len: usize) -> Bytes {
    match SHORT_HEADS.get(len) {
        Some(head) => Bytes::from_static(head),
        None => Bytes::copy_from_slice(Head::text(len).as_bytes()),
    }
}

/// The head of a frame that a server sends: whole, and not masked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    bytes: [u8; OWN_HEAD_BYTES_MAX],
    len: u8,
}

impl Head {
    /// Of a text message of so many bytes.
    fn text(len: usize) -> Self {
        Self::new(1, len)
    }

    fn new(opcode: u8, len: usize) -> Self {
        let mut bytes = [0; OWN_HEAD_BYTES_MAX];
        bytes[0] = 0x80 | opcode;
        let used = if let Ok(len) = u8::try_from(len)
            && len <= 125
        {
            bytes[1] = len;
            2
        } else if let Ok(len) = u16::try_from(len) {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
            4
        } else {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        };
        Self { bytes, len: used }
    }

    /// Its bytes.
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A whole Pong frame, in answer to a Ping.
#[must_use]
pub fn pong(payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(CONTROL_BYTES_MAX)];
    [Head::new(10, payload.len()).as_bytes(), payload].concat().into()
}

/// A whole Ping frame, without payload.
#[must_use]
pub fn ping() -> Bytes {
    Bytes::from_static(&[0x89, 0])
}

/// A whole Close frame with this code.
#[must_use]
pub fn close(code: CloseCode) -> Bytes {
    let payload = (code as u16).to_be_bytes();
    [Head::new(8, payload.len()).as_bytes(), &payload].concat().into()
}

#[cfg(test)]
mod tests;
