//! Cuts a stream of bytes into lines. It knows no socket, no clock and nothing of what the lines mean.
//!
//! ```text
//!   read buffer of the reactor     [ ..end\n | whole line\r\n | whole line\n | begin.. ]
//!                                       |          |               |            |
//!   carry of the connection   [ begin.. + ..end\n ] offered in place            kept: [ begin.. ]
//! ```
//!
//! A line that is whole in the read buffer is offered from there; only what has no end yet, or was not taken, is copied.
//! A connection that waits between two lines holds no memory here.

use memchr::{memchr, memchr_iter};

/// A line has more bytes than allowed. The stream cannot be cut any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the line is too long")]
pub struct LineTooLong;

/// What became of a line that was offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Taken; offer the next one.
    Next,
    /// Taken, and offer no more for now.
    Last,
    /// Not taken: the same line is the first one offered next time.
    NotTaken,
}

/// How far [`Frames::feed`] came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fed {
    /// Every whole line was taken; at most the beginning of one is kept.
    All,
    /// The receiver wanted no more; whole lines may be kept.
    Stopped,
}

/// What one connection keeps of its stream between two reads.
#[derive(Default, Debug)]
pub struct Frames {
    carry: Vec<u8>,
    /// Where the first line not taken begins. Invariant: `start <= scanned <= carry.len()`.
    start: usize,
    /// No line end lies in `carry[start..scanned]`, so no byte of a long line is looked at twice.
    scanned: usize,
}

impl Frames {
    /// Offers every whole line of what was kept and of `chunk`, in order, without its line end (`\n` or `\r\n`). What
    /// is not taken is kept; that is at most `chunk` and one unfinished line.
    ///
    /// # Errors
    /// A line, without its line end, has more than `line_bytes` bytes. It is refused as soon as that is certain and
    /// not kept; where the stream happened to be cut into chunks makes no difference.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        line_bytes: usize,
        mut offer: impl FnMut(&[u8]) -> Taken,
    ) -> Result<Fed, LineTooLong> {
        let mut chunk = chunk;
        while !self.is_empty() {
            if let Some(length) = memchr(b'\n', &self.carry[self.scanned..]) {
                let end = self.scanned + length;
                match offer(content(&self.carry[self.start..end], line_bytes)?) {
                    Taken::Next => self.advance(end + 1),
                    Taken::Last => {
                        self.advance(end + 1);
                        return Ok(self.stop(chunk));
                    }
                    Taken::NotTaken => return Ok(self.stop(chunk)),
                }
                continue;
            }
            self.scanned = self.carry.len();
            if chunk.is_empty() {
                return check_unfinished(&self.carry[self.start..], line_bytes).map(|()| Fed::All);
            }
            let taken = memchr(b'\n', chunk).map_or(chunk.len(), |at| at + 1);
            // Refused before it is copied; `\r\n` are the two bytes a longest line may have on top.
            if self.carry.len() - self.start + taken > line_bytes.saturating_add(2) {
                return Err(LineTooLong);
            }
            self.keep(&chunk[..taken]);
            chunk = &chunk[taken..];
        }
        self.feed_in_place(chunk, line_bytes, offer)
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.carry.len()
    }

    /// The part of [`Frames::feed`] that runs while nothing is kept: no byte is copied but those of the last line.
    fn feed_in_place(
        &mut self,
        chunk: &[u8],
        line_bytes: usize,
        mut offer: impl FnMut(&[u8]) -> Taken,
    ) -> Result<Fed, LineTooLong> {
        let mut begin = 0;
        for end in memchr_iter(b'\n', chunk) {
            match offer(content(&chunk[begin..end], line_bytes)?) {
                Taken::Next => begin = end + 1,
                Taken::Last => return Ok(self.stop(&chunk[end + 1..])),
                Taken::NotTaken => return Ok(self.stop(&chunk[begin..])),
            }
        }
        let rest = &chunk[begin..];
        check_unfinished(rest, line_bytes)?;
        self.keep(rest);
        self.scanned = self.carry.len();
        Ok(Fed::All)
    }

    /// The line before `start` was taken. Gives the memory back with the last one.
    fn advance(&mut self, start: usize) {
        self.start = start;
        self.scanned = start;
        if self.is_empty() {
            *self = Self::default();
        }
        self.check();
    }

    fn stop(&mut self, rest: &[u8]) -> Fed {
        self.keep(rest);
        Fed::Stopped
    }

    fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.start > 0 {
            self.carry.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.carry.extend_from_slice(bytes);
        self.check();
    }

    fn check(&self) {
        let Self { carry, start, scanned } = self;
        debug_assert!(start <= scanned && *scanned <= carry.len(), "{start} <= {scanned} <= {}", carry.len());
        debug_assert!(carry.capacity() == 0 || !carry.is_empty(), "memory is held for nothing");
    }
}

