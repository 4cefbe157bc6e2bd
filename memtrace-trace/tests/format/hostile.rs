//! Files that are made to do harm, or are no trace.

use prost::Message as _;

use super::{
    feed::feed,
    reading::{Frame, framed, frames, joined, read_all},
    round_trip::encode,
    sample::sample,
};
use memtrace_trace::{BlockKind, Encoder, ReadError, frame::Header, wire};

fn trace() -> Vec<Frame> {
    frames(&encode(&sample(6, 4, 30), &mut Encoder::new(0)).bytes())
}

/// The trace with the first block of a kind changed.
fn with<M: prost::Message + Default>(kind: BlockKind, change: impl FnOnce(&mut M)) -> Vec<u8> {
    let mut frames = trace();
    let frame = frames.iter_mut().find(|frame| frame.is(kind)).unwrap();
    let mut message = M::decode(frame.content.as_slice()).unwrap();
    change(&mut message);
    frame.content = message.encode_to_vec();
    joined(&frames)
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let zeros = vec![0; 9 << 20];
    for (file, says) in [
        (&b""[..], "empty"),
        (b"hello\n", "text"),
        (b"{\"type\":\"meta\"}\n", "JSON"),
        (b"\x7fELF\x02\x01", "program"),
        (b"PERFILE2........", "perf.data"),
        (b"\x28\xb5\x2f\xfd........", "zstd"),
        (b"\x1f\x8b........", "gzip"),
        (&noise, "it does not begin like one"),
        (&zeros, "it does not begin like one"),
    ] {
        let Err(ReadError::NotATrace(what)) = read_all(file) else { panic!("{says}: it was read") };
        assert!(what.contains(says), "{what}");
    }
}

#[test]
fn a_newer_version_is_said() {
    let mut frames = trace();
    frames[0].header.version = 2;
    let Err(ReadError::Newer { found: 2, known: 1 }) = read_all(&joined(&frames)) else { panic!("it was read") };
}

#[test]
fn blocks_and_fields_of_a_later_version_are_skipped() {
    let before = read_all(&joined(&trace())).unwrap();
    let mut frames = trace();
    for frame in &mut frames {
        // Field 1000, bytes: "later"; field 1001, a number.
        frame.content.extend_from_slice(b"\xc2\x3e\x05later\xc8\x3e\x2a");
    }
    for at in (0..frames.len()).rev() {
        frames.insert(at, Frame::new(77, 3, b"something new".to_vec()));
    }
    let got = read_all(&joined(&frames)).unwrap();
    assert_eq!((got.said, got.damage), (before.said, vec![]));
}

#[test]
fn blocks_inside_a_block_are_content() {
    let inner = joined(&trace());
    let mut frames = trace();
    let before = read_all(&joined(&frames)).unwrap();
    frames.insert(1, Frame::new(77, 0, inner));
    let mut bytes = joined(&frames);
    assert_eq!(read_all(&bytes).unwrap().said, before.said);
    // They are content even when the block around them is damaged.
    let at = frames[0].bytes().len() + frames[1].bytes().len() - 1;
    bytes[at] ^= 1;
    let got = read_all(&bytes).unwrap();
    assert_eq!((got.said, got.damage.len()), (before.said, 1));
}

#[test]
fn lying_lengths_and_counts_are_damage() {
    let frames = trace();
    let events = frames.iter().position(|frame| frame.is(BlockKind::Events)).unwrap();
    let frame = &frames[events];
    let packed = zstd::bulk::compress(&frame.content, 1).unwrap();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let right =
        Header { compressed: true, stored_len: length(&packed), raw_len: length(&frame.content), ..frame.header };
    let bomb = zstd::bulk::compress(&vec![0; 1 << 20], 1).unwrap();
    let huge = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
    let of = |payload: &[u8], raw_len| Header { stored_len: length(payload), raw_len, ..right };
    for (header, payload) in [
        (Header { count: right.count + 1, ..right }, &packed),
        (Header { count: u32::MAX, ..right }, &packed),
        (Header { raw_len: right.raw_len - 1, ..right }, &packed),
        (Header { raw_len: right.raw_len + 1, ..right }, &packed),
        (Header { raw_len: 0, ..right }, &packed),
        (Header { raw_len: 1 << 20, ..right }, &packed),
        (of(&bomb, 1 << 20), &bomb),
        (of(&bomb, 10), &bomb),
        (of(&huge, 1 << 20), &huge),
        (Header { compressed: false, raw_len: length(&packed), ..right }, &packed),
    ] {
        let mut bytes = joined(&frames[..events]);
        bytes.extend(framed(header, payload));
        bytes.extend(joined(&frames[events + 1..]));
        let got = read_all(&bytes).unwrap();
        assert_eq!(got.damage.len(), 1, "{header:?}");
        assert_eq!(got.ticks.len(), 4, "{header:?}");
        feed(&bytes).unwrap();
    }
}

