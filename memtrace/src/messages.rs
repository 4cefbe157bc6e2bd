//! Messages for people, on stderr: the only writer of the program to it.
//!
//! A message that cannot be written is counted. Nothing else follows from it: stderr may be full, closed, or a pipe
//! that nobody reads, and the work goes on with the same exit status.

#![expect(clippy::disallowed_methods, reason = "the one place that writes to stderr")]

use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::AsFd,
    io::{Errno, write},
};

/// Bytes of one write: a pipe that polls as writable takes this many at once (`PIPE_BUF`).
const PIECE: usize = 4096;

/// Longest time that a message may delay the tracing: the ring buffer has room for longer.
pub const WHILE_TRACING: Duration = Duration::from_millis(200);

/// Messages that were not written.
static LOST: AtomicU64 = AtomicU64::new(0);
/// Longest time that a message waits for room, in ms; `u64::MAX` is forever.
static PATIENCE_MS: AtomicU64 = AtomicU64::new(u64::MAX);
/// True when the last message waited in vain: the next one does not wait again.
static STUCK: AtomicBool = AtomicBool::new(false);

/// Writes a line on stderr: `memtrace: ` and the text, given as to `format!`.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {
        $crate::messages::line(::std::format_args!($($text)*))
    };
}

/// Writes `memtrace: `, the text and a newline.
pub fn line(text: fmt::Arguments<'_>) {
    print(format!("memtrace: {text}\n"));
}

/// Writes text as it is; false when it was lost, which is counted.
pub fn print(text: impl AsRef<[u8]>) -> bool {
    let written = put(io::stderr().lock(), text.as_ref(), patience());
    STUCK.store(written.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::TimedOut), Ordering::Relaxed);
    if written.is_err() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
    written.is_ok()
}

/// Writes a line that the next one replaces, and only on a terminal that takes it at once. A lost line is not counted.
pub fn progress(text: &str) {
    if on_terminal() {
        let _ = put(io::stderr().lock(), format!("\r\x1b[2K{text}").as_bytes(), Some(Duration::ZERO));
    }
}

/// True when stderr is a terminal.
#[must_use]
pub fn on_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Messages that were lost since the start of the program.
#[must_use]
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Limits the time that a message waits for room: a stderr that nobody reads must not delay the tracing. Before the
/// first call a message waits forever, as in any program.
pub fn wait_at_most(patience: Duration) {
    PATIENCE_MS.store(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    STUCK.store(false, Ordering::Relaxed);
}

fn patience() -> Option<Duration> {
    match PATIENCE_MS.load(Ordering::Relaxed) {
        u64::MAX => None,
        _ if STUCK.load(Ordering::Relaxed) => Some(Duration::ZERO),
        ms => Some(Duration::from_millis(ms)),
    }
}

/// Writes all of it, and waits for room as long as `patience` (`None`: forever). The file may be blocking or not: other
/// processes share the mode, so it is left alone.
fn put(file: impl AsFd, mut text: &[u8], patience: Option<Duration>) -> io::Result<()> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    while !text.is_empty() {
        wait_for_room(&file, deadline)?;
        match write(&file, &text[..text.len().min(PIECE)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => text = &text[n..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn wait_for_room(file: &impl AsFd, deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(file, PollFlags::OUT)], timeout.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            // The write returns an error of the file.
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{ErrorKind, Read as _, pipe},
        thread,
        time::Duration,
    };

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::{PIECE, put};

    #[test]
    fn a_file_without_room_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(put(&full, b"x", None).unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(put(&full, b"", None).is_ok(), "there was nothing to write");
    }

    #[test]
    fn a_reader_that_went_away_is_an_error() {
        let (reader, writer) = pipe().unwrap();
        put(&writer, b"x", None).unwrap();
        drop(reader);
        assert_eq!(put(&writer, b"x", None).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for() {
        for mode in [OFlags::empty(), OFlags::NONBLOCK] {
            let (_reader, writer) = pipe().unwrap();
            fcntl_setfl(&writer, fcntl_getfl(&writer).unwrap() | mode).unwrap();
            let error = put(&writer, &vec![b'x'; 4 << 20], Some(Duration::from_millis(10))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{mode:?}");
        }
    }

    #[test]
    fn a_slow_reader_gets_all_of_it() {
        for mode in [OFlags::empty(), OFlags::NONBLOCK] {
            let (mut reader, writer) = pipe().unwrap();
            fcntl_setfl(&writer, fcntl_getfl(&writer).unwrap() | mode).unwrap();
            let text: Vec<u8> = (0..200 * PIECE + 17).map(|n| n.to_le_bytes()[0]).collect();
            let want = text.clone();
            let reading = thread::spawn(move || {
                let mut got = Vec::new();
                reader.read_to_end(&mut got).unwrap();
                got
            });
            put(&writer, &text, None).unwrap();
            drop(writer);
            assert!(reading.join().unwrap() == want, "{mode:?}");
        }
    }
}
