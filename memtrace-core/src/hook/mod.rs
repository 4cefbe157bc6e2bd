//! State of each hook on this kernel: the way in which it is attached, or the reason why not and the loss without it.

pub mod catalog;
pub mod functions;
mod set;
#[cfg(test)]
mod tests;

use memtrace_common::kind::StallKind;

pub use self::{catalog::HookId, set::HookSet};
use crate::untrusted::Text;

/// Way in which a hook is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// As a raw tracepoint: raw arguments, located through BTF; no tracefs needed.
    RawTracepoint,
    /// As a BTF tracepoint: a raw tracepoint with types, so that programs may follow pointers among the arguments.
    BtfTracepoint,
    /// As a classic tracepoint: fields by the tracefs `format` file; about twice the cost of a raw one.
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
    /// Nothing is attached: the values are read from the kernel's memory on demand.
    Memory,
    /// Not attached, with a reason that a user can act on.
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
    /// Id of the hook.
    pub id: HookId,
    /// Kernel name of the hook, such as `vmscan:mm_vmscan_direct_reclaim_begin`.
    pub name: &'static str,
    /// The values that memtrace takes from it.
    pub gives: &'static str,
    /// The loss without it.
    pub without: &'static str,
    /// True when memtrace can report nothing without it (with its pair).
    pub required: bool,
    /// The kind of stall that it measures, alone or with its pair.
    pub kind: Option<StallKind>,
    /// Way in which it is attached.
    pub attached: Attached,
    /// Fields that this kernel's event does not have, by name.
    pub unread: Vec<&'static str>,
    /// Instructions that the verifier processed for its program; `None` when not attached or not reported (before 5.16:
    /// aba64c7da983, bpf: Add verified_insns to bpf_prog_info and fdinfo).
    pub verified_instructions: Option<u32>,
    /// Time to load and attach it, failed methods included, in ns; 0 when nothing was tried.
    pub took_ns: u64,
}

impl HookStatus {
    /// True when it is attached, or read from the kernel's memory.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        self.attached.name().is_some()
    }

    /// True when it measures the stalls of a reclaim. A locked-down kernel may still accept other hooks, which alone
    /// give nothing to report.
    #[must_use]
    pub fn measures_reclaim(&self) -> bool {
        self.required && self.kind.is_some() && self.is_attached()
    }
}

/// A hook as in a trace and in the JSON output, possibly of another version of memtrace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookRecord {
    /// Kernel name of the hook.
    pub name: Text,
    /// Way in which it is attached ([`Attached::name`]); `None` when it is not.
    pub attached: Option<Text>,
    /// Reason why it is not attached.
    pub reason: Option<Text>,
    /// The loss without it.
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
