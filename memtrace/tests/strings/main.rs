//! No string of a trace, and no name of a file, reaches an output with characters that a terminal acts on or that hide.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing test may panic")]

mod blocks;
mod outputs;
mod plant;

use std::{collections::BTreeSet, fs, os::unix::ffi::OsStrExt as _, path::Path};

use blocks::{Block, read, schema, write};
use memtrace_report::output::{Command, Output};
use outputs::{Checked, memtrace, screens};
use plant::{Kept, Planter, add_wakeup, remark, stacks};
use prost_reflect::{DynamicMessage, Value};

/// A trace that memtrace 0.1.0 recorded.
const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces/v1.mtrc");

/// Fields that no output shows: text in them is only compared or looked up.
const NOT_SHOWN: &[&str] = &[
    "FaultsRead.refaults",
    "Host.boot_id",
    "Host.kernel_version",
    "Host.meminfo_names",
    "Host.vmstat_names",
    "Meta.cgroup_counter_names",
    "Meta.counter_names",
    "Meta.loss_names",
    "NamedCount.name",
    // The process has a row with the name from its stalls.
    "Rows.fault_comm",
];

/// The trace with all kinds of blocks that hold text, and hostile text in each field except those that are kept.
fn planted(kept: Kept, marks: &[(u32, &str)]) -> (Vec<u8>, Planter) {
    let schema = schema();
    let mut all = read(&schema, Path::new(V1));
    for setup in all.iter_mut().filter_map(|block| inner(block, "setup")) {
        setup.set_field_by_name("stacks", Value::Bool(true));
    }
    all.iter_mut().rev().find(|block| block.kind == 4).into_iter().for_each(add_wakeup);
    for before in all.iter_mut().filter_map(|block| inner(block, "at_start")) {
        // The error is there only when the pressure was not read.
        if !kept("Before.pressure_error") {
            before.clear_field_by_name("pressure");
        }
    }
    let ticks: Vec<usize> = (0..all.len()).filter(|at| all[*at].kind == 5).collect();
    let [second, fourth] = [ticks[1], ticks[3]];
    let remarks = marks.iter().map(|(kind, text)| remark(&schema, &all[fourth], *kind, text));
    let remarks: Vec<Block> = remarks.collect();
    all.splice(fourth + 1..fourth + 1, remarks);
    let block = stacks(&schema, &all[second]);
    all.insert(second, block);
    let mut planter = Planter::new(&schema, kept);
    all.iter_mut().for_each(|block| planter.fill(&mut block.message, 0));
    (write(&all), planter)
}

/// The message in a field of a block, where it has one.
fn inner<'a>(block: &'a mut Block, field: &str) -> Option<&'a mut DynamicMessage> {
    let has_it = block.message.has_field_by_name(field);
    match has_it.then(|| block.message.get_field_by_name_mut(field)).flatten() {
        Some(Value::Message(inner)) => Some(inner),
        _ => None,
    }
}

/// Everything is hostile: names of settings and of counters, the filter, the reasons why something was not read.
fn all_hostile() -> (Vec<u8>, Planter) {
    planted(|_| false, REMARKS)
}

/// The filter lets all through, and all is read: then there are rows to show.
fn rows_hostile() -> (Vec<u8>, Planter) {
    planted(hides_rows, REMARKS)
}

/// Names by which values are looked up are known ones, so that the values are shown.
fn values_hostile() -> (Vec<u8>, Planter) {
    let kept: Kept = |field| {
        let is_name = field.ends_with(".name") && field != "EvictorRow.name" || field.ends_with("_names");
        hides_rows(field) || is_name || field == "SwapArea.kind"
    };
    planted(kept, &[(3, "A 1\nvm.%=%"), (5, "vm.swappiness\n%\n%"), (4, "A 1\nvm.%=%")])
}

const REMARKS: &[(u32, &str)] =
    &[(1, "%"), (2, "%"), (5, "vm.%\n%\n%"), (5, "cgroup:/%:memory.%\n%\n%"), (6, "+/%\n memory.%=%\n-/%")];

fn hides_rows(field: &str) -> bool {
    field.starts_with("Filter.") || field.ends_with("_error") || field == "Hook.attached"
}

