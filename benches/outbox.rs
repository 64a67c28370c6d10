//! The lines that wait for one socket: queued and written, without the kernel's part.

use std::io::{self, IoSlice, Write};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use stonechat::net::outbox::Outbox;

const BYTES_MAX: usize = 1 << 20;

/// A socket that takes at most so many bytes at a time.
struct Sink(usize);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len().min(self.0))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum::<usize>().min(self.0))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let line = Bytes::from(vec![b'x'; 230]);
    let mut packing = vec![0; 64 * 1024];
    let mut group = criterion.benchmark_group("outbox");
    for lines in [1_u64, 64] {
        group.throughput(Throughput::Elements(lines));
        for (what, sink_bytes) in [("all at once", usize::MAX), ("1000 bytes at a time", 1000)] {
            group.bench_function(format!("{lines} lines, written {what}"), |bencher| {
                let push_and_write = |mut outbox: Outbox| {
                    for _ in 0..lines {
                        outbox.push(line.clone()).expect("below the high-water mark");
                    }
                    outbox.write_to(&mut Sink(sink_bytes), &mut packing).expect("the sink never fails");
                    outbox
                };
                bencher.iter_batched(|| Outbox::new(BYTES_MAX), push_and_write, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
