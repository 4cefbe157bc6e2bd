//! Output of the guest: growing files, and the line that ends the command's output.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads the bytes appended to a file since the last read.
pub(crate) struct Tail(File);

impl Tail {
    /// Create an empty file and follow it.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        File::create(path)?;
        File::open(path).map(Self)
    }

    /// The new bytes; empty when there are none.
    pub(crate) fn read_new(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Splits the command's output from the line `MARK:STATUS` that the guest's init writes after it.
pub(crate) struct Splitter {
    mark: Vec<u8>,
    held: Vec<u8>,
    status: Option<u8>,
}

impl Splitter {
    /// `mark` must be a word that the command cannot write by chance.
    pub(crate) fn new(mark: &str) -> Self {
        Self { mark: format!("\n{mark}:").into_bytes(), held: Vec::new(), status: None }
    }

    /// The command's status, once its line has come in.
    pub(crate) fn status(&self) -> Option<u8> {
        self.status
    }

    /// Take new bytes. Returns those that are certainly the command's output.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.status.is_some() {
            return Vec::new();
        }
        self.held.extend_from_slice(bytes);
        if let Some(at) = find(&self.held, &self.mark) {
            let after = &self.held[at + self.mark.len()..];
            let Some(end) = after.iter().position(|&byte| byte == b'\n') else {
                return self.held.drain(..at).collect();
            };
            // A status that is no number is a fault of our init. It becomes 126, a shell's "cannot execute".
            let status = std::str::from_utf8(&after[..end]).ok().and_then(|text| text.trim().parse().ok());
            self.status = Some(status.unwrap_or(126));
            let output = self.held.drain(..at).collect();
            self.held.clear();
            return output;
        }
        // The bytes may end with the start of a mark: hold back as much as could belong to one.
        let may_be = (1..self.mark.len().min(self.held.len() + 1)).rev();
        let hold = may_be.into_iter().find(|&n| self.held.ends_with(&self.mark[..n])).unwrap_or(0);
        self.held.drain(..self.held.len() - hold).collect()
    }

    /// Bytes that are still held back when the guest is gone.
    pub(crate) fn rest(self) -> Vec<u8> {
        self.held
    }
}

/// Offset of `needle` in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_come_apart_however_the_bytes_arrive() {
        let all = b"one\n\ntwo\n@@x-not\nno newline\n@@x-1:7\n";
        for step in 1..all.len() {
            let mut splitter = Splitter::new("@@x-1");
            let output: Vec<u8> = all.chunks(step).flat_map(|chunk| splitter.push(chunk)).collect();
            assert_eq!(output, b"one\n\ntwo\n@@x-not\nno newline", "in steps of {step}");
            assert_eq!(splitter.status(), Some(7));
        }
    }

    #[test]
    fn output_is_not_held_back_longer_than_needed() {
        let mut splitter = Splitter::new("@@x-1");
        assert_eq!(splitter.push(b"hello"), b"hello");
        assert_eq!(splitter.push(b" you\n"), b" you");
        assert_eq!(splitter.push(b"more"), b"\nmore");
        assert_eq!(splitter.push(b"\n@@x"), b"");
        assert_eq!(splitter.status(), None);
        assert_eq!(splitter.rest(), b"\n@@x");
    }

    #[test]
    fn a_damaged_status_is_not_success() {
        let mut splitter = Splitter::new("@@m");
        splitter.push(b"\n@@m:huh\n");
        assert_eq!(splitter.status(), Some(126));
    }
}
