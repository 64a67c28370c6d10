//! WebSocket as a client speaks it (RFC 6455): the opening, frames that are masked, and the server's frames as lines.
//!
//! ```text
//!   GET /ws ... --->  <--- 101        then   line\n -> [head|mask|masked line]     [head|line] -> line\n
//! ```
//!
//! One text message is one line. Pings are answered; a Close ends the connection.

use std::io::{self, ErrorKind};

use memchr::{memchr, memmem};

/// The standard's own sample of a key, and the answer that proves that a server has read it (section 1.3). Nothing caches
/// between a load generator and its server, so every connection may use the same.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// No answer to the opening is longer.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// The longest head of a server's frame: two bytes and eight of length.
const HEAD_BYTES_MAX: usize = 10;

/// In the place of a short length: two bytes of length follow, or eight.
const LENGTH_OF_2: u8 = 0x7e;
const LENGTH_OF_8: u8 = 0x7f;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// One connection's side of the protocol.
#[derive(Debug)]
pub(crate) struct WebSocket {
    stage: Stage,
    masks: Masks,
}

#[derive(Debug)]
enum Stage {
    /// The answer to the opening, as far as it has come.
    Opening(Vec<u8>),
    Open(Decoder),
}

impl WebSocket {
    /// A connection that has not said anything. The masks follow from `seed`.
    pub(crate) fn new(seed: u32) -> Self {
        Self { stage: Stage::Opening(Vec::new()), masks: Masks(seed | 1) }
    }

    /// The request with which it opens.
    pub(crate) fn request(host: &str) -> String {
        format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n"
        )
    }

    /// Whether the server has agreed.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// Appends each whole line of `lines` to `out`, as a frame, and takes it away.
    pub(crate) fn wrap(&mut self, lines: &mut Vec<u8>, out: &mut Vec<u8>) {
        let mut taken = 0;
        while let Some(end) = memchr(b'\n', &lines[taken..]) {
            self.masks.frame(TEXT, &lines[taken..taken + end], out);
            taken += end + 1;
        }
        lines.drain(..taken);
    }

    /// Appends a Close frame: all is done.
    pub(crate) fn wrap_close(&mut self, out: &mut Vec<u8>) {
        self.masks.frame(CLOSE, &1000_u16.to_be_bytes(), out);
    }

    /// Takes what came. Messages become lines, whole or as far as they have come; `answers` gets the frames that are due.
    ///
    /// # Errors
    /// The server does not agree, breaks the standard's rules, or closes; the text says which.
    pub(crate) fn unwrap(&mut self, bytes: &[u8], lines: &mut Vec<u8>, answers: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.stage {
            Stage::Open(decoder) => decoder.decode(bytes, lines, &mut |payload| {
                self.masks.frame(PONG, payload, answers);
            }),
            Stage::Opening(answer) => {
                answer.extend_from_slice(bytes);
                let Some(end) = memmem::find(answer, b"\r\n\r\n") else {
                    return if answer.len() > ANSWER_BYTES_MAX {
                        Err(invalid("its answer does not end"))
                    } else {
                        Ok(())
                    };
                };
                let behind = answer.split_off(end + 4);
                check_answer(answer)?;
                self.stage = Stage::Open(Decoder::default());
                self.unwrap(&behind, lines, answers)
            }
        }
    }
}

fn check_answer(answer: &[u8]) -> io::Result<()> {
    let answer = String::from_utf8_lossy(answer);
    let mut lines = answer.lines();
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101 ") {
        return Err(invalid(format!("it answers: {status}")));
    }
    let is_proof = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or_default();
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
    };
    if lines.any(is_proof) { Ok(()) } else { Err(invalid("its Sec-WebSocket-Accept is wrong")) }
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("no WebSocket with the server: {}", what.into()))
}

/// Masks that nobody needs to guess: proxies, which they protect, are not measured.
#[derive(Debug)]
struct Masks(u32);

impl Masks {
    /// Xorshift, which never yields 0.
    fn next(&mut self) -> [u8; 4] {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0.to_ne_bytes()
    }

    /// Appends a whole frame.
    fn frame(&mut self, opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
        const MASKED: u8 = 0x80;
        out.push(0x80 | opcode);
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(len @ ..=125), _) => out.push(MASKED | len),
            (_, Ok(len)) => {
                out.push(MASKED | LENGTH_OF_2);
                out.extend_from_slice(&len.to_be_bytes());
            }
            _ => {
                out.push(MASKED | LENGTH_OF_8);
                out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        let mask = self.next();
        out.extend_from_slice(&mask);
        let begin = out.len();
        out.extend_from_slice(payload);
        apply(mask, &mut out[begin..]);
    }
}

/// Masks a whole payload, eight bytes at a time.
fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let bytes: [u8; 8] = (&*chunk).try_into().expect("eight bytes");
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    chunks.into_remainder().iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

