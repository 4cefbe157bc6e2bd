//! The guest's first file system: a gzipped cpio archive in the kernel's `newc` format.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

/// An archive in the making. Paths may begin with a slash; missing parents are made.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    directories: HashSet<String>,
}

impl Archive {
    /// A directory and its parents.
    pub(crate) fn directory(&mut self, path: &str) -> Result<()> {
        let path = path.trim_matches('/');
        if path.is_empty() || !self.directories.insert(path.to_owned()) {
            return Ok(());
        }
        self.parent(path)?;
        self.entry(path, DIRECTORY | 0o755, &[], (0, 0))
    }

    /// A file with these permission bits.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let path = path.trim_matches('/');
        self.parent(path)?;
        self.entry(path, REGULAR | (mode & 0o7777), content, (0, 0))
    }

    /// A symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let path = path.trim_matches('/');
        self.parent(path)?;
        self.entry(path, LINK | 0o777, target.as_bytes(), (0, 0))
    }

    /// A character device.
    pub(crate) fn device(&mut self, path: &str, number: (u32, u32)) -> Result<()> {
        let path = path.trim_matches('/');
        self.parent(path)?;
        self.entry(path, DEVICE | 0o600, &[], number)
    }

    /// A file, link or whole tree of the host. Sockets, pipes and devices are left out.
    pub(crate) fn copy(&mut self, host: &Path, path: &str) -> Result<()> {
        let cannot = || format!("cannot copy {} into the guest", host.display());
        let kind = fs::symlink_metadata(host).with_context(cannot)?;
        if kind.is_symlink() && !path.is_empty() && host.is_dir() {
            let target = fs::read_link(host).with_context(cannot)?;
            return self.link(path, &target.to_string_lossy());
        }
        let kind = fs::metadata(host).with_context(cannot)?;
        if kind.is_dir() {
            self.directory(path)?;
            let mut names: Vec<_> = fs::read_dir(host).with_context(cannot)?.flatten().map(|e| e.file_name()).collect();
            names.sort();
            for name in names {
                self.copy(&host.join(&name), &format!("{path}/{}", name.to_string_lossy()))?;
            }
        } else if kind.is_file() {
            self.file(path, kind.permissions().mode(), &fs::read(host).with_context(cannot)?)?;
        }
        Ok(())
    }

    /// The finished archive, compressed.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        self.entry("TRAILER!!!", 0, &[], (0, 0))?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&self.bytes)?;
        Ok(packed.finish()?)
    }

    fn parent(&mut self, path: &str) -> Result<()> {
        path.rsplit_once('/').map_or(Ok(()), |(parent, _)| self.directory(parent))
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8], device: (u32, u32)) -> Result<()> {
        self.entries += 1;
        let length = u32::try_from(content.len()).with_context(|| format!("{path} is too large for an initramfs"))?;
        let name = u32::try_from(path.len() + 1)?;
        self.bytes.extend_from_slice(b"070701");
        // inode, mode, uid, gid, links, mtime, size, device of the file, device number, name's length, checksum
        for field in [self.entries, mode, 0, 0, 1, 0, length, 0, 0, device.0, device.1, name, 0] {
            write!(self.bytes, "{field:08X}")?;
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};

    fn example() -> Vec<u8> {
        let mut archive = Archive::default();
        archive.file("/a/b/c.txt", 0o640, b"hello").unwrap();
        archive.directory("a/b").unwrap();
        archive.link("sh", "busybox").unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn parents_come_first_and_once() {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(example().as_slice()).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let names: Vec<String> = bytes
            .chunks(4)
            .enumerate()
            .filter(|(at, _)| bytes[at * 4..].starts_with(b"070701"))
            .map(|(at, _)| {
                let name = &bytes[at * 4 + 110..];
                String::from_utf8_lossy(&name[..name.iter().position(|&b| b == 0).unwrap()]).into_owned()
            })
            .collect();
        assert_eq!(names, ["a", "a/b", "a/b/c.txt", "sh", "TRAILER!!!"]);
    }

    #[test]
    fn cpio_reads_it_where_there_is_one() {
        let Ok(mut cpio) = Command::new("cpio").arg("-it").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
            eprintln!("skipped: no cpio on this machine");
            return;
        };
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(example().as_slice()).read_to_end(&mut bytes).unwrap();
        cpio.stdin.take().unwrap().write_all(&bytes).unwrap();
        let listed = cpio.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "a\na/b\na/b/c.txt\nsh\n");
    }
}
