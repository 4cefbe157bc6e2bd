//! Mounts of this process, for finding tracefs and the memory hierarchy.

use std::{ffi::OsString, fs, io, os::unix::ffi::OsStringExt as _, path::PathBuf};

/// A line of `/proc/self/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The part of the filesystem that is mounted; `/` is all of it.
    pub root: PathBuf,
    /// Mount point.
    pub point: PathBuf,
    /// Type of the filesystem, such as `cgroup2`.
    pub fs_type: String,
    /// Options of the filesystem, such as `memory` for a v1 hierarchy.
    pub options: String,
}

impl Mount {
    /// True if the filesystem has this option.
    #[must_use]
    pub fn has_option(&self, name: &str) -> bool {
        self.options.split(',').any(|option| option == name)
    }
}

/// All mounts that this process sees.
///
/// # Errors
/// When /proc is not there.
pub fn mounts() -> io::Result<Vec<Mount>> {
    Ok(parse(&fs::read("/proc/self/mountinfo")?))
}

/// Reads the text of a mountinfo file; lines of another form are left out.
#[must_use]
pub(super) fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|&b| b == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&b| b == b' ');
    let (root, point) = (fields.nth(3)?, fields.next()?);
    let mut rest = fields.skip_while(|&field| field != b"-").skip(1);
    let fs_type = String::from_utf8_lossy(rest.next()?).into_owned();
    let options = String::from_utf8_lossy(rest.nth(1)?).into_owned();
    Some(Mount { root: path(root), point: path(point), fs_type, options })
}

/// Decodes a path: blanks and backslashes are written as three octal digits.
fn path(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&b, tail)) = rest.split_first() {
        let octal = (b == b'\\')
            .then(|| tail.get(..3).and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok()))
            .flatten();
        bytes.push(octal.unwrap_or(b));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse;

    #[test]
    fn recorded() {
        let mounts = parse(
            b"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 master:1 - cgroup cgroup rw,memory\n\
              41 31 0:38 /kube /mnt/a\\040b rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n\
              short line\n",
        );
        assert_eq!(mounts.len(), 2);
        assert_eq!(
            (mounts[0].point.as_path(), mounts[0].fs_type.as_str()),
            (Path::new("/sys/fs/cgroup/memory"), "cgroup")
        );
        assert!(mounts[0].has_option("memory") && !mounts[0].has_option("mem"));
        assert_eq!((mounts[1].root.as_path(), mounts[1].point.as_path()), (Path::new("/kube"), Path::new("/mnt/a b")));
    }
}
