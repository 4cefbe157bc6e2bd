//! A file of /proc that is read again and again.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

/// Kept open with its buffer, so that a tick under memory pressure opens nothing and seldom allocates.
#[derive(Debug)]
pub(super) struct PseudoFile {
    file: File,
    buffer: Vec<u8>,
    /// Length of the text that was read last.
    len: usize,
}

impl PseudoFile {
    pub(super) fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, buffer: vec![0; 4096], len: 0 })
    }

    /// Reads the whole text. Parts that are not UTF-8 end it: the files read here have none.
    pub(super) fn read(&mut self) -> io::Result<&str> {
        self.len = 0;
        let mut len = 0;
        loop {
            if len == self.buffer.len() {
                self.buffer.resize(len * 2, 0);
            }
            match self.file.read_at(&mut self.buffer[len..], len as u64) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.len = len;
        Ok(self.text())
    }

    /// The text that was read last; empty when the last reading failed.
    pub(super) fn text(&self) -> &str {
        self.buffer[..self.len].utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }
}
