//! Errors of loading and attaching.

use memtrace_core::hook::HookStatus;

/// The reason why nothing could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The build left the kernel side out.
    #[error("this memtrace was built without its kernel side (AYA_BUILD_SKIP): it cannot trace")]
    NotBuilt,
    /// The kernel refuses all of our maps or programs.
    #[error("the kernel refused the BPF maps or programs: {0}")]
    Refused(String),
    /// No hook could be attached; the table of hooks has the reasons.
    #[error("none of the hooks that memtrace needs could be attached")]
    NothingAttached(Vec<HookStatus>),
}
