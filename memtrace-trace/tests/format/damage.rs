//! Files that are cut, damaged, or lack blocks: the rest is read, damage is reported, nothing is invented.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::{
    reading::{Got, read_all},
    round_trip::{Blocks, encode},
    sample::{Given, S, Sample, entry, later, sample, sample_after},
};
use memtrace_common::refault::RefaultCounts;
use memtrace_core::{
    event::{Event, Stall},
    session::faults::{FaultDeltas, Faults, ProcessFaults},
};
use memtrace_trace::{
    BlockKind, Encoder, ReadError,
    model::{Entry, TickRecord},
};

fn blocks(sample: &Sample) -> Blocks {
    encode(sample, &mut Encoder::new(0))
}

fn joined<'a>(blocks: impl IntoIterator<Item = &'a (BlockKind, Vec<u8>)>) -> Vec<u8> {
    blocks.into_iter().flat_map(|(_, bytes)| bytes).copied().collect()
}

fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|there| there == wanted))
}

/// Count and time of stalls, by process and by cgroup.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    processes: BTreeMap<(u32, Option<u64>), (u64, u64)>,
    cgroups: BTreeMap<Option<u64>, (u64, u64)>,
}

impl Sums {
    fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut sums = Self::default();
        for entry in entries {
            if let Entry::Event(Event::Stall(stall)) = entry {
                sums.add((stall.pid, stall.process_start_ns), 1, stall.dur_ns);
                let cgroup = sums.cgroups.entry(stall.cgroup_id).or_default();
                *cgroup = (cgroup.0 + 1, cgroup.1 + stall.dur_ns);
            }
        }
        sums
    }

    /// Stalls that ticks count and no event reported.
    fn unrecorded<'a>(ticks: impl IntoIterator<Item = &'a TickRecord>) -> Self {
        let mut sums = Self::default();
        for tick in ticks {
            for process in &tick.unrecorded_processes {
                let stalls = process.stalls;
                sums.add((process.pid, process.process_start_ns), stalls.count, stalls.total_ns);
            }
            for (id, stalls) in &tick.unrecorded_cgroups {
                let cgroup = sums.cgroups.entry(*id).or_default();
                *cgroup = (cgroup.0 + stalls.count, cgroup.1 + stalls.total_ns);
            }
        }
        sums
    }

    fn add(&mut self, key: (u32, Option<u64>), count: u64, total_ns: u64) {
        let sum = self.processes.entry(key).or_default();
        *sum = (sum.0 + count, sum.1 + total_ns);
    }
}

fn entries(sample: &Sample) -> Vec<Entry> {
    sample
        .given
        .iter()
        .filter_map(|given| match given {
            Given::Entry(entry) => Some(*entry),
            _ => None,
        })
        .collect()
}

#[test]
fn a_cut_at_any_byte_leaves_all_before_it() {
    let blocks = blocks(&sample(7, 3, 6));
    let bytes = blocks.bytes();
    let whole = read_all(&bytes).unwrap();
    let mut ends: Vec<usize> = vec![0];
    ends.extend(blocks.0.iter().scan(0, |at, (_, block)| {
        *at += block.len();
        Some(*at)
    }));
    for len in 0..bytes.len() {
        let got = match read_all(&bytes[..len]) {
            Ok(got) => got,
            Err(ReadError::NotATrace(_)) if len < 8 => continue,
            Err(e) => panic!("cut at {len}: {e}"),
        };
        assert_eq!(got.said, whole.said[..got.said.len()], "cut at {len}");
        let before = ends.iter().rev().find(|end| **end <= len).unwrap();
        if *before == len {
            assert_eq!(got.damage, [], "cut at {len}");
        } else {
            let [damage] = got.damage.as_slice() else { panic!("cut at {len}: {:?}", got.damage) };
            assert!(damage.is_cut, "cut at {len}: {damage:?}");
            assert_eq!((damage.offset, damage.offset + damage.bytes), (*before as u64, len as u64), "cut at {len}");
        }
    }
}