/// A line without the `\r` of its line end, unless that is too long.
fn content(line: &[u8], line_bytes: usize) -> Result<&[u8], LineTooLong> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > line_bytes { Err(LineTooLong) } else { Ok(line) }
}

/// Whether a line of which these bytes are the beginning can still be short enough. A last `\r` may turn out to be part
/// of the line end.
fn check_unfinished(begun: &[u8], line_bytes: usize) -> Result<(), LineTooLong> {
    content(begun, line_bytes).map(|_| ())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything `bytes` yields when it arrives in pieces that end at `cuts`.
    fn lines_of(bytes: &[u8], cuts: &[usize], line_bytes: usize) -> (Vec<Vec<u8>>, Result<(), LineTooLong>) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let (mut frames, mut lines, mut begin) = (Frames::default(), Vec::new(), 0);
        for cut in cuts {
            let fed = frames.feed(&bytes[begin..cut], line_bytes, |line| {
                lines.push(line.to_vec());
                Taken::Next
            });
            if fed.is_err() {
                return (lines, Err(LineTooLong));
            }
            assert!(frames.carry.len() <= line_bytes + 2, "no more is kept than a line may have");
            begin = cut;
        }
        (lines, Ok(()))
    }

    #[test]
    fn both_line_ends_and_blank_lines() {
        let (lines, end) = lines_of(b"a\nb\r\n\n\r\nc\rd\nrest", &[], 8);
        assert_eq!(lines, [b"a".to_vec(), b"b".to_vec(), vec![], vec![], b"c\rd".to_vec()]);
        assert_eq!(end, Ok(()));
    }

    #[test]
    fn the_limit_counts_the_line_without_its_end() {
        assert_eq!(lines_of(b"1234\n1234\r\n", &[], 4).1, Ok(()));
        assert_eq!(lines_of(b"1234\r", &[], 4).1, Ok(()), "the \\r may belong to the line end");
        assert_eq!(lines_of(b"12345", &[], 4).1, Err(LineTooLong), "refused before its end is seen");
        assert_eq!(lines_of(b"1234\r\r", &[], 4).1, Err(LineTooLong));
        assert_eq!(lines_of(b"ok\n12345\nno\n", &[], 4), (vec![b"ok".to_vec()], Err(LineTooLong)));
    }

    #[test]
    fn a_line_not_taken_comes_again_first() {
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        let mut answers = [Taken::Next, Taken::NotTaken, Taken::Last, Taken::Next].into_iter();
        let mut offer = |line: &[u8]| {
            seen.push(String::from_utf8(line.to_vec()).unwrap());
            answers.next().unwrap()
        };
        assert_eq!(frames.feed(b"a\nb\nc\nd", 8, &mut offer), Ok(Fed::Stopped));
        assert_eq!(frames.feed(b"", 8, &mut offer), Ok(Fed::Stopped));
        assert_eq!(frames.feed(b"", 8, &mut offer), Ok(Fed::All));
        assert_eq!(seen, ["a", "b", "b", "c"]);
        assert_eq!(frames.carry[frames.start..], *b"d", "only the unfinished line is left");
    }

    #[test]
    fn between_lines_no_memory_is_held() {
        let mut frames = Frames::default();
        for piece in [&b"a lo"[..], b"ng line\nwhole\n"] {
            frames.feed(piece, 100, |_| Taken::Next).unwrap();
        }
        assert_eq!(frames.carry.capacity(), 0);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            bytes in prop::collection::vec(prop::sample::select(b"ab\r\n\n".to_vec()), 0..200),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
            line_bytes in 0..12_usize,
        ) {
            prop_assert_eq!(lines_of(&bytes, &[], line_bytes), lines_of(&bytes, &cuts, line_bytes));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..500), cuts in prop::collection::vec(any::<usize>(), 0..9)) {
            let _any = lines_of(&bytes, &cuts, 64);
        }

        #[test]
        fn stopping_anywhere_loses_and_repeats_nothing(
            bytes in prop::collection::vec(prop::sample::select(b"abc\r\n".to_vec()), 0..200),
            cut in any::<usize>(),
            answers in prop::collection::vec(0..3_u8, 1..50),
        ) {
            let cut = cut % (bytes.len() + 1);
            let (mut frames, mut taken, mut asked) = (Frames::default(), Vec::new(), 0);
            let mut offer = |line: &[u8]| {
                asked += 1;
                // Beyond the given answers everything is taken, so that it ends.
                let answer = answers.get(asked - 1).copied().unwrap_or(0);
                if answer < 2 {
                    taken.push(line.to_vec());
                }
                [Taken::Next, Taken::Last, Taken::NotTaken][usize::from(answer)]
            };
            for chunk in [&bytes[..cut], &bytes[cut..]] {
                let mut fed = frames.feed(chunk, 500, &mut offer).unwrap();
                while fed == Fed::Stopped {
                    fed = frames.feed(b"", 500, &mut offer).unwrap();
                }
            }
            prop_assert_eq!(taken, lines_of(&bytes, &[], 500).0);
        }
    }
}