/// The frames of a server.
#[derive(Default, Debug)]
struct Decoder {
    reading: Reading,
    /// A message has begun, and its last fragment has not.
    is_fragmented: bool,
    /// The payload of a control frame so far.
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    Head { bytes: [u8; HEAD_BYTES_MAX], len: usize },
    Text { left: u64, is_last: bool },
    Control { opcode: u8, left: u64 },
}

impl Default for Reading {
    fn default() -> Self {
        Self::Head { bytes: [0; HEAD_BYTES_MAX], len: 0 }
    }
}

impl Decoder {
    /// `pong` gets the payload of each Ping.
    fn decode(&mut self, mut bytes: &[u8], lines: &mut Vec<u8>, pong: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while let Some((first, behind)) = bytes.split_first() {
            match &mut self.reading {
                Reading::Head { bytes: head, len } => {
                    head[*len] = *first;
                    *len += 1;
                    let head = &head[..*len];
                    if let Some(next) = after_head(head, self.is_fragmented)? {
                        self.reading = next;
                    }
                    bytes = behind;
                }
                Reading::Text { left, .. } => lines.extend_from_slice(take(&mut bytes, left)),
                Reading::Control { left, .. } => self.control.extend_from_slice(take(&mut bytes, left)),
            }
            self.end_if_complete(lines, pong)?;
        }
        Ok(())
    }

    fn end_if_complete(&mut self, lines: &mut Vec<u8>, pong: &mut impl FnMut(&[u8])) -> io::Result<()> {
        match self.reading {
            Reading::Text { left: 0, is_last } => {
                self.is_fragmented = !is_last;
                if is_last {
                    lines.push(b'\n');
                }
            }
            Reading::Control { left: 0, opcode } => match opcode {
                PING => pong(&self.control),
                CLOSE => return Err(closed(&self.control)),
                _ => {}
            },
            _ => return Ok(()),
        }
        self.control.clear();
        self.reading = Reading::default();
        Ok(())
    }
}

/// As much of the payload as has come.
fn take<'a>(bytes: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    let (piece, behind) = bytes.split_at(len);
    *bytes = behind;
    *left -= len as u64;
    piece
}

/// What follows a head; `None` while it is not whole.
fn after_head(head: &[u8], is_fragmented: bool) -> io::Result<Option<Reading>> {
    let &[first, second, ref length @ ..] = head else { return Ok(None) };
    let (length_bytes, short) = match second & 0x7f {
        LENGTH_OF_2 => (2, 0),
        LENGTH_OF_8 => (8, 0),
        short => (0, u64::from(short)),
    };
    if length.len() < length_bytes {
        return Ok(None);
    }
    let left = if length_bytes == 0 { short } else { length.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)) };
    let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
    let is_masked_or_reserved = second & 0x80 != 0 || first & 0x70 != 0;
    match opcode {
        _ if is_masked_or_reserved => Err(invalid("a frame with a mask or a reserved bit")),
        TEXT if !is_fragmented => Ok(Some(Reading::Text { left, is_last })),
        CONTINUATION if is_fragmented => Ok(Some(Reading::Text { left, is_last })),
        CLOSE | PING | PONG if is_last && left <= 125 => Ok(Some(Reading::Control { opcode, left })),
        _ => Err(invalid(format!("a frame of kind {opcode} that does not belong there"))),
    }
}

