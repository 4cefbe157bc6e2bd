//! The hooks by name, and sets of them.

use super::HookStatus;

/// Declares the hooks, each with the data or the moment that it gives.
macro_rules! hook_ids {
    ($($(#[$doc:meta])* $id:ident,)+) => {
        /// A hook. The [catalogue](super::catalog) and the [functions](super::functions) have the properties of each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum HookId {
            $($(#[$doc])* $id,)+
        }

        impl HookId {
            /// All hooks.
            pub const ALL: &[Self] = &[$(Self::$id),+];
        }
    };
}

hook_ids! {
    /// Exit of a thread.
    ProcessExit,
    /// End of direct reclaim.
    DirectEnd,
    /// Begin of direct reclaim.
    DirectBegin,
    /// End of reclaim at a cgroup's limit.
    MemcgEnd,
    /// Begin of reclaim at a cgroup's limit.
    MemcgBegin,
    /// End of node reclaim.
    NodeEnd,
    /// Begin of node reclaim.
    NodeBegin,
    /// End of soft-limit reclaim.
    SoftLimitEnd,
    /// Begin of soft-limit reclaim.
    SoftLimitBegin,
    /// End of a shrinker.
    ShrinkerEnd,
    /// Begin of a shrinker.
    ShrinkerBegin,
    /// A throttled reclaim.
    Throttled,
    /// A shrink of an inactive list.
    ShrinkInactive,
    /// A task wakes kswapd.
    WakeupKswapd,
    /// kswapd begins a round.
    KswapdWake,
    /// kswapd goes to sleep.
    KswapdSleep,
    /// Global reclaim that is tried again.
    RetryZone,
    /// The OOM reaper is done with a victim.
    TaskReaped,
    /// An OOM victim is marked.
    MarkVictim,
    /// Refaults.
    Refaults,
    /// Pages read back from swap.
    SwapIns,
    /// Major faults.
    MajorFaults,
    /// The wait of a direct reclaim for kswapd.
    Pfmemalloc,
    /// Reclaim and sleep above `memory.high`.
    MemcgHigh,
    /// Proactive reclaim (`memory.reclaim`).
    Proactive,
    /// Direct compaction.
    Compaction,
    /// Faults on pages in swap.
    SwapFaults,
    /// Sections that the kernel counts as memory stalls.
    Memstall,
    /// A round of kswapd's work.
    Balance,
    /// Rounds in which kswapd reclaimed nothing.
    Failures,
    /// A call of the OOM killer.
    OomCall,
    /// The end of an address space.
    MmGone,
    /// Switches of stalled tasks.
    OffCpu,
    /// Evictions of file pages.
    Evictors,
    /// Evictions of anonymous memory.
    SwapEvictors,
    /// Free pages and watermarks in the kernel's memory.
    Zones,
}

/// A set of hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookSet(u64);

const _: () = assert!(HookId::ALL.len() <= u64::BITS as usize);

impl HookSet {
    /// All hooks.
    pub const ALL: Self = Self((1 << HookId::ALL.len()) - 1);

    /// The hooks that are attached.
    #[must_use]
    pub fn attached(hooks: &[HookStatus]) -> Self {
        hooks.iter().filter(|hook| hook.is_attached()).fold(Self::default(), |set, hook| set.with(hook.id))
    }

    /// This set and one more hook.
    #[must_use]
    pub const fn with(self, hook: HookId) -> Self {
        Self(self.0 | 1 << hook as u8)
    }

    /// This set without one hook.
    #[must_use]
    pub const fn without(self, hook: HookId) -> Self {
        Self(self.0 & !(1 << hook as u8))
    }

    /// True when the hook is in the set.
    #[must_use]
    pub const fn has(self, hook: HookId) -> bool {
        self.0 & 1 << hook as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{HookId, HookSet};
    use crate::hook::{catalog::HOOKS, functions::FUNCTIONS};

    #[test]
    fn each_hook_is_declared_once() {
        let declared = HOOKS.iter().map(|hook| hook.id).chain(FUNCTIONS.iter().map(|hook| hook.id));
        let mut declared: Vec<_> = declared.chain([HookId::Zones]).map(|id| id as u8).collect();
        declared.sort_unstable();
        assert_eq!(declared, HookId::ALL.iter().map(|&id| id as u8).collect::<Vec<_>>());
    }

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let set = HookSet::default().with(HookId::Zones).with(HookId::ProcessExit);
        let has: Vec<_> = HookId::ALL.iter().filter(|&&id| set.has(id)).collect();
        assert_eq!(has, [&HookId::ProcessExit, &HookId::Zones]);
        assert!(
            HookId::ALL.iter().all(|&id| HookSet::ALL.has(id))
                && !HookSet::ALL.without(HookId::Zones).has(HookId::Zones)
        );
    }
}
