//! Reader of `/dev/kmsg`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt as _,
    },
};

use super::{KillParser, LogKill, Record};

/// A record never exceeds this (`PRINTK_MESSAGE_MAX` with escapes and properties); the device refuses smaller buffers.
const RECORD_MAX: usize = 8192;

/// Records read in one poll: a log that is flooded must not hold up the caller.
const RECORDS_PER_POLL: usize = 100_000;

/// The kernel log, read from its oldest record on, never blocking.
#[derive(Debug)]
pub struct KernelLog {
    file: File,
    parser: KillParser,
    overruns: u64,
    /// Time of the first record that was read.
    oldest_ns: Option<u64>,
}

impl KernelLog {
    /// Opens the log at its oldest record.
    ///
    /// # Errors
    /// Text for the user that names what is missing: `kernel.dmesg_restrict` without `CAP_SYSLOG`, or no device.
    pub fn open() -> Result<Self, String> {
        let options = &mut OpenOptions::new();
        match options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open("/dev/kmsg") {
            Ok(file) => Ok(Self { file, parser: KillParser::default(), overruns: 0, oldest_ns: None }),
            Err(e) => Err(match e.kind() {
                io::ErrorKind::PermissionDenied => {
                    "the kernel log may not be read (kernel.dmesg_restrict without CAP_SYSLOG)".into()
                }
                io::ErrorKind::NotFound => "there is no /dev/kmsg".into(),
                _ => format!("/dev/kmsg: {e}"),
            }),
        }
    }

    /// The kills in the records since the last call; the first call goes through all that the kernel still has.
    ///
    /// # Errors
    /// When the device fails. A log that ran over is not an error: see [`Self::overruns`].
    pub fn poll(&mut self) -> io::Result<Vec<LogKill>> {
        let mut kills = Vec::new();
        let mut buffer = [0; RECORD_MAX];
        for _ in 0..RECORDS_PER_POLL {
            match self.file.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => {
                    let Some(record) = Record::parse(&buffer[..len]) else { continue };
                    self.oldest_ns.get_or_insert(record.t_ns);
                    kills.extend(self.parser.push(&record));
                }
                Err(e) => match e.raw_os_error() {
                    Some(libc::EAGAIN) => break,
                    Some(libc::EINTR) => {}
                    // The next read goes on at the oldest record that is left.
                    Some(libc::EPIPE) => self.overruns += 1,
                    _ => return Err(e),
                },
            }
        }
        Ok(kills)
    }

    /// Time of the first record that was read, by the kernel's local clock in ns; `None` before it.
    #[must_use]
    pub fn oldest_ns(&self) -> Option<u64> {
        self.oldest_ns
    }

    /// Number of times that the kernel overwrote records before they were read: kills may be missing.
    #[must_use]
    pub fn overruns(&self) -> u64 {
        self.overruns
    }
}

impl AsFd for KernelLog {
    /// Readable when there are new records.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::KernelLog;

    #[test]
    fn the_log_of_this_host_is_read_to_its_end_without_blocking() {
        match KernelLog::open() {
            Ok(mut log) => {
                let kills = log.poll().unwrap();
                assert!(kills.iter().all(|kill| kill.pid > 0));
            }
            Err(reason) => eprintln!("skipped: {reason}"),
        }
    }
}
