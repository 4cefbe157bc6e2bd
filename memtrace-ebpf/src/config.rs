//! The constants that the loader fills in before the programs are verified.

use memtrace_common::config::Config;

/// Overwritten by the loader. It is read-only to the programs, so the verifier takes each value as known and drops the
/// branches that this rules out.
#[unsafe(no_mangle)]
pub(crate) static CONFIG: Config = Config::UNREAD;

/// The value that the loader wrote, not the initial value that the compiler sees.
#[inline(always)]
pub(crate) fn loaded<T: Copy>(value: &'static T) -> T {
    // SAFETY: a reference is valid and aligned; volatile only keeps the compiler from folding the initial value.
    unsafe { core::ptr::read_volatile(value) }
}
