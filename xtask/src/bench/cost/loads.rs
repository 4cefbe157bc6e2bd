//! The loads under which the cost of tracing is judged.

use std::{fs::File, process::Child, time::Duration};

use anyhow::{Context as _, Result};
use tests::{MemCgroup, cgroup::Version};

use super::super::{
    arena::{Arena, FILE_MB},
    usage,
};

/// A load, and the CPU time that it takes (user and system) in one run.
pub(super) struct Load {
    pub(super) name: &'static str,
    /// Description, for the page.
    pub(super) what: &'static str,
    pub(super) run: fn(&Arena) -> Result<Duration>,
}

pub(super) const LOADS: [Load; 4] = [
    Load {
        name: "stalls and refaults",
        what: "one process reads a file of 128 MB six times in a cgroup of 64 MiB",
        run: mixed,
    },
    Load { name: "stalls alone", what: "32,000 reclaims of nothing, without a disk", run: stalls },
    Load {
        name: "refaults alone",
        what: "a file of 128 MB is read eight times; before each, somebody else evicts it",
        run: refaults,
    },
    Load {
        name: "many cgroups",
        what: "16 processes, each with a cgroup of 8 MiB and a file of 24 MB read three times",
        run: many,
    },
];

fn mixed(arena: &Arena) -> Result<Duration> {
    let mut load = arena.load();
    load.arg("--cgroup").arg(arena.cgroup.dir()).arg("file").arg(arena.file()).args([FILE_MB, "--passes", "6"]);
    Ok(arena.cost_of(load)?.cpu)
}

fn stalls(arena: &Arena) -> Result<Duration> {
    Ok(arena.fixed_storm()?.cpu)
}

/// Reads of a file that this process evicts in between: the CPU time of the reads.
fn refaults(arena: &Arena) -> Result<Duration> {
    let cgroup = MemCgroup::create(&format!("memtrace-bench-{}-refaults", std::process::id()), 512 << 20)?;
    let (file, all) = match cgroup.version() {
        Version::V1 => ("memory.force_empty", "0"),
        Version::V2 => ("memory.reclaim", "512M"),
    };
    let mut cpu = Duration::ZERO;
    for pass in 0..9 {
        let mut load = arena.load();
        load.arg("--cgroup").arg(cgroup.dir()).arg("file").arg(arena.file()).args([FILE_MB, "--passes", "1"]);
        let cost = arena.cost_of(load)?.cpu;
        // The first one brings it in: nothing comes back.
        cpu += if pass > 0 { cost } else { Duration::ZERO };
        // Less than all is an error of memory.reclaim, and enough.
        let _ = cgroup.write(file, all);
    }
    Ok(cpu)
}

fn many(arena: &Arena) -> Result<Duration> {
    const MB: u64 = 24;
    let own = std::process::id();
    let mut running: Vec<(MemCgroup, Child)> = Vec::new();
    for at in 0..16 {
        let path = arena.dir.join(format!("many-{at}"));
        let made = File::create(&path).and_then(|file| file.set_len(MB << 20));
        made.with_context(|| format!("making {}", path.display()))?;
        let cgroup = MemCgroup::create(&format!("memtrace-bench-{own}-many-{at}"), 8 << 20)?;
        let mut load = arena.load();
        load.arg("--cgroup").arg(cgroup.dir()).arg("file").arg(path).args([&MB.to_string(), "--passes", "3"]);
        let child = load.spawn().context("starting a load");
        running.push((cgroup, child?));
    }
    running.into_iter().try_fold(Duration::ZERO, |sum, (_, child)| Ok(sum + usage::wait_with_cpu(child)?.1))
}
