//! What it costs when the members of one large group disconnect, as one reactor's share sees it.

use criterion::{BatchSize, Criterion, Throughput};
use stonechat::ids::GroupId;
use stonechat::net::ConnId;
use stonechat::session::group_index::GroupIndex;

/// Members of the group on this reactor.
const MEMBERS: u32 = 50_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut bench = criterion.benchmark_group("members");
    bench.throughput(Throughput::Elements(u64::from(MEMBERS))).sample_size(10);
    let groups = [GroupId::new(1).expect("a positive number")];
    let all = || {
        let mut members = GroupIndex::default();
        (0..MEMBERS).for_each(|slot| members.enter(conn(slot), &groups));
        members
    };
    bench.bench_function("all of a group leave", |bencher| {
        let leave = |mut members: GroupIndex| {
            (0..MEMBERS).for_each(|slot| members.leave(conn(slot), &groups));
            members
        };
        bencher.iter_batched(all, leave, BatchSize::LargeInput);
    });
    bench.finish();
    criterion.final_summary();
}

fn conn(slot: u32) -> ConnId {
    ConnId { reactor: 0, slot, generation: 0 }
}
