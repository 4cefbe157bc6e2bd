//! Sets of hooks.

use super::{HookId, HookStatus};

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
