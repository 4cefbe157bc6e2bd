//! Refaults, and the evictors of the refaulted pages.

use serde_json::{Value, json};

use super::{ANON, FILE, MEMCG, changed, fails, judged, set};
use crate::vm::scenario::{CheckResult, evidence::Sections, refaults};

/// Adds refaults to the summary of a recorded memtrace, which had no refault hooks.
fn with_refaults(text: &str, run: &str, file: u64, anon: u64) -> String {
    changed(text, run, "summary", |summary| {
        summary["refaults"] = json!({"source": "fentry", "file_pages": file, "anon_pages": anon});
        for list in ["processes", "cgroups"] {
            for row in summary[list].as_array_mut().unwrap() {
                row["refaults_file"] = 0.into();
                row["refaults_anon"] = 0.into();
            }
            summary[list][0]["refaults_file"] = file.into();
            summary[list][0]["refaults_anon"] = anon.into();
        }
    })
}

#[test]
fn refaults_away_from_the_kernels_fail() {
    let grew = |text: &str, run: &str, counter: &str| {
        Sections::parse(text).grew(counter, &format!("{run}:start"), &format!("{run}:end")).unwrap()
    };
    let anon = grew(ANON, "anon", "workingset_refault_anon");
    fails(refaults::anon, &with_refaults(ANON, "anon", 0, anon), &[]);
    fails(refaults::anon, &with_refaults(ANON, "anon", 0, anon + anon / 50), &["anon"]);
    fails(refaults::anon, &with_refaults(ANON, "anon", 0, anon - anon / 50), &["anon"]);
    let elsewhere = with_refaults(ANON, "anon", 0, anon).replace(r#""refaults_anon":"#, r#""refaults_anom":"#);
    fails(refaults::anon, &elsewhere, &["row-anon"]);
    let unread = set(&with_refaults(ANON, "anon", 0, anon), "anon", "/refaults/anon_pages", Value::Null);
    fails(refaults::anon, &unread, &["anon"]);

    // Recorded: 73216 pages, 73237 in vmstat, 112250 reclaimed.
    for change in [
        set(FILE, "evictors", "/evictors/pages", 58_000),
        set(FILE, "evictors", "/evictors/pages", 200_000),
        set(FILE, "evictors", "/evictors", Value::Null),
        set(FILE, "evictors", "/evictors/away_p50_ns", Value::Null),
        FILE.replace(r#""name":"file""#, r#""name":null"#),
        FILE.replace(r#""comm":"kswapd0","kernel":true"#, r#""comm":"sh","kernel":false"#),
    ] {
        fails(refaults::file, &change, &["evictors"]);
    }

    // Recorded: 49024 pages, 49285 in vmstat.
    for change in [
        set(ANON, "evictors", "/evictors/anon/pages", 41_000),
        set(ANON, "evictors", "/evictors/anon/pages", 58_000),
        set(ANON, "evictors", "/evictors/anon", Value::Null),
        set(ANON, "evictors", "/evictors/anon/away_p50_ns", Value::Null),
        ANON.replace(r#""comm":"kswapd0","kernel":true"#, r#""comm":"sh","kernel":false"#),
    ] {
        fails(refaults::anon, &change, &["swap-evictors"]);
    }

    let file = grew(MEMCG, "limit", "workingset_refault_file");
    fails(refaults::memcg, &with_refaults(MEMCG, "limit", file, 0), &[]);
    fails(refaults::memcg, &with_refaults(MEMCG, "limit", file / 2, 0), &["cgroup"]);
    let skipped = judged(refaults::memcg, MEMCG);
    assert!(matches!(skipped.as_slice(), [check] if check.result == CheckResult::Skipped), "{skipped:?}");
}
