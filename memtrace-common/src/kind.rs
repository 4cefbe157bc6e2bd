//! The kinds of stall: one declaration for the ring, the trace, JSON, tables and the command line.

/// Properties of a kind: the differences between kinds that other modules act on.
#[derive(Clone, Copy, Debug)]
struct KindInfo {
    name: &'static str,
    is_wait: bool,
    scans: bool,
    is_at_limit: bool,
    has_nested: bool,
    holds_memalloc: bool,
    unseen: &'static str,
}

/// A kind with none of the properties. Each kind has a name of its own.
const PLAIN: KindInfo = KindInfo {
    name: "",
    is_wait: false,
    scans: false,
    is_at_limit: false,
    has_nested: false,
    holds_memalloc: false,
    unseen: "a part of it is not seen",
};
/// A kind that scans and reclaims pages itself.
const RECLAIM: KindInfo = KindInfo { scans: true, holds_memalloc: true, ..PLAIN };
/// A wait for I/O that another task may do.
const WAIT: KindInfo = KindInfo { is_wait: true, ..PLAIN };

/// Declares the kinds, each with its number and its properties.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $info:expr;)+) => {
        /// Reason why a task could not go on: the way of making memory available that delayed it.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum StallKind {
            $($(#[$doc])* $kind = $number,)+
        }

        impl StallKind {
            /// Number of kinds; every array indexed by kind has this length.
            pub const COUNT: usize = [$($number),+].len();
            /// All kinds, in the order of their numbers.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$kind),+];

            const fn info(self) -> KindInfo {
                match self {
                    $(Self::$kind => $info,)+
                }
            }
        }
    };
}

kinds! {
    /// Global direct reclaim (`try_to_free_pages`): the host or a node is below its min watermark.
    Direct = 0, KindInfo { name: "direct", unseen: "the pfmemalloc throttle before it is not seen", ..RECLAIM };
    /// Reclaim inside a memory cgroup at its limit (`try_to_free_mem_cgroup_pages`).
    Memcg = 1, KindInfo {
        name: "memcg",
        is_at_limit: true,
        unseen: "the sleep at memory.high after it is not seen",
        ..RECLAIM
    };
    /// The sleep that `memory.high` imposes, with the reclaim before it.
    MemcgHigh = 2, KindInfo { name: "memcg_high", scans: true, is_at_limit: true, has_nested: true, ..PLAIN };
    /// Reclaim of one node under `vm.zone_reclaim_mode`.
    Node = 3, KindInfo { name: "node", ..RECLAIM };
    /// The wait for kswapd when the emergency reserves run low (`throttle_direct_reclaim`).
    Pfmemalloc = 4, KindInfo { name: "pfmemalloc", ..PLAIN };
    /// Direct compaction for an allocation of order > 0.
    Compaction = 5, KindInfo {
        name: "compaction",
        holds_memalloc: true,
        unseen: "what is between two zones is not seen",
        ..PLAIN
    };
    /// The wait for a page to come back from swap.
    Swapin = 6, KindInfo { name: "swapin", ..WAIT };
    /// The wait for a refaulting page of the working set.
    Thrash = 7, KindInfo { name: "thrash", ..WAIT };
}

impl StallKind {
    /// The kind with this number; `None` for a number that no kind has.
    #[must_use]
    pub const fn from_u8(n: u8) -> Option<Self> {
        if (n as usize) < Self::COUNT { Some(Self::ALL[n as usize]) } else { None }
    }

    /// The kinds with a property, in the order of their numbers.
    pub fn with(property: impl Fn(Self) -> bool) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| property(*kind))
    }

    /// The name in every output and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// True when the task only waits: parts of other stalls are not measured in these.
    #[must_use]
    pub const fn is_wait(self) -> bool {
        self.info().is_wait
    }

    /// True when the stall scans pages, which `pgscan` and `pgsteal` of `/proc/vmstat` count.
    #[must_use]
    pub const fn scans(self) -> bool {
        self.info().scans
    }

    /// True for a stall at a limit of a memory cgroup. The host may have free memory.
    #[must_use]
    pub const fn is_at_limit(self) -> bool {
        self.info().is_at_limit
    }

    /// True when stalls of other kinds inside this one are measured as a part of it.
    #[must_use]
    pub const fn has_nested(self) -> bool {
        self.info().has_nested
    }

    /// True when the thread has `PF_MEMALLOC` from begin to end of the stall.
    #[must_use]
    pub const fn holds_memalloc(self) -> bool {
        self.info().holds_memalloc
    }

    /// The part of the stall outside its hooks, as a clause for a person, when its durations are a lower bound.
    #[must_use]
    pub const fn unseen(self) -> &'static str {
        self.info().unseen
    }
}

#[cfg(test)]
mod tests {
    use super::StallKind;

    #[test]
    fn each_kind_has_a_name_of_its_own() {
        let mut names = StallKind::ALL.map(StallKind::name);
        names.sort_unstable();
        assert!(names.iter().all(|name| !name.is_empty()) && names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn numbers_are_positions() {
        for (i, kind) in StallKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i);
            assert_eq!(StallKind::from_u8(u8::try_from(i).unwrap()), Some(kind));
        }
        assert_eq!(StallKind::from_u8(StallKind::COUNT as u8), None);
        assert_eq!(StallKind::from_u8(255), None);
    }
}
