//! Files with common content: it counts once, whatever the names and the order of the files.

use std::{fs, path::Path};

use fastrand::Rng;
use memtrace_core::session::filter::Filter;
use memtrace_trace::{
    BlockKind, Encoder, Reader, Scanned, Scanner,
    model::{End, EndReason},
    splice::{self, Part},
};
use proptest::{
    prelude::{any, prop_assert, prop_assert_eq, prop_assume},
    proptest,
};

use crate::{
    cli::{memtrace, text, write},
    fixture::{Blocks, Recording, S, START, record},
    json,
};

fn recorded() -> Recording {
    record(3, 12, &[4, 8], &Filter::default(), 0)
}

/// Number of the block behind the n-th tick of a segment.
fn behind_tick(segment: &Blocks, n: usize) -> usize {
    let ticks = segment.0.iter().enumerate().filter(|(_, (kind, _))| *kind == BlockKind::Tick);
    ticks.map(|(at, _)| at + 1).nth(n - 1).unwrap()
}

fn blocks(parts: &[&[(BlockKind, Vec<u8>)]]) -> Blocks {
    Blocks(parts.concat())
}

/// An incident file: the first segment, and the second up to its second tick, with an end of its own.
pub(crate) fn incident(recorded: &Recording) -> Blocks {
    let [first, second, _] = recorded.segments.as_slice() else { panic!("three segments") };
    let mut incident = blocks(&[&first.0, &second.0[..behind_tick(second, 2)]]);
    let end = End { t_ns: START + 6 * S, reason: EndReason::Done, open: Vec::new(), lost: Default::default() };
    Encoder::new(0).end(&end, &mut incident).unwrap();
    incident
}

fn last_line(stdout: &[u8]) -> String {
    format!("{}\n", text(stdout).lines().last().unwrap_or_default())
}

/// Reads files in this order, by name and as a stream, with report and replay: each must give the whole summary.
fn is_whole(dir: &Path, names: &[&str], want: &str, status: i32, said: &str) {
    let stream: Vec<u8> = names.iter().flat_map(|name| fs::read(dir.join(name)).unwrap()).collect();
    for (args, stdin) in [
        ([&["report", "--json"], names].concat(), None),
        (vec!["report", "--json", "-"], Some(stream.as_slice())),
        ([&["replay", "--json", "--speed", "max"], names].concat(), None),
        (vec!["replay", "--json", "--speed", "max", "-"], Some(stream.as_slice())),
    ] {
        let out = memtrace(dir, &args, stdin);
        let stderr = text(&out.stderr);
        assert!(last_line(&out.stdout) == want, "{args:?} of {names:?}: {stderr}");
        assert_eq!(out.status.code(), Some(status), "{args:?} of {names:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?} of {names:?}: {stderr}");
        assert!(!stderr.contains("abnormally") && !stderr.contains("missing"), "{args:?} of {names:?}: {stderr}");
    }
}

fn orders<'a>(names: &[&'a str]) -> Vec<Vec<&'a str>> {
    let [first, rest @ ..] = names else { return vec![Vec::new()] };
    let inserted = |order: Vec<&'a str>| {
        (0..=order.len()).map(move |at| [&order[..at], &[*first], &order[at..]].concat()).collect::<Vec<_>>()
    };
    orders(rest).into_iter().flat_map(inserted).collect()
}

