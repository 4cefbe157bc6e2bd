//! An input that can be read only once, kept in a temporary file without a name.

use std::{
    fs::File,
    io::{self, Read, Write as _},
};

use memtrace_core::untrusted::shown_path;

/// Copies all bytes that are read through it to a file.
pub(super) struct Spool<R> {
    from: R,
    to: File,
    /// Error that ended the copy early.
    failed: Option<io::Error>,
}

impl<R: Read> Spool<R> {
    /// A spool in the directory for temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// When no file can be made there; the text has the remedy.
    pub(super) fn new(from: R) -> Result<Self, String> {
        tempfile::tempfile().map(|to| Self { from, to, failed: None }).map_err(|e| describe(&e))
    }

    /// The copy.
    ///
    /// # Errors
    /// When the copy is not whole; the text has the remedy.
    pub(super) fn into_file(self) -> Result<File, String> {
        self.failed.map_or(Ok(self.to), |e| Err(describe(&e)))
    }
}

impl<R: Read> Read for Spool<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        if let Err(e) = self.to.write_all(&buffer[..length]) {
            let again = io::Error::new(e.kind(), "the temporary file cannot be written");
            self.failed = Some(e);
            return Err(again);
        }
        Ok(length)
    }
}

fn describe(error: &io::Error) -> String {
    let dir = std::env::temp_dir();
    let dir = shown_path(&dir);
    let what_to_do = match error.kind() {
        io::ErrorKind::FileTooLarge => "Raise the limit on the size of files (`ulimit -f`), or read a file instead",
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
            "Set TMPDIR to a writable directory, or save the pipe to a file and name the file"
        }
        _ => "Make room there, set TMPDIR to a directory with room, or save the pipe to a file and name the file",
    };
    format!("memtrace copies a pipe to a temporary file, which failed in {dir}: {error}. {what_to_do}")
}
