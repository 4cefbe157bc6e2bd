//! `memtrace compare` of one recording: the blocks of an experiment, and settings that were changed.

use memtrace_core::{host_facts::change::Change, session::filter::Filter};
use memtrace_trace::{
    BlockKind, Encoder,
    mark::{BlockMark, Side},
    model::{Remark, RemarkKind, Setting},
};
use serde_json::{Value, json};

use crate::{
    cli::{memtrace, text, write},
    compare::object,
    fixture::{Blocks, S, START, record},
};

/// A recording of `seconds` seconds, with remarks at the given ticks.
fn with_remarks(seconds: u64, remarks: &[(u64, RemarkKind, String)]) -> Blocks {
    let mut ticks = 0;
    let mut out = Blocks::default();
    for block in record(5, seconds, &[], &Filter::default(), 0).segments.remove(0).0 {
        ticks += u64::from(block.0 == BlockKind::Tick);
        let is_tick = block.0 == BlockKind::Tick;
        out.0.push(block);
        for (_, kind, text) in remarks.iter().filter(|(at, ..)| is_tick && *at == ticks) {
            let remark = Remark { t_ns: START + ticks * S, kind: *kind, text: text.as_str().into() };
            Encoder::new(0).remark(&remark, &mut out).unwrap();
        }
    }
    out
}

fn change(name: &str, before: &str, after: &str) -> String {
    Change { name: name.into(), before: Some(before.into()), after: Some(after.into()) }.to_text().stored()
}

/// An experiment of `pairs` pairs: blocks of 4 s with 2 s between them, B first in every other pair.
fn experiment(pairs: u32) -> Blocks {
    let mut remarks = Vec::new();
    let mut at = 2;
    for pair in 1..=pairs {
        let order = if pair % 2 == 0 { [Side::A, Side::B] } else { [Side::B, Side::A] };
        for side in order {
            let value = if side == Side::A { "60" } else { "10" };
            let settings = vec![Setting { name: "vm.swappiness".into(), value: Some(value.into()) }];
            let mark = BlockMark { side, pair, settings }.to_text().stored();
            remarks.push((at, RemarkKind::BlockBegin, mark.clone()));
            remarks.push((at + 4, RemarkKind::BlockEnd, mark));
            at += 6;
        }
    }
    // The last block is not measured to its end, so its pair does not count.
    remarks.pop();
    with_remarks(at, &remarks)
}

fn seconds(found: &Value) -> Vec<u64> {
    found["durations_ns"].as_array().unwrap().iter().map(|ns| ns.as_u64().unwrap() / S).collect()
}

#[test]
fn blocks_of_an_experiment_are_paired() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.mtrc", &experiment(9));
    let out = memtrace(dir.path(), &["compare", "--json", "a.mtrc"], None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let found = object(&out.stdout);
    assert_eq!((&found["before"], &found["after"], &found["runs"]), (&json!("A"), &json!("B"), &json!([8, 8])));
    assert_eq!(seconds(&found), [32, 32]);
    let swappiness = found["tuned"].as_array().unwrap().iter().find(|tuned| tuned["key"] == "vm.swappiness").unwrap();
    assert_eq!((&swappiness["before"], &swappiness["after"]), (&json!("60"), &json!("10")));
    // 8 pairs: the smallest p is 2 of 2^8.
    assert_eq!(found["least_p"].as_f64(), Some(2.0 / 256.0));
    let words = memtrace(dir.path(), &["compare", "a.mtrc"], None);
    assert!(text(&words.stdout).contains("within pairs of blocks"), "{}", text(&words.stdout));
}

#[test]
fn an_experiment_without_a_whole_pair_has_nothing_to_compare() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.mtrc", &experiment(1));
    let out = memtrace(dir.path(), &["compare", "a.mtrc"], None);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("before both sides were measured"), "{}", text(&out.stderr));
}

/// Remarks on pods with a limit: from this version two that come and one that goes, from older ones two that come.
fn churn() -> [Vec<(u64, RemarkKind, String)>; 2] {
    let new = |path: &str| format!("+{path}\n memory.max=4096");
    let older = |path: &str| format!("cgroup:{path}:memory.max\n\n4096");
    [
        vec![
            (3, RemarkKind::Cgroups, format!("{}\n{}", new("/pods/a"), new("/pods/b\u{1b}"))),
            (9, RemarkKind::Cgroups, "-/pods/a".to_owned()),
        ],
        vec![(3, RemarkKind::Changed, older("/pods/a")), (9, RemarkKind::Changed, older("/pods/b\u{1b}"))],
    ]
}

