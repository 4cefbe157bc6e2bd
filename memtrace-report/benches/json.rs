//! The work for each line of `--json`: an object of a stall, and its text.

use std::collections::BTreeMap;

use divan::{Bencher, counter::ItemsCount};
use jiff::{Timestamp, tz::TimeZone};
use memtrace_core::{clock::Clock, event, gfp::GfpNames, names::Names, untrusted::Text};
use memtrace_report::json::{Object, Stall};

const STALLS: u32 = 1000;

/// Path of a container's cgroup.
const CONTAINER: &str = "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";

fn main() {
    divan::main();
}

/// A stall in a cgroup with this path, all fields read.
#[divan::bench(args = ["/", CONTAINER])]
fn stall(bencher: Bencher<'_, '_>, path: &str) {
    let clock = Clock { mono_ns: 0, wall: Some(Timestamp::UNIX_EPOCH), zone: TimeZone::UTC };
    let bits = ["DIRECT_RECLAIM", "KSWAPD_RECLAIM", "IO", "FS", "HARDWALL", "HIGHMEM", "MOVABLE", "NOWARN"];
    let bits: Vec<(u32, Text)> = (0..).zip(bits).map(|(bit, name)| (bit, format!("__GFP_{name}").into())).collect();
    let gfp = GfpNames::from_list(&bits);
    let cgroups = BTreeMap::from([(7, path.as_bytes().to_vec())]);
    let names = Names { clock: &clock, cgroups: &cgroups, gfp: &gfp };
    let stalls: Vec<event::Stall> = (0..STALLS).map(example).collect();
    bencher.counter(ItemsCount::new(STALLS)).bench_local(|| {
        let line = |stall| Object::Stall(Stall::new(stall, &names)).to_line().unwrap_or_default().len();
        stalls.iter().map(line).sum::<usize>()
    });
}

fn example(n: u32) -> event::Stall {
    event::Stall {
        t_ns: u64::from(n) * 1_234_567,
        dur_ns: 1_000_000 + u64::from(n),
        cgroup_id: Some(7),
        nid: Some(0),
        order: Some(0),
        gfp: Some(0xff),
        scanned_pages: Some(320),
        reclaimed_pages: Some(64),
        times: event::PartTimes::of(|_| Some(10_000)),
        ..event::Stall::example()
    }
}
