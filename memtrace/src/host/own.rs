//! CPU time and memory of memtrace itself.

use std::io;

use rustix::{
    param::page_size,
    time::{ClockId, clock_gettime},
};

use super::pseudo_file::PseudoFile;

/// CPU time of this process since it started, in ns.
#[must_use]
pub fn cpu_ns() -> Option<u64> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).ok()?.checked_mul(1_000_000_000)?.checked_add(u64::try_from(time.tv_nsec).ok()?)
}

/// The resident size of this process.
#[derive(Debug)]
pub struct ResidentSize(PseudoFile);

impl ResidentSize {
    /// Opens `/proc/self/statm`, once.
    ///
    /// # Errors
    /// When /proc is not there.
    pub fn open() -> io::Result<Self> {
        PseudoFile::open("/proc/self/statm").map(Self)
    }

    /// Resident size now, in bytes.
    pub fn bytes(&mut self) -> Option<u64> {
        resident_pages(self.0.read().ok()?)?.checked_mul(page_size() as u64)
    }
}

fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{ResidentSize, cpu_ns, resident_pages};

    #[test]
    fn recorded() {
        assert_eq!(resident_pages("5513 1204 1012 86 0 190 0\n"), Some(1204));
        assert_eq!(resident_pages(""), None);
    }

    #[test]
    fn this_process_costs_something() {
        assert!(ResidentSize::open().unwrap().bytes().unwrap() > 100_000);
        assert!(cpu_ns().unwrap() > 0);
    }
}
