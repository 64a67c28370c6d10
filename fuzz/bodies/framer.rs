//! The framer: however a stream is split, and wherever its receiver stops, the same lines come out.

use stonechat::net::frame::{Fed, Frames, LineTooLong, Taken};

/// What a stream yields: its lines, and whether it ended because one was too long.
type Lines = (Vec<Vec<u8>>, Result<(), LineTooLong>);

/// The first two bytes choose the limit and where the stream is cut; the others are the stream.
pub fn run(bytes: &[u8]) {
    let [limit, cuts, stream @ ..] = bytes else { return };
    let line_bytes = usize::from(*limit);
    let whole = lines_of(std::iter::once(stream), line_bytes, |_| Taken::Next);
    let step = usize::from(cuts % 16) + 1;
    let pieces = lines_of(stream.chunks(step), line_bytes, |_| Taken::Next);
    assert_eq!(whole, pieces, "split into pieces of {step}");
    // A receiver that stops, or refuses a line once, loses and repeats nothing.
    let stops = lines_of(stream.chunks(step), line_bytes, |number| match (number + usize::from(cuts / 16)) % 3 {
        0 => Taken::Next,
        1 => Taken::Last,
        _ => Taken::NotTaken,
    });
    assert_eq!(whole, stops, "with a receiver that stops, in pieces of {step}");
}

/// `answer` says what the receiver does with the offer of this number.
fn lines_of<'a>(pieces: impl Iterator<Item = &'a [u8]>, line_bytes: usize, answer: impl Fn(usize) -> Taken) -> Lines {
    let (mut frames, mut lines, mut offers) = (Frames::default(), Vec::new(), 0);
    for piece in pieces {
        let mut rest = piece;
        loop {
            let fed = frames.feed(rest, line_bytes, |line| {
                assert!(line.len() <= line_bytes && !line.contains(&b'\n'));
                offers += 1;
                let taken = answer(offers);
                if taken != Taken::NotTaken {
                    lines.push(line.to_vec());
                }
                taken
            });
            match fed {
                Err(too_long) => return (lines, Err(too_long)),
                Ok(Fed::All) => break,
                Ok(Fed::Stopped) => rest = &[],
            }
        }
    }
    (lines, Ok(()))
}
