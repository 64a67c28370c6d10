//! What it costs when members of a group come and go, as one reactor's share sees it: all of a large one disconnect, and one of a
//! small one or of a large one comes and goes.

use criterion::{BatchSize, Criterion, Throughput};
use stonechat::ids::GroupId;
use stonechat::net::ConnId;
use stonechat::session::group_index::GroupIndex;

/// Members of the group on this reactor.
const MEMBERS: u32 = 50_000;
/// The same, where one of them comes and goes.
const SIZES: [u32; 3] = [100, 10_000, 100_000];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut bench = criterion.benchmark_group("members");
    bench.throughput(Throughput::Elements(u64::from(MEMBERS))).sample_size(10);
    let groups = [GroupId::new(1).expect("a positive number")];
    let of_size = |size: u32| {
        let mut members = GroupIndex::default();
        (0..size).for_each(|slot| members.enter(conn(slot), &groups));
        members
    };
    bench.bench_function("all of a group leave", |bencher| {
        let leave = |mut members: GroupIndex| {
            (0..MEMBERS).for_each(|slot| members.leave(conn(slot), &groups));
            members
        };
        bencher.iter_batched(|| of_size(MEMBERS), leave, BatchSize::LargeInput);
    });
    bench.throughput(Throughput::Elements(1));
    for size in SIZES {
        let (mut members, mut slot) = (of_size(size), 0);
        bench.bench_function(format!("one of {size} leaves and another one comes"), |bencher| {
            bencher.iter(|| {
                // Each time another one: a walk that visits all.
                slot = (slot + 7919) % size;
                members.leave(conn(slot), &groups);
                members.enter(conn(slot), &groups);
            });
        });
    }
    bench.finish();
    criterion.final_summary();
}

fn conn(slot: u32) -> ConnId {
    ConnId { reactor: 0, slot, generation: 0 }
}
