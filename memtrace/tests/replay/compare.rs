//! `memtrace compare`: sides, exit codes, JSON.

use std::{fs, path::Path};

use memtrace_core::session::filter::Filter;
use serde_json::Value;

use crate::{
    cli::{memtrace, text, write},
    fixture::{Blocks, record},
};

/// Writes five recordings into the directory of a side.
fn five(dir: &Path, side: &str, seed: u64) {
    fs::create_dir(dir.join(side)).unwrap();
    for n in 0..5 {
        let recorded = record(seed + n, 12, &[6], &Filter::default(), 0);
        // Both segments in one file.
        let bytes: Vec<u8> = recorded.segments.iter().flat_map(Blocks::bytes).collect();
        fs::write(dir.join(side).join(format!("{n}.mtrc")), bytes).unwrap();
    }
}

pub(crate) fn object(stdout: &[u8]) -> Value {
    let schema: Value = serde_json::from_str(include_str!("../../../docs/json-schema.json")).unwrap();
    let object: Value = serde_json::from_slice(stdout).unwrap();
    if let Err(e) = jsonschema::draft202012::new(&schema).unwrap().validate(&object) {
        panic!("{e}: {object}");
    }
    object
}

#[test]
fn sides_of_five_are_tested_and_repeat_with_their_seed() {
    let dir = tempfile::tempdir().unwrap();
    five(dir.path(), "old", 100);
    five(dir.path(), "new", 200);
    let args = ["compare", "--json", "old=old", "new=new"];
    let out = memtrace(dir.path(), &args, None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let found = object(&out.stdout);
    assert_eq!((&found["runs"], &found["before"]), (&serde_json::json!([5, 5]), &serde_json::json!("old")));
    let total = found["rows"].as_array().unwrap().iter().find(|row| row["metric"] == "stall.total").unwrap();
    assert!(total["p"].is_number() && total["firm"] == true, "{total}");
    let scopes: Vec<&str> = found["rows"].as_array().unwrap().iter().filter_map(|row| row["scope"].as_str()).collect();
    for scope in ["kind:", "cgroup:", "process:"] {
        assert!(scopes.iter().any(|found| found.starts_with(scope)), "{scope}: {scopes:?}");
    }
    // Untrusted names are escaped.
    assert!(!text(&out.stdout).contains("\\u001b"));
    assert_eq!(memtrace(dir.path(), &args, None).stdout, out.stdout);

    // The result is the same when each file is named.
    let mut named = vec!["compare".to_owned(), "--json".to_owned()];
    for side in ["old", "new"] {
        named.extend((0..5).map(|n| format!("{side}={side}/{n}.mtrc")));
    }
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    assert_eq!(memtrace(dir.path(), &named, None).stdout, out.stdout);
    let markdown = memtrace(dir.path(), &["compare", "--markdown", "old=old", "new=new"], None);
    assert!(text(&markdown.stdout).starts_with("**") && text(&markdown.stdout).contains("| stall p50 |"));
}

#[test]
fn what_cannot_be_judged_is_6_and_what_is_no_question_is_said() {
    let dir = tempfile::tempdir().unwrap();
    for (name, seed) in [("a.mtrc", 1), ("b.mtrc", 2)] {
        write(dir.path(), name, &record(seed, 12, &[], &Filter::default(), 0).segments[0]);
    }
    let run = |args: &[&str]| memtrace(dir.path(), &[&["compare"], args].concat(), None);
    assert_eq!(run(&["a.mtrc", "b.mtrc"]).status.code(), Some(0));
    let out = run(&["a.mtrc", "b.mtrc", "--fail-if", "stall.p99 > +20%"]);
    assert_eq!(out.status.code(), Some(6));
    assert!(text(&out.stderr).contains("cannot be decided"), "{}", text(&out.stderr));
    assert_eq!(run(&["a.mtrc", "b.mtrc", "--strict"]).status.code(), Some(6));
    assert_eq!(run(&["a.mtrc", "b.mtrc", "--split", "3s"]).status.code(), Some(2));
    let out = run(&["a.mtrc"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("only one side"), "{}", text(&out.stderr));
    assert_eq!(run(&["a.mtrc", "b.mtrc", "--fail-if", "stall.p98 > 1%"]).status.code(), Some(2));
    // The name of a side may come from a file name.
    for (from, to) in [("a.mtrc", "x\x1b[2J.mtrc"), ("b.mtrc", "y.mtrc")] {
        fs::copy(dir.path().join(from), dir.path().join(to)).unwrap();
    }
    let out = run(&["x\x1b[2J=a.mtrc", "y=b.mtrc"]);
    assert!(!text(&out.stdout).contains('\x1b') && text(&out.stdout).contains("\\x1b[2J"), "{}", text(&out.stdout));
    let out = run(&["x\x1b[2J.mtrc", "y.mtrc", "a.mtrc"]);
    assert!(!text(&out.stderr).contains('\x1b') && text(&out.stderr).contains("\\x1b[2J"), "{}", text(&out.stderr));
    fs::write(dir.path().join("c.mtrc"), "hello").unwrap();
    assert_eq!(run(&["a.mtrc", "c.mtrc"]).status.code(), Some(5));
}

#[test]
fn one_recording_is_split_at_a_time_and_more_sides_are_each_held_against_the_first() {
    let dir = tempfile::tempdir().unwrap();
    for (name, seed) in [("a.mtrc", 1), ("b.mtrc", 2), ("c.mtrc", 3)] {
        write(dir.path(), name, &record(seed, 12, &[], &Filter::default(), 0).segments[0]);
    }
    let out = memtrace(dir.path(), &["compare", "--json", "--split", "6s", "a.mtrc"], None);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let parts = object(&out.stdout);
    let rate = parts["rows"].as_array().unwrap().iter().find(|row| row["metric"] == "stall.rate").unwrap().clone();
    let whole = memtrace(dir.path(), &["compare", "--json", "a.mtrc", "b.mtrc"], None);
    let all = object(&whole.stdout);
    let of_whole =
        all["rows"].as_array().unwrap().iter().find(|row| row["metric"] == "stall.rate").unwrap()["before"].as_f64();
    let mean = f64::midpoint(rate["before"].as_f64().unwrap(), rate["after"].as_f64().unwrap());
    assert!((mean - of_whole.unwrap()).abs() < 1e-6, "halves of the same length: {mean} {of_whole:?}");

    let out = memtrace(dir.path(), &["compare", "--json", "a=a.mtrc", "b=b.mtrc", "c=c.mtrc"], None);
    let objects: Vec<Value> = text(&out.stdout).lines().map(|line| object(line.as_bytes())).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!((&objects[1]["before"], &objects[1]["after"]), (&serde_json::json!("a"), &serde_json::json!("c")));
}
