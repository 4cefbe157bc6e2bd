//! Reads the values of an event, by argument index or by offset in its record.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext, helpers,
    programs::{ProbeContext, TracePointContext},
};
use memtrace_common::{config::EventFields, field::ArgSource};

use crate::config::{CONFIG, loaded};

/// The values of one event.
pub(crate) trait Values {
    /// Places of the values for this way to attach.
    fn layout() -> &'static EventFields;
    /// The value at a place, widened without sign; `None` when the running kernel has no such value.
    fn get(&self, source: &'static ArgSource) -> Option<u64>;
    /// The context of the program, for the helpers that need it.
    fn context(&self) -> *mut c_void;
}

/// The first `N` raw arguments of a tracepoint or of a function.
pub(crate) struct Args<const N: usize> {
    args: [u64; N],
    context: *mut c_void,
}

impl<const N: usize> Args<N> {
    /// Loads them at constant offsets: the verifier refuses a modified context pointer.
    #[inline(always)]
    pub(crate) fn read(ctx: &impl EbpfContext) -> Self {
        let base = ctx.as_ptr().cast::<u64>();
        let mut args = [0; N];
        let mut i = 0;
        while i < N {
            // SAFETY: the context of this program holds at least N arguments (the verifier checks it); volatile
            // keeps the loads apart from the selection of a value below.
            args[i] = unsafe { core::ptr::read_volatile(base.add(i)) };
            i += 1;
        }
        Self { args, context: ctx.as_ptr() }
    }
}

impl<const N: usize> Args<N> {
    /// Reads the arguments from the registers at the entry of a function.
    #[inline(always)]
    pub(crate) fn of_probe(ctx: &ProbeContext) -> Self {
        let mut args = [0; N];
        let mut i = 0;
        while i < N {
            args[i] = ctx.arg(i).unwrap_or(0);
            i += 1;
        }
        Self { args, context: ctx.as_ptr() }
    }

    /// An argument that is at the same place on every kernel that has the event.
    #[inline(always)]
    pub(crate) fn raw(&self, at: usize) -> u64 {
        self.args[at]
    }
}

impl<const N: usize> Values for Args<N> {
    #[inline(always)]
    fn layout() -> &'static EventFields {
        &CONFIG.args
    }

    #[inline(always)]
    fn get(&self, source: &'static ArgSource) -> Option<u64> {
        let source = loaded(source);
        if !source.is_read() || source.at as usize >= N {
            return None;
        }
        let mut value = 0;
        let mut i = 0;
        while i < N {
            if source.at as usize == i {
                value = self.args[i];
            }
            i += 1;
        }
        Some(narrowed(value, source.size))
    }

    #[inline(always)]
    fn context(&self) -> *mut c_void {
        self.context
    }
}

/// The record of a classic tracepoint.
pub(crate) struct Record<'a>(pub &'a TracePointContext);

impl Values for Record<'_> {
    #[inline(always)]
    fn layout() -> &'static EventFields {
        &CONFIG.record
    }

    #[inline(always)]
    fn get(&self, source: &'static ArgSource) -> Option<u64> {
        let source = loaded(source);
        let at = source.at as usize;
        // SAFETY: probe_read_kernel checks the address; the record is at least as long as its format says.
        unsafe {
            match source.size {
                8 => self.0.read_at::<u64>(at).ok(),
                4 => self.0.read_at::<u32>(at).ok().map(u64::from),
                2 => self.0.read_at::<u16>(at).ok().map(u64::from),
                1 => self.0.read_at::<u8>(at).ok().map(u64::from),
                _ => None,
            }
        }
    }

    #[inline(always)]
    fn context(&self) -> *mut c_void {
        self.0.as_ptr()
    }
}

impl Record<'_> {
    /// Copies a `__data_loc` string of the record; `false` when it could not be read.
    #[inline(always)]
    pub(crate) fn read_string(&self, source: &'static ArgSource, into: &mut [u8]) -> bool {
        let Some(location) = self.get(source) else { return false };
        // SAFETY: probe_read_kernel_str checks the address; the low half of the location is the offset in the record.
        unsafe {
            let from = self.0.as_ptr().cast::<u8>().add((location & 0xffff) as usize);
            helpers::bpf_probe_read_kernel_str_bytes(from, into).is_ok()
        }
    }
}

/// Truncates a raw argument that is narrower than a register to its width.
#[inline(always)]
fn narrowed(value: u64, size: u16) -> u64 {
    match size {
        1 => value & 0xff,
        2 => value & 0xffff,
        4 => value & 0xffff_ffff,
        _ => value,
    }
}