#[test]
fn an_incident_beside_its_segments_counts_once_in_any_order() {
    let recorded = recorded();
    let want = json(&recorded.summary, &recorded.paths);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "incident.mtrc", &incident(&recorded));
    for (name, segment) in ["segment-0.mtrc", "segment-1.mtrc", "segment-2.mtrc"].iter().zip(&recorded.segments) {
        write(dir.path(), name, segment);
    }
    let names = ["incident.mtrc", "segment-0.mtrc", "segment-1.mtrc", "segment-2.mtrc"];
    let said = "segments 0 to 1 are in the inputs more than once: each part of them counts once";
    orders(&names).iter().step_by(5).for_each(|names| is_whole(dir.path(), names, &want, 0, said));
    let out = memtrace(dir.path(), &["report", "--json", "."], None);
    assert!(out.status.success() && last_line(&out.stdout) == want, "{}", text(&out.stderr));

    // The incident file alone has an end, too.
    let out = memtrace(dir.path(), &["report", "--json", "incident.mtrc"], None);
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), ""));
    assert!(last_line(&out.stdout).contains("\"duration_ns\":6000000000"));

    // An incident file that was cut by a kill adds nothing either.
    let mut killed = incident(&recorded).bytes();
    killed.truncate(killed.len() - 7);
    fs::write(dir.path().join("incident.mtrc"), killed).unwrap();
    for command in [&["report", "--json"][..], &["replay", "--json", "--speed", "max"]] {
        let out = memtrace(dir.path(), &[command, &names].concat(), None);
        let stderr = text(&out.stderr);
        assert!(out.status.success() && last_line(&out.stdout) == want && stderr.contains(said), "{stderr}");
    }
}

#[test]
fn a_copy_counts_once() {
    let recorded = recorded();
    let want = json(&recorded.summary, &recorded.paths);
    let dir = tempfile::tempdir().unwrap();
    let all = Blocks(recorded.segments.iter().flat_map(|segment| segment.0.clone()).collect());
    write(dir.path(), "a.mtrc", &all);
    write(dir.path(), "b.mtrc", &all);
    is_whole(dir.path(), &["a.mtrc", "b.mtrc"], &want, 0, "in the inputs more than once");
    write(dir.path(), "c.mtrc", &recorded.segments[1]);
    is_whole(dir.path(), &["c.mtrc", "a.mtrc", "a.mtrc"], &want, 0, "in the inputs more than once");
}

#[test]
fn pieces_that_only_a_third_one_joins_are_one_recording_in_any_order() {
    let recorded = record(5, 8, &[], &Filter::default(), 0);
    let want = json(&recorded.summary, &recorded.paths);
    let segment = &recorded.segments[0];
    let (first, middle, last) = (behind_tick(segment, 2), behind_tick(segment, 4), behind_tick(segment, 6));
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "middle.mtrc", &blocks(&[&segment.0[first..last]]));
    write(dir.path(), "late.mtrc", &blocks(&[&segment.0[middle..]]));
    // With the META of the segment, and without one anywhere.
    for from in [0, 1] {
        write(dir.path(), "head.mtrc", &blocks(&[&segment.0[from..middle]]));
        for names in orders(&["head.mtrc", "middle.mtrc", "late.mtrc"]) {
            let out = memtrace(dir.path(), &[&["report", "--json"], names.as_slice()].concat(), None);
            let summaries = text(&out.stdout).lines().filter(|line| line.starts_with("{\"type\":\"summary\"")).count();
            assert_eq!(summaries, 1, "{names:?}: {}", text(&out.stderr));
            assert!(from > 0 || last_line(&out.stdout) == want, "{names:?}: {}", text(&out.stderr));
        }
    }
}

