//! `memtrace salvage` and `memtrace report` agree on which blocks are damaged.

use std::{fs, path::Path};

use memtrace_core::session::filter::Filter;
use memtrace_trace::{BlockKind, Encoder, Reader, TraceItem, model::TickRecord};
use serde_json::Value;

use crate::{
    cli::{memtrace, text, write},
    fixture::{Blocks, S, START, meta, record},
};

fn recorded() -> Blocks {
    record(3, 6, &[], &Filter::default(), 0).segments.remove(0)
}

fn ticks(blocks: &Blocks) -> Vec<usize> {
    (0..blocks.0.len()).filter(|&n| blocks.0[n].0 == BlockKind::Tick).collect()
}

/// The summary of a report, and its exit status.
fn report(dir: &Path, name: &str) -> (Value, Option<i32>) {
    let out = memtrace(dir, &["report", "--json", name], None);
    let last = text(&out.stdout).lines().last().unwrap().to_owned();
    (serde_json::from_str(&last).unwrap(), out.status.code())
}

/// Salvages `in.mtrc` and checks that the copy is read without damage. Returns its report and the words of the salvage.
fn salvage(dir: &Path) -> (Value, String) {
    let out = memtrace(dir, &["salvage", "--force", "in.mtrc", "-o", "out.mtrc"], None);
    assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
    let (summary, status) = report(dir, "out.mtrc");
    assert_eq!(status, Some(0));
    let again = memtrace(dir, &["salvage", "--force", "out.mtrc", "-o", "again.mtrc"], None);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("nothing was damaged"), "{}", text(&again.stderr));
    assert_eq!(fs::read(dir.join("out.mtrc")).unwrap(), fs::read(dir.join("again.mtrc")).unwrap());
    (summary, text(&out.stderr).to_owned())
}

#[test]
fn ticks_that_come_twice_change_no_sum_and_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let intact = recorded();
    write(dir.path(), "intact.mtrc", &intact);
    let (want, status) = report(dir.path(), "intact.mtrc");
    assert_eq!(status, Some(0));
    let mut twice = intact.clone();
    let end = twice.0.pop().unwrap();
    twice.0.extend(ticks(&intact).into_iter().map(|n| intact.0[n].clone()));
    twice.0.push(end);
    write(dir.path(), "in.mtrc", &twice);
    assert_eq!(report(dir.path(), "in.mtrc"), (want.clone(), Some(5)));
    let (summary, words) = salvage(dir.path());
    assert_eq!(summary, want);
    assert!(words.contains("left out 6 damaged parts"), "{words}");
    assert!(words.contains("6 TICK blocks, bytes ") && words.contains("a second time"), "{words}");
    assert!(
        words.contains(", 22:13:21 to 22:13:26: ") && words.contains("nothing is lost: the first one is kept"),
        "{words}"
    );
}

#[test]
fn ticks_that_go_back_are_left_out_and_no_part_is_larger_than_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = recorded();
    write(dir.path(), "intact.mtrc", &blocks);
    let (intact, _) = report(dir.path(), "intact.mtrc");
    let places = ticks(&blocks);
    for n in 0..places.len() / 2 {
        blocks.0.swap(places[n], places[places.len() - 1 - n]);
    }
    write(dir.path(), "in.mtrc", &blocks);
    let (summary, status) = report(dir.path(), "in.mtrc");
    assert_eq!(status, Some(5));
    assert_eq!(summary["stalls"]["direct"]["count"], intact["stalls"]["direct"]["count"]);
    let sum = |of: &str| -> u64 {
        let rows = summary[of]["rows"].as_array().or(summary[of].as_array()).unwrap();
        rows.iter().map(|row| row["stalls"].as_u64().unwrap()).sum()
    };
    let kinds = summary["stalls"].as_object().unwrap();
    let all: u64 = kinds.values().map(|kind| kind["count"].as_u64().unwrap()).sum();
    for of in ["processes", "cgroups"] {
        assert!(sum(of) <= all, "{of}: {} of {all}", sum(of));
    }
    let (copy, words) = salvage(dir.path());
    assert_eq!(copy["stalls"], summary["stalls"]);
    assert!(words.contains("5 TICK blocks") && words.contains("goes back in time"), "{words}");
    assert!(words.contains(", 22:13:21 to 22:13:25: a tick"), "{words}");
    assert!(words.contains("lost: rows of intervals"), "{words}");
}

