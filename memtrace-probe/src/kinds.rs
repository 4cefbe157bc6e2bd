//! Which kinds of stall the attached hooks tell, and how much of each.

use memtrace_common::kind::StallKind;

use super::options::MemoryHierarchy;
use memtrace_core::{
    hook::{Attached, HookStatus},
    source::{Source, Sources},
};

/// The kinds that are traced, in the order of their numbers.
pub(super) fn measured(hooks: &[HookStatus]) -> Vec<StallKind> {
    StallKind::ALL.into_iter().filter(|&kind| attached(hooks, kind).is_some()).collect()
}

/// How the hooks of a kind are attached, when they are.
fn attached(hooks: &[HookStatus], kind: StallKind) -> Option<&Attached> {
    let mut tellers = hooks.iter().filter(|hook| hook.kind == Some(kind));
    tellers.find(|hook| hook.attached.name().is_some()).map(|hook| &hook.attached)
}

/// How the durations of each kind relate to the true stall: what lies outside the hooks of one kind may be told as a
/// stall of another one.
pub(super) fn sources(hooks: &[HookStatus], hierarchy: MemoryHierarchy) -> Sources {
    let mut sources = Sources::default();
    for kind in measured(hooks) {
        sources.set(
            kind,
            match kind {
                StallKind::Direct if attached(hooks, StallKind::Pfmemalloc).is_none() => Source::LowerBound,
                // A v1 hierarchy knows no memory.high.
                StallKind::Memcg
                    if hierarchy != MemoryHierarchy::V1 && attached(hooks, StallKind::MemcgHigh).is_none() =>
                {
                    Source::LowerBound
                }
                // The events are those of one zone each.
                StallKind::Compaction if attached(hooks, kind) == Some(&Attached::RawTracepoint) => Source::LowerBound,
                _ => Source::True,
            },
        );
    }
    sources
}