#[test]
fn files_that_lack_different_parts_make_one_whole() {
    let recorded = recorded();
    let want = json(&recorded.summary, &recorded.paths);
    let dir = tempfile::tempdir().unwrap();
    let [first, second, third] = recorded.segments.as_slice() else { panic!("three segments") };
    let of_second = [1, 3].map(|n| behind_tick(second, n));
    // Up to the first tick of the second segment, and from its third one on.
    let head = blocks(&[&first.0, &second.0[..of_second[0]]]);
    let tail = blocks(&[&second.0[..1], &second.0[of_second[1]..], &third.0]);
    // The second segment without its first blocks, and half of the third: no META before the third.
    let middle = blocks(&[&second.0[2..], &third.0[..behind_tick(third, 2)]]);
    for (name, blocks) in [("a.mtrc", &tail), ("b.mtrc", &middle), ("c.mtrc", &head)] {
        write(dir.path(), name, blocks);
    }
    for names in orders(&["a.mtrc", "b.mtrc", "c.mtrc"]) {
        let out = memtrace(dir.path(), &[&["report", "--json"], names.as_slice()].concat(), None);
        let stderr = text(&out.stderr);
        assert!(out.status.success() && last_line(&out.stdout) == want, "{names:?}: {stderr}");
        assert!(!stderr.contains("lost") && !stderr.contains("missing"), "{names:?}: {stderr}");
    }

    // Without a common block, the place of a piece follows from the next segment alone.
    let after = blocks(&[&second.0[of_second[0]..], &third.0]);
    write(dir.path(), "after.mtrc", &after);
    for names in orders(&["c.mtrc", "after.mtrc"]) {
        let out = memtrace(dir.path(), &[&["report", "--json"], names.as_slice()].concat(), None);
        let stderr = text(&out.stderr);
        assert!(out.status.success() && last_line(&out.stdout) == want, "{names:?}: {stderr}");
    }
}

#[test]
fn what_no_file_has_is_still_a_gap() {
    let recorded = recorded();
    let dir = tempfile::tempdir().unwrap();
    let [first, second, third] = recorded.segments.as_slice() else { panic!("three segments") };
    write(dir.path(), "first.mtrc", first);
    write(dir.path(), "half.mtrc", &Blocks(second.0[..behind_tick(second, 2)].to_vec()));
    write(dir.path(), "third.mtrc", third);
    let report = |names: &[&str]| {
        let out = memtrace(dir.path(), &[&["report", "--json"], names].concat(), None);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let summary: serde_json::Value = serde_json::from_str(&last_line(&out.stdout)).unwrap();
        (summary, text(&out.stderr).to_owned())
    };
    let whole: serde_json::Value = serde_json::from_str(&json(&recorded.summary, &recorded.paths)).unwrap();
    let (summary, said) = report(&["third.mtrc", "first.mtrc", "first.mtrc"]);
    assert_eq!(summary["stalls"]["direct"]["count"], whole["stalls"]["direct"]["count"]);
    assert!(said.contains("segment 1 is missing: "), "{said}");
    let (summary, said) = report(&["third.mtrc", "half.mtrc", "first.mtrc", "half.mtrc"]);
    assert_eq!(summary["stalls"]["direct"]["count"], whole["stalls"]["direct"]["count"]);
    let cut = "segment 1 is there up to 22:13:26 only, and the next one begins at 22:13:28: ";
    assert!(said.contains(cut) && said.contains("in no table"), "{said}");
}

#[test]
fn damage_that_another_file_makes_up_for_loses_nothing() {
    let recorded = recorded();
    let want = json(&recorded.summary, &recorded.paths);
    let dir = tempfile::tempdir().unwrap();
    let mut damaged = recorded.segments[0].clone();
    let at = damaged.0.iter().position(|(kind, _)| *kind == BlockKind::Events).unwrap();
    let last = damaged.0[at].1.len() - 1;
    damaged.0[at].1[last] ^= 1;
    write(dir.path(), "bad.mtrc", &damaged);
    write(dir.path(), "incident.mtrc", &incident(&recorded));
    write(dir.path(), "rest.mtrc", &Blocks([recorded.segments[1].0.clone(), recorded.segments[2].0.clone()].concat()));
    for names in orders(&["bad.mtrc", "incident.mtrc", "rest.mtrc"]) {
        let out = memtrace(dir.path(), &[&["report", "--json"], names.as_slice()].concat(), None);
        let stderr = text(&out.stderr);
        // The file is damaged all the same.
        assert!(out.status.code() == Some(5) && last_line(&out.stdout) == want, "{names:?}: {stderr}");
        assert!(stderr.contains("bad.mtrc is damaged") && !stderr.contains("of it could not be read ("), "{stderr}");
    }
    let out = memtrace(dir.path(), &["report", "--json", "bad.mtrc", "rest.mtrc"], None);
    assert!(text(&out.stderr).contains("1 part of it could not be read ("), "{}", text(&out.stderr));
}

