//! Memory cgroups with a limit, on cgroup v1 and v2, for the live tests, `memload` and the demo.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Maximum wait of a dropped cgroup for the processes that it killed.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Kernel interface of the memory controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `memory.limit_in_bytes`, a hierarchy of its own.
    V1,
    /// `memory.max`, the unified hierarchy.
    V2,
}

/// Mount of this machine's memory controller.
#[derive(Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// The mount point.
    pub root: PathBuf,
    /// Interface of its files.
    pub version: Version,
}

impl Hierarchy {
    /// Finds the memory controller in `/proc/mounts`.
    ///
    /// # Errors
    /// When no hierarchy has the memory controller. The message names the command that mounts one.
    pub fn find() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts").context("reading /proc/mounts")?;
        let Some(hierarchy) = Self::in_mounts(&mounts) else {
            bail!(
                "no cgroup hierarchy is mounted, so no memory limit can be set; as root: mount -t cgroup2 none /sys/fs/cgroup"
            );
        };
        if hierarchy.version == Version::V2 {
            let controllers = hierarchy.root.join("cgroup.controllers");
            let have =
                fs::read_to_string(&controllers).with_context(|| format!("reading {}", controllers.display()))?;
            if !have.split_whitespace().any(|c| c == "memory") {
                bail!(
                    "{} does not list `memory`: the kernel was booted without the memory controller \
                     (boot it with cgroup_enable=memory, without cgroup_disable=memory)",
                    controllers.display()
                );
            }
        }
        Ok(hierarchy)
    }

    /// The v1 memory hierarchy if there is one (the controller can be in one place only), else the v2 tree.
    fn in_mounts(mounts: &str) -> Option<Self> {
        let mut unified = None;
        for line in mounts.lines() {
            let mut fields = line.split(' ').skip(1);
            let (Some(root), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            match kind {
                "cgroup" if options.split(',').any(|o| o == "memory") => {
                    return Some(Self { root: root.into(), version: Version::V1 });
                }
                "cgroup2" if unified.is_none() => {
                    unified = Some(Self { root: root.into(), version: Version::V2 });
                }
                _ => {}
            }
        }
        unified
    }
}

/// A memory cgroup with a limit and without swap. Dropping it kills its processes and removes it.
#[derive(Debug)]
pub struct MemCgroup {
    dir: PathBuf,
    version: Version,
}

impl MemCgroup {
    /// Makes `name` directly under the hierarchy's root; `name` must be new. Needs root.
    ///
    /// # Errors
    /// When the cgroup cannot be made or limited; nothing is left behind then.
    pub fn create(name: &str, limit_bytes: u64) -> Result<Self> {
        let Hierarchy { root, version } = Hierarchy::find()?;
        if version == Version::V2 {
            enable_memory(&root)?;
        }
        let dir = root.join(name);
        fs::create_dir(&dir)
            .with_context(|| format!("making the cgroup {} (it takes root and a writable tree)", dir.display()))?;
        let cgroup = Self { dir, version };
        let limit = limit_bytes.to_string();
        match version {
            Version::V1 => {
                cgroup.write("memory.limit_in_bytes", &limit)?;
                // Without swap accounting these two files are absent or refuse the write. The memory limit alone then
                // has to do. The kernel tries the limit of memory and swap first, and its counter does not work (Linux
                // 6.18), so that limit must not be reached first.
                let _ = cgroup.write("memory.memsw.limit_in_bytes", &(limit_bytes + (1 << 20)).to_string());
                let _ = cgroup.write("memory.swappiness", "0");
            }
            Version::V2 => {
                cgroup.write("memory.max", &limit)?;
                let _ = cgroup.write("memory.swap.max", "0");
            }
        }
        Ok(cgroup)
    }

    /// Directory of the cgroup, for `memload --cgroup` and the controller's files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Interface of the cgroup's files.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Number of charges that hit the limit since the cgroup was made.
    ///
    /// # Errors
    /// When the counter cannot be read.
    pub fn limit_hits(&self) -> Result<u64> {
        match self.version {
            Version::V1 => {
                let text = self.read("memory.failcnt")?;
                text.trim().parse().with_context(|| format!("memory.failcnt says {text:?}"))
            }
            Version::V2 => self.counter("memory.events", "max"),
        }
    }

    /// Number of processes that the kernel OOM-killed in the cgroup.
    ///
    /// # Errors
    /// When the counter cannot be read (v1 has it since Linux 4.13).
    pub fn oom_kills(&self) -> Result<u64> {
        let file = if self.version == Version::V1 { "memory.oom_control" } else { "memory.events" };
        self.counter(file, "oom_kill")
    }

