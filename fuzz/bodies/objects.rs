//! The cutter of objects that no line ends divide: however a stream is split, and wherever its receiver stops, the same pieces come
//! out, and each object that is JSON comes out whole.

use stonechat::net::frame::{Fed, LineTooLong, Taken};
use stonechat::net::objects::Objects;

/// What a stream yields: its pieces, and whether it ended because one was too long.
type Pieces = (Vec<Vec<u8>>, Result<(), LineTooLong>);

/// The first two bytes choose the limit and where the stream is cut; the others are the stream.
pub fn run(bytes: &[u8]) {
    let [limit, cuts, stream @ ..] = bytes else { return };
    let bytes_max = usize::from(*limit);
    let whole = pieces_of(std::iter::once(stream), bytes_max, |_| Taken::Next);
    let step = usize::from(cuts % 16) + 1;
    let pieces = pieces_of(stream.chunks(step), bytes_max, |_| Taken::Next);
    assert_eq!(whole, pieces, "split into pieces of {step}");
    let stops = pieces_of(stream.chunks(step), bytes_max, |number| match (number + usize::from(cuts / 16)) % 3 {
        0 => Taken::Next,
        1 => Taken::Last,
        _ => Taken::NotTaken,
    });
    assert_eq!(whole, stops, "with a receiver that stops, in pieces of {step}");
    // What is one JSON object by itself is one piece by itself.
    let is_object = stream.first() == Some(&b'{') && serde_json::from_slice::<serde_json::Value>(stream).is_ok();
    if is_object && stream.last() == Some(&b'}') && stream.len() <= bytes_max {
        assert_eq!(whole.0, [stream.to_vec()], "{}", String::from_utf8_lossy(stream));
    }
}

/// `answer` says what the receiver does with the offer of this number.
fn pieces_of<'a>(parts: impl Iterator<Item = &'a [u8]>, bytes_max: usize, answer: impl Fn(usize) -> Taken) -> Pieces {
    let (mut objects, mut pieces, mut offers) = (Objects::default(), Vec::new(), 0);
    for part in parts {
        let mut rest = part;
        loop {
            let fed = objects.feed(rest, bytes_max, |piece| {
                assert!(piece.len() <= bytes_max && !piece.is_empty());
                offers += 1;
                let taken = answer(offers);
                if taken != Taken::NotTaken {
                    pieces.push(piece.to_vec());
                }
                taken
            });
            match fed {
                Err(too_long) => return (pieces, Err(too_long)),
                Ok(Fed::All) => break,
                Ok(Fed::Stopped) => rest = &[],
            }
        }
    }
    (pieces, Ok(()))
}