#[test]
fn a_changed_byte_costs_its_block_and_no_other() {
    let blocks = blocks(&sample(11, 2, 5));
    let mut bytes = blocks.bytes();
    let mut begin = 0;
    for (n, (kind, block)) in blocks.0.iter().enumerate() {
        let without = blocks.0.iter().enumerate().filter(|(other, _)| *other != n).map(|(_, block)| block);
        let want = read_all(&joined(without)).unwrap();
        for at in begin..begin + block.len() {
            let bit = 1 << (at % 8);
            bytes[at] ^= bit;
            let got = read_all(&bytes).unwrap();
            bytes[at] ^= bit;
            assert_eq!(got.said, want.said, "byte {at} of a {kind:?}");
            let [damage] = got.damage.as_slice() else { panic!("byte {at} of a {kind:?}: {:?}", got.damage) };
            assert!(!damage.is_cut, "byte {at} of a {kind:?}: {damage:?}");
            assert_eq!((damage.offset, damage.bytes), (begin as u64, block.len() as u64), "byte {at} of a {kind:?}");
        }
        begin += block.len();
    }
}

#[test]
fn overwritten_runs_of_bytes_are_one_damage_and_the_rest_is_read() {
    let sample = sample(21, 6, 30);
    let bytes = blocks(&sample).bytes();
    let all = entries(&sample);
    for seed in 0..300 {
        let random = &mut Rng::with_seed(seed);
        let mut bytes = bytes.clone();
        let (from, len) = (random.usize(..bytes.len()), random.usize(1..3000));
        let to = (from + len).min(bytes.len());
        bytes[from..to].fill_with(|| random.u8(..));
        let got = read_all(&bytes).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert!(is_subsequence(&got.entries, &all), "seed {seed}");
        assert_eq!(got.damage.len(), 1, "seed {seed}: {:?}", got.damage);
    }
}

#[test]
fn blocks_in_any_order_and_number_invent_nothing() {
    let sample = sample(5, 4, 30);
    let blocks = blocks(&sample).0;
    let all = entries(&sample);
    for seed in 0..300 {
        let random = &mut Rng::with_seed(seed);
        let mut some: Vec<_> = blocks.iter().flat_map(|block| std::iter::repeat_n(block, random.usize(..3))).collect();
        if random.bool() {
            random.shuffle(&mut some);
        }
        // An empty file is no trace.
        let Ok(got) = read_all(&joined(some)) else { continue };
        assert!(got.entries.iter().all(|entry| all.contains(entry)), "seed {seed}");
    }
}

/// Totals of the ticks, which do not depend on what else was lost.
fn totals(got: &Got) -> Vec<String> {
    got.ticks.iter().map(|tick| format!("{:?} {:?}", tick.input.totals, tick.input.reported)).collect()
}

#[test]
fn what_lost_events_held_is_in_the_next_tick_exactly() {
    for seed in 0..20 {
        let sample = sample(seed, 5, 60);
        let blocks = blocks(&sample).0;
        let whole = read_all(&joined(&blocks)).unwrap();
        assert_eq!(Sums::unrecorded(&whole.ticks), Sums::default());
        let events: Vec<usize> = (0..blocks.len()).filter(|&n| blocks[n].0 == BlockKind::Events).collect();
        for &lost in &events {
            let left = blocks.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, block)| block);
            let got = read_all(&joined(left)).unwrap();
            assert_eq!(totals(&got), totals(&whole));
            let held = read_all(&joined([&blocks[0], &blocks[lost]])).unwrap().entries;
            let ticks_before = blocks[..lost].iter().filter(|(kind, _)| *kind == BlockKind::Tick).count();
            assert_eq!(Sums::unrecorded(&got.ticks), Sums::of(&held), "seed {seed}, block {lost}");
            assert_eq!(Sums::unrecorded(got.ticks.get(ticks_before)), Sums::of(&held), "seed {seed}, block {lost}");
        }
        // All of them at once.
        let left = blocks.iter().filter(|(kind, _)| *kind != BlockKind::Events);
        let got = read_all(&joined(left)).unwrap();
        assert_eq!(totals(&got), totals(&whole));
        assert_eq!(Sums::unrecorded(&got.ticks), Sums::of(&entries(&sample)), "seed {seed}");
    }
}

