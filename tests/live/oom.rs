//! OOM kills in memory cgroups: victim and trigger in different cgroups, and names with terminal escape sequences.

#![expect(clippy::expect_used, reason = "a test that cannot make its victim has failed")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    ChildGuard, MemCgroup, bin,
    cgroup::Version,
    load::{cgroup, path_of},
    memtrace::{Memtrace, PATIENCE, Run, may_trace, number, wait_within},
};

/// Screen clearing, a quote, a newline, a backslash: 9 of the 15 bytes of a task name.
const HOSTILE_COMM: &str = "v\x1b[2J\"\n\\x";
const HOSTILE_COMM_SHOWN: &str = r#"v\x1b[2J"\x0a\\x"#;
/// A hostile cgroup name. The kernel refuses a newline in it, and none of these bytes.
const HOSTILE_CGROUP: &str = "a\x1b[31m\"\\\u{202e}";
const HOSTILE_CGROUP_SHOWN: &str = r#"a\x1b[31m"\\\u{202e}"#;

const MB: u64 = 1 << 20;

/// Makes a child cgroup of `parent`. It is removed with `parent`.
fn below(parent: &MemCgroup, name: &str) -> PathBuf {
    if parent.version() == Version::V2 {
        parent.write("cgroup.subtree_control", "+memory").expect("the controller for those below");
    }
    let dir = parent.dir().join(name);
    fs::create_dir(&dir).expect("a cgroup below ours");
    dir
}

/// `memload anon MB --hold` in that cgroup, running under the name of `program`.
fn hold(program: &Path, cgroup: &Path, mb: u64, seconds: &str) -> ChildGuard {
    let mut command = Command::new(program);
    command.arg("--die-with-parent").arg("--cgroup").arg(cgroup);
    command.args(["anon", &mb.to_string(), seconds, "--hold"]).stdout(Stdio::null()).stderr(Stdio::null());
    ChildGuard::spawn(&mut command)
}

