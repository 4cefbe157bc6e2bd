//! The kernel's own counters, with which memtrace's are compared.

use std::path::Path;

use super::{cgroups::memory_hierarchy, memory_stat, pseudo_file::PseudoFile, vmstat};
use memtrace_core::session::{counters::KernelCounters, filter::Filter};

/// Keeps its files open. One that cannot be read leaves its counters out.
#[derive(Debug)]
pub struct CounterReader {
    vmstat: Option<PseudoFile>,
    memory_stat: Option<PseudoFile>,
}

impl CounterReader {
    /// Opens `/proc/vmstat`, and the `memory.stat` of a cgroup if the filter selects one that exists and nothing else:
    /// all stalls that match are then of this cgroup.
    #[must_use]
    pub fn open(filter: &Filter) -> Self {
        let others = Filter { cgroups: Vec::new(), ..filter.clone() };
        let memory_stat = match filter.cgroups.as_slice() {
            [pattern] if others.is_empty() => memory_hierarchy()
                .ok()
                .and_then(|hierarchy| memory_stat::only_match(hierarchy.mount()?, pattern))
                .and_then(|dir| PseudoFile::open(dir.join("memory.stat")).ok()),
            _ => None,
        };
        Self { vmstat: PseudoFile::open(vmstat::PATH).ok(), memory_stat }
    }

    /// The counters as they are now.
    pub fn read(&mut self) -> KernelCounters {
        let host = self.vmstat.as_mut().and_then(|file| Some(vmstat::parse(file.read().ok()?)));
        // A cgroup that is gone cannot be read any more; its counters are then unread, not 0.
        let cgroup = self.memory_stat.as_mut().map(|file| file.read().map(memory_stat::parse).unwrap_or_default());
        KernelCounters { cgroup, ..host.unwrap_or_default() }
    }
}

/// NUMA nodes that are online, at least one.
#[must_use]
pub fn online_nodes() -> u64 {
    let of = |dir: &Path| {
        let entries = std::fs::read_dir(dir).ok()?;
        let is_node = |name: &str| name.strip_prefix("node").is_some_and(|n| n.parse::<u32>().is_ok());
        Some(entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_node)).count() as u64)
    };
    of(Path::new("/sys/devices/system/node")).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::{CounterReader, online_nodes};
    use memtrace_core::session::filter::Filter;

    #[test]
    fn this_host_counts() {
        let mut reader = CounterReader::open(&Filter::default());
        let counters = reader.read();
        for name in ["allocstall", "pgscan_direct", "pgsteal_kswapd", "pgscan", "workingset_refault_file", "oom_kill"] {
            assert!(counters.host.contains_key(name), "{name}");
        }
        assert_eq!((counters.cgroup, online_nodes() > 0), (None, true));
        assert!(counters.scans_count_memcg.is_some());
    }
}
