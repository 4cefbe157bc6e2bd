//! Traces are read as they were written.

use proptest::{prelude::ProptestConfig, proptest};

use super::sample::{Given, Sample, sample, sample_after};
use memtrace_trace::{BlockKind, BlockSink, Encoder, Reader, TraceItem, model::Entry};

/// Blocks one by one.
#[derive(Default)]
pub(super) struct Blocks(pub(super) Vec<(BlockKind, Vec<u8>)>);

impl BlockSink for Blocks {
    fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> std::io::Result<()> {
        self.0.push((kind, bytes.to_vec()));
        Ok(())
    }
}

impl Blocks {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes).copied().collect()
    }
}

pub(super) fn encode(sample: &Sample, encoder: &mut Encoder) -> Blocks {
    let mut blocks = Blocks::default();
    for (id, path) in &sample.paths {
        encoder.path(*id, path);
    }
    encoder.begin(&sample.meta, &mut blocks).unwrap();
    for given in &sample.given {
        match given {
            Given::Entry(entry) => encoder.entry(entry, &mut blocks),
            Given::Tick(tick) => encoder.tick(tick, &mut blocks),
            Given::Remark(remark) => encoder.remark(remark, &mut blocks),
            Given::Clock(clock) => encoder.clock(clock, &mut blocks),
            Given::End(end) => encoder.end(end, &mut blocks),
        }
        .unwrap();
    }
    blocks
}

/// The content of a trace as text that can be compared, entries one by one.
pub(super) fn read(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(bytes);
    let mut said = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            TraceItem::Meta(meta) => said.push(format!("{meta:?}")),
            TraceItem::Clock(clock) => said.push(format!("{clock:?}")),
            TraceItem::Entries => said.extend(reader.entries().iter().map(|entry| format!("{entry:?}"))),
            TraceItem::Tick(tick) => said.push(format!("{tick:?}")),
            TraceItem::Remark(remark) => said.push(format!("{remark:?}")),
            TraceItem::End(end) => said.push(format!("{end:?}")),
            TraceItem::Damage(damage) => said.push(format!("damage: {damage:?}")),
        }
    }
    said
}

pub(super) fn written(sample: &Sample) -> Vec<String> {
    let mut said = vec![format!("{:?}", sample.meta)];
    said.extend(sample.given.iter().map(|given| match given {
        Given::Entry(entry) => format!("{entry:?}"),
        Given::Tick(tick) => format!("{tick:?}"),
        Given::Remark(remark) => format!("{remark:?}"),
        Given::Clock(clock) => format!("{clock:?}"),
        Given::End(end) => format!("{end:?}"),
    }));
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_comes_back(seed: u64) {
        let sample = sample(seed, 5, 40);
        let bytes = encode(&sample, &mut Encoder::new(0)).bytes();
        same(&read(&bytes), &written(&sample));
    }

    #[test]
    fn a_next_segment_goes_on(seed: u64) {
        let mut first = sample(seed, 3, 20);
        let base = first.last_tick().cloned();
        let mut second = sample_after(base.as_ref(), !seed, 3, 20);
        second.meta.segment = 1;
        // A base has no faults and no stacks: they are not counted as differences to it.
        second.meta.base = base.map(|mut base| {
            (base.input.faults, base.input.stacks) = (Default::default(), None);
            base
        });
        first.meta.recording = second.meta.recording;
        let mut encoder = Encoder::new(0);
        let mut bytes = encode(&first, &mut encoder).bytes();
        bytes.extend(encode(&second, &mut encoder).bytes());
        let mut want = written(&first);
        want.extend(written(&second));
        same(&read(&bytes), &want);
    }
}

/// The first difference is shown, and only its surroundings: the texts are long.
pub(super) fn same(got: &[String], want: &[String]) {
    for (got, want) in got.iter().zip(want) {
        let at = got.bytes().zip(want.bytes()).position(|(a, b)| a != b);
        if let Some(at) = at {
            let part = |text: &str| text.chars().skip(at.saturating_sub(200)).take(300).collect::<String>();
            panic!("got  ...{}...\nwant ...{}...", part(got), part(want));
        }
    }
    assert_eq!(got.len(), want.len());
}

#[test]
fn paths_come_before_what_names_them() {
    let sample = sample(3, 3, 40);
    let bytes = encode(&sample, &mut Encoder::new(0)).bytes();
    let mut reader = Reader::new(bytes.as_slice());
    let mut named = 0;
    while let Some(item) = reader.next_item().unwrap() {
        if matches!(item, TraceItem::Entries) {
            for entry in reader.entries() {
                let Entry::Event(memtrace_core::event::Event::Stall(stall)) = entry else { continue };
                if let Some(id) = stall.cgroup_id {
                    let want = format!("/cgroup {} \x1b[2J", id >> 20);
                    assert_eq!(reader.paths().path(id), Some(want.as_bytes()));
                    named += 1;
                }
            }
        }
    }
    assert!(named > 20);
}

#[test]
fn reading_only_ticks_reads_the_same_ticks() {
    let sample = sample(9, 5, 50);
    let bytes = encode(&sample, &mut Encoder::new(0)).bytes();
    let mut reader = Reader::new(bytes.as_slice()).without_entries();
    let mut ticks = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            TraceItem::Tick(tick) => ticks.push(tick.input.t_ns),
            TraceItem::Entries | TraceItem::Damage(_) => panic!("{item:?}"),
            _ => {}
        }
    }
    assert_eq!(ticks.len(), 5);
}