/// Waits until the process has this much anonymous memory.
fn wait_for_rss(pid: u32, mb: u64) {
    let deadline = Instant::now() + PATIENCE;
    let rss_kb = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).map(str::to_owned);
        line.and_then(|line| line.trim().strip_suffix(" kB").and_then(|kb| kb.parse::<u64>().ok())).unwrap_or(0)
    };
    while rss_kb() < mb << 10 {
        assert!(Instant::now() < deadline, "{pid} does not grow to {mb} MB");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Pids of an OOM kill in a group of 48 MB: `victim` holds 30 MB, `trigger` allocates another 30 MB.
struct Killing {
    victim: u32,
    trigger: u32,
}

/// Provokes the OOM kill. The kernel chooses the victim by its `oom_score_adj`, and the trigger survives.
fn kill_in(victim_cgroup: &Path, trigger_cgroup: &Path, program: &Path) -> Killing {
    // A victim that is preempted while it exits holds pages that the kernel takes for freed. The kernel then kills the
    // trigger as well. This is rare, and the kill is tried again.
    for _ in 0..5 {
        let mut victim = hold(program, victim_cgroup, 30, "60");
        let pid = victim.0.id();
        wait_for_rss(pid, 30);
        fs::write(format!("/proc/{pid}/oom_score_adj"), "900").expect("raising it is allowed");
        let mut trigger = hold(&bin("memload"), trigger_cgroup, 30, "0.1");
        let trigger_pid = trigger.0.id();
        let status = wait_within(&mut trigger, PATIENCE).expect("the trigger ends");
        assert!(wait_within(&mut victim, PATIENCE).is_some_and(|status| !status.success()), "the victim was to die");
        if status.success() {
            return Killing { victim: pid, trigger: trigger_pid };
        }
    }
    panic!("the trigger was to live");
}

/// The kill of the victim. Asserts that there is exactly one.
fn the_kill(run: &Run, killing: &Killing) -> Value {
    let mut kills = run.of_type("oom");
    kills.retain(|oom| oom["victim"]["pid"] == killing.victim || oom["victim"]["pid"] == killing.trigger);
    assert_eq!(kills.len(), 1, "{kills:?}");
    let summary = run.summary();
    let reported = summary["ooms"].as_array().expect("kills");
    let mut same: Vec<&Value> = reported.iter().filter(|oom| oom["victim"]["pid"] == killing.victim).collect();
    assert_eq!(same.len(), 1);
    let mut kill = kills.remove(0);
    // The summary has the same object, without a type.
    kill.as_object_mut().expect("an object").remove("type");
    // The time when the memory was freed comes with the kill, or once after it: the victim is gone by now.
    let mut after = run.of_type("oom_freed");
    after.retain(|freed| freed["pid"] == killing.victim && freed["marked_ns"] == kill["t_ns"]);
    let later = after.iter().map(|freed| json!({"after_ns": freed["after_ns"], "by": freed["by"]}));
    let backs: Vec<Value> = later.chain([kill["memory_back"].take()]).filter(|back| !back.is_null()).collect();
    let hooks = run.of_type("meta")[0]["hooks"].as_array().expect("hooks").clone();
    let seen = hooks.iter().any(|hook| hook["name"] == "mmap:exit_mmap" && !hook["attached"].is_null());
    assert_eq!(backs.len(), usize::from(seen), "{backs:?}");
    for back in backs {
        assert!((1..60_000_000_000).contains(&number(&back, "/after_ns")), "{back}");
        kill["memory_back"] = back;
    }
    assert_eq!(same.remove(0), &kill);
    assert_eq!(number(&summary, "/oom_kills"), reported.len() as u64);
    assert_eq!(number(&summary, "/loss/ring_oom"), 0);
    kill
}

#[test]
fn the_victim_is_in_its_own_cgroup_and_the_trigger_in_another() {
    if !may_trace() {
        return;
    }
    let parent = cgroup(48);
    let (victims, triggers) = (below(&parent, "victims"), below(&parent, "triggers"));
    let memtrace = Memtrace::start(&[]);
    let killing = kill_in(&victims, &triggers, &bin("memload"));
    let run = memtrace.stop();
    let oom = the_kill(&run, &killing);

    let victim = &oom["victim"];
    assert_eq!(victim["comm"], "memload");
    assert_eq!(victim["cgroup"], path_of(&victims).as_str());
    assert_eq!(victim["oom_score_adj"], 900);
    let rss = number(victim, "/anon_rss_bytes");
    assert!((30 * MB..34 * MB).contains(&rss), "{victim}");
    assert!(number(victim, "/file_rss_bytes") < 16 * MB, "{victim}");
    assert_eq!(victim["shmem_rss_bytes"], 0);
    assert_eq!(oom["trigger"]["pid"], killing.trigger);
    assert_eq!(oom["trigger"]["comm"], "memload");
    assert_eq!(oom["constraint"], "memcg");

    // The trigger stalled in its own cgroup before it ran out of memory.
    let mut stalls = run.of_type("stall");
    stalls.retain(|stall| stall["pid"] == killing.trigger);
    assert!(stalls.iter().any(|stall| stall["cgroup"] == path_of(&triggers).as_str()), "{stalls:?}");
}

/// True if no line has a control character or U+202E.
fn is_harmless(raw: &[Vec<u8>]) -> bool {
    raw.iter().all(|line| {
        let text = std::str::from_utf8(line).expect("UTF-8");
        text.strip_suffix('\n').is_some_and(|line| !line.chars().any(|c| c.is_control() || c == '\u{202e}'))
    })
}

#[test]
fn hostile_names_are_shown_and_not_obeyed() {
    if !may_trace() {
        return;
    }
    let parent = cgroup(48);
    let hostile = below(&parent, HOSTILE_CGROUP);
    let dir = bin("memload").with_file_name(format!("memtrace-test-{}-hostile", std::process::id()));
    fs::create_dir(&dir).expect("a directory of our own");
    let program = dir.join(HOSTILE_COMM);
    symlink(bin("memload"), &program).expect("a link");

    let json = Memtrace::start(&[]);
    let mut command = Command::new(bin("memtrace"));
    command.args(["--lines", "--min-stall", "0", "--interval", "100ms"]);
    let lines = Memtrace::start_command(command);
    let killing = kill_in(&hostile, &hostile, &program);
    // The hostile names must also be escaped in stalls: this load needs twice the limit of the group.
    let mut hog = hold(&program, &hostile, 96, "60");
    let hog_pid = hog.0.id();
    let died = wait_within(&mut hog, PATIENCE);
    let (json, lines) = (json.stop(), lines.stop());
    fs::remove_dir_all(&dir).expect("it is ours");
    assert!(died.is_some_and(|status| !status.success()), "the hog was to die");

    let path = format!("{}/{HOSTILE_CGROUP_SHOWN}", path_of(parent.dir()));
    let oom = the_kill(&json, &killing);
    assert_eq!(oom["victim"]["comm"], HOSTILE_COMM_SHOWN);
    assert_eq!(oom["victim"]["cgroup"], path.as_str());
    assert_eq!(oom["constraint"], "memcg", "the kernel log names the same kill in its own words");
    let stalls = json.of_type("stall");
    let stall = stalls.iter().find(|stall| stall["pid"] == hog_pid).expect("the hog stalled");
    assert_eq!((&stall["comm"], &stall["cgroup"]), (&HOSTILE_COMM_SHOWN.into(), &path.into()));
    assert!(is_harmless(&json.raw));

    assert!(lines.status.success(), "{}", lines.stderr);
    assert!(is_harmless(&lines.raw));
    let text: String = lines.raw.iter().map(|line| String::from_utf8_lossy(line)).collect();
    assert!(text.contains(HOSTILE_COMM_SHOWN) && text.contains(HOSTILE_CGROUP_SHOWN), "{text}");
    let kill = text.lines().find(|line| line.contains("OOM") && line.contains(&killing.victim.to_string()));
    assert!(kill.is_some_and(|line| line.contains(HOSTILE_COMM_SHOWN)), "{text}");
}
