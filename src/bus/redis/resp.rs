//! Cuts what Redis sends to a subscriber into frames. No socket: bytes in, frames that borrow from them out.
//!
//! ```text
//!   *3\r\n $7\r\nmessage\r\n $4\r\nu:42\r\n $5\r\nhello\r\n      a bell
//!   *3\r\n $9\r\nsubscribe\r\n $4\r\nu:42\r\n :1\r\n             a confirmation
//!   +OK\r\n   -ERR ...\r\n   :1\r\n                              answers to the greeting, pongs
//! ```
//!
//! A subscriber is sent nothing deeper and nothing longer, so anything else is garbage and ends the link.

use memchr::memchr;

/// The longest frame, in bytes. Bells stay far below it.
pub(super) const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Items of the longest array that a subscriber is sent (`message`, channel, payload).
const ITEMS_MAX: usize = 3;

/// The longest line that announces a number: type, sign, digits.
const NUMBER_DIGITS_MAX: usize = 20;

/// One answer or push of Redis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frame<'a> {
    /// `+OK` and the like, a number, a lone string: the answer to a command that went well.
    Done,
    /// `-ERR ...`: what Redis says about a command that did not.
    Refused(&'a [u8]),
    /// An array; `Item::Nil` fills it up to its full length.
    Push([Item<'a>; ITEMS_MAX]),
}

/// One item of an array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item<'a> {
    Text(&'a [u8]),
    Number(i64),
    Nil,
}

/// What came is not what Redis sends to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Redis sent what is no pub/sub frame, or one longer than {FRAME_BYTES_MAX} bytes")]
pub(super) struct Garbage;

/// The first frame in `bytes` and its length in bytes; `None` when it is not whole yet.
///
/// # Errors
/// `Garbage` when no bytes that follow can make a frame of it.
pub(super) fn next(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Garbage> {
    let mut cursor = Cursor { bytes, at: 0 };
    match cursor.frame() {
        Ok(frame) => Ok(Some((frame, cursor.at))),
        Err(Stop::Garbage) => Err(Garbage),
        Err(Stop::Short) if bytes.len() > FRAME_BYTES_MAX => Err(Garbage),
        Err(Stop::Short) => Ok(None),
    }
}

/// Why a frame could not be read.
enum Stop {
    /// Its end has not come yet.
    Short,
    Garbage,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    /// Invariant: `at` <= `bytes.len()`.
    at: usize,
}

impl<'a> Cursor<'a> {
    fn frame(&mut self) -> Result<Frame<'a>, Stop> {
        match self.byte()? {
            b'*' | b'>' => self.items(),
            b'-' => self.line().map(Frame::Refused),
            b'+' => self.line().map(|_| Frame::Done),
            b':' => self.number().map(|_| Frame::Done),
            b'$' => self.text().map(|_| Frame::Done),
            _ => Err(Stop::Garbage),
        }
    }

    fn items(&mut self) -> Result<Frame<'a>, Stop> {
        let count = self.length(ITEMS_MAX)?.unwrap_or(0);
        let mut items = [Item::Nil; ITEMS_MAX];
        for item in &mut items[..count] {
            *item = match self.byte()? {
                b'$' => self.text()?,
                b'+' => Item::Text(self.line()?),
                b':' => Item::Number(self.number()?),
                b'_' => self.line().map(|_| Item::Nil)?,
                _ => return Err(Stop::Garbage),
            };
        }
        Ok(Frame::Push(items))
    }

    fn text(&mut self) -> Result<Item<'a>, Stop> {
        let Some(length) = self.length(FRAME_BYTES_MAX)? else { return Ok(Item::Nil) };
        let end = self.at + length;
        let text = self.bytes.get(self.at..end).ok_or(Stop::Short)?;
        let line_end = self.bytes.get(end..end + 2).ok_or(Stop::Short)?;
        if line_end != b"\r\n" {
            return Err(Stop::Garbage);
        }
        self.at = end + 2;
        Ok(Item::Text(text))
    }

    /// A length of at most `most`; `None` for -1, by which Redis says "nothing".
    fn length(&mut self, most: usize) -> Result<Option<usize>, Stop> {
        match self.number()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) if length <= most => Ok(Some(length)),
                _ => Err(Stop::Garbage),
            },
        }
    }

    fn number(&mut self) -> Result<i64, Stop> {
        let rest = &self.bytes[self.at..];
        if rest.len() > NUMBER_DIGITS_MAX + 1 && memchr(b'\r', &rest[..=NUMBER_DIGITS_MAX]).is_none() {
            return Err(Stop::Garbage);
        }
        let line = self.line()?;
        std::str::from_utf8(line).ok().and_then(|digits| digits.parse().ok()).ok_or(Stop::Garbage)
    }

    /// What stands before the next line end.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let end = memchr(b'\r', rest).ok_or(Stop::Short)?;
        match rest.get(end + 1) {
            None => Err(Stop::Short),
            Some(b'\n') => {
                self.at += end + 2;
                Ok(&rest[..end])
            }
            Some(_) => Err(Stop::Garbage),
        }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::Short)?;
        self.at += 1;
        Ok(byte)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BELL: &[u8] = b"*3\r\n$7\r\nmessage\r\n$4\r\nu:42\r\n$7\r\nhe\r\nllo\r\n";

    #[test]
    fn reads_what_a_subscriber_is_sent() {
        let whole = |bytes: &[u8], items| assert_eq!(next(bytes), Ok(Some((Frame::Push(items), bytes.len()))));
        whole(BELL, [Item::Text(b"message"), Item::Text(b"u:42"), Item::Text(b"he\r\nllo")]);
        let subscribed = [Item::Text(b"subscribe"), Item::Text(b"g:7"), Item::Number(1)];
        whole(b"*3\r\n$9\r\nsubscribe\r\n$3\r\ng:7\r\n:1\r\n", subscribed);
        whole(b">3\r\n$9\r\nsubscribe\r\n$3\r\ng:7\r\n:1\r\n", subscribed);
        let nothing = [Item::Text(b"unsubscribe"), Item::Nil, Item::Number(0)];
        whole(b"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", nothing);
        whole(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n", [Item::Text(b"pong"), Item::Text(b""), Item::Nil]);
        assert_eq!(next(b"+OK\r\nmore"), Ok(Some((Frame::Done, 5))));
        assert_eq!(next(b"-NOAUTH no\r\n"), Ok(Some((Frame::Refused(b"NOAUTH no"), 12))));
    }

    #[test]
    fn waits_for_the_rest_of_a_frame_at_every_cut() {
        for cut in 0..BELL.len() {
            assert_eq!(next(&BELL[..cut]), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn refuses_what_would_never_end() {
        for bytes in [
            "HTTP/1.1 400\r\n",
            "*4\r\n",
            "$1048577\r\n",
            "*3\r\n*1\r\n",
            "$-2\r\n",
            "*x\r\n",
            ":1\rx",
            "$2\r\nabc\r\n",
            ":000000000000000000000000000000",
        ] {
            assert_eq!(next(bytes.as_bytes()), Err(Garbage), "{bytes}");
        }
        let endless = [b"+".as_slice(), &vec![b'a'; FRAME_BYTES_MAX]].concat();
        assert_eq!(next(&endless), Err(Garbage));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_read_beyond_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((_, length))) = next(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn nothing_that_looks_like_redis_makes_it_panic(text in "[-*>$+:_0-9a-c\r\n]{0,60}") {
            if let Ok(Some((_, length))) = next(text.as_bytes()) {
                prop_assert!(length <= text.len());
            }
        }

        #[test]
        fn any_payload_comes_out_as_it_went_in(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = format!("*3\r\n$7\r\nmessage\r\n$5\r\nnodes\r\n${}\r\n", payload.len()).into_bytes();
            bytes.extend_from_slice(&payload);
            bytes.extend_from_slice(b"\r\n");
            let push = Frame::Push([Item::Text(b"message"), Item::Text(b"nodes"), Item::Text(&payload)]);
            prop_assert_eq!(next(&bytes), Ok(Some((push, bytes.len()))));
        }
    }
}
