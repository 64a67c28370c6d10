//! Cutting a read buffer into lines, or into objects that nothing ends: what every byte that comes in goes through.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use stonechat::net::frame::{Frames, Taken};
use stonechat::net::objects::Objects;

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

fn count_objects(objects: &mut Objects, chunk: &[u8], count: &mut usize) {
    let offer = |object: &[u8]| {
        *count += usize::from(!black_box(object).is_empty());
        Taken::Next
    };
    objects.feed(chunk, LINE_BYTES, offer).expect("the objects are short");
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
    // The same objects, the line ends among them as blanks.
    for chunk_bytes in [stream.len(), 1000, LINE.len()] {
        group.bench_function(format!("{LINES} objects in reads of {chunk_bytes} bytes"), |bencher| {
            bencher.iter(|| {
                let (mut objects, mut found) = (Objects::default(), 0);
                stream.chunks(chunk_bytes).for_each(|chunk| count_objects(&mut objects, chunk, &mut found));
                assert_eq!(found, LINES);
            });
        });
    }
    group.finish();
    // What has no end in sight is looked at once, however long it is.
    let mut group = criterion.benchmark_group("one object");
    for text_bytes in [1_000, 60_000] {
        let object = [b"{\"msg\":\"".to_vec(), vec![b'x'; text_bytes]].concat();
        group.throughput(Throughput::Bytes(object.len() as u64));
        group.bench_function(format!("the beginning of one, {text_bytes} bytes of text"), |bencher| {
            bencher.iter(|| {
                let (mut objects, mut found) = (Objects::default(), 0);
                count_objects(&mut objects, &object, &mut found);
                assert_eq!(found, 0);
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
