//! Cutting a read buffer into lines: what every byte that comes in goes through.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use stonechat::net::frame::{Frames, Taken};

const LINE: &[u8] =
    b"{\"msgid\":6,\"toid\":4711,\"msg\":\"0123456789012345678901234567890123456789012345678901234567890123456789\
0123456789012345678901234567890123456789012345678901234567\"}\n";
const LINE_BYTES: usize = 65_536;
const LINES: usize = 64;

fn count(frames: &mut Frames, chunk: &[u8], lines: &mut usize) {
    let offer = |line: &[u8]| {
        *lines += usize::from(!black_box(line).is_empty());
        Taken::Next
    };
    frames.feed(chunk, LINE_BYTES, offer).expect("the lines are short");
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let stream = LINE.repeat(LINES);
    let mut group = criterion.benchmark_group("framing");
    group.throughput(Throughput::Elements(LINES as u64));
    // A chunk of 1000 bytes ends in the middle of a line, so that its beginning has to be kept.
    for chunk_bytes in [stream.len(), 1000, LINE.len()] {
        group.bench_function(format!("{LINES} lines in reads of {chunk_bytes} bytes"), |bencher| {
            bencher.iter(|| {
                let (mut frames, mut lines) = (Frames::default(), 0);
                stream.chunks(chunk_bytes).for_each(|chunk| count(&mut frames, chunk, &mut lines));
                assert_eq!(lines, LINES);
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
