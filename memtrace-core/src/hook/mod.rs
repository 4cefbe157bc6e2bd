//! What is known of each hook on this kernel: how it attached, or why not and what is then missing.

pub mod catalog;
pub mod functions;
mod set;
#[cfg(test)]
mod tests;

use memtrace_common::kind::StallKind;

pub use self::{catalog::HookId, set::HookSet};
use crate::untrusted::Text;

/// How a hook is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// As a raw tracepoint: raw arguments, whose places BTF tells; no tracefs needed.
    RawTracepoint,
    /// As a BTF tracepoint: the same with types, so that programs may read what the arguments point to.
    BtfTracepoint,
    /// As a classic tracepoint: fields by the tracefs `format` file; about twice the cost.
    Tracepoint,
    /// On the return of a function.
    Fexit,
    /// On the entry of a function.
    Fentry,
    /// On the entry and the return of a function.
    FentryFexit,
    /// By a probe on the entry of a function.
    Kprobe,
    /// By probes on the entry and the return of a function.
    KprobeKretprobe,
    /// By a software event of the kernel, on each CPU.
    PerfEvent,
    /// Nothing is attached: it is read in the kernel's memory when it is needed.
    Memory,
    /// Not attached; in words that a user can act on.
    No(String),
}

impl Attached {
    /// All ways in which a hook can be attached.
    pub const WAYS: [Self; 10] = [
        Self::RawTracepoint,
        Self::BtfTracepoint,
        Self::Tracepoint,
        Self::Fexit,
        Self::Fentry,
        Self::FentryFexit,
        Self::Kprobe,
        Self::KprobeKretprobe,
        Self::PerfEvent,
        Self::Memory,
    ];

    /// The name in every output; `None` when not attached.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::RawTracepoint => Some("raw tracepoint"),
            Self::BtfTracepoint => Some("btf tracepoint"),
            Self::Tracepoint => Some("tracepoint"),
            Self::Fexit => Some("fexit"),
            Self::Fentry => Some("fentry"),
            Self::FentryFexit => Some("fentry+fexit"),
            Self::Kprobe => Some("kprobe"),
            Self::KprobeKretprobe => Some("kprobe+kretprobe"),
            Self::PerfEvent => Some("perf event"),
            Self::Memory => Some("kernel memory"),
            Self::No(_) => None,
        }
    }
}

/// One hook on this kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookStatus {
    /// Which hook it is.
    pub id: HookId,
    /// Its kernel name, such as `vmscan:mm_vmscan_direct_reclaim_begin`.
    pub name: &'static str,
    /// What memtrace takes from it.
    pub gives: &'static str,
    /// What is lost without it.
    pub without: &'static str,
    /// Whether memtrace can tell nothing without it (with its pair).
    pub required: bool,
    /// The kind of stall that it tells, alone or with its pair.
    pub kind: Option<StallKind>,
    /// How it is attached.
    pub attached: Attached,
    /// Fields that this kernel's event does not have, by name.
    pub unread: Vec<&'static str>,
    /// Instructions that the verifier went through for its program; `None` when not attached or not told (before 5.16).
    pub verified_instructions: Option<u32>,
    /// Time that it took to load and attach it, the methods that failed included; 0 when nothing was tried.
    pub took_ns: u64,
}

impl HookStatus {
    /// True when it is attached, or read in the kernel's memory.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        self.attached.name().is_some()
    }

    /// Whether memtrace has the stalls of a reclaim by it. A kernel that is locked down may still take other hooks, by which
    /// alone there is nothing to tell.
    #[must_use]
    pub fn measures_reclaim(&self) -> bool {
        self.required && self.kind.is_some() && self.is_attached()
    }
}

/// A hook as a trace and the JSON output tell of it: also one of another version of memtrace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookRecord {
    /// Its kernel name.
    pub name: Text,
    /// How it is attached ([`Attached::name`]); `None` when it is not.
    pub attached: Option<Text>,
    /// Why it is not attached.
    pub reason: Option<Text>,
    /// What is lost without it.
    pub without: Text,
    /// Fields that the kernel's event does not have.
    pub unread: Vec<Text>,
}

impl From<&HookStatus> for HookRecord {
    fn from(hook: &HookStatus) -> Self {
        let reason = match &hook.attached {
            Attached::No(why) => Some(why.as_str().into()),
            _ => None,
        };
        Self {
            name: hook.name.into(),
            attached: hook.attached.name().map(Text::from),
            reason,
            without: hook.without.into(),
            unread: hook.unread.iter().map(|&field| field.into()).collect(),
        }
    }
}
