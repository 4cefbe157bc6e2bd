//! The kinds of stall, fixed for the ring, the JSON and the metrics alike.

/// Why a task could not go on: which way of making memory available held it up.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StallKind {
    /// Global direct reclaim (`try_to_free_pages`): the host or a node is below its min watermark.
    Direct = 0,
    /// Reclaim inside a memory cgroup at its limit (`try_to_free_mem_cgroup_pages`).
    Memcg = 1,
    /// The sleep that `memory.high` imposes.
    MemcgHigh = 2,
    /// Reclaim of one node under `vm.zone_reclaim_mode`.
    Node = 3,
    /// The wait for kswapd when the emergency reserves run low (`throttle_direct_reclaim`).
    Pfmemalloc = 4,
    /// Direct compaction for an allocation of order > 0.
    Compaction = 5,
    /// The wait for a page to come back from swap.
    Swapin = 6,
    /// The wait for a refaulting page of the working set.
    Thrash = 7,
}

impl StallKind {
    /// How many kinds there are; every array indexed by kind has this length.
    pub const COUNT: usize = 8;
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Direct,
        Self::Memcg,
        Self::MemcgHigh,
        Self::Node,
        Self::Pfmemalloc,
        Self::Compaction,
        Self::Swapin,
        Self::Thrash,
    ];

    /// The kind with this number; `None` for a number that no kind has.
    #[must_use]
    pub const fn from_u8(n: u8) -> Option<Self> {
        if (n as usize) < Self::COUNT { Some(Self::ALL[n as usize]) } else { None }
    }

    /// Whether the task itself does nothing meanwhile: what is measured inside other stalls is not in these.
    #[must_use]
    pub const fn is_wait(self) -> bool {
        matches!(self, Self::Swapin | Self::Thrash)
    }

    /// The name in every output and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Memcg => "memcg",
            Self::MemcgHigh => "memcg_high",
            Self::Node => "node",
            Self::Pfmemalloc => "pfmemalloc",
            Self::Compaction => "compaction",
            Self::Swapin => "swapin",
            Self::Thrash => "thrash",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StallKind;

    #[test]
    fn numbers_are_positions() {
        for (i, kind) in StallKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i);
            assert_eq!(StallKind::from_u8(u8::try_from(i).unwrap()), Some(kind));
        }
        assert_eq!(StallKind::from_u8(8), None);
        assert_eq!(StallKind::from_u8(255), None);
    }
}
