//! WebSocket frames: however they are split, the same messages come out, and the same offence ends them.

use stonechat::net::websocket::{CONTROL_BYTES_MAX, CloseCode, Control, Decoder, HEADROOM};

/// The longest message.
const MESSAGE_BYTES: usize = 256;

/// What a stream yields.
#[derive(Default, PartialEq, Eq, Debug)]
struct Found {
    lines: Vec<u8>,
    controls: Vec<(u8, Vec<u8>)>,
    failed: Option<CloseCode>,
}

/// The first byte says where the stream is cut; the others are the stream.
pub fn run(bytes: &[u8]) {
    let [cuts, stream @ ..] = bytes else { return };
    let whole = decode(std::iter::once(stream));
    let step = usize::from(cuts % 16) + 1;
    let pieces = decode(stream.chunks(step));
    assert_eq!(whole.failed, pieces.failed, "split into pieces of {step}");
    if whole.failed.is_none() {
        assert_eq!(whole, pieces, "split into pieces of {step}");
    }
    let is_text = str::from_utf8(&pieces.lines).map_or_else(|error| error.error_len().is_none(), |_| true);
    assert!(is_text, "what came out is UTF-8, but for a character that is cut at its end");
    for line in pieces.lines.split(|byte| *byte == b'\n') {
        assert!(line.len() <= MESSAGE_BYTES && !line.contains(&b'\r'));
    }
}

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Found {
    let (mut decoder, mut found) = (Decoder::default(), Found::default());
    for piece in pieces {
        let mut buffer = [&[0; HEADROOM][..], piece].concat();
        let controls = &mut found.controls;
        let decoded = decoder.decode(&mut buffer, MESSAGE_BYTES, |control| match control {
            Control::Ping(payload) => {
                assert!(payload.len() <= CONTROL_BYTES_MAX);
                controls.push((9, payload.to_vec()));
            }
            Control::Close(code) => controls.push((8, code.map(u16::to_be_bytes).map(Vec::from).unwrap_or_default())),
        });
        match decoded {
            Ok(len) => found.lines.extend_from_slice(&buffer[..len]),
            Err(code) => {
                found.failed = Some(code);
                return found;
            }
        }
    }
    found
}