    /// A counter of `memory.stat`, of this cgroup alone.
    ///
    /// # Errors
    /// When the file cannot be read, or this kernel has no such counter.
    pub fn stat(&self, key: &str) -> Result<u64> {
        self.counter("memory.stat", key)
    }

    /// Lets the processes in the cgroup use this much swap.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn allow_swap(&self, bytes: u64) -> Result<()> {
        match self.version {
            Version::V1 => {
                let limit = self.read("memory.limit_in_bytes")?;
                let limit: u64 = limit.trim().parse().with_context(|| format!("a limit of {limit:?}"))?;
                // Without swap accounting the file is absent: nothing limits swap then.
                let _ = self.write("memory.memsw.limit_in_bytes", &(limit + bytes).to_string());
                self.write("memory.swappiness", "100")
            }
            Version::V2 => self.write("memory.swap.max", &bytes.to_string()),
        }
    }

    /// Reads one of the controller's files.
    ///
    /// # Errors
    /// As `fs::read_to_string`, with the path.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.dir.join(file);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes one of the controller's files.
    ///
    /// # Errors
    /// As `fs::write`, with the path and the value.
    pub fn write(&self, file: &str, value: &str) -> Result<()> {
        let path = self.dir.join(file);
        fs::write(&path, value).with_context(|| format!("writing {value} to {}", path.display()))
    }

    fn counter(&self, file: &str, key: &str) -> Result<u64> {
        let text = self.read(file)?;
        let value = text.lines().filter_map(|l| l.split_once(' ')).find(|(k, _)| *k == key).map(|(_, v)| v.trim());
        value.and_then(|v| v.parse().ok()).with_context(|| format!("{file} has no {key}: {text:?}"))
    }
}

impl Drop for MemCgroup {
    fn drop(&mut self) {
        // A destructor cannot return the error. `sweep` finds cgroups that stay.
        let _ = remove(&self.dir);
    }
}

/// Moves the calling process into the cgroup at `dir`.
///
/// # Errors
/// When `dir` is no cgroup or may not be written.
pub fn join(dir: &Path) -> Result<()> {
    let procs = dir.join("cgroup.procs");
    fs::write(&procs, std::process::id().to_string()).with_context(|| format!("joining through {}", procs.display()))
}

/// Kills the processes in the cgroup at `dir` and below it, and removes it.
///
/// # Errors
/// When the cgroup still exists after five seconds.
pub fn remove(dir: &Path) -> io::Result<()> {
    let deadline = Instant::now() + REMOVE_TIMEOUT;
    loop {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                let _ = remove(&entry.path());
            }
        }
        kill_all(dir);
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) if Instant::now() > deadline => return Err(e),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// The memory cgroups directly under the root whose names begin with `prefix`.
///
/// # Errors
/// When there is no memory hierarchy or it cannot be listed.
pub fn list(prefix: &str) -> Result<Vec<PathBuf>> {
    let root = Hierarchy::find()?.root;
    let entries = fs::read_dir(&root).with_context(|| format!("listing {}", root.display()))?;
    Ok(entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(prefix)).map(|e| e.path()).collect())
}

fn kill_all(dir: &Path) {
    for line in fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default().lines() {
        // 0 is a process of another pid namespace; `from_raw` refuses it.
        if let Some(pid) = line.parse().ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn enable_memory(root: &Path) -> Result<()> {
    let control = root.join("cgroup.subtree_control");
    let have = fs::read_to_string(&control).with_context(|| format!("reading {}", control.display()))?;
    if have.split_whitespace().any(|c| c == "memory") {
        return Ok(());
    }
    fs::write(&control, "+memory")
        .with_context(|| format!("writing +memory to {} (in a container? run on the host)", control.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mounts: &str) -> Option<(String, Version)> {
        Hierarchy::in_mounts(mounts).map(|h| (h.root.display().to_string(), h.version))
    }

    #[test]
    fn a_hybrid_machine_has_its_memory_controller_on_v1() {
        let mounts = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0\n\
                      cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n";
        assert_eq!(found(mounts), Some(("/sys/fs/cgroup/memory".to_owned(), Version::V1)));
    }

    #[test]
    fn a_unified_machine_has_it_on_v2() {
        let mounts = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,memory_recursiveprot 0 0\n";
        assert_eq!(found(mounts), Some(("/sys/fs/cgroup".to_owned(), Version::V2)));
    }

    #[test]
    fn a_machine_without_cgroups_has_none() {
        assert_eq!(found("proc /proc proc rw 0 0\nbroken\n"), None);
    }
}
