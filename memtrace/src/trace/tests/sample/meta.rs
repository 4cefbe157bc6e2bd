//! Beginnings of traces.

use fastrand::Rng;
use memtrace_common::kind::StallKind;

use super::{S, comm, constraint, maybe, number, readings, text, zones};
use crate::{
    before::{BeforeStart, PastOom, TaskInReclaim},
    container::ContainerPattern,
    hook::HookRecord,
    session::{
        coverage::Baseline,
        faults::FaultsRead,
        filter::Filter,
        input::{NodeRefaults, Pressure},
        pattern::{CgroupPattern, CommPattern},
    },
    source::{Source, Sources},
    trace::model::{CgroupLimits, ClockReading, HostFacts, Meta, Setting, Setup, SwapArea},
};

pub(in crate::trace::tests) fn meta(random: &mut Rng) -> Meta {
    let mut sources = Sources::EVENTS;
    sources.set(StallKind::Direct, Source::True);
    sources.set(StallKind::Node, Source::Estimated);
    let setting = |random: &mut Rng, name: &str| Setting { name: name.to_owned(), value: maybe(random, text) };
    Meta {
        recording: random.u64(..),
        segment: 0,
        run: random.u32(..3),
        setup: Setup {
            version: "0.1.0".to_owned(),
            argv: vec![b"memtrace".to_vec(), b"\xff\n".to_vec()],
            command: vec![b"make".to_vec()],
            start_ns: 100 * S,
            interval_ns: S,
            own_pid: random.u32(..),
            filter: Filter {
                pids: vec![1, 2],
                comms: vec![CommPattern::parse("ja*").unwrap()],
                cgroups: vec![CgroupPattern::parse("web*").unwrap()],
                containers: vec![ContainerPattern::parse("8f0c1d2e").unwrap()],
                kinds: vec![StallKind::Memcg],
            },
            min_stall_ns: 0,
            kinds: vec![StallKind::Direct, StallKind::Node],
            sources,
            scans_read: true,
            stacks: true,
            mglru: random.bool(),
            faults_read: FaultsRead {
                refaults: Some("memcg:mod_memcg_lruvec_state"),
                fate: true,
                major_faults: false,
                swapins: random.bool(),
            },
            hooks: vec![HookRecord {
                name: "oom:mark_victim".to_owned(),
                attached: None,
                reason: Some(text(random)),
                without: "OOM kills".to_owned(),
                unread: vec!["uid".to_owned()],
            }],
            gfp_names: vec![(3, "__GFP_X".to_owned())],
        },
        host: HostFacts {
            host: b"web-07\xff".to_vec(),
            kernel: "6.18.0".to_owned(),
            kernel_version: "#1 SMP".to_owned(),
            machine: "x86_64".to_owned(),
            boot_id: text(random),
            cpus: 2,
            nodes: 1,
            memory_bytes: Some(24 << 30),
            page_size_bytes: 4096,
            memory_cgroup: "v1".to_owned(),
            swap: vec![SwapArea {
                name: b"/dev/zram0".to_vec(),
                kind: "zram".to_owned(),
                size_bytes: 1 << 30,
                used_bytes: 5,
                priority: -2,
            }],
            sysctls: vec![setting(random, "vm.swappiness"), setting(random, "vm.page-cluster")],
            settings: vec![setting(random, "transparent_hugepage/enabled")],
            cgroup_limits: vec![CgroupLimits {
                id: 7,
                path: b"/a".to_vec(),
                limits: vec![setting(random, "memory.max")],
            }],
            cgroup_limits_cut: true,
            vmstat_names: vec!["nr_free_pages".to_owned(); 5],
            meminfo_names: vec!["MemFree".to_owned(); 3],
        },
        clock: ClockReading { monotonic_ns: 100 * S, boottime_ns: 101 * S, realtime_ns: 1_700_000_000_000_000_000 },
        baseline: Baseline { readings: readings(random), mglru: true, cpus: 2, nodes: 1 },
        nodes_from: vec![NodeRefaults { nid: 0, file_pages: 5, anon_pages: 6 }],
        before: Some(BeforeStart {
            pressure: maybe(random, |_| Pressure::default()).ok_or_else(|| text(random)),
            oom_kills: Ok(vec![PastOom {
                ago_ns: 5,
                pid: 6,
                comm: b"\xffx".to_vec(),
                cgroup: maybe(random, |_| b"/c".to_vec()),
                constraint: constraint(random),
            }]),
            oom_window_ns: 3600 * S,
            in_reclaim: maybe(random, |random| vec![TaskInReclaim { pid: 1, tid: 2, comm: comm(random) }])
                .ok_or_else(|| text(random)),
        }),
        vmstat: (0..5).map(|_| number(random)).collect(),
        meminfo_bytes: (0..3).map(|_| number(random) << 10).collect(),
        zones: zones(random),
        base: None,
    }
}