#[test]
fn cgroups_that_come_and_go_are_one_line_and_no_change_of_a_setting() {
    let dir = tempfile::tempdir().unwrap();
    let gone = [", 1 went away (/pods/a)", ""];
    for (remarks, gone) in churn().iter().zip(gone) {
        write(dir.path(), "a.mtrc", &with_remarks(20, remarks));
        let report = memtrace(dir.path(), &["report", "a.mtrc"], None);
        let line = format!("cgroups with a limit: 2 appeared (/pods/a, /pods/b\\x1b){gone} while recording\n");
        assert!(text(&report.stdout).contains(&line), "{}", text(&report.stdout));
        assert!(!text(&report.stdout).contains("was changed"), "{}", text(&report.stdout));
        let json = memtrace(dir.path(), &["report", "--json", "a.mtrc"], None);
        let summary: Value = serde_json::from_str(text(&json.stdout).lines().last().unwrap()).unwrap();
        assert_eq!(summary["cgroup_churn"]["appeared"], 2);
        assert_eq!(summary["cgroup_churn"]["first_appeared"], json!(["/pods/a", r"/pods/b\x1b"]));
        assert_eq!(summary["cgroup_churn"]["gone"], u64::from(!gone.is_empty()));
        let alone = memtrace(dir.path(), &["compare", "a.mtrc"], None);
        assert!(text(&alone.stderr).contains("no setting changed"), "{}", text(&alone.stderr));
        write(dir.path(), "b.mtrc", &record(6, 20, &[], &Filter::default(), 0).segments[0]);
        let args = ["compare", "--json", "before=a.mtrc", "after=b.mtrc"];
        let compared = object(&memtrace(dir.path(), &args, None).stdout);
        let damaged = compared["guards"].as_array().unwrap().iter().find(|guard| guard["name"] == "damaged").unwrap();
        assert_eq!(damaged["tripped"], false, "{damaged}");
    }
}

#[test]
fn a_limit_of_a_cgroup_that_was_there_is_a_change_among_those_that_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    for mut remarks in churn() {
        remarks.push((12, RemarkKind::Changed, change("cgroup:/pods/b\u{1b}:memory.max", "4096", "8192")));
        write(dir.path(), "a.mtrc", &with_remarks(20, &remarks));
        let out = memtrace(dir.path(), &["compare", "--json", "a.mtrc"], None);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        assert_eq!(seconds(&object(&out.stdout)), [11, 8]);
    }
}

#[test]
fn a_recording_is_split_where_a_setting_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    let tuned = change("vm.swappiness", "60", "10");
    write(dir.path(), "a.mtrc", &with_remarks(20, &[(8, RemarkKind::Changed, tuned.clone())]));
    let out = memtrace(dir.path(), &["compare", "--json", "a.mtrc"], None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("vm.swappiness was changed"), "{}", text(&out.stderr));
    let found = object(&out.stdout);
    // The second in which it was changed is on neither side.
    assert_eq!(seconds(&found), [7, 12]);
    let report = memtrace(dir.path(), &["report", "a.mtrc"], None);
    let said = [text(&report.stderr), text(&report.stdout)].concat();
    assert!(said.contains("vm.swappiness was changed from 60 to 10 at "), "{said}");

    // A change by the first tick has no interval before it.
    write(dir.path(), "first.mtrc", &with_remarks(20, &[(1, RemarkKind::Changed, tuned.clone())]));
    let out = memtrace(dir.path(), &["compare", "first.mtrc"], None);
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("(vm.swappiness) changed before the first tick"), "{}", text(&out.stderr));

    // The user must say which of several changes is meant. The name of a cgroup is untrusted.
    let hostile = change("cgroup:/\x1b[2J:memory.high", "1", "2");
    let remarks = [(8, RemarkKind::Changed, tuned), (100, RemarkKind::Changed, hostile)];
    write(dir.path(), "b.mtrc", &with_remarks(110, &remarks));
    let out = memtrace(dir.path(), &["compare", "b.mtrc"], None);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("--split 8s b.mtrc") && said.contains("--split 100s b.mtrc"), "{said}");
    assert!(said.contains("\\x1b[2J") && !said.contains('\x1b'), "{said}");
    let out = memtrace(dir.path(), &["compare", "--json", "--until", "50s", "b.mtrc"], None);
    assert_eq!(seconds(&object(&out.stdout)), [7, 42]);
}

#[test]
fn several_recordings_cannot_be_split() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("d")).unwrap();
    for (name, seed) in [("d/a.mtrc", 1), ("d/b.mtrc", 2)] {
        write(dir.path(), name, &record(seed, 12, &[], &Filter::default(), 0).segments[0]);
    }
    let out = memtrace(dir.path(), &["compare", "d"], None);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("2 recordings"), "{}", text(&out.stderr));
}
