//! Tests the layout resolvers on recordings of five kernels: their `format` files, and their BTF reduced to the types
//! that are looked up (`tests/btf`; member offsets and parameters are as recorded).

#![expect(clippy::unwrap_used, reason = "a fixture that is not there or not readable fails the test")]

use std::{fs, path::Path};

use memtrace_common::{
    config::{EventFields, TaskMembers, ThrottleFields},
    field::{ArgSource, MemberOffset},
};
use memtrace_core::hook::catalog::HOOKS;
use memtrace_probe::{btf::Btf, gfp, layout};
use proptest::prelude::{any, proptest};

const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.2"];

fn recorded(path: &str) -> Option<Vec<u8>> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)).ok()
}

fn records(kernel: &str) -> EventFields {
    layout::records(|_, event| String::from_utf8(recorded(&format!("formats/{kernel}/{event}"))?).ok())
}

fn with_btf<T>(kernel: &str, look: impl FnOnce(&Btf<'_>) -> T) -> T {
    let bytes = recorded(&format!("btf/{kernel}.btf")).unwrap();
    look(&Btf::parse(&bytes, |name| layout::is_wanted(name) || name == gfp::FIRST_BIT).unwrap())
}

const fn field(at: u16, size: u16) -> ArgSource {
    ArgSource { at, size }
}

#[test]
fn a_begin_has_its_order_and_flags_where_each_kernel_puts_them() {
    let want = [
        ("5.10", field(8, 4), field(12, 4)),
        ("6.1", field(8, 4), field(16, 8)),
        ("6.12", field(8, 4), field(16, 8)),
        ("6.18", field(8, 4), field(16, 8)),
        ("7.2", field(24, 4), field(8, 8)),
    ];
    for (kernel, order, gfp) in want {
        let fields = records(kernel);
        for begin in [fields.direct_begin, fields.memcg_begin] {
            assert_eq!((begin.order, begin.gfp, begin.nid), (order, gfp, ArgSource::UNREAD), "{kernel}");
        }
        assert_eq!(fields.node_begin.nid, field(8, 4), "{kernel}");
        assert_eq!(fields.direct_end, field(8, 8), "{kernel}");
    }
}

#[test]
fn each_value_of_the_catalog_is_in_its_event() {
    let mut fields = records("6.18");
    for hook in HOOKS {
        for (name, place) in hook.values {
            assert!(place(&mut fields).is_read(), "6.18 has no {name} in {}", hook.name);
        }
    }
}

#[test]
fn seven_two_swaps_the_arguments_of_a_begin() {
    for kernel in KERNELS {
        let begin = with_btf(kernel, layout::arguments).direct_begin;
        let (order, gfp) = if kernel == "7.2" { (1, 0) } else { (0, 1) };
        assert_eq!((begin.order, begin.gfp), (field(order, 4), field(gfp, 4)), "{kernel}");
    }
}

#[test]
fn an_event_that_a_kernel_lacks_is_unread() {
    assert_eq!(records("5.10").throttled, ThrottleFields::default());
    assert_eq!(records("6.1").throttled, ThrottleFields { usec: field(16, 4), reason: field(20, 4) });
    assert_eq!(with_btf("5.10", layout::arguments).throttled, ThrottleFields::default());
    assert_eq!(
        with_btf("6.12", layout::arguments).throttled,
        ThrottleFields { usec: field(2, 4), reason: field(3, 4) }
    );
}

#[test]
fn a_victim_is_a_pid_or_a_task() {
    for kernel in KERNELS {
        let (args, record) = (with_btf(kernel, layout::arguments).victim, records(kernel).victim);
        let old = kernel == "5.10";
        assert_eq!(args.pid.is_read(), old, "{kernel}");
        assert_eq!(args.task, if old { ArgSource::UNREAD } else { field(0, 8) }, "{kernel}");
        assert_eq!(record.pid, field(8, 4), "{kernel}");
        assert_eq!(record.anon_rss, if old { ArgSource::UNREAD } else { field(24, 8) }, "{kernel}");
        assert_eq!(record.oom_score_adj, if old { ArgSource::UNREAD } else { field(64, 2) }, "{kernel}");
    }
}

#[test]
fn kswapd_and_shrinks_are_the_same_on_all() {
    for kernel in KERNELS {
        let (args, record) = (with_btf(kernel, layout::arguments), records(kernel));
        assert_eq!((args.shrink.scanned, args.shrink.reclaimed), (field(1, 8), field(2, 8)), "{kernel}");
        assert_eq!((record.shrink.scanned, record.shrink.reclaimed), (field(16, 8), field(24, 8)), "{kernel}");
        assert_eq!((args.wakeup_kswapd.nid, args.wakeup_kswapd.order), (field(0, 4), field(2, 4)), "{kernel}");
        assert_eq!((record.kswapd_wake.nid, record.kswapd_sleep.nid), (field(8, 4), field(8, 4)), "{kernel}");
    }
}

#[test]
fn every_member_on_the_way_from_a_task_is_found() {
    for kernel in KERNELS {
        let TaskMembers { memstall_mask, .. } = with_btf(kernel, layout::task_members);
        let members = with_btf(kernel, layout::task_members);
        for (name, member) in [
            ("tgid", members.tgid),
            ("group_leader", members.group_leader),
            ("start_time", members.start_time),
            ("mm", members.mm),
            ("signal", members.signal),
            ("cgroups", members.cgroups),
            ("oom_score_adj", members.oom_score_adj),
            ("rss_stat", members.rss_stat),
            ("memory_css", members.memory_css),
            ("css_cgroup", members.css_cgroup),
            ("cgroup_kn", members.cgroup_kn),
            ("kn_id", members.kn_id),
            ("memstall", members.memstall),
            ("nvcsw", members.switches),
            ("memcg_nr_pages_over_high", members.over_high),
        ] {
            assert_ne!(member, MemberOffset::UNREAD, "{name} on {kernel}");
        }
        assert_eq!(memstall_mask.count_ones(), 1, "{kernel}");
    }
    // One counter is a number up to 6.1, a percpu_counter of 40 bytes after it.
    assert_eq!(with_btf("6.1", layout::task_members).rss_stride, MemberOffset(8));
    assert_eq!(with_btf("6.12", layout::task_members).rss_stride, MemberOffset(40));
}

#[test]
fn the_arguments_of_functions_are_where_each_kernel_has_them() {
    for kernel in KERNELS {
        let args = with_btf(kernel, layout::arguments);
        assert_eq!(args.pfmemalloc_begin.gfp, field(0, 4), "{kernel}");
        assert_eq!(args.pfmemalloc_begin.order, ArgSource::UNREAD, "{kernel}");
        assert_eq!((args.compaction_begin.gfp, args.compaction_begin.order), (field(0, 4), field(1, 4)), "{kernel}");
        let compact = with_btf(kernel, layout::compact_members);
        let all = [compact.order, compact.gfp, compact.direct];
        assert!(!all.contains(&MemberOffset::UNREAD), "{kernel}: {all:?}");
        // Records of classic tracepoints have no values of functions.
        assert_eq!(records(kernel).compaction_begin.gfp, ArgSource::UNREAD, "{kernel}");
    }
}

#[test]
fn a_refault_is_judged_by_the_bits_of_each_kernel() {
    // Bits of PG_swapbacked, PG_active, PG_workingset, PG_head; 6.12 moved them.
    let want = [
        ("5.10", [19, 5, 6, 16]),
        ("6.1", [19, 5, 6, 16]),
        ("6.12", [17, 8, 9, 6]),
        ("6.18", [17, 8, 9, 6]),
        ("7.2", [17, 8, 9, 6]),
    ];
    for (kernel, bits) in want {
        let layout = with_btf(kernel, layout::refault_layout);
        let found = [layout.swapbacked, layout.active, layout.workingset, layout.head];
        assert_eq!(found, bits.map(MemberOffset), "{kernel}");
        assert_eq!(
            (layout.first_item, layout.flags, layout.memcg_css),
            (10, MemberOffset(0), MemberOffset(0)),
            "{kernel}"
        );
        assert_ne!(layout.nr_pages, MemberOffset::UNREAD, "{kernel}");
    }
    // The number of pages is in the second page of a compound page.
    assert_eq!(with_btf("5.10", layout::refault_layout).nr_pages, MemberOffset(64 + 24));
}

#[test]
fn the_counter_event_of_memory_cgroups_widens_its_value() {
    let value = |kernel| with_btf(kernel, layout::refault_layout).value;
    assert_eq!([value("5.10"), value("6.1"), value("6.12")], [ArgSource::UNREAD; 3]);
    assert_eq!((value("6.18"), value("7.2")), (field(2, 4), field(2, 8)));
}

#[test]
fn flags_have_their_names_from_btf_or_from_the_print_format() {
    for kernel in KERNELS {
        let text = recorded(&format!("formats/{kernel}/mm_vmscan_direct_reclaim_begin")).unwrap();
        let from_format = gfp::from_print_format(&String::from_utf8(text).unwrap());
        let names = match with_btf(kernel, gfp::from_btf) {
            names if names.is_empty() => from_format,
            names => names,
        };
        for (bit, name) in [(0, "__GFP_DMA"), (6, "__GFP_IO"), (7, "__GFP_FS"), (10, "__GFP_DIRECT_RECLAIM")] {
            assert!(names.contains(&(bit, name.into())), "{name} on {kernel}: {names:?}");
        }
    }
}

#[test]
fn btf_that_is_cut_short_is_an_error() {
    let bytes = recorded("btf/7.2.btf").unwrap();
    for len in 0..bytes.len() {
        assert!(Btf::parse(&bytes[..len], |_| true).is_err(), "{len} of {} bytes", bytes.len());
    }
}

proptest! {
    #[test]
    fn damaged_btf_never_panics(at in 0_usize..3500, byte in any::<u8>(), more in any::<[u8; 4]>()) {
        let mut bytes = recorded("btf/6.18.btf").unwrap();
        bytes[at] = byte;
        let last = bytes.len() - 1;
        bytes[at.wrapping_mul(31) % last] = more[0];
        if let Ok(btf) = Btf::parse(&bytes, |_| true) {
            let _ = layout::arguments(&btf);
            let _ = layout::task_members(&btf);
            let _ = gfp::from_btf(&btf);
        }
    }
}
