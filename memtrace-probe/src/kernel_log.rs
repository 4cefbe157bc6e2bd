//! The diagnostic log of the kernel side: what could not be kept or paired, one by one.

use std::sync::{Arc, Mutex, PoisonError};

use aya::Ebpf;
use aya_log::EbpfLogger;
use log::{Log, Metadata, Record};
use memtrace_common::{kind::StallKind, totals};

use super::{describe::chain, error::LoadError};
use memtrace_core::session::loss::Stage;

/// The log level of the kernel side where the log is asked for, as aya-log has it: everything. 0 writes nothing.
pub(super) const LEVEL: u8 = aya_log::Level::Trace as u8;
/// Size of the ring of the log in bytes, where it is asked for.
pub(super) const RING_BYTES: u32 = 128 << 10;

/// A thing that was lost.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The stage at which it was.
    pub stage: Stage,
    /// The kind of stall that its thread was in, where that is known.
    pub kind: Option<StallKind>,
    /// Its thread.
    pub tid: u32,
}

impl Entry {
    /// An entry from a line of the kernel side: numbers of the stage, of the kind, of the thread.
    fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(|word| word.parse::<u32>().ok());
        let (stage, kind, tid) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let stage = totals::Loss::ALL.into_iter().find(|loss| *loss as u32 == stage)?;
        let kind = u8::try_from(kind).ok().and_then(StallKind::from_u8);
        Some(Self { stage: Stage::named(stage.name()), kind, tid })
    }
}

/// The log.
pub struct KernelLog {
    logger: EbpfLogger<Arc<Entries>>,
    entries: Arc<Entries>,
}

impl KernelLog {
    /// Takes the log of a loaded kernel side.
    pub(super) fn of(ebpf: &mut Ebpf) -> Result<Self, LoadError> {
        let entries = Arc::<Entries>::default();
        let logger = EbpfLogger::init_with_logger(ebpf, Arc::clone(&entries));
        Ok(Self { logger: logger.map_err(|e| LoadError::Refused(chain(&e)))?, entries })
    }

    /// The entries since the last call.
    pub fn read(&mut self) -> Vec<Entry> {
        self.logger.flush();
        std::mem::take(&mut *self.entries.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What aya-log hands on.
#[derive(Default)]
struct Entries(Mutex<Vec<Entry>>);

impl Log for Entries {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(entry) = Entry::parse(&record.args().to_string()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use memtrace_common::{kind::StallKind, totals::Loss};

    use super::Entry;

    #[test]
    fn lines_of_the_kernel_side_are_read() {
        let line = format!("{} {} 1234", Loss::SecondBegin as u32, StallKind::Memcg as u32);
        let entry = Entry::parse(&line).unwrap();
        assert_eq!((entry.stage.name, entry.kind, entry.tid), ("second_begin", Some(StallKind::Memcg), 1234));
        assert_eq!(Entry::parse("3 255 7").map(|entry| (entry.kind, entry.tid)), Some((None, 7)));
        for other in ["", "1", "1 2", "999 0 1", "a b c"] {
            assert!(Entry::parse(other).is_none(), "{other}");
        }
    }
}