/// Runs everything that reads a trace.
fn run_all(dir: &Path, checked: &mut Checked) {
    let out = memtrace(dir, &["report", "a.mtrc"], checked);
    assert!(out.status.success(), "the planted trace is whole: {out:?}");
    for by in ["process", "cgroup", "container", "node", "kind", "order", "gfp"] {
        memtrace(dir, &["report", "--by", by, "a.mtrc"], checked);
        memtrace(dir, &["report", "--json", "--by", by, "a.mtrc"], checked);
    }
    for args in [
        &["report", "--folded=count"][..],
        &["report", "--top", "1000"],
        &["report", "--since", "9h"],
        &["replay", "--lines", "--speed", "max", "--verbose", "--min-stall", "0"],
        &["compare"],
        &["compare", "--split", "3s"],
        &["compare", "--verbose", V1],
        &["compare", "--verbose", "before=a.mtrc", V1],
        &["salvage", "--output", "b.mtrc"],
    ] {
        memtrace(dir, &[args, &["a.mtrc"]].concat(), checked);
    }
    for output in Output::ALL {
        let flag = format!("--{}", output.name);
        for (command, _) in output.offers {
            let args = match command {
                // It traces, and reads no file.
                Command::Live => continue,
                Command::Replay => &["replay", &flag, "--speed", "max", "--verbose", "a.mtrc"][..],
                Command::Report => &["report", &flag, "a.mtrc"],
                Command::Compare => &["compare", &flag, V1, "a.mtrc"],
            };
            let out = memtrace(dir, args, checked);
            assert!(out.status.success(), "{args:?}: {out:?}");
        }
    }
}

#[test]
fn no_string_of_a_trace_reaches_an_output_raw() {
    let dir = tempfile::tempdir().unwrap();
    let mut checked = Checked::default();
    let mut placed = BTreeSet::new();
    let mut marks = Vec::new();
    for (trace, planter) in [all_hostile(), rows_hostile(), values_hostile()] {
        fs::write(dir.path().join("a.mtrc"), &trace).unwrap();
        run_all(dir.path(), &mut checked);
        screens(&trace, &mut checked);
        let _ = fs::remove_file(dir.path().join("b.mtrc"));
        placed.extend(planter.placed.clone());
        marks = planter.marks().clone().into_iter().collect();
    }
    let missing: Vec<_> = marks.iter().filter(|(field, _)| !placed.contains(field)).collect();
    assert!(missing.is_empty(), "no text was put into {missing:?}: the trace of this test needs such a message");
    let unseen: Vec<_> = marks.iter().filter(|(_, mark)| !checked.saw(mark)).map(|(field, _)| field.as_str()).collect();
    assert_eq!(unseen, NOT_SHOWN, "strings that no output showed");
    assert!(checked.saw(r"\x1b"), "what is hostile is shown, and visibly so");
}

#[test]
fn neither_damage_nor_the_name_of_a_file_reaches_an_output_raw() {
    let dir = tempfile::tempdir().unwrap();
    let mut checked = Checked::default();
    let evil = |end: &str| {
        std::ffi::OsString::from(std::ffi::OsStr::from_bytes(
            &[b"q\x1b]0;P\x07\n\xe2\x80\xae\xff", end.as_bytes()].concat(),
        ))
    };
    let (trace, _) = all_hostile();
    let mut damaged = trace.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 40].fill(0x1b);
    let folder = evil("-dir");
    fs::create_dir(dir.path().join(&folder)).unwrap();
    for (name, bytes) in
        [(evil(".mtrc"), &trace[..]), (evil("-damaged.mtrc"), &damaged), (evil("-cut.mtrc"), &trace[..middle])]
    {
        fs::write(dir.path().join(&name), bytes).unwrap();
        fs::write(dir.path().join(&folder).join(&name), bytes).unwrap();
    }
    fs::write(dir.path().join(evil(".txt")), b"\x1b[2Jnot a trace").unwrap();
    let other = std::ffi::OsString::from(V1);
    for name in [evil(".mtrc"), evil("-damaged.mtrc"), evil("-cut.mtrc"), evil(".txt"), evil("-missing"), folder] {
        for args in [&["report"][..], &["report", "--json"], &["replay", "--lines", "--speed", "max"], &["compare"]] {
            let args: Vec<_> = args.iter().map(Into::into).chain([name.clone()]).collect();
            memtrace(dir.path(), &args, &mut checked);
        }
        memtrace(dir.path(), &["compare".into(), name.clone(), other.clone()], &mut checked);
        memtrace(
            dir.path(),
            &["compare".into(), "--json".into(), name.clone(), other.clone(), V1.into()],
            &mut checked,
        );
        let out = evil("-out");
        memtrace(dir.path(), &["salvage".into(), name.clone(), "--output".into(), out.clone()], &mut checked);
        // The output exists already.
        memtrace(dir.path(), &["salvage".into(), name, "--output".into(), out], &mut checked);
    }
    memtrace(dir.path(), &["report"], &mut checked);
    memtrace(dir.path(), &["compare", "a\u{1b}[2J=x", "b=y"], &mut checked);
    memtrace(dir.path(), &["record", "-o", "no\u{1b}[2J/such"], &mut checked);
    assert!(checked.saw(r"\x1b") && checked.saw("q"), "names are said");
}
