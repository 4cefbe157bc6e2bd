//! Where the loads run: a memory cgroup with a limit, a file larger than it, and the binaries. Gone when dropped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tests::{ChildGuard, MemCgroup, cgroup::Version};

use super::usage;
use crate::workspace::{line, sh};

/// The file that is read, and what the cgroup may hold of it.
const FILE_MB: &str = "128";
const LIMIT_BYTES: u64 = 64 << 20;
/// The fixed load: page by page through a mapping, which stalls most, then by read(2), which works most. Together some
/// 2,500 stalls in half a second of CPU time.
const MAP_PASSES: &str = "1";
const READ_PASSES: &str = "16";
/// Writes of the fixed storm, of 16 stalls each.
const STORM_WRITES: &str = "2000";
/// Stalls of the fixed storm.
pub(super) const STORM_STALLS: f64 = 32_000.0;

/// All that a measurement needs.
pub(super) struct Arena {
    pub(super) memtrace: PathBuf,
    pub(super) static_memtrace: Option<PathBuf>,
    /// For what a tracer writes.
    pub(super) dir: PathBuf,
    memload: PathBuf,
    cgroup: MemCgroup,
    stop: Arc<AtomicBool>,
}

/// What one run of the fixed load took.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
}

impl Arena {
    /// Makes the cgroup and the file.
    pub(super) fn new(memtrace: &Path, memload: &Path, static_memtrace: Option<PathBuf>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).context("catching signals")?;
        }
        let name = format!("memtrace-bench-{}", std::process::id());
        // Beside the binaries: a target directory is on a disk.
        let dir = memload.with_file_name(&name);
        let cgroup = MemCgroup::create(&name, LIMIT_BYTES)?;
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        let (memtrace, memload) = (memtrace.to_owned(), memload.to_owned());
        let arena = Self { memtrace, static_memtrace, dir, memload, cgroup, stop };
        sh(Command::new(&arena.memload).arg("mkfile").arg(arena.file()).arg(FILE_MB).stdout(Stdio::null()))?;
        Ok(arena)
    }

    /// An error once somebody wants this to end.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Reads the file a fixed number of times: what memory pressure is like for a program that works.
    pub(super) fn fixed_load(&self) -> Result<Cost> {
        let mut sum = Cost { cpu: Duration::ZERO, wall: Duration::ZERO };
        for (kind, passes) in [("mmapfile", MAP_PASSES), ("file", READ_PASSES)] {
            let mut load = self.load();
            load.arg("--cgroup").arg(self.cgroup.dir()).arg(kind).arg(self.file());
            load.args([FILE_MB, "--passes", passes]);
            let cost = self.cost_of(load)?;
            sum = Cost { cpu: sum.cpu + cost.cpu, wall: sum.wall + cost.wall };
        }
        Ok(sum)
    }

    /// A fixed number of stalls and nothing else: no disk, so that the cost of one can be told.
    pub(super) fn fixed_storm(&self) -> Result<Cost> {
        self.needs_v1()?;
        let mut load = self.load();
        load.arg("storm").arg(self.cgroup.dir()).args(["--writes", STORM_WRITES]);
        self.cost_of(load)
    }

    fn cost_of(&self, mut load: Command) -> Result<Cost> {
        self.go_on()?;
        let start = Instant::now();
        let child = load.spawn().with_context(|| format!("starting {}", line(&load)))?;
        let (status, cpu) = usage::wait_with_cpu(child)?;
        ensure!(status.success(), "the load failed: {status}");
        Ok(Cost { cpu, wall: start.elapsed() })
    }

    /// The storm writes a file that only the v1 memory controller has.
    fn needs_v1(&self) -> Result<()> {
        if self.cgroup.version() != Version::V1 {
            bail!("the storm needs the v1 memory controller (memory.force_empty)");
        }
        Ok(())
    }

    /// Starts a storm of real stalls; with a rate, that many writes of 16 stalls a second.
    pub(super) fn storm(&self, time: Duration, rate: Option<u32>) -> Result<ChildGuard> {
        self.go_on()?;
        self.needs_v1()?;
        let mut load = self.load();
        load.arg("storm").arg(self.cgroup.dir()).arg(time.as_secs_f64().to_string());
        if let Some(rate) = rate {
            load.arg("--rate").arg(rate.to_string());
        }
        Ok(ChildGuard(load.spawn().with_context(|| format!("starting {}", line(&load)))?))
    }

    fn load(&self) -> Command {
        let mut load = Command::new(&self.memload);
        load.arg("--die-with-parent").stdin(Stdio::null()).stdout(Stdio::null());
        load
    }

    fn file(&self) -> PathBuf {
        self.dir.join("data")
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // The cgroup goes by itself; of a folder that stays there is nobody to tell.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