#[test]
fn a_lost_tick_costs_no_later_total() {
    let sample = sample(8, 5, 30);
    let blocks = blocks(&sample).0;
    let whole = read_all(&joined(&blocks)).unwrap();
    let ticks: Vec<usize> = (0..blocks.len()).filter(|&n| blocks[n].0 == BlockKind::Tick).collect();
    for (at, &lost) in ticks.iter().enumerate() {
        let left = blocks.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, block)| block);
        let got = read_all(&joined(left)).unwrap();
        let mut want = totals(&whole);
        want.remove(at);
        assert_eq!(totals(&got), want);
        assert_eq!(got.entries, whole.entries);
        assert_eq!(Sums::unrecorded(&got.ticks), Sums::default());
    }
}

type Parts = Vec<(BlockKind, Vec<u8>)>;

fn two_segments() -> (Parts, Parts) {
    let first = sample(1, 3, 20);
    let mut second = sample_after(first.last_tick(), 2, 3, 20);
    (second.meta.recording, second.meta.run, second.meta.segment) = (first.meta.recording, first.meta.run, 1);
    second.meta.base = first.last_tick().cloned();
    let mut encoder = Encoder::new(0);
    (encode(&first, &mut encoder).0, encode(&second, &mut encoder).0)
}

/// Blocks that mean nothing without the beginning of their segment.
fn resting(blocks: &Parts) -> usize {
    blocks.iter().filter(|(kind, _)| matches!(kind, BlockKind::Tick | BlockKind::Stacks)).count()
}

#[test]
fn ticks_without_the_beginning_of_their_segment_are_refused() {
    let (first, second) = two_segments();
    let whole = read_all(&joined(first.iter().chain(&second))).unwrap();
    let got = read_all(&joined(first.iter().chain(&second[1..]))).unwrap();
    assert_eq!(got.entries, whole.entries);
    assert_eq!(got.ticks, whole.ticks[..3]);
    assert_eq!(got.damage.len(), resting(&second));
    assert!(got.damage.iter().all(|damage| damage.what.contains("beginning is damaged")), "{:?}", got.damage);
    // A later segment alone, too.
    let alone = read_all(&joined(&second[1..])).unwrap();
    assert_eq!((alone.ticks.len(), alone.damage.len()), (0, resting(&second)));
}

#[test]
fn ticks_after_an_end_belong_to_no_earlier_run() {
    let (first, second) = (blocks(&sample(1, 3, 20)).0, blocks(&sample(2, 3, 20)).0);
    let got = read_all(&joined(first.iter().chain(&second[1..]))).unwrap();
    let homeless = got.damage.iter().filter(|damage| damage.what.contains("beginning is damaged")).count();
    assert_eq!((got.metas.len(), got.ticks.len(), homeless), (1, 3, resting(&second)), "{:?}", got.damage);
}

#[test]
fn the_first_segment_needs_no_beginning() {
    let blocks = blocks(&sample(4, 3, 20)).0;
    let whole = read_all(&joined(&blocks)).unwrap();
    let got = read_all(&joined(&blocks[1..])).unwrap();
    let stalls = |got: &Got| got.ticks.iter().map(|tick| tick.input.totals.stalls.clone()).collect::<Vec<_>>();
    assert_eq!(stalls(&got), stalls(&whole));
    assert!(got.ticks.iter().all(|tick| tick.vmstat.is_empty() && tick.meminfo_bytes.is_empty()));
}

#[test]
fn stalls_too_short_for_an_event_are_counted() {
    for seed in 0..20 {
        let sample = sample(seed, 5, 60);
        let least_ns = 1 << 25;
        let got = read_all(&encode(&sample, &mut Encoder::new(least_ns)).bytes()).unwrap();
        let all = entries(&sample);
        let is_short = |entry: &&Entry| matches!(entry, Entry::Event(Event::Stall(stall)) if stall.dur_ns < least_ns);
        let long: Vec<_> = all.iter().filter(|entry| !is_short(entry)).copied().collect();
        assert_eq!(got.entries, long);
        assert_eq!(Sums::unrecorded(&got.ticks), Sums::of(all.iter().filter(is_short)), "seed {seed}");
    }
}

