//! `/proc/vmstat`: the kernel's own counters of reclaim, since boot.

use memtrace_core::session::counters::{HOST_COUNTERS, KernelCounters};

/// Path of the file.
pub const PATH: &str = "/proc/vmstat";

/// Counters of [`HOST_COUNTERS`] that are sums of several.
const SUMS: [&str; 3] = ["allocstall", "pgscan", "pgsteal"];

/// The first of the event counters: the items of nodes and zones come before it.
const FIRST_EVENT: &str = "pgpgin";

/// Parses the counters of this text.
#[must_use]
pub fn parse(text: &str) -> KernelCounters {
    let mut counters = KernelCounters::default();
    let mut among_events = false;
    for (name, count) in pairs(text) {
        among_events |= name == FIRST_EVENT;
        let mut add = |to| *counters.host.entry(to).or_default() += count;
        if let Some(taken) = HOST_COUNTERS.into_iter().find(|taken| *taken == name && !SUMS.contains(taken)) {
            add(taken);
        } else if name.starts_with("allocstall_") {
            add("allocstall");
        } else if matches!(name, "pgscan_anon" | "pgscan_file") {
            add("pgscan");
        } else if matches!(name, "pgsteal_anon" | "pgsteal_file") {
            add("pgsteal");
        }
        if name == "pgscan_direct" {
            // Items of a node count every reclaim, the events only the global one. The text has the order of the
            // kernel's enums, so that neither the version nor BTF is needed.
            counters.scans_count_memcg = Some(!among_events);
        }
    }
    counters
}

/// The lines of a name and a number.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (name, count) = line.split_once(' ')?;
        Some((name, count.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// Text of a 5.10 guest after a global and a memcg load, shortened.
    const OLD: &str = include_str!("../../tests/proc/vmstat-5.10");
    /// Text of a 7.2 guest, shortened: the scans are items of a node, before `pgpgin`.
    const NEW: &str = include_str!("../../tests/proc/vmstat-7.2");

    #[test]
    fn an_old_kernel_counts_scans_of_global_reclaim_as_events() {
        let counters = parse(OLD);
        assert_eq!(counters.scans_count_memcg, Some(false));
        assert_eq!(counters.host["allocstall"], 2 + 30 + 6);
        assert_eq!((counters.host["pgscan_direct"], counters.host["pgscan"]), (6656, 8000 + 713_728));
        assert_eq!(counters.host["pgsteal"], 7000 + 700_001);
        assert_eq!(counters.host.get("pgscan_khugepaged"), None, "a counter that the kernel lacks is absent, not 0");
        assert_eq!(counters.cgroup, None);
    }

    #[test]
    fn a_new_kernel_counts_scans_of_all_reclaim_as_items_of_a_node() {
        let counters = parse(NEW);
        assert_eq!(counters.scans_count_memcg, Some(true));
        assert_eq!((counters.host["pgscan_direct"], counters.host["pgscan_proactive"]), (713_728, 17));
        assert_eq!((counters.host["allocstall"], counters.host["oom_kill"]), (28, 3));
        assert_eq!(counters.host["workingset_refault_file"], 198_381);
    }

    #[test]
    fn junk_is_no_counter() {
        assert_eq!(parse(""), parse("pgscan_direct\npgscan_direct x\n\n allocstall_dma 3\noom_kill -1\n"));
        assert_eq!(parse("pgscan_kswapd 1\n").scans_count_memcg, None);
    }
}
