//! The examples of the documentation, on a recording whose stalls are known from the output of the run that made it.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it reads a file")]

use std::{collections::BTreeMap, fs};

#[path = "../examples/longest.rs"]
#[expect(dead_code, reason = "its main prints the result")]
mod longest;
#[path = "../examples/thin.rs"]
#[expect(dead_code, reason = "its main writes the result")]
mod thin;

const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces/v1.mtrc");
const SHOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces/v1.jsonl");

#[test]
fn longest_finds_the_longest_stall_of_each_process() {
    let shown = fs::read_to_string(SHOWN).unwrap();
    let summary: serde_json::Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
    let rows = summary["processes"].as_array().unwrap().iter().filter(|row| row["stalls"].as_u64() > Some(0));
    let number = |row: &serde_json::Value, field: &str| row[field].as_u64().unwrap();
    let want: BTreeMap<u32, u64> =
        rows.map(|row| (number(row, "pid").try_into().unwrap(), number(row, "max_ns"))).collect();
    assert!(!want.is_empty());
    assert_eq!(longest::longest_ns(fs::File::open(TRACE).unwrap()).unwrap(), want);
}

#[test]
fn thin_leaves_out_short_stalls_alone() {
    let whole = fs::read(TRACE).unwrap();
    let all = longest::longest_ns(whole.as_slice()).unwrap();
    assert_eq!(longest::longest_ns(thin::thin(whole.as_slice(), 0).unwrap().as_slice()).unwrap(), all);
    let limit = all.values().copied().max().unwrap();
    let copy = thin::thin(whole.as_slice(), limit).unwrap();
    let want = all.into_iter().filter(|(_, ns)| *ns >= limit).collect();
    assert_eq!(longest::longest_ns(copy.as_slice()).unwrap(), want);
    assert!(copy.len() < whole.len());
}
