//! Measures: the counts of an interval that metrics are made of.

use memtrace_core::{session::tick::Tick, sum};

/// Declares the measures: name, meaning, and the count of an interval, `None` where it was not read.
macro_rules! measures {
    ($($(#[doc = $doc:literal])+ $name:ident = |$tick:ident| $count:expr;)+) => {
        /// A count of an interval. Counts of several intervals add up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Measure {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Measure {
            /// All of them.
            pub const ALL: [Self; [$(stringify!($name)),+].len()] = [$(Self::$name),+];

            /// The count of an interval; `None` where it was not read.
            #[must_use]
            pub fn of(self, tick: &Tick) -> Option<u64> {
                match self {
                    $(Self::$name => { let $tick = tick; $count })+
                }
            }
        }
    };
}

measures! {
    /// Stalls that ended.
    Stalls = |tick| stalls_read(tick).then_some(tick.all.count);
    /// Time that passed in stalls, ended or not, in ns.
    StalledNs = |tick| stalls_read(tick).then_some(tick.all.stalled_ns);
    /// Work of all kswapd, in ns.
    KswapdNs = |tick| tick.kswapd.as_ref().map(|nodes| sum::of(nodes.iter().map(|node| node.busy_ns)));
    /// Pages scanned.
    Scanned = |tick| tick.reclaim.scanned_pages;
    /// Pages reclaimed, where scans were read as well.
    Reclaimed = |tick| tick.reclaim.scanned_pages.and(tick.reclaim.reclaimed_pages);
    /// Pages refaulted.
    Refaulted = |tick| tick.refaults.map(|pages| pages.file_pages.saturating_add(pages.anon_pages));
    /// Pages read from swap.
    SwappedIn = |tick| tick.memory?.swapped_in_pages;
    /// Pages written to swap.
    SwappedOut = |tick| tick.memory?.swapped_out_pages;
    /// Memory allocated, in bytes.
    Allocated = |tick| tick.memory?.allocated_bytes;
    /// Processes killed by the OOM killer, as the kernel counts them.
    OomKills = |tick| tick.memory?.oom_kills;
    /// Time in which some task was stalled on memory, in ns.
    SomeNs = |tick| tick.pressed.map(|pressed| pressed.some_ns);
    /// Time in which all tasks were stalled on memory, in ns.
    FullNs = |tick| tick.pressed.map(|pressed| pressed.full_ns);
}

/// True where the hooks of some kind of stall were attached.
fn stalls_read(tick: &Tick) -> bool {
    !tick.stalls.is_empty()
}
