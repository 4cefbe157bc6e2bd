//! A stall is not shown for ever when the kernel skipped the program at its end.

#![expect(clippy::expect_used, reason = "a test that cannot write to memtrace's maps has failed")]

use std::{mem::offset_of, process::Command};

use aya::maps::{Array, HashMap, Map, MapData, loaded_maps};
use memtrace_common::{
    kind::StallKind,
    span::{Span, TaskSpans},
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use tests::{
    ChildGuard,
    load::alone,
    memtrace::{Memtrace, may_trace},
};

/// Number of slots for open spans. The slot of a thread is its id modulo this.
const SLOTS: u32 = 4096;

/// The map of this name that belongs to the running memtrace.
fn map(name: &str) -> Map {
    let of_name = |map: &aya::maps::MapInfo| map.name_as_str() == Some(name);
    // The map of a memtrace that has just ended may still exist: the newest map has the highest id.
    let id = loaded_maps().filter_map(Result::ok).filter(of_name).map(|map| map.id()).max().expect("the map");
    Map::from_map_data(MapData::from_id(id).expect("its data")).expect("a map that aya knows")
}

/// Writes the state that a skipped end of a stall leaves behind: an open span of the thread, ten seconds old.
fn leave_open(tid: u32, kind: StallKind) {
    let now = clock_gettime(ClockId::Monotonic);
    let began_ns = (now.tv_sec as u64 - 10) * 1_000_000_000 + now.tv_nsec as u64;
    let mut entry = [0; size_of::<TaskSpans>()];
    let mut put = |at: usize, bytes: &[u8]| entry[at..at + bytes.len()].copy_from_slice(bytes);
    put(offset_of!(TaskSpans, tid), &tid.to_ne_bytes());
    put(offset_of!(TaskSpans, tgid), &tid.to_ne_bytes());
    put(offset_of!(TaskSpans, depth), &1_u32.to_ne_bytes());
    let span = offset_of!(TaskSpans, spans);
    put(span + offset_of!(Span, start_ns), &began_ns.to_ne_bytes());
    put(span + offset_of!(Span, kind), &[kind as u8]);
    let mut owners: HashMap<_, u32, u32> = map("OWNERS").try_into().expect("the owners");
    owners.insert(tid % SLOTS, tid, 0).expect("a slot");
    let mut spans: Array<_, [u8; size_of::<TaskSpans>()]> = map("SPANS").try_into().expect("the spans");
    spans.set(tid % SLOTS, entry, 0).expect("an entry");
}

/// Stalls of a thread that are still open at the end of a run of `ticks` intervals.
fn open_after(interval: &str, ticks: u32, tid: u32) -> Vec<Value> {
    let mut memtrace = Memtrace::start(&["-i", interval]);
    leave_open(tid, StallKind::Memcg);
    assert!(memtrace.wait_for_ticks(ticks), "no intervals");
    let summary = memtrace.stop().summary();
    let open = summary["open_stalls"].as_array().expect("open stalls");
    open.iter().filter(|stall| stall["tid"] == tid).cloned().collect()
}

#[test]
fn a_later_sleep_of_the_thread_is_no_stall() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let sleeper = ChildGuard::spawn(Command::new("sleep").arg("60"));
    let tid = sleeper.0.id();
    // The only tick is the one at the end.
    let open = open_after("1h", 0, tid);
    assert_eq!(open.len(), 1, "one look is too few: {open:?}");
    assert_eq!((&open[0]["kind"], &open[0]["comm"]), (&"memcg".into(), &"sleep".into()));
    let open = open_after("200ms", 4, tid);
    assert!(open.is_empty(), "{open:?}");
}
