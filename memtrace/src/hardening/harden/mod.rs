//! Protection of this process against the shortage that it watches.

use std::{fs, io};

use caps::{CapSet, Capability};
use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use super::{
    Note,
    pages::{give_back_free, touch_stack},
};

/// The OOM killer chooses memtrace last, but can still kill it: an unkillable leak would be worse.
const OOM_SCORE_ADJ: i32 = -900;

/// Memory lock limit in bytes that memtrace cannot reach. Reserved address space counts, such as the allocator's 64 MiB
/// for each thread.
pub(crate) const LOCK_BYTES: u64 = 1 << 30;

/// File of `oom_score_adj`.
pub(super) const OOM_SCORE_ADJ_FILE: &str = "/proc/self/oom_score_adj";

/// Original values, which a started command gets back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// `oom_score_adj` before it was lowered; `None` when it was not.
    pub oom_score_adj: Option<i32>,
    /// `RLIMIT_MEMLOCK` before it was raised; `None` when it was not.
    pub memlock: Option<Rlimit>,
}

/// Outcome of [`protect`].
#[derive(Clone, Debug)]
pub struct Protected {
    /// True if memory is locked: pages that were touched stay.
    pub locked: bool,
    /// Values before the changes that children would inherit.
    pub original: Original,
    /// Steps that failed.
    pub notes: Vec<Note>,
}

/// Gives back free memory, raises `RLIMIT_MEMLOCK`, locks memory, touches the stack and lowers `oom_score_adj`, each
/// where allowed. Must be called before the hooks are attached; never fails.
#[must_use]
pub fn protect() -> Protected {
    let mut notes = Vec::new();
    give_back_free();
    let memlock = raise_memlock();
    let locked = lock(&mut notes);
    touch_stack();
    let oom_score_adj = lower_oom_score_adj(&mut notes);
    Protected { locked, original: Original { oom_score_adj, memlock }, notes }
}

/// Raises `RLIMIT_MEMLOCK`, against which kernels before 5.11 count BPF maps. Later ones do not, so a refusal is not
/// reported: where it matters, the load fails. Returns the limit before; `None` if it was not raised.
fn raise_memlock() -> Option<Rlimit> {
    let before = getrlimit(Resource::Memlock);
    before.current?;
    setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }).ok().map(|()| before)
}

fn lock(notes: &mut Vec<Note>) -> bool {
    const CONSEQUENCE: &str = "memtrace itself may stall when memory is short";
    // With a finite limit and no capability, later mappings would fail and allocations abort: better not to lock then.
    let limit = getrlimit(Resource::Memlock).current;
    let capable = caps::has_cap(None, CapSet::Effective, Capability::CAP_IPC_LOCK).unwrap_or(false);
    if !capable && limit.is_some_and(|bytes| bytes < LOCK_BYTES) {
        let what =
            format!("could not lock memory (no CAP_IPC_LOCK, RLIMIT_MEMLOCK {} KiB)", limit.unwrap_or_default() / 1024);
        notes.push(Note { what, consequence: CONSEQUENCE });
        return false;
    }
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => true,
        Err(e) => {
            notes.push(Note {
                what: format!("could not lock memory ({})", io::Error::from(e)),
                consequence: CONSEQUENCE,
            });
            false
        }
    }
}

fn lower_oom_score_adj(notes: &mut Vec<Note>) -> Option<i32> {
    let lowered = current_oom_score_adj().and_then(|before| {
        if before > OOM_SCORE_ADJ {
            fs::write(OOM_SCORE_ADJ_FILE, OOM_SCORE_ADJ.to_string())?;
            return Ok(Some(before));
        }
        Ok(None)
    });
    lowered.unwrap_or_else(|e| {
        let what = if e.kind() == io::ErrorKind::PermissionDenied {
            format!("could not lower oom_score_adj to {OOM_SCORE_ADJ} (no CAP_SYS_RESOURCE)")
        } else {
            format!("could not lower oom_score_adj to {OOM_SCORE_ADJ} ({e})")
        };
        notes.push(Note { what, consequence: "the OOM killer may choose memtrace" });
        None
    })
}

pub(super) fn current_oom_score_adj() -> io::Result<i32> {
    fs::read_to_string(OOM_SCORE_ADJ_FILE)?.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests;
