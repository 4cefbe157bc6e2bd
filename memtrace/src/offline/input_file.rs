//! One input: a file, a pipe, or a pipe kept in a file.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::Arc,
};

use memtrace_trace::ReadError;

/// An input.
#[derive(Debug)]
pub(super) struct InputFile {
    /// Name, for a person.
    pub(super) shown: String,
    origin: Origin,
}

/// Source of the bytes of an input.
#[derive(Debug)]
enum Origin {
    /// A file that is opened when it is needed.
    Path(PathBuf),
    /// A file that is open, from this offset on.
    Open(Arc<File>, u64),
    /// A pipe, which is read as it comes.
    Pipe,
}

impl InputFile {
    /// A file that is opened when it is needed.
    pub(super) fn path(shown: String, path: PathBuf) -> Self {
        Self { shown, origin: Origin::Path(path) }
    }

    /// A file that is open, from this offset on.
    pub(super) fn open(shown: String, file: Arc<File>, from: u64) -> Self {
        Self { shown, origin: Origin::Open(file, from) }
    }

    /// A pipe that is read as it comes.
    pub(super) fn pipe(shown: String) -> Self {
        Self { shown, origin: Origin::Pipe }
    }

    /// The command that copies the intact part of it, for a person.
    pub(super) fn salvage(&self) -> String {
        match &self.origin {
            Origin::Path(_) => {
                let stem = self.shown.strip_suffix(".mtrc").unwrap_or(&self.shown);
                format!("`memtrace salvage {} -o {stem}-salvaged.mtrc`", self.shown)
            }
            Origin::Open(..) | Origin::Pipe => {
                "`memtrace salvage - -o salvaged.mtrc`, with the same data on stdin,".to_owned()
            }
        }
    }

    /// Description of a read error, with the remedy.
    pub(super) fn describe(&self, error: &ReadError) -> String {
        let name = &self.shown;
        match error {
            ReadError::Io(e) => format!("{name}: {e}; the data before it was read"),
            ReadError::NotATrace(why) => {
                format!("{name} is not a memtrace trace: {why}. `sudo memtrace record -o FILE` makes one")
            }
            ReadError::Newer { .. } => {
                format!("{name}: {error}. Read it with the newer memtrace, or record again with this one")
            }
        }
    }

    /// Part of the input, from byte `begin` to before byte `end`.
    ///
    /// # Errors
    /// When the file is gone or cannot be opened any more, or when the input is a pipe.
    pub(super) fn stretch(&self, begin: u64, end: u64) -> io::Result<Stretch> {
        Ok(match &self.origin {
            Origin::Path(path) => Stretch { file: Arc::new(File::open(path)?), at: begin, end },
            Origin::Open(file, from) => Stretch { file: Arc::clone(file), at: from + begin, end: from + end },
            Origin::Pipe => return Err(io::Error::new(io::ErrorKind::Unsupported, "a pipe can be read only once")),
        })
    }
}

/// A part of a file.
#[derive(Debug)]
pub(super) struct Stretch {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}