#[test]
fn when_events_are_stopped_the_ticks_count_the_rest() {
    let sample = sample(12, 6, 60);
    let (mut encoder, mut sink) = (Encoder::new(0), Blocks::default());
    encoder.begin(&sample.meta, &mut sink).unwrap();
    let (mut before, mut stopped) = (Vec::new(), 0);
    for given in &sample.given {
        match given {
            Given::Entry(entry) => {
                encoder.entry(entry, &mut sink).unwrap();
                if stopped == 0 {
                    before.push(*entry);
                }
            }
            Given::Tick(tick) => {
                encoder.tick(tick, &mut sink).unwrap();
                // Right after the third tick nothing is pending.
                if tick.input.t_ns == 103 * S {
                    encoder.stop_events();
                    stopped = before.len();
                }
            }
            _ => {}
        }
    }
    let got = read_all(&sink.bytes()).unwrap();
    assert_eq!(got.entries, before);
    let all = entries(&sample);
    assert_eq!(Sums::unrecorded(&got.ticks), Sums::of(&all[stopped..]));
    assert_eq!(encoder.unwritten(), (all.len() - stopped) as u64);
}

/// A sample with `processes` processes a second, each with one stall and with faults.
fn many(seconds: u32, processes: u32) -> Sample {
    let random = &mut Rng::with_seed(3);
    let mut sample = sample(3, 0, 0);
    sample.given.clear();
    for second in 0..seconds {
        let t_ns = (101 + u64::from(second)) * S;
        let mut faults = FaultDeltas::default();
        for n in 0..processes {
            let Entry::Event(Event::Stall(stall)) = (loop {
                let entry = entry(random, t_ns);
                if matches!(entry, Entry::Event(Event::Stall(_))) {
                    break entry;
                }
            }) else {
                unreachable!()
            };
            // Half of them are those of the second before.
            let pid = 10 + second * processes / 2 + n;
            let stall = Stall { pid, tid: pid, process_start_ns: Some(5), ..stall };
            sample.given.push(Given::Entry(Entry::Event(Event::Stall(stall))));
            faults.processes.push(ProcessFaults {
                pid,
                process_start_ns: Some(5),
                comm: stall.comm,
                cgroup_id: stall.cgroup_id,
                faults: Faults {
                    refaults: RefaultCounts { file_pages: u64::from(n) + 1, ..RefaultCounts::default() },
                    ..Faults::default()
                },
            });
        }
        let mut tick = later(random, t_ns, sample.last_tick());
        tick.input.faults = faults;
        sample.given.push(Given::Tick(Box::new(tick)));
    }
    sample
}

#[test]
fn any_number_of_processes_is_counted_exactly() {
    for processes in [3000, 12_000, 30_000] {
        let sample = many(4, processes);
        let blocks = blocks(&sample).0;
        let whole = read_all(&joined(&blocks)).unwrap();
        assert_eq!(whole.ticks.len(), 4);
        for (got, given) in whole.ticks.iter().zip(sample.given.iter().filter_map(|given| match given {
            Given::Tick(tick) => Some(tick),
            _ => None,
        })) {
            assert_eq!(got.input.faults, given.input.faults, "{processes} processes");
        }
        assert_eq!(Sums::unrecorded(&whole.ticks), Sums::default());
        let left = blocks.iter().filter(|(kind, _)| *kind != BlockKind::Events);
        let got = read_all(&joined(left)).unwrap();
        assert!(Sums::unrecorded(&got.ticks) == Sums::of(&entries(&sample)), "{processes} processes");
    }
}

#[test]
fn a_lost_end_of_an_epoch_leaves_values_of_events_out_and_not_wrong() {
    let sample = many(6, 9000);
    let blocks = blocks(&sample).0;
    let ticks: Vec<usize> = (0..blocks.len()).filter(|&n| blocks[n].0 == BlockKind::Tick).collect();
    for &lost in &ticks {
        let left = blocks.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, block)| block);
        let got = read_all(&joined(left)).unwrap();
        assert_eq!(Sums::unrecorded(&got.ticks), Sums::default());
    }
}