#[test]
fn columns_that_do_not_fit_each_other_are_damage() {
    type Change = fn(&mut wire::Events);
    let changes: [Change; 23] = [
        |events| events.t_ns.truncate(3),
        |events| events.dur_ns.truncate(3),
        |events| events.kind.truncate(3),
        |events| events.task.truncate(3),
        |events| events.nid = vec![0; 3],
        |events| events.scanned_pages = vec![0; 3],
        |events| events.task_comm.clear(),
        |events| events.task_process.clear(),
        |events| events.process_start_ns.clear(),
        |events| events.task[0] = u32::MAX,
        |events| events.task_process[0] = u32::MAX,
        |events| events.cgroup = vec![u32::MAX; events.kind.len()],
        |events| events.gfp = vec![u32::MAX; events.kind.len()],
        |events| events.kind[0] = 0x3f,
        |events| events.kind[0] = 15,
        |events| events.entry[0] = 200,
        |events| events.dur_ns[0] = u64::MAX,
        |events| events.t_ns[0] = i64::MAX,
        |events| events.t_ns[0] = i64::MIN,
        |events| events.process_pid = vec![1; 500_000],
        |events| events.task_comm = vec![Vec::new(); 200_000],
        |events| events.oom = vec![wire::Oom::default(); 200_000],
        |events| events.freed = vec![wire::Freed::default(); 200_000],
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let bytes = with(BlockKind::Events, change);
        let got = read_all(&bytes).unwrap();
        assert_eq!((got.damage.len(), got.ticks.len()), (1, 4), "change {n}: {:?}", got.damage);
        feed(&bytes).unwrap();
    }
}

