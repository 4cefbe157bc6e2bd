//! The sample of the host that the session is given each tick.

use super::{
    memory_counters::MemoryCounters,
    node_refaults::NodeCounters,
    own::{self, ResidentSize},
    pressure,
    pseudo_file::PseudoFile,
    zones,
};
use memtrace_core::session::input::{HostSample, OwnCost};

/// Keeps the files open between ticks. A file that cannot be opened is an absent value in each sample.
#[derive(Debug)]
pub struct Sampler {
    pressure: Option<PseudoFile>,
    memory: MemoryCounters,
    zones: Option<PseudoFile>,
    nodes: NodeCounters,
    resident: Option<ResidentSize>,
}

impl Sampler {
    /// Opens the files that exist.
    #[must_use]
    pub fn open() -> Self {
        Self {
            pressure: PseudoFile::open(pressure::PATH).ok(),
            memory: MemoryCounters::open(),
            zones: PseudoFile::open(zones::PATH).ok(),
            nodes: NodeCounters::open(),
            resident: ResidentSize::open().ok(),
        }
    }

    /// The counters of memory and swap of the last sample: a trace keeps all of them.
    #[must_use]
    pub const fn memory_counters(&self) -> &MemoryCounters {
        &self.memory
    }

    /// Samples the host. The caller adds the cost of the programs, the counters around the totals and the pending OOM
    /// kills.
    pub fn sample(&mut self) -> HostSample {
        HostSample {
            pressure: self.pressure.as_mut().and_then(|file| pressure::parse(file.read().ok()?)),
            memory: self.memory.read(),
            zones: self.zones.as_mut().and_then(|file| Some(zones::parse(file.read().ok()?))).unwrap_or_default(),
            node_refaults: self.nodes.read(),
            own: OwnCost {
                cpu_ns: own::cpu_ns(),
                rss_bytes: self.resident.as_mut().and_then(ResidentSize::bytes),
                bpf_ns: None,
                bpf_runs: None,
            },
            counters: None,
            ooms_pending: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_host_has_zones_and_they_change_between_samples() {
        let mut sampler = super::Sampler::open();
        let first = sampler.sample();
        assert!(first.zones.iter().any(|zone| zone.high_pages > zone.min_pages));
        assert!(sampler.sample().own.cpu_ns > first.own.cpu_ns);
    }
}