/// A recording with these values of `/proc/vmstat` in its ticks after 3 s, and zeros before.
fn with_vmstat(recording: u64, vmstat: [u64; 2]) -> Blocks {
    let mut meta = meta();
    meta.recording = recording;
    meta.host.vmstat_names = vec!["pgalloc_dma32".into(), "pgalloc_normal".into()];
    (meta.host.page_size_bytes, meta.vmstat) = (4096, vec![0, 0]);
    let recorded = recorded().bytes();
    let mut reader = Reader::new(recorded.as_slice());
    let (mut encoder, mut blocks) = (Encoder::new(0), Blocks::default());
    encoder.begin(&meta, &mut blocks).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            TraceItem::Tick(tick) => {
                let vmstat = vmstat.map(|n| if tick.input.t_ns > START + 3 * S { n } else { 0 }).to_vec();
                encoder.tick(&TickRecord { vmstat, ..*tick }, &mut blocks).unwrap();
            }
            TraceItem::End(end) => encoder.end(&end, &mut blocks).unwrap(),
            _ => {}
        }
    }
    blocks
}

#[test]
fn counters_of_the_kernel_that_no_host_can_reach_are_damage_and_in_no_sum() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "right.mtrc", &with_vmstat(1, [1 << 20, 1 << 20]));
    write(dir.path(), "other.mtrc", &with_vmstat(2, [1 << 20, 1 << 20]));
    let compare = |name: &str| memtrace(dir.path(), &["compare", "--json", &format!("a={name}"), "b=right.mtrc"], None);
    assert_eq!(compare("other.mtrc").status.code(), Some(0));
    for most in [u64::MAX, 1 << 63, (1 << 63) + 5] {
        write(dir.path(), "in.mtrc", &with_vmstat(2, [most, most]));
        let out = compare("in.mtrc");
        assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains("impossible numbers"), "{}", text(&out.stderr));
        assert_eq!(report(dir.path(), "in.mtrc").1, Some(5));
        let (_, words) = salvage(dir.path());
        assert!(words.contains("3 TICK blocks") && words.contains("impossible numbers"), "{words}");
    }
}

#[test]
fn a_last_block_that_is_incomplete_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = recorded().bytes();
    fs::write(dir.path().join("in.mtrc"), &bytes[..bytes.len() - 10]).unwrap();
    let out = memtrace(dir.path(), &["salvage", "in.mtrc", "-o", "out.mtrc"], None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let words = text(&out.stderr);
    assert!(words.contains("nothing was damaged") && words.contains("which is incomplete"), "{words}");
    assert_eq!(report(dir.path(), "out.mtrc").1, Some(0));
}

#[test]
fn bytes_that_are_no_block_lie_between_the_times_around_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut blocks = recorded();
    let place = ticks(&blocks)[3];
    let at: usize = blocks.0[..place].iter().map(|(_, bytes)| bytes.len()).sum();
    let size = blocks.0[place].1.len();
    blocks.0[place].1.fill(7);
    write(dir.path(), "in.mtrc", &blocks);
    let (_, words) = salvage(dir.path());
    let want = format!("1 part that is no whole block, bytes {at} to {}, 22:13:2", at + size - 1);
    assert!(words.contains(&want), "{words}");
}

#[test]
fn a_trace_cut_inside_its_first_block_is_damaged_and_not_empty() {
    let dir = tempfile::tempdir().unwrap();
    let first = &recorded().0[0].1;
    for length in [first.len() / 2, first.len() - 1] {
        fs::write(dir.path().join("cut.mtrc"), &first[..length]).unwrap();
        for args in [&["report"][..], &["report", "--json"], &["replay", "--lines"], &["salvage", "-o", "out.mtrc"]] {
            let out = memtrace(dir.path(), &[args, &["cut.mtrc"]].concat(), None);
            assert_eq!(out.status.code(), Some(5), "{length}, {args:?}: {}", text(&out.stderr));
            assert!(text(&out.stderr).contains("whole"), "{length}, {args:?}: {}", text(&out.stderr));
        }
        assert!(!dir.path().join("out.mtrc").exists());
    }
}

#[test]
fn the_intact_part_goes_to_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = recorded().bytes();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.path().join("in.mtrc"), &bytes).unwrap();
    salvage(dir.path());
    for args in [&["salvage", "in.mtrc", "-o", "-"][..], &["salvage", "-", "-"]] {
        let out = memtrace(dir.path(), args, Some(&bytes));
        assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains(" to stdout\n"), "{}", text(&out.stderr));
        assert!(out.stdout == fs::read(dir.path().join("out.mtrc")).unwrap(), "{args:?}");
    }
    assert!(!dir.path().join("-").exists());
}

#[test]
fn a_trace_is_never_replaced_by_its_own_copy() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "in.mtrc", &recorded());
    fs::hard_link(dir.path().join("in.mtrc"), dir.path().join("link.mtrc")).unwrap();
    let before = fs::read(dir.path().join("in.mtrc")).unwrap();
    for name in ["in.mtrc", "./in.mtrc", "link.mtrc"] {
        let out = memtrace(dir.path(), &["salvage", "--force", "in.mtrc", "-o", name], None);
        assert_eq!(out.status.code(), Some(2), "{name}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains("choose another name"), "{name}: {}", text(&out.stderr));
    }
    assert_eq!(fs::read(dir.path().join("in.mtrc")).unwrap(), before);
}
