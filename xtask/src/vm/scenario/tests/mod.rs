//! Every judge on real output of guests (6.12), and on the same output with one change: exactly the given checks must
//! then fail.

mod of_hooks;
mod of_refaults;
mod of_second_boots;

use serde_json::{Value, json};

use super::boots::Judge;
use super::evidence::Sections;
use super::two_nodes;
use super::{
    Check, CheckResult, check, degraded, direct_anon, direct_file, global_oom, memcg_limit, memcg_oom, mglru,
    oom_group, refaults, waits,
};

/// Recorded output, cut down to the shapes, counters, kernel logs and summaries that the judges read.
const FILE: &str = include_str!("../recorded/file.txt");
const ANON: &str = include_str!("../recorded/anon.txt");
const NODES: &str = include_str!("../recorded/nodes.txt");
const MEMCG: &str = include_str!("../recorded/memcg.txt");
const OOM: &str = include_str!("../recorded/oom.txt");
const WAITS: &str = include_str!("../recorded/waits.txt");
const DEGRADED: &str = include_str!("../recorded/degraded.txt");

fn judged(judge: Judge, text: &str) -> Vec<Check> {
    judge(&Sections::parse(text))
}

#[track_caller]
fn fails(judge: Judge, text: &str, names: &[&str]) {
    let checks = judged(judge, text);
    let failed: Vec<_> =
        checks.iter().filter(|check| check.result == CheckResult::Failed).map(|check| check.name).collect();
    assert_eq!(failed, names, "{checks:#?}");
}

/// The text with one thing replaced in the sections of a run.
#[track_caller]
fn replaced(text: &str, run: &str, from: &str, to: &str) -> String {
    let mut inside = false;
    let mut changed = false;
    let mut lines = String::new();
    for line in text.lines() {
        if let Some(section) = line.strip_prefix("@@ ") {
            inside = section.starts_with(run);
        }
        if inside && line.contains(from) {
            changed = true;
            lines += &line.replace(from, to);
        } else {
            lines += line;
        }
        lines.push('\n');
    }
    assert!(changed, "no {from:?} in {run}");
    lines
}

/// The text with one thing changed in a run's object of this type.
#[track_caller]
fn changed(text: &str, run: &str, object: &str, change: impl Fn(&mut Value)) -> String {
    let trace = format!("{run}:trace");
    let sections = Sections::parse(text);
    let lines = sections.get(&trace).unwrap();
    let line = lines.iter().find(|line| line.contains(&format!("\"type\":\"{object}\""))).unwrap();
    let mut value: Value = serde_json::from_str(line).unwrap();
    change(&mut value);
    replaced(text, &trace, line, &value.to_string())
}

/// The text with a value of the summary of a run replaced.
#[track_caller]
fn set(text: &str, run: &str, path: &str, value: impl Into<Value>) -> String {
    let value = value.into();
    changed(text, run, "summary", |summary| *summary.pointer_mut(path).unwrap() = value.clone())
}

/// The text with a number of the summary of a run made larger or smaller.
#[track_caller]
fn add(text: &str, run: &str, path: &str, more: i64) -> String {
    changed(text, run, "summary", |summary| {
        let value = summary.pointer_mut(path).unwrap();
        *value = (value.as_i64().unwrap() + more).into();
    })
}

