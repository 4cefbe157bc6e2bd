//! Layout of the values of a call of the OOM killer.

use crate::field::MemberOffset;

/// Members of `oom_control`, the first argument of `oom_kill_process`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OomMembers {
    /// The memory cgroup at its limit; null when the host ran out of memory.
    pub memcg: MemberOffset,
    /// Allocation flags.
    pub gfp: MemberOffset,
    /// Allocation order.
    pub order: MemberOffset,
    /// Pages that the score of the victim relates to.
    pub total_pages: MemberOffset,
    /// The chosen task.
    pub chosen: MemberOffset,
    /// Score of the chosen task.
    pub points: MemberOffset,
    /// Limit (`enum oom_constraint`).
    pub constraint: MemberOffset,
}

impl OomMembers {
    /// Nothing known: no BTF.
    pub const UNREAD: Self = Self {
        memcg: MemberOffset::UNREAD,
        gfp: MemberOffset::UNREAD,
        order: MemberOffset::UNREAD,
        total_pages: MemberOffset::UNREAD,
        chosen: MemberOffset::UNREAD,
        points: MemberOffset::UNREAD,
        constraint: MemberOffset::UNREAD,
    };
}
