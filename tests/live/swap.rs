//! Anonymous refaults: a working set that does not fit its cgroup, over swap in zram.

use tests::{
    load::{alone, cgroup, memload, path_of},
    memtrace::{Memtrace, may_trace, number},
    refaults::{self, ANON, agree_with_rest, begin, counted, end, reads_refaults, rest},
    skip_here,
    zram::ZramSwap,
};

#[test]
fn anonymous_memory_refaults_as_memory_stat_says() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let group = cgroup(24);
    let (run, ended) = {
        let _swap = match ZramSwap::on(96) {
            Ok(swap) => swap,
            Err(e) => return skip_here(&format!("no swap can be made here: {e}")),
        };
        group.allow_swap(96 << 20).expect("swap for the cgroup");
        let memtrace = Memtrace::start(&[]);
        let ended = end(begin(memload(&group).args(["anon", "40", "1"])));
        (memtrace.stop(), ended)
    };
    if !reads_refaults(&run) {
        return;
    }
    let (summary, kernel) = (run.summary(), counted(&group, ANON));
    let in_cgroup = refaults::cgroup(&summary, &path_of(group.dir())).expect("a row of the cgroup");
    let in_process = refaults::process(&summary, ended.pid).expect("a row of the process");
    println!(
        "{kernel} anonymous refaults in memory.stat, {} of the cgroup, {} of the process",
        in_cgroup["refaults_anon"], in_process["refaults_anon"]
    );
    assert!(kernel > 10_000, "no storm: {kernel}");
    for (row, table) in [(in_cgroup, "cgroups"), (in_process, "processes")] {
        let (pages, rest) = (number(row, "/refaults_anon"), rest(&summary, table, "refaults_anon"));
        assert!(agree_with_rest(pages, rest, kernel), "{pages} ({rest} in the rest), the kernel has {kernel}: {row}");
        assert!(number(row, "/refaults_file") < kernel / 20, "a page of swap is no page of a file: {row}");
    }
    let (ours, theirs) = (number(in_process, "/major_faults"), ended.major_faults);
    println!("{theirs} major faults in /proc, {ours} of the process, {} swap-ins", in_process["swapin_pages"]);
    assert!(theirs > 10_000, "each touch of a page that is away is one: {theirs}");
    assert!(ours.abs_diff(theirs) <= theirs / 100, "{ours} major faults, the kernel has {theirs}");
    // Swap-ins come from hooks on functions, which not every kernel accepts. Where they attach, the counts are close.
    if let Some(pages) = in_process["swapin_pages"].as_u64() {
        assert!(pages.abs_diff(kernel) <= kernel / 20, "{pages} pages read from swap, {kernel} refaults");
    }
}
