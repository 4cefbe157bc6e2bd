//! All of `/proc/vmstat` and `/proc/meminfo`: for a trace, whose later use is not known yet.

use super::{pseudo_file::PseudoFile, vmstat};
use memtrace_core::{session::memory::Memory, untrusted::Text};

const MEMINFO: &str = "/proc/meminfo";

/// The text of both files as they were read last, with the files open.
#[derive(Debug)]
pub struct MemoryCounters {
    vmstat: Option<PseudoFile>,
    meminfo: Option<PseudoFile>,
}

/// Values by name, in the order of the file.
pub type NamedCounters = Vec<(Text, u64)>;

impl MemoryCounters {
    /// Opens the files that exist.
    #[must_use]
    pub fn open() -> Self {
        Self { vmstat: PseudoFile::open(vmstat::PATH).ok(), meminfo: PseudoFile::open(MEMINFO).ok() }
    }

    /// Reads both files. Returns memory and swap, and the kernel's counters since boot.
    pub fn read(&mut self) -> Option<Memory> {
        let vmstat = self.vmstat.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        let meminfo = self.meminfo.as_mut().and_then(|file| file.read().ok()).unwrap_or_default();
        Memory::of(meminfo_lines(meminfo), vmstat::pairs(vmstat), rustix::param::page_size() as u64)
    }

    /// `/proc/vmstat` since boot, of the last reading; empty when it failed.
    #[must_use]
    pub fn vmstat(&self) -> NamedCounters {
        vmstat::pairs(text(self.vmstat.as_ref())).map(|(name, value)| (name.into(), value)).collect()
    }

    /// `/proc/meminfo` in bytes, of the last reading; empty when it failed.
    #[must_use]
    pub fn meminfo_bytes(&self) -> NamedCounters {
        meminfo_lines(text(self.meminfo.as_ref())).map(|(name, value)| (name.into(), value)).collect()
    }

    /// The values of both files without names, in the order of the files.
    #[must_use]
    pub fn values(&self) -> (Vec<u64>, Vec<u64>) {
        let vmstat = vmstat::pairs(text(self.vmstat.as_ref())).map(|(_, value)| value).collect();
        (vmstat, meminfo_lines(text(self.meminfo.as_ref())).map(|(_, value)| value).collect())
    }
}

fn text(file: Option<&PseudoFile>) -> &str {
    file.map_or("", PseudoFile::text)
}

/// The lines of a size, in bytes. Numbers of huge pages have no unit and are left out.
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
        assert!(counters.vmstat().is_empty(), "nothing was read yet");
        let memory = counters.read().unwrap();
        let (vmstat, meminfo) = (counters.vmstat(), counters.meminfo_bytes());
        let (values, bytes) = counters.values();
        assert!(vmstat.len() > 50 && vmstat.len() == values.len(), "{}", vmstat.len());
        assert!(memory.total_bytes > memory.available_bytes && memory.swapped_in_pages.is_some(), "{memory:?}");
        assert!(meminfo.len() > 20 && meminfo.len() == bytes.len(), "{}", meminfo.len());
    }
}
