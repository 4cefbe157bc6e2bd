//! Sets of hooks.

use super::{HookId, HookRecord, HookStatus, catalog::HOOKS, functions::FUNCTIONS};

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

    /// The hooks that were attached when a trace was recorded; `None` where it has no list of them.
    #[must_use]
    pub fn recorded(hooks: &[HookRecord]) -> Option<Self> {
        let known = || {
            let events = HOOKS.iter().map(|hook| (hook.id, hook.name));
            events.chain(FUNCTIONS.iter().map(|hook| (hook.id, hook.name)))
        };
        let attached = hooks.iter().filter(|hook| hook.attached.is_some());
        let ids = attached.filter_map(|hook| known().find(|(_, name)| hook.name.is(name)).map(|(id, _)| id));
        (!hooks.is_empty()).then(|| ids.fold(Self::default(), Self::with))
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
    use super::HookSet;
    use crate::hook::HookId;

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
