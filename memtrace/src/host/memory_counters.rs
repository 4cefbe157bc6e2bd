//! All of `/proc/vmstat` and `/proc/meminfo`: for a trace, which does not know yet what will be asked of it.

use super::{pseudo_file::PseudoFile, vmstat};
use memtrace_core::{session::memory::Memory, untrusted::Text};

const MEMINFO: &str = "/proc/meminfo";

/// Keeps both files open.
#[derive(Debug)]
pub struct MemoryCounters {
    vmstat: Option<PseudoFile>,
    meminfo: Option<PseudoFile>,
}

/// Values by name, in the order of the file.
pub type NamedCounters = Vec<(Text, u64)>;

impl MemoryCounters {
    /// Opens what there is.
    #[must_use]
    pub fn open() -> Self {
        Self { vmstat: PseudoFile::open(vmstat::PATH).ok(), meminfo: PseudoFile::open(MEMINFO).ok() }
    }

    /// `/proc/vmstat` since boot; empty when it cannot be read.
    pub fn vmstat(&mut self) -> NamedCounters {
        let text = self.vmstat.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        vmstat::pairs(text).map(|(name, value)| (name.into(), value)).collect()
    }

    /// `/proc/meminfo` in bytes; empty when it cannot be read.
    pub fn meminfo_bytes(&mut self) -> NamedCounters {
        let text = self.meminfo.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        meminfo_lines(text).map(|(name, value)| (name.into(), value)).collect()
    }

    /// Memory and swap, with what was swapped since boot.
    pub fn memory(&mut self) -> Option<Memory> {
        let vmstat = self.vmstat.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        let meminfo = self.meminfo.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        Memory::of(meminfo_lines(meminfo), vmstat::pairs(vmstat))
    }

    /// The values alone, of both.
    pub fn values(&mut self) -> (Vec<u64>, Vec<u64>) {
        let vmstat = self.vmstat.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        let vmstat = vmstat::pairs(vmstat).map(|(_, value)| value).collect();
        let meminfo = self.meminfo.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        (vmstat, meminfo_lines(meminfo).map(|(_, value)| value).collect())
    }
}

/// The lines of a size. Numbers of huge pages have no unit and are left out.
fn meminfo_lines(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let kib: u64 = value.trim().strip_suffix(" kB")?.trim_end().parse().ok()?;
        Some((name, kib.checked_mul(1024)?))
    })
}

#[cfg(test)]
mod tests {
    use super::{MemoryCounters, meminfo_lines};

    #[test]
    fn sizes_are_in_bytes_and_numbers_are_no_sizes() {
        let lines: Vec<_> = meminfo_lines("MemTotal:  24 kB\nHugePages_Total:       0\nbad\nMemFree: x kB\n").collect();
        assert_eq!(lines, [("MemTotal", 24 << 10)]);
    }

    #[test]
    fn this_host_has_both_and_keeps_their_order() {
        let mut counters = MemoryCounters::open();
        let (vmstat, meminfo) = (counters.vmstat(), counters.meminfo_bytes());
        let (values, bytes) = counters.values();
        assert!(vmstat.len() > 50 && vmstat.len() == values.len(), "{}", vmstat.len());
        let memory = counters.memory().unwrap();
        assert!(memory.total_bytes > memory.available_bytes && memory.swapped_in_pages.is_some(), "{memory:?}");
        assert!(meminfo.len() > 20 && meminfo.len() == bytes.len(), "{}", meminfo.len());
    }
}
