//! Cuts a stream of bytes into JSON objects that have nothing between them, or blanks, newlines and NULs. So the clients of
//! earlier systems speak: their servers took whatever one read gave for one text. It knows of JSON no more than what it needs to
//! see where an object ends.
//!
//! ```text
//!   {"msgid":1,...}\0{"msgid":6,"msg":"}{"}{"msg     keep this {"msgid":6}
//!   \____object____/ \_______object______/\kept/     \_junk__/ \_object__/
//! ```
//!
//! [`super::frame`] does the same for lines, and hot: lines are what most clients send.

use memchr::memchr3;

use super::frame::{Fed, LineTooLong, Taken};

/// Bytes that mean nothing between two objects.
const BLANKS: &[u8] = b" \t\r\n\0";

/// Where the object ends that these bytes begin with; `None`: not in them.
#[must_use]
pub fn first_end(bytes: &[u8]) -> Option<usize> {
    let mut scan = Scan::default();
    (bytes.first() == Some(&b'{') && scan.find_end(bytes)).then_some(scan.at)
}

/// What one connection keeps of its stream between two reads.
#[derive(Default, Debug)]
pub struct Objects {
    carry: Vec<u8>,
    scan: Scan,
}

/// How far the bytes kept were looked at: none is looked at twice.
#[derive(Clone, Copy, Default, Debug)]
struct Scan {
    /// Behind the last byte that was.
    at: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum State {
    /// Nothing has begun.
    #[default]
    Between,
    /// In an object, so many brackets deep.
    Object { depth: u32, text: Text },
    /// In what is no object.
    Junk,
    /// All up to here is one piece, not taken yet.
    Whole,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Text {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Objects {
    /// Offers every whole object of what was kept and of `chunk`, in order; and what can be none, as it is: bytes before a `{`, and an
    /// object that a NUL has broken off. What is not taken is kept.
    ///
    /// # Errors
    /// An object, or what is none, has more than `bytes_max` bytes.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        bytes_max: usize,
        mut offer: impl FnMut(&[u8]) -> Taken,
    ) -> Result<Fed, LineTooLong> {
        self.carry.extend_from_slice(chunk);
        let mut begin = 0;
        let fed = loop {
            begin += self.skip_blanks(begin);
            if !self.scan.find_end(&self.carry[begin..]) {
                let unfinished = self.carry.len() - begin;
                break if unfinished > bytes_max { Err(LineTooLong) } else { Ok(Fed::All) };
            }
            let end = begin + self.scan.at;
            if self.scan.at > bytes_max {
                break Err(LineTooLong);
            }
            match offer(&self.carry[begin..end]) {
                Taken::NotTaken => break Ok(Fed::Stopped),
                taken => {
                    begin = end;
                    self.scan = Scan::default();
                    if taken == Taken::Last {
                        break Ok(Fed::Stopped);
                    }
                }
            }
        };
        self.give_back(begin);
        fed
    }

    /// Whether an object has begun and not ended.
    #[must_use]
    pub fn has_half(&self) -> bool {
        matches!(self.scan.state, State::Object { .. } | State::Junk)
    }

    /// Forgets an object that has begun and not ended. The rest of it, should it come, is junk.
    pub fn drop_half(&mut self) {
        if self.has_half() {
            *self = Self::default();
        }
    }

    fn skip_blanks(&self, begin: usize) -> usize {
        if self.scan.state != State::Between {
            return 0;
        }
        self.carry[begin..].iter().take_while(|byte| BLANKS.contains(byte)).count()
    }

    /// Keeps what begins at `begin`, and no memory for nothing.
    fn give_back(&mut self, begin: usize) {
        if begin == self.carry.len() {
            self.carry = Vec::new();
        } else {
            self.carry.drain(..begin);
        }
    }
}

impl Scan {
    /// Looks at the bytes that are new; whether a piece ends there, at `self.at`.
    fn find_end(&mut self, bytes: &[u8]) -> bool {
        loop {
            match self.state {
                State::Whole => return true,
                State::Between => match bytes.first() {
                    None => return false,
                    Some(b'{') => self.state = State::Object { depth: 0, text: Text::Outside },
                    Some(_) => self.state = State::Junk,
                },
                State::Junk => {
                    let Some(len) = memchr3(b'\n', 0, b'{', &bytes[self.at..]) else {
                        self.at = bytes.len();
                        return false;
                    };
                    self.at += len;
                    self.state = State::Whole;
                }
                State::Object { depth, text } => {
                    if !self.object(bytes, depth, text) {
                        return false;
                    }
                }
            }
        }
    }

    /// In an object: whether it has ended.
    fn object(&mut self, bytes: &[u8], mut depth: u32, mut text: Text) -> bool {
        while let Some(&byte) = bytes.get(self.at) {
            if text == Text::Inside && !matches!(byte, b'"' | b'\\' | 0) {
                let rest = &bytes[self.at..];
                self.at += memchr3(b'"', b'\\', 0, rest).unwrap_or(rest.len());
                continue;
            }
            self.at += 1;
            let is_broken = byte == 0;
            match (text, byte) {
                (_, 0) => {}
                (Text::Outside, b'"') | (Text::Escaped, _) => text = Text::Inside,
                (Text::Outside, b'{' | b'[') => depth += 1,
                (Text::Outside, b'}' | b']') => depth -= 1,
                (Text::Inside, b'"') => text = Text::Outside,
                (Text::Inside, b'\\') => text = Text::Escaped,
                (Text::Outside | Text::Inside, _) => {}
            }
            // JSON has no raw NUL: what it stands in can never become whole.
            if is_broken || depth == 0 {
                self.state = State::Whole;
                return true;
            }
        }
        self.state = State::Object { depth, text };
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// The shortest time of some that an unfinished object with so long a text takes, in reads of so many bytes.
    #[expect(clippy::disallowed_methods, reason = "two times of this machine are compared with each other")]
    fn time_of_a_text(bytes: usize, reads_of: usize) -> Duration {
        let object = [b"{\"msg\":\"".to_vec(), vec![b'x'; bytes]].concat();
        let run = || {
            let begin = Instant::now();
            let mut objects = Objects::default();
            for chunk in object.chunks(reads_of) {
                objects.feed(chunk, usize::MAX, |_| Taken::Next).unwrap();
            }
            begin.elapsed()
        };
        (0..5).map(|_| run()).min().unwrap()
    }

    #[test]
    fn each_byte_of_an_unfinished_text_is_looked_at_once() {
        // The same bytes, at once and in pieces. Whoever looks for the end at each byte again needs a thousand times as long at once.
        let (in_pieces, at_once) = (time_of_a_text(1 << 20, 1 << 10), time_of_a_text(1 << 20, 1 << 20));
        assert!(at_once < in_pieces * 50, "{at_once:?} at once, {in_pieces:?} in pieces");
    }

    /// Everything `bytes` yields when it arrives in pieces that end at `cuts`.
    fn pieces_of(bytes: &[u8], cuts: &[usize], bytes_max: usize) -> (Vec<String>, Result<(), LineTooLong>) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let (mut objects, mut pieces, mut begin) = (Objects::default(), Vec::new(), 0);
        for cut in cuts {
            let fed = objects.feed(&bytes[begin..cut], bytes_max, |piece| {
                pieces.push(String::from_utf8_lossy(piece).into_owned());
                Taken::Next
            });
            if fed.is_err() {
                return (pieces, Err(LineTooLong));
            }
            assert!(objects.carry.len() <= bytes_max, "no more is kept than an object may have");
            begin = cut;
        }
        (pieces, Ok(()))
    }

    fn whole(bytes: &[u8]) -> Vec<String> {
        let (pieces, end) = pieces_of(bytes, &[], 1000);
        assert_eq!(end, Ok(()));
        pieces
    }

    #[test]
    fn objects_end_where_their_brackets_do() {
        assert_eq!(whole(b"{\"a\":{\"b\":[1,{}]}}{\"c\":2}"), ["{\"a\":{\"b\":[1,{}]}}", "{\"c\":2}"]);
        assert_eq!(whole(b"{}\0{}\n{} \r\n\0\0{}"), ["{}"; 4]);
        assert_eq!(whole(b"{\"msg\":\"}{\\\"]\"}{}"), ["{\"msg\":\"}{\\\"]\"}", "{}"]);
        assert_eq!(whole(b"{\"msg\":\"\\\\\"}{}"), ["{\"msg\":\"\\\\\"}", "{}"], "a backslash, not an escaped quote");
        assert_eq!(whole(b"{\"half\":"), Vec::<String>::new());
        assert_eq!(whole(b"{]{}"), ["{]", "{}"], "no JSON, and so it says");
    }

    #[test]
    fn what_is_no_object_ends_before_the_next_one() {
        assert_eq!(whole(b"keep this socket alive{\"a\":1}"), ["keep this socket alive", "{\"a\":1}"]);
        assert_eq!(whole(b"hello\nthere\0{}"), ["hello", "there", "{}"]);
        assert_eq!(whole(b"keep this socket alive"), Vec::<String>::new(), "more may come");
        assert_eq!(whole(b"}]{}"), ["}]", "{}"]);
    }

    #[test]
    fn a_nul_breaks_off_what_it_stands_in() {
        assert_eq!(whole(b"{\"a\":1\0{\"b\":2}\0"), ["{\"a\":1\0", "{\"b\":2}"]);
        assert_eq!(whole(b"{\"a\":\"x\0{\"b\":2}\0"), ["{\"a\":\"x\0", "{\"b\":2}"]);
        assert_eq!(whole(b"{\"a\":\"x\\\0{\"b\":2}\0"), ["{\"a\":\"x\\\0", "{\"b\":2}"]);
    }

    #[test]
    fn an_object_that_is_too_long_is_refused_before_it_ends() {
        assert_eq!(pieces_of(b"{\"a\":1}", &[], 7).1, Ok(()));
        assert_eq!(pieces_of(b"{\"a\":12}", &[], 7).1, Err(LineTooLong));
        assert_eq!(pieces_of(b"{\"a\":123", &[], 7).1, Err(LineTooLong));
        assert_eq!(pieces_of(b"hello there", &[], 7).1, Err(LineTooLong));
        assert_eq!(pieces_of(b"          {}\n\n\n\n\n\n\n\n\n", &[], 7), (vec!["{}".to_owned()], Ok(())));
    }

    #[test]
    fn a_half_is_forgotten_when_it_is_told_to_be() {
        let mut objects = Objects::default();
        let mut seen = Vec::new();
        let mut feed = |objects: &mut Objects, bytes: &[u8]| {
            objects.feed(bytes, 100, |piece| {
                seen.push(String::from_utf8(piece.to_vec()).unwrap());
                Taken::Next
            })
        };
        feed(&mut objects, b"{\"msg\":\"lost").unwrap();
        assert!(objects.has_half());
        objects.drop_half();
        assert!(!objects.has_half());
        feed(&mut objects, b"{\"msg\":1}").unwrap();
        assert_eq!(seen, ["{\"msg\":1}"]);
        assert_eq!(objects.carry.capacity(), 0, "between objects no memory is held");
    }

    #[test]
    fn an_object_not_taken_comes_again_first() {
        let mut objects = Objects::default();
        let mut seen = Vec::new();
        let mut answers = [Taken::Next, Taken::NotTaken, Taken::Last, Taken::Next].into_iter();
        let mut offer = |piece: &[u8]| {
            seen.push(String::from_utf8(piece.to_vec()).unwrap());
            answers.next().unwrap()
        };
        assert_eq!(objects.feed(b"{}{\"b\":1}{\"c\":", 100, &mut offer), Ok(Fed::Stopped));
        assert!(!objects.has_half(), "what was not taken is no half");
        assert_eq!(objects.feed(b"", 100, &mut offer), Ok(Fed::Stopped));
        assert_eq!(objects.feed(b"2}", 100, &mut offer), Ok(Fed::All));
        assert_eq!(seen, ["{}", "{\"b\":1}", "{\"b\":1}", "{\"c\":2}"]);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_pieces(
            bytes in prop::collection::vec(prop::sample::select(b"{}[]\"\\:a\n \0".to_vec()), 0..200),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
            bytes_max in 1..40_usize,
        ) {
            prop_assert_eq!(pieces_of(&bytes, &[], bytes_max), pieces_of(&bytes, &cuts, bytes_max));
        }

        #[test]
        fn objects_come_out_as_they_went_in(
            texts in prop::collection::vec(any::<String>(), 0..10),
            between in prop::collection::vec(prop::sample::select(vec!["", "\0", "\n", "\r\n", " \0\n"]), 10),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let objects: Vec<String> =
                texts.iter().map(|text| serde_json::json!({"msgid": 6, "msg": text, "deep": [[{"x": text}]]}).to_string()).collect();
            let stream: String = objects.iter().zip(&between).flat_map(|(object, gap)| [object.as_str(), gap]).collect();
            prop_assert_eq!(pieces_of(stream.as_bytes(), &cuts, 100_000), (objects, Ok(())));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..500), cuts in prop::collection::vec(any::<usize>(), 0..9)) {
            let _any = pieces_of(&bytes, &cuts, 64);
        }
    }
}
