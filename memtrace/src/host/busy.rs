//! The number of CPUs that are busy.

use std::io;

use super::pseudo_file::PseudoFile;

/// Ticks of `/proc/stat` in a second on every architecture (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// CPU time of the whole host, from one reading to the next.
#[derive(Debug)]
pub struct BusyCpus {
    file: PseudoFile,
    last: Option<(u64, u64)>,
}

impl BusyCpus {
    /// Opens `/proc/stat`, once.
    ///
    /// # Errors
    /// When /proc is not there.
    pub fn open() -> io::Result<Self> {
        Ok(Self { file: PseudoFile::open("/proc/stat")?, last: None })
    }

    /// CPUs that were busy since the last reading, on average; `None` at the first one, and where it cannot be read.
    pub fn read(&mut self, now_ns: u64) -> Option<f64> {
        let ticks = busy_ticks(self.file.read().ok()?)?;
        let (then_ns, before) = self.last.replace((now_ns, ticks))?;
        let elapsed_s = now_ns.checked_sub(then_ns).filter(|ns| *ns > 0)? as f64 / 1e9;
        Some(ticks.checked_sub(before)? as f64 / TICKS_PER_S / elapsed_s)
    }
}

/// Ticks in which a CPU was neither idle, nor waiting for a disk, nor taken by the hypervisor. User time includes that
/// of guests.
fn busy_ticks(stat: &str) -> Option<u64> {
    let mut words = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let mut next = || words.next()?.parse::<u64>().ok();
    let (user, nice, system) = (next()?, next()?, next()?);
    let _idle_and_iowait = (next()?, next()?);
    let (irq, softirq) = (next().unwrap_or(0), next().unwrap_or(0));
    [user, nice, system, irq, softirq].iter().try_fold(0_u64, |sum, ticks| sum.checked_add(*ticks))
}

#[cfg(test)]
mod tests {
    use super::{BusyCpus, busy_ticks};

    #[test]
    fn idle_waiting_and_stolen_time_is_not_busy() {
        assert_eq!(busy_ticks("cpu  10 2 30 1000 99 4 5 77 8 0\ncpu0 1 1 1 1\n"), Some(51));
        assert_eq!(busy_ticks("cpu  10 2 30 1000 99\n"), Some(42), "as old kernels have it");
        for text in ["", "cpu\n", "cpu0 1 2 3 4 5\n", "cpu  1 2 x 4 5\n", "cpu  18446744073709551615 1 0 0 0\n"] {
            assert_eq!(busy_ticks(text), None, "{text}");
        }
    }

    #[test]
    fn this_host_is_busy_while_it_runs_tests() {
        let mut busy = BusyCpus::open().unwrap();
        assert_eq!(busy.read(1), None);
        let begun = std::time::Instant::now();
        while begun.elapsed().as_millis() < 200 {}
        let cpus = busy.read(1 + 200_000_000).unwrap();
        assert!((0.3..1000.0).contains(&cpus), "{cpus}");
    }
}
