//! `memtrace replay` on a terminal: keys, time travel, and the state of the terminal afterwards.

use std::{
    io::{Read as _, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};
use memtrace::{
    screen::{About, Model},
    terminal::{self, Control},
};
use memtrace_core::{clock::Clock, session::filter::Filter};
use memtrace_report::output::Silent;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::{cli::write, fixture::record};

const PATIENCE: Duration = Duration::from_secs(20);

/// memtrace on a terminal of its own.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Killed,
    screen: Arc<Mutex<vt100::Parser>>,
    /// True while the output is read, and the thread that reads it.
    looks: Arc<AtomicBool>,
    reader: JoinHandle<()>,
    modes: String,
}

impl Terminal {
    fn start(dir: &Path, args: &[&str], size: (u16, u16)) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_memtrace"));
        command.args(args);
        command.cwd(dir);
        Self::run(command, size)
    }

    fn run(command: CommandBuilder, size: (u16, u16)) -> Self {
        Self::run_that_claims(command, size, size)
    }

    /// Runs a command on a terminal of this size, in rows and columns, which claims another one.
    fn run_that_claims(mut command: CommandBuilder, claim: (u16, u16), (rows, cols): (u16, u16)) -> Self {
        let size = PtySize { rows: claim.0, cols: claim.1, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = format!("{:?}", pair.master.get_termios().unwrap());
        for (name, value) in [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")] {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, cols, 0)));
        let (shown, mut output) = (Arc::clone(&screen), pair.master.try_clone_reader().unwrap());
        let looks = Arc::new(AtomicBool::new(true));
        let looking = Arc::clone(&looks);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let (true, Ok(n @ 1..)) = (looking.load(Ordering::Relaxed), output.read(&mut buffer)) {
                shown.lock().unwrap().process(&buffer[..n]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, keys, child: Killed(child), screen, looks, reader, modes }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until all these texts are shown, and returns the screen.
    fn wait_for(&self, wanted: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if wanted.iter().all(|wanted| text.contains(wanted)) {
                return text;
            }
            assert!(Instant::now() < deadline, "no {wanted:?} in\n{text}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_until(&self, is_so: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self.screen.lock().unwrap().screen()) {
            assert!(Instant::now() < deadline, "it does not come so far:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end, after which the terminal must be as it was. Returns the exit status and the screen.
    fn ends(mut self) -> (u32, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        };
        // The last output may still be on its way.
        thread::sleep(Duration::from_millis(200));
        assert_eq!(format!("{:?}", self.master.get_termios().unwrap()), self.modes);
        let screen = self.screen.lock().unwrap();
        assert!(!screen.screen().alternate_screen() && !screen.screen().hide_cursor());
        (status.exit_code(), screen.screen().contents())
    }
}

/// Kills memtrace on drop, so that it does not outlive a failed test.
struct Killed(Box<dyn Child + Send + Sync>);

impl Drop for Killed {
    fn drop(&mut self) {
        // It fails only when it is already gone.
        let _ = self.0.kill();
    }
}

fn recorded() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.mtrc", &record(3, 30, &[], &Filter::default(), 0).segments[0]);
    dir
}

#[test]
fn a_recording_is_gone_through_with_keys() {
    let dir = recorded();
    let mut terminal = Terminal::start(dir.path(), &["replay", "a.mtrc"], (30, 110));
    terminal.wait_for(&["PLAY x1", "STALLED NOW", "PROCESS"]);
    // Pause, seek, back and forth.
    terminal.keys(" @20s\r");
    terminal.wait_for(&["PAUSED", "(20.0 s of 30.0 s)"]);
    terminal.keys("t");
    terminal.wait_for(&["(19.0 s of 30.0 s)"]);
    terminal.keys("\x1b[C\x1b[C");
    terminal.wait_for(&["(21.0 s of 30.0 s)"]);
    // Filter: a hostile name cannot clear the screen.
    terminal.keys("/proc-104\r");
    let shown = terminal.wait_for(&["filter: proc-104"]);
    assert!(shown.contains("proc-104 (") && !shown.contains("proc-103 ("), "{shown}");
    terminal.keys("\x1b");
    terminal.wait_for(&["proc-103 ("]);
    // Esc and a key that are read together.
    terminal.keys("/pid:x");
    terminal.wait_for(&["expected a number"]);
    terminal.keys("\x1bt");
    terminal.wait_for(&["(20.0 s of 30.0 s)"]);
    // Sort by name, the other way round, and details of the first.
    terminal.keys("<<S");
    terminal.wait_for(&["^PROCESS"]);
    terminal.keys("\r");
    terminal.wait_for(&["over time, one column per interval", "pages reclaimed"]);
    terminal.keys("q");
    let (status, after) = terminal.ends();
    assert_eq!(status, 0);
    assert!(after.contains("coverage") || after.contains("loss"), "{after}");
}

#[test]
fn it_fits_a_terminal_whose_size_changes_and_a_signal_ends_it() {
    let dir = recorded();
    let mut terminal = Terminal::start(dir.path(), &["replay", "a.mtrc", "--speed", "1000"], (24, 80));
    terminal.wait_for(&["END", "quit  ? help", "worst  / filter"]);
    terminal.keys("5");
    terminal.wait_for(&["coverage "]);
    terminal.keys("1");
    terminal.screen.lock().unwrap().screen_mut().set_size(10, 40);
    terminal.master.resize(PtySize { rows: 10, cols: 40, pixel_width: 0, pixel_height: 0 }).unwrap();
    terminal.wait_for(&["END", "quit  ? help"]);
    let pid = terminal.child.0.process_id().unwrap().to_string();
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(terminal.ends().0, 0);
}

/// A terminal may claim any size: the drawn area fits into memory, and the alternate screen is left.
#[test]
fn an_absurd_size_is_cut_to_what_can_be_drawn() {
    let dir = recorded();
    let largest = (500, 1000);
    for (claim, size) in [
        ((65535, 65535), largest),
        ((10000, 10000), largest),
        ((24, 65535), (24, 1000)),
        ((65535, 80), (500, 80)),
        ((1, 1), (24, 80)),
        ((0, 0), (24, 80)),
    ] {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_memtrace"));
        command.args(["replay", "a.mtrc", "--speed", "1000"]);
        command.cwd(dir.path());
        let mut terminal = Terminal::run_that_claims(command, claim, size);
        // On one cell nothing can be read.
        if claim == (1, 1) {
            terminal.wait_until(|screen| screen.alternate_screen() && !screen.contents().is_empty());
        } else {
            terminal.wait_for(&["END", "quit"]);
        }
        terminal.keys("\x0c");
        terminal.keys("?");
        terminal.keys("?q");
        assert_eq!(terminal.ends().0, 0, "{claim:?}");
    }
}

/// The test runs itself on a terminal and crashes there: its last words can be read, and the terminal is as it was.
#[test]
fn a_bad_end_leaves_the_terminal_as_it_was_and_is_read() {
    const BAD_END: &str = "MEMTRACE_TEST_BAD_END";
    if let Ok(end) = std::env::var(BAD_END) {
        return end_badly(&end);
    }
    for (end, words) in [("panic", "on purpose"), ("abort", "before the abort"), ("memory", "memory allocation of")] {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", "pty::a_bad_end_leaves_the_terminal_as_it_was_and_is_read"]);
        command.env(BAD_END, end);
        command.env("RUST_BACKTRACE", "0");
        let terminal = Terminal::run(command, (24, 80));
        terminal.wait_for(&["the first interval is under way"]);
        let (status, after) = terminal.ends();
        assert_ne!(status, 0);
        assert!(after.contains(words) && !after.contains("the first interval"), "{end}: {after}");
    }
}

fn end_badly(end: &str) {
    // The queue stays open: only the crash ends the screen.
    let (_items, receiver) = std::sync::mpsc::sync_channel(1);
    let end = end.to_owned();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        match end.as_str() {
            "abort" => {
                eprintln!("before the abort");
                std::process::abort();
            }
            "memory" => drop(std::hint::black_box(Vec::<u8>::with_capacity(isize::MAX as usize))),
            _ => panic!("on purpose"),
        }
    });
    let clock = Clock { mono_ns: 0, wall: Some(Timestamp::UNIX_EPOCH), zone: TimeZone::UTC };
    let model = Model::new(About::default(), terminal::look(true), clock, 1_000_000_000);
    assert!(terminal::show(&receiver, &mut Silent, model, &Control::default(), |_, _| None).is_err());
    assert!(other.join().is_ok(), "it has panicked");
}

#[test]
fn a_terminal_that_cannot_place_text_gets_lines() {
    let dir = recorded();
    let mut terminal = Terminal::start(dir.path(), &["replay", "a.mtrc", "--lines", "--speed", "1000"], (24, 120));
    terminal.wait_for(&["loss"]);
    assert!(!terminal.screen.lock().unwrap().screen().alternate_screen());
    terminal.keys("q");
    assert_eq!(terminal.ends().0, 0);
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let dir = recorded();
    let terminal = Terminal::start(dir.path(), &["replay", "a.mtrc"], (24, 80));
    terminal.wait_for(&["PLAY x1"]);
    let Terminal { master, keys, mut child, looks, reader, .. } = terminal;
    // The screen changes each second, so the thread wakes up, ends, and closes its side of the terminal.
    looks.store(false, Ordering::Relaxed);
    reader.join().unwrap();
    drop((master, keys));
    let deadline = Instant::now() + PATIENCE;
    while child.0.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it goes on without its terminal");
        thread::sleep(Duration::from_millis(20));
    }
}
