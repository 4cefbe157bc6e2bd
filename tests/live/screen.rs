//! The screen on a real terminal (tmux) and the real kernel, under a load.

#![expect(clippy::expect_used, reason = "a test that cannot run tmux has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use tests::{
    bin,
    load::{alone, cgroup, cold_file, memload, path_of},
    memtrace::may_trace,
    skip_here,
};

/// A tmux server of its own with one window of 80 x 24.
struct Tmux(String);

impl Tmux {
    fn start(command: &str) -> Self {
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        let tmux = Self(format!("memtrace-test-{}-{n}", std::process::id()));
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", command]);
        tmux
    }

    fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let output = command.args(["-L", &self.0, "-f", "/dev/null"]).args(args).stdin(Stdio::null()).output();
        let output = output.expect("tmux runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until the window shows `text`, and returns its whole content.
    fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let shown = self.run(&["capture-pane", "-p"]);
            if shown.contains(text) {
                return shown;
            }
            assert!(Instant::now() < deadline, "no `{text}` in\n{shown}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn the_screen_opens_answers_keys_and_leaves_the_terminal_as_it_was() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    if Command::new("tmux").arg("-V").output().is_err() {
        return skip_here("tmux is not there (apt-get install tmux)");
    }
    let memtrace = bin("memtrace");
    let shell = format!(
        "stty -g > /dev/stderr; LANG=C.UTF-8 {} 2>/dev/null; echo status=$?; stty -g; sleep 60",
        memtrace.display()
    );
    let tmux = Tmux::start(&shell);
    let shown = tmux.wait_for("STALLED NOW");
    assert!(shown.contains("lost") && shown.contains("PROCESS"), "{shown}");
    // A message stands in place of the keys for a while: a busy host makes memtrace sample its refaults.
    tmux.wait_for("quit");
    tmux.keys(&["?"]);
    tmux.wait_for("one row up");
    tmux.keys(&["?"]);
    tmux.keys(&["/", "p", "i", "d", ":", "x"]);
    tmux.wait_for("such as pid:4711");
    tmux.keys(&["Escape"]);
    tmux.keys(&["5"]);
    tmux.wait_for("mm_vmscan_direct_reclaim_begin");
    tmux.keys(&["1"]);
    tmux.keys(&["Space"]);
    tmux.wait_for("PAUSED");
    tmux.keys(&["t"]);
    tmux.keys(&["q"]);
    tmux.wait_for("status=0");
    // Stalls of other processes can make the summary longer than the window, so the history is captured as well.
    let after = tmux.run(&["capture-pane", "-p", "-J", "-S", "-"]);
    assert!(after.contains("summary of"), "{after}");
    let modes: Vec<_> = after.lines().filter(|line| line.matches(':').count() > 10).collect();
    assert_eq!(modes.len(), 2, "{after}");
    assert_eq!(modes[0], modes[1]);
}

/// The only file in a directory whose name ends with `end` and not with `but_not`.
fn file_in(dir: &Path, end: &str, but_not: &str) -> PathBuf {
    let names = fs::read_dir(dir).expect("the directory").flatten().map(|entry| entry.path());
    let fits = |path: &PathBuf| {
        let name = path.display().to_string();
        name.ends_with(end) && (but_not.is_empty() || !name.ends_with(but_not))
    };
    let found: Vec<_> = names.filter(fits).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[test]
fn the_history_can_be_recorded_and_saved() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    if Command::new("tmux").arg("-V").output().is_err() {
        return skip_here("tmux is not there (apt-get install tmux)");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let shell =
        format!("cd {}; LANG=C.UTF-8 {}; echo status=$?; sleep 60", dir.path().display(), bin("memtrace").display());
    let tmux = Tmux::start(&shell);
    tmux.wait_for("STALLED NOW");
    let cgroup = cgroup(48);
    let file = cold_file(64);
    let load = |passes: &str| {
        assert!(
            memload(&cgroup)
                .arg("file")
                .arg(&file.0)
                .args(["64", "--passes", passes])
                .status()
                .expect("memload")
                .success()
        );
    };
    load("8");
    tmux.wait_for("memload");
    tmux.keys(&["r"]);
    tmux.wait_for("recording to memtrace-");
    load("8");
    thread::sleep(Duration::from_millis(2500));
    tmux.keys(&["r"]);
    tmux.wait_for("recorded ");
    tmux.keys(&["x"]);
    tmux.wait_for("saved ");
    tmux.keys(&["q"]);
    tmux.wait_for("status=0");
    let stalls = |path: &Path| -> u64 {
        let out = Command::new(bin("memtrace")).args(["report", "--json"]).arg(path).output().expect("memtrace");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && !said.contains("abnormally"), "{said}");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        let rows = last["cgroups"].as_array().expect("rows").clone();
        rows.iter()
            .filter(|row| row["cgroup"] == path_of(cgroup.dir()).as_str())
            .filter_map(|row| row["stalls"].as_u64())
            .sum()
    };
    let recorded = stalls(&file_in(dir.path(), ".mtrc", ".incident.mtrc"));
    let saved = stalls(&file_in(dir.path(), ".incident.mtrc", ""));
    // The recording has the second half of the load, the saved history has all of it.
    assert!(recorded > 0 && saved > recorded * 3 / 2, "{recorded} {saved}");
}
