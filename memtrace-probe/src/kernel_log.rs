//! The diagnostic log of the kernel side: single events that could not be kept or paired.

use std::sync::{Arc, Mutex, PoisonError};

use aya::Ebpf;
use aya_log::EbpfLogger;
use log::{Log, Metadata, Record};
use memtrace_common::{kernel_log, kind::StallKind, totals};

use super::{describe::chain, error::LoadError};
use memtrace_core::{
    hook::{catalog::HOOKS, functions::FUNCTIONS},
    session::loss::Stage,
};

/// The log level of the kernel side when the log is enabled, in aya-log's numbers: everything. 0 writes nothing.
pub(super) const LEVEL: u8 = aya_log::Level::Trace as u8;
/// Size of the ring of the log in bytes, when it is enabled.
pub(super) const RING_BYTES: u32 = 128 << 10;

/// A single loss.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Stage of the loss.
    pub stage: Stage,
    /// Kind of stall that the thread was in, where that is known.
    pub kind: Option<StallKind>,
    /// The hook whose program lost it, where stage and kind identify one.
    pub hook: Option<&'static str>,
    /// Thread id.
    pub tid: u32,
}

impl Entry {
    /// An entry from a line of the kernel side.
    fn parse(line: &str) -> Option<Self> {
        let (stage, kind, tid) = kernel_log::unpack(line.parse().ok()?);
        let loss = totals::Loss::ALL.into_iter().find(|loss| *loss as u64 == stage)?;
        let kind = StallKind::from_u8(kind);
        let hook = kind.and_then(|kind| hook_of(loss, kind));
        Some(Self { stage: Stage::named(loss.name()), kind, hook, tid })
    }
}

/// The hook that loses stalls of a kind at this stage. A stall that never ends is lost by any hook that drops it, and
/// gives `None`.
fn hook_of(loss: totals::Loss, kind: StallKind) -> Option<&'static str> {
    use totals::Loss::{EndWithoutBegin, InflightFull, NestOverflow, SecondBegin};
    let is_end = match loss {
        EndWithoutBegin => true,
        SecondBegin | InflightFull | NestOverflow => false,
        _ => return None,
    };
    let name = |id| HOOKS.iter().find(|hook| hook.id == id).map(|hook| hook.name);
    let event = HOOKS.iter().find(|hook| hook.kind == Some(kind));
    let of_event = event.and_then(|hook| if is_end { hook.end.and_then(name) } else { Some(hook.name) });
    of_event.or_else(|| FUNCTIONS.iter().find(|hook| hook.kind == Some(kind)).map(|hook| hook.name))
}

/// The log.
pub struct KernelLog {
    logger: EbpfLogger<Arc<Entries>>,
    entries: Arc<Entries>,
}

impl KernelLog {
    /// Takes the log of the loaded kernel side.
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

/// Receives the lines from aya-log.
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
    use memtrace_common::{kernel_log::pack, kind::StallKind, totals::Loss};

    use super::Entry;

    #[test]
    fn lines_of_the_kernel_side_are_read() {
        let line = |stage: u32, kind| pack(stage, kind, 1234).to_string();
        let entry = Entry::parse(&line(Loss::SecondBegin as u32, StallKind::Memcg as u8)).unwrap();
        assert_eq!((entry.stage.name, entry.kind, entry.tid), ("second_begin", Some(StallKind::Memcg), 1234));
        assert_eq!(entry.hook, Some("vmscan:mm_vmscan_memcg_reclaim_begin"));
        let hook = |loss: Loss, kind| Entry::parse(&line(loss as u32, kind as u8)).unwrap().hook;
        assert_eq!(hook(Loss::EndWithoutBegin, StallKind::Direct), Some("vmscan:mm_vmscan_direct_reclaim_end"));
        assert_eq!(hook(Loss::EndWithoutBegin, StallKind::Swapin), Some("do_swap_page"));
        assert_eq!(hook(Loss::LostEnd, StallKind::Direct), None);
        for kind in StallKind::ALL {
            assert!(hook(Loss::SecondBegin, kind).is_some(), "{}", kind.name());
        }
        assert_eq!(Entry::parse(&line(3, 255)).map(|entry| (entry.kind, entry.tid)), Some((None, 1234)));
        for other in ["", "-1", "a b", &line(999, 0)] {
            assert!(Entry::parse(other).is_none(), "{other}");
        }
    }
}
