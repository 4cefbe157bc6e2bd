//! The files of settings: opened beneath a fixed directory without following links, read and written whole.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};

use super::plan::{Knob, SettingFile};
use crate::host::cgroups::memory_hierarchy;
use memtrace_core::untrusted::Untrusted;

/// Index of the memory limit in `mm_stat` of a zram device.
const MM_STAT_LIMIT: usize = 3;

/// A setting as it is now.
#[derive(Debug)]
pub(super) struct Shown {
    /// Value; `None` when the file does not exist.
    pub(super) value: Option<String>,
    /// Inode of the cgroup, for a setting of a cgroup.
    pub(super) cgroup_inode: Option<u64>,
}

/// Reads a setting.
pub(super) fn read(knob: &Knob) -> io::Result<Shown> {
    let (root, name) = place(knob)?;
    let is_gone = |e: &io::Error| matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENODEV));
    let gone = Shown { value: None, cgroup_inode: None };
    let read_all = || -> io::Result<(String, Option<u64>)> {
        let root = directory(&root)?;
        let inode = match &knob.place {
            SettingFile::Cgroup { path, .. } => {
                Some(beneath(&root, Path::new(&path[1..]), OFlags::PATH)?.metadata()?.ino())
            }
            _ => None,
        };
        let name = match knob.place {
            SettingFile::Zram(number, "mem_limit") => PathBuf::from(format!("zram{number}/mm_stat")),
            _ => name.clone(),
        };
        let mut text = String::new();
        beneath(&root, &name, OFlags::RDONLY)?.take(4096).read_to_string(&mut text)?;
        Ok((text, inode))
    };
    let (text, cgroup_inode) = match read_all() {
        Ok(found) => found,
        Err(e) if is_gone(&e) => return Ok(gone),
        Err(e) => return Err(e),
    };
    let text = match knob.place {
        SettingFile::Zram(_, "mem_limit") => text.split_ascii_whitespace().nth(MM_STAT_LIMIT).unwrap_or_default(),
        _ => text.as_str(),
    };
    let unknown = || {
        let shown = Untrusted(text.trim().as_bytes());
        io::Error::other(format!("unexpected content `{}`", shown.tty()))
    };
    Ok(Shown { value: Some(knob.kind.read(text).ok_or_else(unknown)?), cgroup_inode })
}

/// Writes a setting in one go. Does not read it back.
pub(super) fn write(knob: &Knob, value: &str) -> io::Result<()> {
    let (root, name) = place(knob)?;
    let mut file = beneath(&directory(&root)?, &name, OFlags::WRONLY)?;
    let text = knob.kind.written(value);
    let written = file.write(text.as_bytes())?;
    if written == text.len() { Ok(()) } else { Err(io::Error::other("the kernel accepted only a part of the value")) }
}

/// Location of a setting: a directory in which only the kernel creates files, and the path below it.
fn place(knob: &Knob) -> io::Result<(PathBuf, PathBuf)> {
    Ok(match &knob.place {
        SettingFile::Sysctl(name) => ("/proc/sys/vm".into(), (*name).into()),
        SettingFile::Sys(path) => ("/sys".into(), (*path).into()),
        SettingFile::Zram(number, file) => ("/sys/devices/virtual/block".into(), format!("zram{number}/{file}").into()),
        SettingFile::Cgroup { path, file } => {
            let hierarchy = memory_hierarchy()?;
            let mount = hierarchy.mount().ok_or_else(|| io::Error::other("no memory cgroup hierarchy is mounted"))?;
            (mount.to_owned(), Path::new(&path[1..]).join(file))
        }
    })
}

fn directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens a path below a directory. Follows no link and never leaves the directory.
fn beneath(root: &OwnedFd, name: &Path, flags: OFlags) -> io::Result<File> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(File::from(openat2(root.as_fd(), name, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?))
}

/// Current usage of a memory cgroup in bytes; `None` for other settings, and when it cannot be read.
pub(super) fn usage_bytes(knob: &Knob) -> Option<u64> {
    let SettingFile::Cgroup { path, .. } = &knob.place else { return None };
    let mount = memory_hierarchy().ok()?.mount()?.join(&path[1..]);
    let files = ["memory.current", "memory.usage_in_bytes"];
    files.into_iter().find_map(|name| std::fs::read_to_string(mount.join(name)).ok()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{Knob, read};

    #[test]
    fn settings_of_this_host_are_read() {
        let value = |name: &str| read(&Knob::parse(name).unwrap()).unwrap().value;
        assert!(value("vm.swappiness").unwrap().parse::<u64>().is_ok());
        assert!(value("vm.lowmem_reserve_ratio").unwrap().contains(' '));
        assert_eq!(value("zram4711/mem_limit"), None);
        assert_eq!(value("cgroup:/not/there:memory.high"), None);
    }
}
