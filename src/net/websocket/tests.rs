//! Frames as a client sends them, in any pieces; and what the standard forbids.

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 70_000;

/// A frame as a client sends it.
fn frame(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..=65_535 => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(0xff);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn text(payload: &[u8]) -> Vec<u8> {
    frame(0x81, [1, 2, 3, 4], payload)
}

#[derive(Default, PartialEq, Eq, Debug)]
struct Decoded {
    lines: Vec<u8>,
    pings: Vec<Vec<u8>>,
    /// The code of each Close, 0 without one.
    closed: Vec<u16>,
    failed: Option<CloseCode>,
}

/// Decodes bytes that come in pieces which end at `cuts`.
fn decode(bytes: &[u8], cuts: &[usize]) -> Decoded {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let (mut decoder, mut found, mut begin) = (Decoder::default(), Decoded::default(), 0);
    for cut in cuts {
        let mut buffer = [&[0; HEADROOM][..], &bytes[begin..cut]].concat();
        let Decoded { pings, closed, .. } = &mut found;
        let decoded = decoder.decode(&mut buffer, LIMIT, |control| match control {
            Control::Ping(payload) => pings.push(payload.to_vec()),
            Control::Close(code) => closed.push(code.unwrap_or(0)),
        });
        match decoded {
            Ok(len) => found.lines.extend_from_slice(&buffer[..len]),
            Err(code) => {
                found.failed = Some(code);
                return found;
            }
        }
        begin = cut;
    }
    found
}

fn failure(bytes: &[u8]) -> Option<CloseCode> {
    let whole = decode(bytes, &[]).failed;
    let in_pieces: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(decode(bytes, &in_pieces).failed, whole, "byte by byte it is the same");
    whole
}

#[test]
fn the_examples_of_the_standard_are_read() {
    // Section 5.7: a single-frame masked text message, "Hello".
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(&hello, &[]).lines, b"Hello\n");
    // A masked Ping with "Hello".
    let ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(&ping, &[]).pings, [b"Hello".to_vec()]);
}

#[test]
fn a_fragmented_message_is_one_line_with_control_frames_between() {
    let bytes = [
        frame(0x01, [9; 4], b"one "),
        frame(0x89, [8; 4], b"are you there?"),
        frame(0x00, [7; 4], b"two "),
        frame(0x8a, [6; 4], b"a pong that nobody asked for"),
        frame(0x80, [5; 4], b"three"),
        text(b"next"),
    ]
    .concat();
    let found = decode(&bytes, &[]);
    assert_eq!(found.lines, b"one two three\nnext\n");
    assert_eq!(found.pings, [b"are you there?".to_vec()]);
}

#[test]
fn a_line_break_within_a_message_ends_no_line() {
    assert_eq!(decode(&text(b"{\r\n\"a\":\n1}"), &[]).lines, b"{  \"a\": 1}\n");
    assert_eq!(decode(&[text(b""), text(b"x")].concat(), &[]).lines, b"\nx\n", "an empty message is a blank line");
}

#[test]
fn a_character_may_be_cut_by_a_fragment() {
    let words = "ü 中 😀".as_bytes();
    for cut in 0..=words.len() {
        let (begin, end) = words.split_at(cut);
        let bytes = [frame(0x01, [3, 1, 4, 1], begin), frame(0x80, [5, 9, 2, 6], end)].concat();
        assert_eq!(decode(&bytes, &[]).lines, [words, b"\n"].concat());
    }
}

#[test]
fn what_is_not_utf_8_is_refused_as_soon_as_it_is_seen() {
    for bad in [&b"\xff"[..], b"a\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"] {
        assert_eq!(failure(&text(bad)), Some(CloseCode::InvalidText), "{bad:?}");
    }
    assert_eq!(
        failure(&text(b"cut \xf0\x9f\x98")),
        Some(CloseCode::InvalidText),
        "the message ends within a character"
    );
    let begun = [frame(0x01, [0; 4], b"ok"), frame(0x00, [0; 4], b"\xff")].concat();
    assert_eq!(failure(&begun), Some(CloseCode::InvalidText), "before the last fragment has come");
}

