//! Trace files of released versions, and readers in another language. Needs no rights.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tests::{bin, skip_here};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A trace that memtrace 0.1.0 recorded in a guest with Linux 6.12: a file read in a cgroup at its limit, then an OOM kill.
const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/traces/v1.mtrc");

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).env("LC_ALL", "C.UTF-8").output().expect("it starts")
}

fn report(args: &[&str], file: &Path) -> String {
    let out = run(Command::new(bin("memtrace")).arg("report").args(args).arg(file));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

/// True if `now` contains everything in `then`. A later version may add fields.
fn holds(then: &Value, now: &Value) -> bool {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            then.iter().all(|(key, value)| now.get(key).is_some_and(|now| holds(value, now)))
        }
        (Value::Array(then), Value::Array(now)) => {
            then.len() == now.len() && then.iter().zip(now).all(|(then, now)| holds(then, now))
        }
        (then, now) => then == now,
    }
}

#[test]
fn a_trace_of_the_first_version_is_read_as_ever() {
    is_read_as_ever(Path::new(V1));
}

#[test]
fn so_is_a_trace_of_before_parts_had_a_column_each() {
    is_read_as_ever(&Path::new(V1).with_file_name("v1-first.mtrc"));
}

fn is_read_as_ever(trace: &Path) {
    let then = fs::read_to_string(trace.with_extension("jsonl")).expect("the JSON of then");
    let (then, now) = (objects(&then), objects(&report(&["--json"], trace)));
    assert_eq!(then.len(), now.len());
    for (then, now) in then.iter().zip(&now) {
        assert!(holds(then, now), "then: {then}\nnow:  {now}");
    }
    let mut other = then[1].clone();
    let count = &mut other["stalls"]["memcg"]["count"];
    *count = json!(count.as_u64().map(|count| count + 1));
    assert!(!holds(&other, &now[1]), "this test can fail");
}

/// If the report changes on purpose, regenerate it: `memtrace report --utc --no-color tests/traces/v1.mtrc`.
#[test]
fn its_report_is_as_expected() {
    let expected = fs::read_to_string(Path::new(V1).with_extension("txt")).expect("the report");
    assert_eq!(report(&["--utc", "--no-color"], Path::new(V1)), expected);
}

/// A Python with the modules that the reader needs. Without one the test is reported as skipped.
fn python() -> Option<&'static str> {
    let found = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import google.protobuf, zstandard"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skip_here("no Python with protobuf and zstandard (apt-get install python3-protobuf python3-zstandard)");
    }
    found
}

fn read_by(python: &str, dir: &Path, trace: &Path) -> Value {
    let schema: PathBuf = dir.join("schema.binpb");
    let mut compiler =
        protox::Compiler::new([format!("{ROOT}/memtrace-trace/proto")]).expect("the folder of the schema");
    compiler.open_file("memtrace_trace_v1.proto").expect("the schema");
    fs::write(&schema, compiler.encode_file_descriptor_set()).expect("the schema in binary");
    let out = run(Command::new(python).arg(format!("{ROOT}/docs/read_trace.py")).arg(schema).arg(trace));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("an object")
}

#[test]
fn another_language_reads_it_by_the_documents_alone() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let lines = report(&["--json"], Path::new(V1));
    let summary = objects(&lines).pop().expect("a summary");
    let read = read_by(python, dir.path(), Path::new(V1));
    let memcg = &summary["stalls"]["memcg"];
    let exact = json!({"count": memcg["count"], "total_ns": memcg["total_ns"], "max_ns": memcg["max_ns"]});
    assert_eq!(read["stalls"]["memcg"], exact);
    let reported = json!({"memcg": {"count": memcg["count"], "total_ns": memcg["total_ns"]}});
    assert_eq!(read["events"], reported, "no event was lost");
    assert_eq!(
        (&read["ooms"], &read["damage"], &read["ended"]),
        (&json!(summary["ooms"].as_array().expect("OOM kills").len()), &json!(0), &json!(true))
    );

    // A changed byte in the middle costs only its block, and with it only events.
    let mut bytes = fs::read(V1).expect("the trace");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    let damaged = dir.path().join("damaged.mtrc");
    fs::write(&damaged, bytes).expect("the damaged trace");
    let read = read_by(python, dir.path(), &damaged);
    assert_eq!((&read["damage"], &read["ended"]), (&json!(1), &json!(true)));
    assert_eq!(read["stalls"]["memcg"], exact, "totals do not depend on single blocks");
}
