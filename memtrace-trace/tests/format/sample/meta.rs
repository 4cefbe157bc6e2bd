//! Beginnings of traces.

use fastrand::Rng;
use memtrace_common::kind::StallKind;

use super::{S, comm, entries::constraint, maybe, number, readings, text, zones};
use memtrace_core::{
    at_start::{AtStart, PastOom, TaskInReclaim},
    container::ContainerPattern,
    hook::HookRecord,
    session::{
        counters::Baseline,
        faults::FaultsRead,
        filter::Filter,
        input::{NodeRefaults, Pressure},
        pattern::{CgroupPattern, CommPattern},
    },
    source::{Source, Sources},
};
use memtrace_trace::model::{CgroupLimits, ClockReading, HostFacts, Meta, Setting, Setup, SwapArea};

pub(crate) fn meta(random: &mut Rng) -> Meta {
    let mut sources = Sources::EVENTS;
    sources.set(StallKind::Direct, Source::True);
    sources.set(StallKind::Node, Source::Estimated);
    let setting = |random: &mut Rng, name: &str| Setting {
        name: name.into(),
        value: maybe(random, |random| text(random).into()),
    };
    Meta {
        recording: random.u64(..),
        segment: 0,
        run: random.u32(..3),
        setup: Setup {
            version: "0.1.0".into(),
            argv: vec![b"memtrace"[..].into(), b"\xff\n"[..].into()],
            command: vec![b"make"[..].into()],
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
            cgroup_remarks: random.bool(),
            mglru: random.bool(),
            faults_read: FaultsRead {
                refaults: Some("memcg:mod_memcg_lruvec_state"),
                fate: true,
                major_faults: false,
                swapins: random.bool(),
            },
            hooks: vec![HookRecord {
                name: "oom:mark_victim".into(),
                attached: None,
                reason: Some(text(random).into()),
                without: "OOM kills".into(),
                unread: vec!["uid".into()],
            }],
            gfp_names: vec![(3, "__GFP_X".into())],
        },
        host: HostFacts {
            host: b"web-07\xff"[..].into(),
            kernel: "6.18.0".into(),
            kernel_version: "#1 SMP".into(),
            machine: "x86_64".into(),
            boot_id: text(random).into(),
            cpus: 2,
            nodes: 1,
            memory_bytes: Some(24 << 30),
            page_size_bytes: 4096,
            memory_cgroup: "v1".into(),
            swap: vec![SwapArea {
                name: b"/dev/zram0"[..].into(),
                kind: "zram".into(),
                size_bytes: 1 << 30,
                used_bytes: 5,
                priority: -2,
            }],
            sysctls: vec![setting(random, "vm.swappiness"), setting(random, "vm.page-cluster")],
            settings: vec![setting(random, "transparent_hugepage/enabled")],
            cgroup_limits: vec![CgroupLimits {
                id: 7,
                path: b"/a"[..].into(),
                limits: vec![setting(random, "memory.max")],
            }],
            cgroup_limits_cut: true,
            departed_limits: Vec::new(),
            vmstat_names: vec!["nr_free_pages".into(); 5],
            meminfo_names: vec!["MemFree".into(); 3],
        },
        clock: ClockReading { monotonic_ns: 100 * S, boottime_ns: 101 * S, realtime_ns: 1_700_000_000_000_000_000 },
        baseline: Baseline { readings: readings(random), mglru: true, cpus: 2, nodes: 1 },
        nodes_from: vec![NodeRefaults { nid: 0, file_pages: 5, anon_pages: 6 }],
        at_start: Some(AtStart {
            pressure: maybe(random, |_| Pressure::default()).ok_or_else(|| text(random).into()),
            oom_kills: Ok(vec![PastOom {
                ago_ns: 5,
                pid: 6,
                comm: b"\xffx"[..].into(),
                cgroup: maybe(random, |_| b"/c"[..].into()),
                constraint: constraint(random),
            }]),
            oom_window_ns: 3600 * S,
            in_reclaim: maybe(random, |random| vec![TaskInReclaim { pid: 1, tid: 2, comm: comm(random) }])
                .ok_or_else(|| text(random).into()),
        }),
        vmstat: (0..5).map(|_| number(random)).collect(),
        meminfo_bytes: (0..3).map(|_| number(random) << 10).collect(),
        zones: zones(random),
        base: None,
    }
}