fn closed(payload: &[u8]) -> io::Error {
    let code = payload.first_chunk().map_or("no code".to_owned(), |code| u16::from_be_bytes(*code).to_string());
    io::Error::new(ErrorKind::ConnectionAborted, format!("the server closed the WebSocket ({code})"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    /// A server's frame.
    fn served(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            len @ ..=125 => frame.push(u8::try_from(len).unwrap()),
            len @ ..=0xffff => {
                frame.push(126);
                frame.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                frame.push(127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        [&frame, payload].concat()
    }

    /// What a client's frames say, unmasked by the standard's own words.
    fn unmasked(mut bytes: &[u8]) -> Frames {
        let mut frames = Vec::new();
        while let [first, second, rest @ ..] = bytes {
            assert!(second & 0x80 != 0, "a client masks every frame");
            let (len, rest) = match second & 0x7f {
                126 => (u64::from(u16::from_be_bytes(*rest.first_chunk().unwrap())), &rest[2..]),
                127 => (u64::from_be_bytes(*rest.first_chunk().unwrap()), &rest[8..]),
                len => (u64::from(len), rest),
            };
            let (mask, rest) = rest.split_at(4);
            let (payload, behind) = rest.split_at(usize::try_from(len).unwrap());
            frames.push((*first, payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect()));
            bytes = behind;
        }
        frames
    }

    type Frames = Vec<(u8, Vec<u8>)>;

    /// All that comes of `bytes` when they come in pieces of these lengths: lines, answers, and how it ended.
    fn fed(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Frames, Option<String>) {
        let (mut socket, mut lines, mut answers) = (WebSocket::new(7), Vec::new(), Vec::new());
        let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
        while !rest.is_empty() {
            let len = cuts.next().map_or(rest.len(), |len| *len).clamp(1, rest.len());
            let (piece, behind) = rest.split_at(len);
            if let Err(error) = socket.unwrap(piece, &mut lines, &mut answers) {
                return (lines, unmasked(&answers), Some(error.to_string()));
            }
            rest = behind;
        }
        (lines, unmasked(&answers), None)
    }

    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let text = || prop::collection::vec(b'a'..=b'z', 0..200);
        let whole = text().prop_map(|text| served(0x81, &text));
        let long = (60_000_usize..70_000).prop_map(|len| served(0x81, &vec![b'x'; len]));
        let ping = prop::collection::vec(any::<u8>(), 0..=125).prop_map(|payload| served(0x89, &payload));
        let pong = Just(served(0x8a, b"alive"));
        let fragments = (text(), text(), text()).prop_map(|(one, two, three)| {
            // A control frame may stand between two fragments.
            [served(0x01, &one), served(0x00, &two), served(0x89, b"between"), served(0x80, &three)].concat()
        });
        prop_oneof![8 => whole, 1 => long, 2 => ping, 1 => pong, 2 => fragments]
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            frames in prop::collection::vec(frames(), 0..12),
            cuts in prop::collection::vec(1_usize..300, 1..8),
        ) {
            let bytes = [ANSWER.as_bytes(), &frames.concat()].concat();
            let (lines, answers, ended) = fed(&bytes, &cuts);
            prop_assert_eq!(&ended, &None);
            prop_assert_eq!(fed(&bytes, &[]), (lines, answers, None));
        }

        #[test]
        fn what_is_wrapped_is_what_a_server_reads(
            texts in prop::collection::vec("[ -~]{0,300}", 0..8),
            beginning in "[ -~]{0,20}",
        ) {
            let mut lines = texts.iter().flat_map(|text| [text.as_bytes(), b"\n"].concat()).collect::<Vec<u8>>();
            lines.extend_from_slice(beginning.as_bytes());
            let mut out = Vec::new();
            WebSocket::new(7).wrap(&mut lines, &mut out);
            let expected: Vec<_> = texts.iter().map(|text| (0x81, text.clone().into_bytes())).collect();
            prop_assert_eq!(unmasked(&out), expected);
            prop_assert_eq!(lines, beginning.into_bytes(), "a line without its end stays");
        }
    }

    #[test]
    fn messages_become_lines_and_pings_pongs() {
        let bytes = [ANSWER.as_bytes(), &served(0x81, b"one"), &served(0x89, b"?"), &served(0x81, b"")].concat();
        assert_eq!(fed(&bytes, &[1]), (b"one\n\n".to_vec(), vec![(0x8a, b"?".to_vec())], None));
    }

    #[test]
    fn long_frames_have_long_heads() {
        for len in [125, 126, 65_535, 65_536] {
            let mut lines = vec![b'x'; len];
            lines.push(b'\n');
            let mut out = Vec::new();
            WebSocket::new(7).wrap(&mut lines, &mut out);
            assert_eq!(unmasked(&out), [(0x81, vec![b'x'; len])]);
        }
    }

    #[test]
    fn what_a_server_must_not_do_is_told() {
        let after = |frame: &[u8]| fed(&[ANSWER.as_bytes(), frame].concat(), &[]).2.unwrap();
        assert!(after(&served(0x82, b"binary")).contains("of kind 2"));
        assert!(after(&served(0x80, b"the end of nothing")).contains("of kind 0"));
        assert!(after(&served(0xc1, b"compressed")).contains("reserved bit"));
        assert!(after(&served(0x09, b"")).contains("of kind 9"), "a control frame in fragments");
        assert!(after(&[0x81, 0x81, 0, 0, 0, 0, 0]).contains("a mask"));
        assert!(after(&served(0x88, &1001_u16.to_be_bytes())).contains("closed the WebSocket (1001)"));
        assert!(after(&served(0x88, b"")).contains("(no code)"));
    }

    #[test]
    fn a_server_that_does_not_agree_is_told() {
        let refused = |answer: &str| fed(answer.as_bytes(), &[3]).2.unwrap();
        assert!(refused("HTTP/1.1 404 Not Found\r\n\r\n").contains("it answers: HTTP/1.1 404 Not Found"));
        assert!(refused("HTTP/1.1 101 Fine\r\n\r\n").contains("Sec-WebSocket-Accept"));
        assert!(refused(&"x".repeat(ANSWER_BYTES_MAX + 3)).contains("does not end"));
    }
}
