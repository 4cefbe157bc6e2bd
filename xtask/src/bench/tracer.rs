//! A tracer beside a load: started, awaited until it is attached, and ended by SIGINT.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tests::ChildGuard;

use crate::workspace::line;

/// Maximum time that a tracer may take to attach, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sign that a tracer is attached.
#[derive(Clone, Copy)]
pub(super) enum Ready {
    /// It prints a line that begins with this text.
    Line(&'static str),
    /// It has mapped a file whose name contains this text.
    Maps(&'static str),
    /// It has written to the file of this name, in the directory for the output of tracers.
    Wrote(&'static str),
}

/// A running tracer.
pub(super) struct Tracer {
    child: ChildGuard,
    reader: JoinHandle<String>,
    said: PathBuf,
    words: String,
    /// Time from exec until it was attached.
    pub(super) started_in: Duration,
}

impl Tracer {
    /// Starts a tracer and waits until it is attached. Its stderr goes to a file in `dir`.
    pub(super) fn start((mut command, ready): (Command, Ready), dir: &Path) -> Result<Self> {
        let said = dir.join("stderr");
        let words = line(&command);
        let complaints = File::create(&said).with_context(|| format!("writing {}", said.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints);
        let start = Instant::now();
        let mut child = ChildGuard(command.spawn().with_context(|| format!("starting {words}"))?);
        let stdout = child.0.stdout.take().context("its output")?;
        let prefix = if let Ready::Line(prefix) = ready { prefix } else { "" };
        let (reader, seen) = read(stdout, prefix);
        let mut tracer = Self { child, reader, said, words, started_in: Duration::ZERO };
        match ready {
            Ready::Line(_) => {
                tracer.started_in = seen.recv_timeout(PATIENCE).map_err(|_| tracer.failed("attach"))? - start;
            }
            Ready::Maps(name) => tracer.wait_for_mapping(name, start)?,
            Ready::Wrote(name) => tracer.wait_for_file(&dir.join(name), start)?,
        }
        Ok(tracer)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Ends the tracer and waits. Returns its last line of output.
    pub(super) fn stop(mut self) -> Result<String> {
        kill_process(Pid::from_child(&self.child.0), Signal::INT).with_context(|| format!("ending {}", self.words))?;
        let deadline = Instant::now() + PATIENCE;
        while self.child.0.try_wait().context("waiting for it")?.is_none() {
            if Instant::now() > deadline {
                return Err(self.failed("end"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.reader.join().map_err(|_| anyhow!("reading what {} said", self.words))
    }

    fn wait_for_mapping(&mut self, name: &str, start: Instant) -> Result<()> {
        let maps = format!("/proc/{}/maps", self.pid());
        while !fs::read_to_string(&maps).unwrap_or_default().contains(name) {
            if start.elapsed() > PATIENCE || self.child.0.try_wait()?.is_some() {
                bail!(self.failed("attach"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        // The buffers are mapped one by one and enabled after that.
        thread::sleep(Duration::from_millis(200));
        self.started_in = start.elapsed();
        Ok(())
    }

    fn wait_for_file(&mut self, path: &Path, start: Instant) -> Result<()> {
        while fs::metadata(path).map_or(0, |metadata| metadata.len()) == 0 {
            if start.elapsed() > PATIENCE || self.child.0.try_wait()?.is_some() {
                bail!(self.failed("attach"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.started_in = start.elapsed();
        Ok(())
    }

    fn failed(&self, what: &str) -> anyhow::Error {
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        anyhow!("`{}` did not {what}: {}", self.words, said.trim())
    }
}

/// Reads to the end, so that the tracer never blocks on a full pipe. Reports the time of the first line with the
/// prefix, and keeps the last line.
fn read(stdout: ChildStdout, prefix: &'static str) -> (JoinHandle<String>, Receiver<Instant>) {
    let (tell, seen) = channel();
    let reader = thread::spawn(move || {
        let mut stdout = BufReader::with_capacity(256 << 10, stdout);
        let (mut text, mut last, mut reported) = (String::new(), String::new(), false);
        while stdout.read_line(&mut text).is_ok_and(|n| n > 0) {
            if !reported && text.starts_with(prefix) {
                reported = true;
                // Nobody receives this if the start has already failed.
                let _ = tell.send(Instant::now());
            }
            std::mem::swap(&mut text, &mut last);
            text.clear();
        }
        last
    });
    (reader, seen)
}
