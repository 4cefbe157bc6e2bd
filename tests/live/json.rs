//! The JSON of a real run matches `docs/json-schema.json`. Filters hide lines and rows, never totals.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{collections::BTreeSet, fs, process::Stdio};

use serde_json::Value;
use tests::{
    MemCgroup,
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::{MEMCG, Memtrace, Run, may_trace, number, stalls_of_cgroup},
};

fn validator() -> jsonschema::Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/json-schema.json");
    let schema = fs::read_to_string(path).expect("the schema");
    jsonschema::draft202012::new(&serde_json::from_str(&schema).expect("JSON")).expect("a schema")
}

/// Stalls of a reader in the cgroup, then an OOM kill.
fn trouble(cgroup: &MemCgroup) {
    let file = cold_file(48);
    let mut reader = memload(cgroup);
    reader.arg("file").arg(&file.0).args(["48", "--passes", "2"]).stdout(Stdio::null());
    assert!(reader.status().expect("memload").success());
    assert!(!memload(cgroup).arg("hog").status().expect("memload").success(), "the hog was to die");
}

#[test]
fn every_object_of_a_run_is_what_the_schema_says() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let group = cgroup(24);
    let memtrace = Memtrace::start(&["-i", "100ms", "--cgroup", "*", "--kind", "direct,memcg,node"]);
    trouble(&group);
    let run = memtrace.stop();
    let validator = validator();
    let mut kinds = BTreeSet::new();
    for object in run.objects() {
        let faults: Vec<String> =
            validator.iter_errors(&object).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{faults:#?}\n{object}");
        kinds.insert(object["type"].as_str().unwrap_or_default().to_owned());
    }
    for kind in ["meta", "tick", "stall", "oom", "summary"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    // The last tick ends at the time of the summary, so the ticks add up to it.
    let summary = run.summary();
    assert_eq!(number(&summary, "/t_ns"), last_t_ns(&run.of_type("tick")));
    let own = &summary["self"];
    assert!(number(own, "/cpu_ns") > 0 && number(own, "/rss_bytes") > 1 << 20, "{own}");
}

fn last_t_ns(ticks: &[Value]) -> u64 {
    ticks.iter().map(|tick| number(tick, "/t_ns")).max().expect("ticks")
}

/// Asserts that lines, rows and sums of a run are those of this cgroup alone. Returns the number of its stalls.
fn shows_only(run: &Run, path: &str) -> u64 {
    let lines = run.of_type("stall");
    assert!(!lines.is_empty(), "no stalls");
    assert!(lines.iter().all(|stall| stall["cgroup"] == path), "lines of {path} only");
    let summary = run.summary();
    let rows = summary["cgroups"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["cgroup"] == path), "{rows:?}");
    let count = lines.len() as u64;
    assert_eq!(number(&summary, "/matched/count"), count);
    assert_eq!(stalls_of_cgroup(&summary, path), count);
    count
}

#[test]
fn a_filter_hides_the_others_and_totals_stay() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let (wanted, other) = (cgroup(24), cgroup(24));
    let path = path_of(wanted.dir());
    let (all, some) = (Memtrace::start(MEMCG), Memtrace::start(&["--cgroup", &path, MEMCG[0], MEMCG[1]]));
    trouble(&wanted);
    trouble(&other);
    let (some, all) = (some.stop(), all.stop());
    let count = shows_only(&some, &path);
    let (summary, every) = (some.summary(), all.summary());
    assert_eq!(stalls_of_cgroup(&every, &path), count);
    let others = stalls_of_cgroup(&every, &path_of(other.dir()));
    assert!(others > 0);
    assert!(number(&summary, "/stalls/memcg/count") >= count + others, "totals are never filtered");
    // OOM kills are never filtered: a user who selects one cgroup still wants to know that another one lost a task.
    for run in [&some, &all] {
        let killed = |path: &str| run.of_type("oom").iter().filter(|oom| oom["victim"]["cgroup"] == path).count();
        assert_eq!((killed(&path), killed(&path_of(other.dir()))), (1, 1));
    }
}
