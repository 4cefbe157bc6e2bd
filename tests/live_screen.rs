//! The screen on a real terminal (tmux) and the real kernel, under a load.

#![expect(clippy::expect_used, reason = "a test that cannot run tmux has failed")]

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tests::{bin, memtrace::may_trace, skip_here};

/// A tmux server of its own with one window of 80 x 24.
struct Tmux(String);

impl Tmux {
    fn start(command: &str) -> Self {
        let tmux = Self(format!("memtrace-test-{}", std::process::id()));
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", command]);
        tmux
    }

    fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let output = command.args(["-L", &self.0, "-f", "/dev/null"]).args(args).stdin(Stdio::null()).output();
        let output = output.expect("tmux runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until the window shows this, and returns all that it shows.
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
    assert!(shown.contains("lost") && shown.contains("PROCESS") && shown.contains("quit"), "{shown}");
    tmux.keys(&["?"]);
    tmux.wait_for("a row up");
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
    let after = tmux.wait_for("status=0");
    assert!(after.contains("summary of"), "{after}");
    let modes: Vec<_> = after.lines().filter(|line| line.matches(':').count() > 10).collect();
    assert_eq!(modes.len(), 2, "{after}");
    assert_eq!(modes[0], modes[1]);
}