/// Each number of a tick as large as it gets: nothing that uses it panics.
#[test]
fn no_number_of_a_tick_is_too_large() {
    type Change = fn(&mut wire::Tick, u64);
    #[expect(clippy::cast_possible_wrap, reason = "any number will do")]
    let changes: [Change; 34] = [
        |tick, n| tick.t_ns = n,
        |tick, n| tick.shrinkers.iter_mut().for_each(|shrinker| shrinker.total_ns = n as i64),
        |tick, n| tick.proactive.iter_mut().for_each(|kind| kind.total_ns = n as i64),
        |tick, n| tick.stalls.iter_mut().for_each(|kind| kind.count = n as i64),
        |tick, n| tick.stalls.iter_mut().for_each(|kind| kind.total_ns = n as i64),
        |tick, n| tick.stalls.iter_mut().for_each(|kind| kind.max_ns = n),
        |tick, n| tick.stalls.iter_mut().for_each(|kind| kind.scanned_pages = n as i64),
        |tick, n| tick.stalls.iter_mut().for_each(|kind| kind.part_ns = vec![n as i64; 1]),
        |tick, n| tick.stalls.iter_mut().for_each(|kind| kind.part_ns = vec![0, 0, 0, 0, n as i64]),
        |tick, n| tick.stalls.iter_mut().for_each(|kind| kind.bucket_count = vec![n as i64; kind.bucket.len()]),
        |tick, _| tick.stalls.iter_mut().for_each(|kind| kind.bucket = vec![u32::MAX; kind.bucket.len()]),
        |tick, n| tick.kswapd.iter_mut().for_each(|node| node.scanned_pages = n as i64),
        |tick, n| tick.kswapd = vec![wire::KswapdTotals { nid: n as u32, ..Default::default() }],
        |tick, n| tick.in_flight = vec![wire::InFlight { kind: 0, stalls: n, scanned_pages: n }],
        |tick, n| tick.loss = vec![n as i64; 9],
        |tick, n| {
            tick.reported = vec![wire::ReportedStalls { kind: 0, count: n as i64, total_ns: n as i64, longest_ns: n }];
        },
        |tick, n| {
            tick.refaults = Some(wire::Refaults { file_pages: n as i64, anon_pages: n as i64, ..Default::default() });
        },
        |tick, n| tick.zones = vec![wire::Zone { managed_pages: n, high_pages: n, ..Default::default() }; 2],
        |tick, n| tick.kswapd.iter_mut().for_each(|node| (node.failures, node.failures_from) = (n as i64, 2)),
        |tick, n| tick.kswapd.iter_mut().for_each(|node| node.wakeups_by_order = vec![n as i64; 99]),
        |tick, n| {
            tick.node_shrinks =
                vec![wire::NodeShrinks { nid: n as u32, scanned_pages: n as i64, ..Default::default() }];
        },
        |tick, n| {
            let zone = wire::ZoneStalls {
                below_min: n as i64,
                above_high: n as i64,
                free_pages: n as i64,
                ..Default::default()
            };
            tick.stall_zones = Some(wire::StallZones { zones: vec![zone; 9], unread: n as i64 });
        },
        |tick, n| tick.other_scanned_pages = n as i64,
        |tick, n| tick.ooms_pending = n,
        |tick, n| tick.oom_calls = Some(n as i64),
        |tick, n| tick.counts = vec![n as i64],
        |tick, n| tick.counts_unread = n,
        |tick, n| tick.epoch = n as u32,
        |tick, n| tick.vmstat = vec![n as i64; 9],
        |tick, n| tick.meminfo_kib = vec![n as i64; 9],
        |tick, n| tick.shrinkers.iter_mut().for_each(|shrinker| shrinker.stalls = n as i64),
        |tick, n| {
            let row = wire::EvictorRow { samples: n, away_ns: n, ..Default::default() };
            let one = wire::Evictors { other_samples: n, other_away_ns: n, rows: vec![row; 9], ..Default::default() };
            tick.evictors = Some(wire::Evictors { anon: Some(Box::new(one.clone())), ..one });
        },
        |tick, n| {
            for rows in [&mut tick.processes, &mut tick.cgroups].into_iter().flatten() {
                for column in [&mut rows.stalls, &mut rows.total_ns, &mut rows.max_ns, &mut rows.file_pages] {
                    column.fill(n);
                }
            }
        },
        |tick, n| {
            let counters =
                wire::Counters { host: vec![n; 15], cgroup: vec![n; 10], has_cgroup: true, ..Default::default() };
            tick.readings = Some(wire::Readings { before: Some(counters.clone()), after: Some(counters) });
        },
    ];
    for (which, change) in changes.into_iter().enumerate() {
        for n in [0, 1 << 38, 1 << 53, (1 << 56) - 1, 1 << 60, (1 << 62) - 1, 1 << 63, u64::MAX - 1, u64::MAX] {
            let mut frames = trace();
            let last = frames.iter().rfind(|frame| frame.is(BlockKind::Tick)).unwrap().content.clone();
            let mut epoch = 0;
            // All of them, many times over, each time as if it were new.
            let mut all = Vec::new();
            for _ in 0..40 {
                frames
                    .iter_mut()
                    .filter(|frame| frame.is(BlockKind::Events))
                    .for_each(|frame| frame.header.first_ns += 1);
                for frame in frames.iter_mut().filter(|frame| frame.is(BlockKind::Tick)) {
                    let mut tick = wire::Tick::decode(last.as_slice()).unwrap();
                    epoch += 1;
                    tick.t_ns += u64::from(epoch) * 1_000_000_000;
                    change(&mut tick, n);
                    if which != 25 {
                        tick.epoch = epoch;
                    }
                    frame.content = tick.encode_to_vec();
                }
                let body = frames.len() - 1;
                all.extend(joined(&frames[usize::from(!all.is_empty())..body]));
            }
            feed(&all).unwrap_or_else(|e| panic!("change {which} to {n}: {e}"));
        }
    }
}

#[test]
fn very_many_tiny_parts_are_refused() {
    // 2 bytes each: stalls of no kind, zones, hooks, the words of a command line.
    for (kind, part) in
        [(BlockKind::Tick, &b"\x12\x00"[..]), (BlockKind::Tick, b"\x7a\x00"), (BlockKind::Meta, b"\x6a\x00")]
    {
        let mut frames = trace();
        frames.push(Frame::new(kind as u8, 1, part.repeat(500_000)));
        assert_eq!(read_all(&joined(&frames)).unwrap().damage.len(), 1);
    }
    let setup = wire::Setup { hooks: vec![wire::Hook::default(); 400_000], ..Default::default() };
    let meta = wire::Meta { setup: Some(setup), ..Default::default() };
    let bytes = Frame::new(BlockKind::Meta as u8, 1, meta.encode_to_vec()).bytes();
    let got = read_all(&bytes).unwrap();
    assert_eq!((got.metas.len(), got.damage.len()), (0, 1));
}

#[test]
fn any_content_of_any_kind_is_at_most_damage() {
    for seed in 0..2000 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let content: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
        let mut frames = trace();
        frames.truncate(4);
        let kind = random.u8(..10);
        frames.insert(random.usize(..4), Frame::new(kind, random.u32(..3), content));
        feed(&joined(&frames)).unwrap();
    }
}
