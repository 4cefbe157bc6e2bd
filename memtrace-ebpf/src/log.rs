//! The diagnostic log: each event that could not be kept or paired, with the thread and the kind of stall. It is off
//! unless the loader enables it; the verifier then drops all of it.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use aya_log_ebpf::debug;
use memtrace_common::{kernel_log::pack, totals::Loss};

use crate::{
    config::{CONFIG, loaded},
    task,
    time::now_ns,
};

/// Maximum number of lines per CPU and second.
const LINES: u64 = 64;

/// Present second of a CPU, and the lines written in it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Window {
    second: u64,
    lines: u64,
}

#[map]
static LOG_WINDOW: PerCpuArray<Window> = PerCpuArray::with_max_entries(1, 0);

/// Logs a loss of the current thread, in a stall of this kind where that is known.
#[inline(always)]
pub(crate) fn log_lost(what: Loss, kind: u8) {
    if loaded(&CONFIG.kernel_log) != 0 {
        write(what as u32, kind);
    }
}

/// Writes a line, unless this CPU has reached its limit. A separate function: it is long, and has many callers.
#[inline(never)]
fn write(what: u32, kind: u8) {
    let Some(window) = LOG_WINDOW.get_ptr_mut(0) else { return };
    let second = now_ns() / 1_000_000_000;
    // SAFETY: a map value of this CPU; an interrupt that writes in between makes the limit a little larger or smaller.
    unsafe {
        if (*window).second != second {
            *window = Window { second, lines: 0 };
        }
        if (*window).lines >= LINES {
            return;
        }
        (*window).lines += 1;
    }
    let (tid, _) = task::current_ids();
    debug!(&(), "{}", pack(what, kind, tid));
}