#[test]
fn hosts_that_allow_less() {
    let judge: Judge = degraded::judge;
    fails(judge, DEGRADED, &[]);
    fails(judge, &replaced(DEGRADED, "no-addresses:said", "/proc/kallsyms", "nothing"), &["no-addresses"]);
    fails(judge, &replaced(DEGRADED, "perf-events:check", "perf_event_paranoid=2", "luck"), &["perf-events"]);
    fails(
        judge,
        &replaced(DEGRADED, "perf-events:check", r#""sys_admin": false"#, r#""sys_admin": true"#),
        &["perf-events"],
    );
    fails(judge, &replaced(DEGRADED, "perf-events-classic:status", "0 4", "0 0"), &["perf-events"]);
    fails(judge, &replaced(DEGRADED, "no-tracefs:status", "0 0", "0 4"), &["no-tracefs"]);
    fails(judge, &replaced(DEGRADED, "no-tracefs:check", "mount -t tracefs", "do something"), &["no-tracefs"]);
    fails(judge, &replaced(DEGRADED, "no-tracefs:summary", "1", "0"), &["no-tracefs"]);
    fails(judge, &replaced(DEGRADED, "no-btf:status", "0 0", "0 4"), &["no-btf"]);
    fails(judge, &replaced(DEGRADED, "no-btf:stalls", "GFP_", "0x"), &["no-btf"]);
    fails(judge, &set(DEGRADED, "no-btf", "/refaults/source", "workingset_refault"), &["no-btf"]);
    fails(judge, &replaced(DEGRADED, "no-btf:trace", r#""refaults_file":null"#, r#""refaults_file":0"#), &["no-btf"]);
    let held_up = r#"3 {"kind":"thrash","comm":"kswapd0","cgroup":"/","order":null,"gfp":null}"#;
    let held_up = DEGRADED.replace("@@ no-btf:trace", &format!("{held_up}\n@@ no-btf:trace"));
    fails(judge, &held_up, &["no-btf"]);
    fails(judge, &replaced(DEGRADED, "locked-down:status", "4 4", "4 0"), &["locked-down"]);
    fails(judge, &replaced(DEGRADED, "locked-down:said", "lockdown=integrity", "luck"), &["locked-down"]);
    // Since 5.11 stalls are traced.
    let stalls: Vec<_> = [
        "direct_reclaim_begin",
        "direct_reclaim_end",
        "memcg_reclaim_begin",
        "memcg_reclaim_end",
        "node_reclaim_begin",
        "node_reclaim_end",
    ]
    .map(|event| format!(r#"{{"name":"vmscan:mm_vmscan_{event}","attached":"btf tracepoint"}}"#))
    .into();
    let traces = replaced(DEGRADED, "locked-down:status", "4 4", "0 0");
    let traces = replaced(&traces, "locked-down:summary", "0", "1");
    let hooks = format!(r#""can_trace": true, "hooks": [{}]"#, stalls.join(","));
    let traces = replaced(&traces, "locked-down:check", r#""can_trace": false"#, &hooks);
    fails(judge, &traces, &[]);
    fails(judge, &replaced(&traces, "locked-down:check", "memcg_reclaim_end", "memcg_reclaim_en"), &["locked-down"]);
    fails(judge, &replaced(&traces, "locked-down:check", "lockdown=integrity", "luck"), &["locked-down"]);
    fails(judge, &replaced(&traces, "locked-down:check", "true", "false"), &["locked-down"]);
    let open = replaced(DEGRADED, "lockdown", "[confidentiality]", "confidentiality");
    assert_eq!(judged(judge, &open).last().map(|check| check.result), Some(CheckResult::Skipped));
}

#[test]
fn what_guests_printed_holds() {
    let all: [(Judge, &str); 9] = [
        (check::judge, FILE),
        (direct_file::judge, FILE),
        (mglru::judge, FILE),
        (refaults::file, FILE),
        (direct_anon::judge, ANON),
        (two_nodes::judge, NODES),
        (memcg_limit::judge, MEMCG),
        (memcg_oom::judge, MEMCG),
        (global_oom::judge, OOM),
    ];
    for (judge, text) in all {
        fails(judge, text, &[]);
    }
    let lines: Vec<_> = judged(memcg_oom::judge, MEMCG).iter().map(|check| check.line("6.12", "memcg-oom")).collect();
    assert!(lines.iter().any(|line| line.starts_with("6.12  memcg-oom    victim      ok    memload[")), "{lines:#?}");
}

#[test]
fn stalls_above_or_below_the_kernels_fail() {
    let judge: Judge = direct_file::judge;
    fails(judge, &add(FILE, "lru", "/stalls/direct/count", 1), &["stalls"]);
    fails(judge, &add(FILE, "lru", "/stalls/direct/count", -1), &["stalls"]);
    fails(judge, &add(FILE, "lru", "/stalls/direct/count", 100_000), &["stalls", "allocstall"]);
    fails(judge, &set(FILE, "lru", "/stalls/direct/count", 0), &["stalls", "allocstall"]);
    fails(judge, &set(FILE, "lru", "/stalls/direct/total_ns", 0), &["stalls"]);
    fails(judge, &replaced(FILE, "lru:witness", "direct_reclaim_end ", "direct_reclaim_end 9"), &["stalls"]);
    fails(judge, &replaced(FILE, "lru:end", "allocstall_", "stall_"), &["allocstall"]);
    // Loss explains missing stalls in the stream, but not surplus ones.
    let lost = set(FILE, "lru", "/loss/ring_stall", 1);
    fails(judge, &add(&lost, "lru", "/stalls/direct/count", -1), &["stalls"]);
    fails(judge, &lost, &[]);
}

#[test]
fn shapes_of_another_layout_fail() {
    let judge: Judge = direct_file::judge;
    fails(judge, &replaced(FILE, "lru:stalls", r#""order":0"#, r#""order":3148490"#), &["shapes"]);
    fails(judge, &replaced(FILE, "lru:stalls", r#""order":0"#, r#""order":null"#), &["shapes"]);
    fails(judge, &replaced(FILE, "lru:stalls", r#""order":0"#, r#""order":3"#), &["shapes"]);
    fails(judge, &replaced(FILE, "lru:stalls", "GFP_NOFS|", "0x40|"), &["shapes"]);
    fails(judge, &replaced(FILE, "lru:stalls", "memload", "memtrace"), &["shapes"]);
    fails(memcg_limit::judge, &replaced(MEMCG, "limit:stalls", r#""order":0"#, r#""order":1"#), &["shapes"]);
}

#[test]
fn scans_that_differ_or_are_made_up_fail() {
    let judge: Judge = direct_file::judge;
    fails(judge, &set(FILE, "lru", "/scanned_pages", Value::Null), &["scans"]);
    fails(judge, &set(FILE, "lru", "/scanned_pages", 1), &["scans"]);
    fails(judge, &add(FILE, "lru", "/reclaimed_pages", 100_000), &["scans"]);
    fails(judge, &set(FILE, "lru", "/nodes/0/reclaimed_pages", 0), &["scans"]);
    fails(judge, &set(FILE, "lru", "/nodes", json!([])), &["scans"]);
    // 6.1 has no numbers under MGLRU: null is right, and any number is wrong.
    let old = changed(FILE, "mglru", "meta", |meta| meta["kernel"] = "6.1.0-50".into());
    fails(mglru::judge, &old, &["scans"]);
    let nothing = changed(&old, "mglru", "summary", |summary| {
        for path in ["/scanned_pages", "/reclaimed_pages", "/nodes/0/scanned_pages", "/nodes/0/reclaimed_pages"] {
            *summary.pointer_mut(path).unwrap() = Value::Null;
        }
    });
    fails(mglru::judge, &nothing, &[]);
    fails(mglru::judge, &replaced(FILE, "mglru:lru_gen", "0x0007", "0x0000"), &["enabled", "scans"]);
}

#[test]
fn a_load_or_a_tracer_that_ended_otherwise_fails() {
    fails(direct_file::judge, &replaced(FILE, "lru:loads", "mmapfile 0", "mmapfile 1"), &["load"]);
    fails(direct_file::judge, &replaced(FILE, "lru:tracer", "0", "137"), &["survives"]);
    fails(direct_file::judge, &replaced(FILE, "lru:trace", r#""type":"summary""#, r#""type":"sum""#), &["trace"]);
    fails(direct_anon::judge, &replaced(ANON, "anon:loads", "anon 0", "anon 137"), &["load"]);
    fails(direct_anon::judge, &replaced(ANON, "anon:end", "pswpin ", "pswp "), &["swap"]);
    fails(global_oom::judge, &replaced(OOM, "oom:loads", "hog 137", "hog 0"), &["load"]);
    fails(memcg_oom::judge, &replaced(MEMCG, "oom:loads", "hog 137", "hog 0"), &["load"]);
}

#[test]
fn a_node_that_is_missing_or_slept_fails() {
    fails(two_nodes::judge, &set(NODES, "nodes", "/nodes/1/wakes", 0), &["kswapd"]);
    fails(two_nodes::judge, &set(NODES, "nodes", "/nodes/1/wakeups", 0), &["kswapd"]);
    fails(two_nodes::judge, &set(NODES, "nodes", "/nodes/1/nid", 2), &["kswapd"]);
}

#[test]
fn zones_premature_sleeps_and_failures_that_cannot_be_fail() {
    let judge: Judge = two_nodes::judge;
    let zone = |field: &str| format!("/stall_zones/zones/0/{field}");
    fails(judge, &set(NODES, "nodes", "/stall_zones", Value::Null), &["zones"]);
    fails(judge, &add(NODES, "nodes", &zone("below_min"), 1_000), &["zones"]);
    fails(judge, &set(NODES, "nodes", &zone("zone"), "Normal"), &["zones"]);
    fails(judge, &set(NODES, "nodes", &zone("mean_free_pages"), 1_u64 << 40), &["zones"]);
    fails(judge, &set(NODES, "nodes", &zone("least_free_pages"), Value::Null), &["zones"]);
    // Without a direct stall the free pages are unknown: null is right, and any number is wrong.
    let calm = |free: Value| {
        changed(NODES, "nodes", "summary", |summary| {
            summary["stalls"]["direct"]["count"] = 0.into();
            for zone in summary["stall_zones"]["zones"].as_array_mut().unwrap() {
                for class in ["below_min", "below_low", "below_high", "above_high"] {
                    zone[class] = 0.into();
                }
                (zone["mean_free_pages"], zone["least_free_pages"]) = (free.clone(), free.clone());
            }
        })
    };
    let failed = |text: &str| {
        let checks = judged(judge, text);
        checks.iter().any(|check| check.name == "zones" && check.result == CheckResult::Failed)
    };
    assert!(!failed(&calm(Value::Null)) && failed(&calm(json!(0))));
    fails(judge, &add(NODES, "nodes", "/premature_sleeps/high_wmark_hit_quickly", 10_000), &["premature"]);
    fails(judge, &set(NODES, "nodes", "/premature_sleeps", Value::Null), &["premature"]);
    fails(judge, &set(NODES, "nodes", "/nodes/0/failures", Value::Null), &["failures"]);
    fails(judge, &set(NODES, "nodes", "/nodes/0/failures/source", "true"), &["failures"]);
    // If the kernel has the event, each failure must be counted.
    let figures = changed(NODES, "nodes", "summary", |summary| {
        for node in summary["nodes"].as_array_mut().unwrap() {
            node["failures"]["source"] = "true".into();
        }
    });
    let count =
        |n: u32| replaced(&figures, "nodes:witness", "memcg_reclaim_end 0", &format!("kswapd_reclaim_fail {n}"));
    fails(judge, &count(900), &["failures"]);
}

#[test]
fn the_wrong_cgroup_fails() {
    fails(memcg_limit::judge, &set(MEMCG, "limit", "/cgroups/0/cgroup", "/shop"), &["cgroup"]);
    fails(memcg_limit::judge, &set(MEMCG, "limit", "/cgroups/0/kinds/memcg/count", 1), &["cgroup"]);
    fails(memcg_limit::judge, &replaced(MEMCG, "limit:stalls", "/shop/web", "/"), &["cgroup"]);
    let skipped = judged(memcg_limit::judge, "@@ no-memcg\nthis kernel has none\n");
    assert!(matches!(skipped.as_slice(), [check] if check.result == CheckResult::Skipped), "{skipped:?}");
}

#[test]
fn waits_that_differ_from_the_probes_and_the_counters_fail() {
    let judge: Judge = waits::judge;
    fails(judge, WAITS, &[]);
    fails(judge, &replaced(WAITS, "high:events", "high ", "high 9"), &["high"]);
    fails(judge, &set(WAITS, "high", "/stalls/memcg_high/count", 0), &["high"]);
    fails(judge, &replaced(WAITS, "high:functions", "over_high ", "over_high 9 9"), &["high-time"]);
    fails(judge, &set(WAITS, "high", "/stalls/memcg_high/total_ns", 1_000_000), &["high-time"]);
    fails(judge, &add(WAITS, "high", "/stalls/swapin/count", 1000), &["swapin"]);
    fails(judge, &set(WAITS, "high", "/stalls/swapin/count", 0), &["swapin"]);
    fails(judge, &replaced(WAITS, "thrash:stalls", r#""kind":"thrash""#, r#""kind":"other""#), &["thrash"]);
    fails(judge, &replaced(WAITS, "thrash:functions", "lost 0", "lost 5"), &["thrash"]);
    fails(judge, &replaced(WAITS, "thrash:loads", "file 0", "file 1"), &["load-thrash"]);
    fails(judge, &add(WAITS, "compact", "/stalls/compaction/count", 1), &["compaction"]);
    fails(judge, &set(WAITS, "compact", "/stalls/compaction/count", 0), &["compaction"]);
    fails(judge, &set(WAITS, "asked", "/proactive/count", 2), &["proactive"]);
    fails(judge, &set(WAITS, "asked", "/proactive/total_ns", 1), &["proactive"]);
    fails(judge, &set(WAITS, "asked", "/proactive/total_ns", 19_605_999), &["proactive"]);
    fails(judge, &set(WAITS, "asked", "/proactive/total_ns", 29_100_000), &["proactive"]);
    let stall = r#"3 {"kind":"memcg","comm":"tee","cgroup":"/","order":0,"gfp":"GFP_KERNEL"}"#;
    fails(judge, &WAITS.replace("@@ asked:trace", &format!("{stall}\n@@ asked:trace")), &["proactive"]);
    // The time from begin to end of reclaim alone is too short: the time before it is a part of the stall.
    fails(judge, &set(WAITS, "direct", "/stalls/pfmemalloc/total_ns", 0), &["true-stall"]);
}

#[test]
fn a_wrong_victim_fails() {
    for (judge, text) in [(memcg_oom::judge as Judge, MEMCG), (global_oom::judge, OOM)] {
        fails(judge, &replaced(text, "oom:kernel-log", "Killed process ", "Killed process 9"), &["victim"]);
        fails(judge, &replaced(text, "oom:kernel-log", "task_memcg=/", "task_memcg=/x"), &["victim"]);
        let rss = |oom: &mut Value| oom["victim"]["anon_rss_bytes"] = 1_000_000.into();
        fails(judge, &changed(text, "oom", "oom", rss), &["victim-rss", "oom-call"]);
        fails(judge, &changed(text, "oom", "oom", |oom| oom["constraint"] = "cpuset".into()), &["victim"]);
        let nowhere = changed(text, "oom", "oom", |oom| oom["victim"]["cgroup"] = Value::Null);
        fails(judge, &nowhere, &["victim", "oom-call"]);
        let gone = replaced(text, "oom:trace", r#"{"type":"oom""#, r#"{"type":"tock""#);
        fails(judge, &gone, &["victim", "victim-rss", "oom-count", "oom-call", "memory-back"]);
        fails(judge, &replaced(text, "oom:end", "oom_kill 1", "oom_kill 2"), &["oom-count"]);
    }
}

#[test]
fn a_call_of_the_oom_killer_that_the_kernel_log_does_not_have_fails() {
    for (judge, text) in [(memcg_oom::judge as Judge, MEMCG), (global_oom::judge, OOM)] {
        let with = |field: &str, value: Value| changed(text, "oom", "oom", |oom| oom["call"][field] = value.clone());
        for (field, value) in [
            ("order", json!(3)),
            ("order", Value::Null),
            ("gfp", json!("GFP_ATOMIC")),
            ("total_pages", json!(1)),
            ("points", json!(1)),
            ("points", Value::Null),
            ("cgroup", json!("/elsewhere")),
        ] {
            fails(judge, &with(field, value), &["oom-call"]);
        }
        let sign =
            |sign: &str, value: Value| changed(text, "oom", "oom", |oom| oom["constraint_signs"][sign] = value.clone());
        fails(judge, &sign("call", json!("cpuset")), &["oom-call"]);
        fails(judge, &sign("log", Value::Null), &["oom-call"]);
        fails(judge, &sign("disagree", json!(true)), &["oom-call"]);
        fails(judge, &replaced(text, "oom:trace", r#""name":"oom_kill_process""#, r#""name":"other""#), &["oom-call"]);
        let never = changed(text, "oom", "summary", |summary| summary["ooms"][0]["memory_back"] = Value::Null);
        fails(judge, &never, &["memory-back"]);
    }
}

#[test]
fn a_group_that_is_not_reported_as_one_fails() {
    let judge: Judge = oom_group::judge;
    fails(judge, MEMCG, &[]);
    fails(judge, &changed(MEMCG, "group", "oom", |oom| oom["call"]["number"] = json!(2)), &["group"]);
    fails(judge, &changed(MEMCG, "group", "oom", |oom| oom["victim"]["pid"] = json!(1)), &["memory-back"]);
    let nth = changed(MEMCG, "group", "oom", |oom| oom["call"]["victim"] = json!(2));
    fails(judge, &nth, &["group"]);
    fails(judge, &set(MEMCG, "group", "/oom_calls", 3), &["group"]);
    fails(judge, &set(MEMCG, "group", "/coverage/oom_kill/verdict", "gap"), &["count-twice"]);
    fails(judge, &replaced(MEMCG, "group:loads", "second 137", "second 0"), &["load"]);
}

#[test]
fn a_hook_that_should_attach_and_does_not_fails() {
    let hook = r#""attached":"btf tracepoint","reason":null"#;
    let without = |reason: &str| {
        let name = r#""name":"vmscan:mm_vmscan_throttled","#;
        replaced(FILE, "check", &format!("{name}{hook}"), &format!(r#"{name}"attached":null,"reason":"{reason}""#))
    };
    fails(check::judge, &without("no such event"), &["hooks"]);
    let absent = replaced(&without("no such event"), "events", "vmscan/mm_vmscan_throttled", "vmscan/other");
    fails(check::judge, &absent, &[]);
    let silent = replaced(&without(""), "events", "vmscan/mm_vmscan_throttled", "vmscan/other");
    fails(check::judge, &silent, &["hooks"]);
    fails(check::judge, &replaced(FILE, "check-status", "0", "1"), &["hooks"]);
    let refused = replaced(FILE, "evictors:trace", "vmscan:mm_vmscan_direct_reclaim_begin", "another");
    fails(check::judge, &refused, &["kernel-log"]);
    for (whole, not) in [("full 0 0 0 1", "full 101 5 0"), ("full 0 0 0 1", "full 0 0 0"), ("left 0 0 0", "left 0 0 9")]
    {
        fails(check::judge, &replaced(FILE, "messages", whole, not), &["messages"]);
    }
    fails(check::judge, &replaced(FILE, "check", r#""can_trace":true"#, r#""can_trace":false"#), &["hooks"]);
    let other_way = replaced(FILE, "classic:trace", r#""attached":"tracepoint""#, r#""attached":"btf tracepoint""#);
    fails(check::judge, &other_way, &["ways"]);
    fails(check::judge, &add(FILE, "classic", "/stalls/direct/count", -1), &["stalls"]);
}
