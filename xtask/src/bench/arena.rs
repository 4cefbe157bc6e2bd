//! The place of the loads: a memory cgroup with a limit, a file larger than that, and the binaries. Removed on drop.

use std::{
    fs::{self, File},
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

/// Size of the file that is read, in MB, and limit of the cgroup, in bytes.
pub(super) const FILE_MB: &str = "128";
const LIMIT_BYTES: u64 = 64 << 20;
/// The fixed load: page by page through a mapping, which stalls most, then by read(2), which works most. Together some
/// 2,500 stalls in half a second of CPU time.
const MAP_PASSES: &str = "1";
const READ_PASSES: &str = "16";
/// The steady load: some 6,000 stalls (one per 58 pages on 6.18) in some 1.3 s of CPU time.
const HOLES_MB: u64 = 64;
const STEADY_LIMIT_BYTES: u64 = 16 << 20;
const STEADY_READS: &str = "350000";
/// Approximate number of stalls of the steady load.
pub(super) const STEADY_STALLS: u64 = 6_000;
/// Writes of the fixed storm, of 16 stalls each.
const STORM_WRITES: &str = "2000";
/// Stalls of the fixed storm.
pub(super) const STORM_STALLS: f64 = 32_000.0;

/// All that a measurement needs.
pub(super) struct Arena {
    pub(super) memtrace: PathBuf,
    pub(super) static_memtrace: Option<PathBuf>,
    /// Directory for the output of a tracer.
    pub(super) dir: PathBuf,
    memload: PathBuf,
    pub(super) cgroup: MemCgroup,
    stop: Arc<AtomicBool>,
}

/// Time of one run of a load.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
}

/// Time of one run of the steady load, and how often it hit its limit. The same work hits it the same number of times.
#[derive(Clone, Copy)]
pub(super) struct Steady {
    pub(super) cost: Cost,
    pub(super) limit_hits: u64,
}

impl Arena {
    /// Makes the cgroup and the files.
    pub(super) fn new(memtrace: &Path, memload: &Path, static_memtrace: Option<PathBuf>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).context("catching signals")?;
        }
        let name = format!("memtrace-bench-{}", std::process::id());
        // Beside the binaries, since a target directory is on a disk.
        let dir = memload.with_file_name(&name);
        let cgroup = MemCgroup::create(&name, LIMIT_BYTES)?;
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        let (memtrace, memload) = (memtrace.to_owned(), memload.to_owned());
        let arena = Self { memtrace, static_memtrace, dir, memload, cgroup, stop };
        sh(Command::new(&arena.memload).arg("mkfile").arg(arena.file()).arg(FILE_MB).stdout(Stdio::null()))?;
        let holes = File::create_new(arena.holes()).and_then(|file| file.set_len(HOLES_MB << 20));
        holes.with_context(|| format!("making {}", arena.holes().display()))?;
        Ok(arena)
    }

    /// Fails once a signal has asked this to end.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Reads the file a fixed number of times: memory pressure for a program that waits for a disk.
    pub(super) fn fixed_load(&self) -> Result<()> {
        for (kind, passes) in [("mmapfile", MAP_PASSES), ("file", READ_PASSES)] {
            let mut load = self.load();
            load.arg("--cgroup").arg(self.cgroup.dir()).arg(kind).arg(self.file());
            load.args([FILE_MB, "--passes", passes]);
            self.cost_of(load)?;
        }
        Ok(())
    }

    /// Works on pages that are not in memory, without a disk: steady enough to resolve a difference of 1 %. Each run
    /// has a new cgroup, since pages left by another run would move the stalls and change their number.
    pub(super) fn steady_load(&self) -> Result<Steady> {
        let cgroup = MemCgroup::create(&format!("memtrace-bench-{}-steady", std::process::id()), STEADY_LIMIT_BYTES)?;
        let mut load = self.load();
        load.arg("--cgroup").arg(cgroup.dir()).arg("steady").arg(self.holes());
        load.args([&HOLES_MB.to_string(), STEADY_READS]);
        let cost = self.cost_of(load)?;
        let limit_hits = cgroup.limit_hits()?;
        ensure!(
            limit_hits > STEADY_STALLS / 2,
            "the steady load met its limit {limit_hits} times, which is too seldom"
        );
        Ok(Steady { cost, limit_hits })
    }

    /// Makes a fixed number of stalls and nothing else. No disk is involved, so the cost of one stall can be measured.
    pub(super) fn fixed_storm(&self) -> Result<Cost> {
        self.needs_v1()?;
        let mut load = self.load();
        load.arg("storm").arg(self.cgroup.dir()).args(["--writes", STORM_WRITES]);
        self.cost_of(load)
    }

    pub(super) fn cost_of(&self, mut load: Command) -> Result<Cost> {
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

    /// Starts a storm of real stalls. `rate` limits the writes a second, of 16 stalls each.
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

    pub(super) fn load(&self) -> Command {
        let mut load = Command::new(&self.memload);
        load.arg("--die-with-parent").stdin(Stdio::null()).stdout(Stdio::null());
        load
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn holes(&self) -> PathBuf {
        self.dir.join("holes")
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // The cgroup removes itself. A destructor cannot report a folder that stays.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
