//! Where a call of the OOM killer says what it is about.

use crate::field::MemberOffset;

/// Members of `oom_control`, the first argument of `oom_kill_process`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OomMembers {
    /// The memory cgroup at its limit; null when it is the host that ran out.
    pub memcg: MemberOffset,
    /// Allocation flags.
    pub gfp: MemberOffset,
    /// Allocation order.
    pub order: MemberOffset,
    /// Pages that the victim was chosen out of.
    pub total_pages: MemberOffset,
    /// The chosen task.
    pub chosen: MemberOffset,
    /// Its points.
    pub points: MemberOffset,
    /// Which limit.
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