#[test]
fn what_the_standard_forbids_ends_the_connection() {
    let mut unmasked = text(b"x");
    unmasked[1] &= 0x7f;
    for (what, bytes) in [
        ("a reserved bit", frame(0xc1, [0; 4], b"x")),
        ("another reserved bit", frame(0x91, [0; 4], b"x")),
        ("an opcode of later versions", frame(0x83, [0; 4], b"x")),
        ("a control opcode of later versions", frame(0x8b, [0; 4], b"")),
        ("no mask", unmasked),
        ("a fragmented Ping", frame(0x09, [0; 4], b"x")),
        ("a Ping of 126 bytes", frame(0x89, [0; 4], &[b'x'; 126])),
        ("a continuation of nothing", frame(0x80, [0; 4], b"x")),
        ("a message within a message", [frame(0x01, [0; 4], b"x"), text(b"y")].concat()),
        ("a length in too many bytes", vec![0x81, 0xfe, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5]),
        ("a length in far too many bytes", vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]),
        ("a length of 2^63", vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a Close of one byte", frame(0x88, [0; 4], &[3])),
        ("a Close with a code that is never sent", frame(0x88, [0; 4], &1005_u16.to_be_bytes())),
        ("a Close with a code of nobody", frame(0x88, [0; 4], &999_u16.to_be_bytes())),
    ] {
        assert_eq!(failure(&bytes), Some(CloseCode::ProtocolError), "{what}");
    }
    assert_eq!(failure(&frame(0x82, [0; 4], b"x")), Some(CloseCode::Unsupported), "binary");
    let close = [&1000_u16.to_be_bytes()[..], b"\xff"].concat();
    assert_eq!(failure(&frame(0x88, [0; 4], &close)), Some(CloseCode::InvalidText), "a reason that is not UTF-8");
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_head() {
    assert_eq!(failure(&text(&vec![b'x'; LIMIT])), None);
    let head = [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71];
    assert_eq!(failure(&head), Some(CloseCode::TooLarge), "70,001 bytes are announced, and none has come");
    let half = vec![b'x'; LIMIT / 2 + 1];
    let fragments = [frame(0x01, [0; 4], &half), frame(0x00, [0; 4], &half)].concat();
    assert_eq!(failure(&fragments), Some(CloseCode::TooLarge), "all fragments together");
    let announced = [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(failure(&announced), Some(CloseCode::TooLarge));
}

#[test]
fn nothing_is_read_behind_a_close() {
    let bytes = [text(b"x"), frame(0x88, [1; 4], &1001_u16.to_be_bytes()), text(b"y")].concat();
    let found = decode(&bytes, &[]);
    assert_eq!((found.lines.as_slice(), found.closed), (&b"x\n"[..], vec![1001]));
    assert_eq!(decode(&frame(0x88, [1; 4], b""), &[]).closed, [0]);
    let own = [&3000_u16.to_be_bytes()[..], "tschüß".as_bytes()].concat();
    assert_eq!(decode(&frame(0x88, [1; 4], &own), &[]).closed, [3000], "a code of one's own, with a reason");
}

#[test]
fn own_frames_are_as_the_standard_says() {
    assert_eq!(Head::text(5).as_bytes(), [0x81, 5]);
    assert_eq!(Head::text(125).as_bytes(), [0x81, 125]);
    assert_eq!(Head::text(126).as_bytes(), [0x81, 126, 0, 126]);
    assert_eq!(Head::text(256).as_bytes(), [0x81, 126, 1, 0]);
    assert_eq!(Head::text(65_535).as_bytes(), [0x81, 126, 0xff, 0xff]);
    assert_eq!(Head::text(65_536).as_bytes(), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    for len in [0, 1, 124, 125, 126, 70_000] {
        assert_eq!(text_head(len), Head::text(len).as_bytes());
    }
    assert_eq!(pong(b"Hello")[..], [0x8a, 5, b'H', b'e', b'l', b'l', b'o']);
    assert_eq!(ping()[..], [0x89, 0]);
    assert_eq!(close(CloseCode::Normal)[..], [0x88, 2, 3, 232]);
}

/// What a client says.
#[derive(Clone, Debug)]
enum Said {
    /// A message, in fragments that end at these places.
    Message(String, Vec<usize>),
    Ping(Vec<u8>),
    Pong,
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        ("[a-zü中😀\\n\\r]{0,200}", prop::collection::vec(any::<usize>(), 0..4))
            .prop_map(|(words, cuts)| Said::Message(words, cuts)),
        prop::collection::vec(any::<u8>(), 0..=CONTROL_BYTES_MAX).prop_map(Said::Ping),
        Just(Said::Pong),
    ]
}

/// The frames of a message; a fragment may be empty.
fn fragments(words: &[u8], cuts: &[usize], mask: [u8; 4]) -> Vec<u8> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (words.len() + 1)).collect();
    ends.push(words.len());
    ends.sort_unstable();
    let mut bytes = Vec::new();
    let mut begin = 0;
    for (nth, end) in ends.iter().enumerate() {
        let opcode = u8::from(nth == 0);
        let last = if nth + 1 == ends.len() { 0x80 } else { 0 };
        bytes.extend(frame(last | opcode, mask, &words[begin..*end]));
        begin = *end;
    }
    bytes
}

proptest! {
    #[test]
    fn any_split_gives_the_same_messages(
        all in prop::collection::vec((said(), any::<[u8; 4]>()), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let (mut bytes, mut lines, mut pings) = (Vec::new(), String::new(), Vec::new());
        for (said, mask) in &all {
            match said {
                Said::Message(words, cuts) => {
                    bytes.extend(fragments(words.as_bytes(), cuts, *mask));
                    lines.push_str(&words.replace(['\n', '\r'], " "));
                    lines.push('\n');
                }
                Said::Ping(payload) => {
                    bytes.extend(frame(0x89, *mask, payload));
                    pings.push(payload.clone());
                }
                Said::Pong => bytes.extend(frame(0x8a, *mask, b"")),
            }
        }
        let expected = Decoded { lines: lines.into_bytes(), pings, closed: Vec::new(), failed: None };
        prop_assert_eq!(decode(&bytes, &cuts), expected);
    }

    #[test]
    fn no_bytes_panic_and_none_are_made(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(any::<usize>(), 0..9),
    ) {
        prop_assert!(decode(&bytes, &cuts).lines.len() <= bytes.len());
    }
}