/// Splices a segment from these pieces of it: its bytes, and the number of damaged parts.
fn spliced(pieces: &[Vec<u8>]) -> (Vec<u8>, usize) {
    let lists = pieces.iter().map(|bytes| splice::Blocks::of(bytes.as_slice(), 0).unwrap()).collect();
    let (mut all, mut damaged) = (Vec::new(), 0);
    for part in splice::splice(lists).parts {
        match part {
            Part::Bytes { piece, begin, end } => {
                all.extend_from_slice(&pieces[piece][usize::try_from(begin).unwrap()..usize::try_from(end).unwrap()]);
            }
            Part::Damage { .. } => damaged += 1,
        }
    }
    (all, damaged)
}

/// All blocks in their order, except paths of cgroups, which may come earlier.
fn in_order(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut scanner = Scanner::new(bytes);
    let mut all = Vec::new();
    while let Some(scanned) = scanner.next_block().unwrap() {
        match scanned {
            Scanned::Block(block) if block.kind() == Some(BlockKind::Dict) => {}
            Scanned::Block(_) => all.push(scanner.block().to_vec()),
            Scanned::Damage(damage) => panic!("{damage:?}"),
        }
    }
    all
}

/// True when times determine the order of the blocks, which they do not where all events of an interval have the time
/// of the previous tick, or all ended while the tick was made.
fn has_order(bytes: &[u8]) -> bool {
    let mut scanner = Scanner::new(bytes);
    let mut places = Vec::new();
    while let Some(Scanned::Block(block)) = scanner.next_block().unwrap() {
        let is_placed = matches!(block.kind(), Some(BlockKind::Tick | BlockKind::Events));
        places.extend(is_placed.then(|| (block.place_ns(), block.kind() == Some(BlockKind::Tick))));
    }
    places.windows(2).all(|pair| match pair {
        [(before, _), (after, true)] => before <= after,
        [(before, is_tick), (after, false)] => before < after || !is_tick,
        _ => true,
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]

    /// Each block is whole in one piece at least; what a piece lacks was cut out of it or damaged in it.
    #[test]
    fn pieces_in_which_each_block_is_once_at_least_make_the_segment(seed in any::<u64>(), pieces in 1..5_usize) {
        let segment = &record(seed, 8, &[], &Filter::default(), 0).segments[0];
        prop_assume!(has_order(&segment.bytes()));
        let mut random = Rng::with_seed(seed);
        let keeps: Vec<usize> = segment.0.iter().map(|_| random.usize(..pieces)).collect();
        let files: Vec<Vec<u8>> = (0..pieces)
            .map(|piece| {
                let mut bytes = Vec::new();
                for ((kind, block), keeps) in segment.0.iter().zip(&keeps) {
                    match random.u32(..6) {
                        0 | 1 if *keeps != piece && *kind != BlockKind::Meta => {}
                        2 if *keeps != piece && *kind != BlockKind::Meta => {
                            bytes.extend_from_slice(&block[..block.len() - 1]);
                            bytes.push(block[block.len() - 1] ^ 1);
                        }
                        _ => bytes.extend_from_slice(block),
                    }
                }
                bytes
            })
            .collect();
        let (all, damaged) = spliced(&files);
        prop_assert_eq!(damaged, 0);
        prop_assert!(in_order(&all) == in_order(&segment.bytes()));
        // Paths are known before they are needed.
        let mut reader = Reader::new(all.as_slice());
        while reader.next_item().unwrap().is_some() {
            for entry in reader.entries() {
                if let memtrace_trace::model::Entry::Event(memtrace_core::event::Event::Stall(stall)) = entry {
                    prop_assert!(stall.cgroup_id.is_none_or(|id| reader.path(id).is_some()));
                }
            }
        }
    }
}
