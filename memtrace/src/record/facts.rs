//! Facts of the host for META.

use rustix::system::uname;

use crate::{
    host::{
        cgroups::{Hierarchy, Version, memory_hierarchy},
        memory_counters::MemoryCounters,
        settings,
    },
    preflight::{
        Facts,
        facts::{Swap, SwapKind},
    },
};
use memtrace_core::untrusted::Text;
use memtrace_trace::model::{HostFacts, SwapArea};

/// Gathers the facts, with `/proc/vmstat` and `/proc/meminfo` as of their last reading.
pub(super) fn gather(facts: &Facts, nodes: u64, counters: &MemoryCounters) -> (HostFacts, Vec<u64>, Vec<u64>) {
    let name = uname();
    let text = |part: &std::ffi::CStr| Text::from(part.to_bytes());
    let (vmstat_names, vmstat): (Vec<_>, Vec<_>) = counters.vmstat().into_iter().unzip();
    let (meminfo_names, meminfo_bytes): (Vec<Text>, Vec<u64>) = counters.meminfo_bytes().into_iter().unzip();
    let memory_bytes = meminfo_names.iter().position(|name| name.is("MemTotal")).map(|at| meminfo_bytes[at]);
    let (memory_cgroup, (cgroup_limits, cgroup_limits_cut)) = match memory_hierarchy() {
        Ok(Hierarchy::Mounted(version, mount)) => {
            let version = if version == Version::V1 { "v1" } else { "v2" };
            (version, settings::cgroup_limits(&mount))
        }
        _ => ("", (Vec::new(), false)),
    };
    let host = HostFacts {
        host: text(name.nodename()),
        kernel: text(name.release()),
        kernel_version: text(name.version()),
        machine: text(name.machine()),
        boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into(),
        cpus: std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        nodes: u32::try_from(nodes).unwrap_or(u32::MAX),
        memory_bytes,
        page_size_bytes: rustix::param::page_size() as u64,
        memory_cgroup: memory_cgroup.into(),
        swap: facts.swap.known().map(|areas| areas.iter().map(swap).collect()).unwrap_or_default(),
        sysctls: settings::sysctls(),
        settings: settings::sys(),
        cgroup_limits,
        cgroup_limits_cut,
        departed_limits: Vec::new(),
        vmstat_names,
        meminfo_names,
    };
    (host, vmstat, meminfo_bytes)
}

fn swap(area: &Swap) -> SwapArea {
    let kind = match area.kind {
        SwapKind::Zram => "zram",
        SwapKind::Disk => "disk",
        SwapKind::File => "file",
    };
    SwapArea {
        name: area.name.as_str().into(),
        kind: kind.into(),
        size_bytes: area.size_bytes,
        used_bytes: area.used_bytes,
        priority: area.priority,
    }
}
