//! Broken states of stderr, and runs of memtrace with each.

#![expect(clippy::expect_used, reason = "a test that cannot run memtrace has failed")]

use std::{
    fs::File,
    io::{ErrorKind, PipeReader, PipeWriter, Read as _, Write as _, pipe},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::bin;

/// State of stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stderr {
    /// All of it is read.
    Read,
    /// File descriptor 2 is closed.
    Closed,
    /// A full disk.
    Full,
    /// A pipe whose reader is gone before the start.
    Gone,
    /// A pipe whose reader leaves after the first byte.
    Leaves,
    /// A full pipe whose reader never reads.
    Unread,
}

impl Stderr {
    /// All states in which a write fails at once instead of blocking.
    pub const FAILING: [Self; 4] = [Self::Closed, Self::Full, Self::Gone, Self::Leaves];
}

/// Exit status and output of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Content of stdout.
    pub stdout: Vec<u8>,
    /// Content of stderr, if it was read.
    pub stderr: String,
}

/// Runs memtrace in a directory, with stderr in this state and without stdin.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn memtrace(stderr: Stderr, dir: &Path, args: &[&str]) -> Outcome {
    let program = bin("memtrace");
    let mut command = Command::new("sh");
    let close = if stderr == Stderr::Closed { "2>&-" } else { "" };
    command.arg("-c").arg(format!("exec \"$0\" \"$@\" {close}")).arg(program).args(args);
    command.current_dir(dir).env("TZ", "UTC").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    let mut unread = None;
    let mut leaves = None;
    match stderr {
        Stderr::Read | Stderr::Closed => {
            command.stderr(Stdio::piped());
        }
        Stderr::Full => {
            command.stderr(File::options().write(true).open("/dev/full").expect("/dev/full"));
        }
        Stderr::Gone => {
            command.stderr(pipe().expect("a pipe").1);
        }
        Stderr::Leaves => {
            let (mut reader, writer) = pipe().expect("a pipe");
            leaves = Some(thread::spawn(move || reader.read(&mut [0])));
            command.stderr(writer);
        }
        Stderr::Unread => {
            let (reader, writer) = full_pipe();
            unread = Some(reader);
            command.stderr(writer);
        }
    }
    let output = command.output().expect("memtrace starts");
    // This closes the last writer, for which the reader may still wait.
    drop(command);
    if let Some(reading) = leaves {
        let _ = reading.join();
    }
    drop(unread);
    Outcome {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A full pipe.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe");
    let blocking = fcntl_getfl(&writer).expect("its flags");
    fcntl_setfl(&writer, blocking | OFlags::NONBLOCK).expect("its flags are set");
    loop {
        match writer.write(&[0; 4096]) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => panic!("a pipe of our own: {e}"),
        }
    }
    fcntl_setfl(&writer, blocking).expect("its flags are set");
    (reader, writer)
}
