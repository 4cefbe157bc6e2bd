//! The kinds of stall that the attached hooks measure, and the relation of their durations to the true stall.

use memtrace_common::kind::StallKind;

use super::options::MemoryHierarchy;
use memtrace_core::{
    hook::{Attached, HookStatus},
    source::{Source, Sources},
};

/// The kinds that are measured, in the order of their numbers.
pub(super) fn measured(hooks: &[HookStatus]) -> Vec<StallKind> {
    StallKind::ALL.into_iter().filter(|&kind| attached(hooks, kind).is_some()).collect()
}

/// Way in which the hook of a kind is attached; `None` when it is not.
fn attached(hooks: &[HookStatus], kind: StallKind) -> Option<&Attached> {
    let mut tellers = hooks.iter().filter(|hook| hook.kind == Some(kind));
    tellers.find(|hook| hook.attached.name().is_some()).map(|hook| &hook.attached)
}

/// Relation of the durations of each kind to the true stall. Time outside the hooks of one kind may be reported as a
/// stall of another kind.
pub(super) fn sources(hooks: &[HookStatus], hierarchy: MemoryHierarchy) -> Sources {
    let mut sources = Sources::default();
    for kind in measured(hooks) {
        sources.set(
            kind,
            match kind {
                StallKind::Direct if attached(hooks, StallKind::Pfmemalloc).is_none() => Source::LowerBound,
                // A v1 hierarchy has no `memory.high`.
                StallKind::Memcg
                    if hierarchy != MemoryHierarchy::V1 && attached(hooks, StallKind::MemcgHigh).is_none() =>
                {
                    Source::LowerBound
                }
                // Each event covers only one zone.
                StallKind::Compaction if attached(hooks, kind) == Some(&Attached::RawTracepoint) => Source::LowerBound,
                _ => Source::True,
            },
        );
    }
    sources
}
