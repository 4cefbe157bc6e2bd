//! Where a call of the OOM killer says what it is about.

use crate::config::Member;

/// Members of `oom_control`, the first argument of `oom_kill_process`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OomMembers {
    /// The memory cgroup at its limit; null when it is the host that ran out.
    pub memcg: Member,
    /// Allocation flags.
    pub gfp: Member,
    /// Allocation order.
    pub order: Member,
    /// Pages that the victim was chosen out of.
    pub total_pages: Member,
    /// The chosen task.
    pub chosen: Member,
    /// Its points.
    pub points: Member,
    /// Which limit.
    pub constraint: Member,
}

impl OomMembers {
    /// Nothing known: no BTF.
    pub const UNREAD: Self = Self {
        memcg: Member::UNREAD,
        gfp: Member::UNREAD,
        order: Member::UNREAD,
        total_pages: Member::UNREAD,
        chosen: Member::UNREAD,
        points: Member::UNREAD,
        constraint: Member::UNREAD,
    };
}
