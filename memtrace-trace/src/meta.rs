//! The beginning of a segment to a message, and back.

use super::{
    columns::{decode_constraint, encode_constraint},
    counters::{CounterNames, encode_readings, loss_names, names},
    model::{CgroupLimits, ClockReading, HostFacts, Meta, Setting, Setup, SwapArea},
    tick::Base,
    values::{decode_node, decode_pressure, decode_zone, encode_node, encode_pressure, encode_zone, kind},
    wire,
};
use memtrace_core::{
    at_start::{AtStart, PastOom, TaskInReclaim},
    container::ContainerPattern,
    event::Comm,
    hook::HookRecord,
    session::{
        counters::{Baseline, CGROUP_COUNTERS, HOST_COUNTERS},
        faults::FaultsRead,
        filter::Filter,
        pattern::{CgroupPattern, CommPattern},
    },
    source::{Source, Sources},
    untrusted::Text,
};

/// Hooks that can count refaults.
const REFAULT_HOOKS: [&str; 2] = ["workingset_refault", "memcg:mod_memcg_lruvec_state"];

fn bytes(texts: &[Text]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.raw().to_vec()).collect()
}

fn strings(texts: &[Text]) -> Vec<String> {
    texts.iter().map(Text::stored).collect()
}

fn texts<T: Into<Text>>(fields: Vec<T>) -> Vec<Text> {
    fields.into_iter().map(Into::into).collect()
}

pub(super) fn encode(meta: &Meta) -> wire::Meta {
    wire::Meta {
        recording: meta.recording,
        segment: meta.segment,
        run: meta.run,
        setup: Some(encode_setup(&meta.setup)),
        host: Some(encode_host(&meta.host)),
        clock: Some(encode_clock(&meta.clock)),
        baseline: Some(wire::Baseline {
            readings: Some(encode_readings(&meta.baseline.readings, None)),
            mglru: meta.baseline.mglru,
            cpus: meta.baseline.cpus,
            nodes: meta.baseline.nodes,
        }),
        nodes_from: meta.nodes_from.iter().map(encode_node).collect(),
        at_start: meta.at_start.as_ref().map(encode_at_start),
        // With values since attach, in the form of a tick of a segment that has no base.
        base: meta.base.as_ref().map(|base| Base::default().encode(base)),
        vmstat: meta.vmstat.clone(),
        meminfo_bytes: meta.meminfo_bytes.clone(),
        zones: meta.zones.iter().map(encode_zone).collect(),
        loss_names: names(&loss_names()),
        counter_names: names(&HOST_COUNTERS),
        cgroup_counter_names: names(&CGROUP_COUNTERS),
    }
}

pub(super) fn decode(message: &wire::Meta, names: &CounterNames) -> Meta {
    let baseline = message.baseline.clone().unwrap_or_default();
    Meta {
        recording: message.recording,
        segment: message.segment,
        run: message.run,
        setup: decode_setup(message.setup.clone().unwrap_or_default()),
        host: decode_host(message.host.clone().unwrap_or_default()),
        clock: message.clock.as_ref().map(decode_clock).unwrap_or_default(),
        baseline: Baseline {
            readings: names.readings(&baseline.readings.unwrap_or_default(), None),
            mglru: baseline.mglru,
            cpus: baseline.cpus.clamp(1, 1 << 16),
            nodes: baseline.nodes.clamp(1, 1 << 10),
        },
        nodes_from: message.nodes_from.iter().map(decode_node).collect(),
        at_start: message.at_start.as_ref().map(decode_at_start),
        vmstat: message.vmstat.clone(),
        meminfo_bytes: message.meminfo_bytes.clone(),
        zones: message.zones.iter().map(decode_zone).collect(),
        base: message.base.as_ref().map(|base| Base::default().decode(base, names)),
    }
}

pub(super) fn encode_clock(clock: &ClockReading) -> wire::Clock {
    wire::Clock { monotonic_ns: clock.monotonic_ns, boottime_ns: clock.boottime_ns, realtime_ns: clock.realtime_ns }
}

pub(super) fn decode_clock(clock: &wire::Clock) -> ClockReading {
    ClockReading { monotonic_ns: clock.monotonic_ns, boottime_ns: clock.boottime_ns, realtime_ns: clock.realtime_ns }
}

fn encode_setup(setup: &Setup) -> wire::Setup {
    let Setup { filter, faults_read, .. } = setup;
    wire::Setup {
        version: setup.version.stored(),
        argv: bytes(&setup.argv),
        command: bytes(&setup.command),
        start_ns: setup.start_ns,
        interval_ns: setup.interval_ns,
        own_pid: setup.own_pid,
        filter: Some(wire::Filter {
            pids: filter.pids.clone(),
            comms: filter.comms.iter().map(|pattern| pattern.as_bytes().to_vec()).collect(),
            cgroups: filter.cgroups.iter().map(|pattern| pattern.as_bytes().to_vec()).collect(),
            kinds: filter.kinds.iter().map(|kind| *kind as u32).collect(),
            containers: filter.containers.iter().map(|pattern| pattern.as_bytes().to_vec()).collect(),
        }),
        min_stall_ns: setup.min_stall_ns,
        kinds: setup.kinds.iter().map(|kind| *kind as u32).collect(),
        sources: setup.kinds.iter().map(|kind| setup.sources.of(*kind).number().into()).collect(),
        scans_read: setup.scans_read,
        stacks: setup.stacks,
        cgroup_remarks: setup.cgroup_remarks,
        mglru: setup.mglru,
        faults_read: Some(wire::FaultsRead {
            refaults: faults_read.refaults.map(str::to_owned),
            fate: faults_read.fate,
            major_faults: faults_read.major_faults,
            swapins: faults_read.swapins,
        }),
        hooks: setup.hooks.iter().map(encode_hook).collect(),
        gfp_names: setup.gfp_names.iter().map(|(bit, name)| wire::GfpName { bit: *bit, name: name.stored() }).collect(),
    }
}

fn decode_setup(setup: wire::Setup) -> Setup {
    let filter = setup.filter.unwrap_or_default();
    let faults = setup.faults_read.unwrap_or_default();
    let hook_name = |name: String| REFAULT_HOOKS.into_iter().find(|known| *known == name).unwrap_or("another hook");
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    Setup {
        version: setup.version.into(),
        argv: texts(setup.argv),
        command: texts(setup.command),
        start_ns: setup.start_ns,
        interval_ns: setup.interval_ns,
        own_pid: setup.own_pid,
        filter: Filter {
            pids: filter.pids,
            comms: filter.comms.iter().filter_map(|pattern| CommPattern::parse(&text(pattern)).ok()).collect(),
            cgroups: filter.cgroups.iter().filter_map(|pattern| CgroupPattern::parse(&text(pattern)).ok()).collect(),
            containers: filter.containers.iter().filter_map(|id| ContainerPattern::parse(&text(id)).ok()).collect(),
            kinds: filter.kinds.iter().filter_map(|&number| kind(number)).collect(),
        },
        min_stall_ns: setup.min_stall_ns,
        kinds: setup.kinds.iter().filter_map(|&number| kind(number)).collect(),
        sources: sources(&setup.kinds, &setup.sources),
        scans_read: setup.scans_read,
        stacks: setup.stacks,
        cgroup_remarks: setup.cgroup_remarks,
        mglru: setup.mglru,
        faults_read: FaultsRead {
            refaults: faults.refaults.map(hook_name),
            fate: faults.fate,
            major_faults: faults.major_faults,
            swapins: faults.swapins,
        },
        hooks: setup.hooks.into_iter().map(decode_hook).collect(),
        gfp_names: setup.gfp_names.into_iter().map(|flag| (flag.bit, flag.name.into())).collect(),
    }
}

/// The sources of these kinds; an older trace, which does not hold them, has those of begin and end events alone.
fn sources(kinds: &[u32], numbers: &[u32]) -> Sources {
    let mut sources = Sources::default();
    for (&number, &source) in kinds.iter().zip(numbers) {
        if let (Some(kind), Some(source)) = (kind(number), u8::try_from(source).ok().and_then(Source::from_number)) {
            sources.set(kind, source);
        }
    }
    sources
}

fn encode_hook(hook: &HookRecord) -> wire::Hook {
    wire::Hook {
        name: hook.name.stored(),
        attached: hook.attached.as_ref().map(Text::stored),
        reason: hook.reason.as_ref().map(Text::stored),
        without: hook.without.stored(),
        unread: strings(&hook.unread),
    }
}

fn decode_hook(hook: wire::Hook) -> HookRecord {
    HookRecord {
        name: hook.name.into(),
        attached: hook.attached.map(Text::from),
        reason: hook.reason.map(Text::from),
        without: hook.without.into(),
        unread: texts(hook.unread),
    }
}

fn encode_setting(setting: &Setting) -> wire::Setting {
    wire::Setting { name: setting.name.stored(), value: setting.value.as_ref().map(Text::stored) }
}

fn decode_setting(setting: wire::Setting) -> Setting {
    Setting { name: setting.name.into(), value: setting.value.map(Text::from) }
}

fn encode_host(host: &HostFacts) -> wire::Host {
    let swap = |area: &SwapArea| wire::SwapArea {
        name: area.name.raw().to_vec(),
        kind: area.kind.stored(),
        size_bytes: area.size_bytes,
        used_bytes: area.used_bytes,
        priority: area.priority,
    };
    let limits = |cgroup: &CgroupLimits| wire::CgroupLimits {
        id: cgroup.id,
        path: cgroup.path.raw().to_vec(),
        limits: cgroup.limits.iter().map(encode_setting).collect(),
    };
    wire::Host {
        host: host.host.raw().to_vec(),
        kernel: host.kernel.stored(),
        kernel_version: host.kernel_version.stored(),
        machine: host.machine.stored(),
        boot_id: host.boot_id.stored(),
        cpus: host.cpus,
        nodes: host.nodes,
        memory_bytes: host.memory_bytes,
        page_size_bytes: host.page_size_bytes,
        memory_cgroup: host.memory_cgroup.stored(),
        swap: host.swap.iter().map(swap).collect(),
        sysctls: host.sysctls.iter().map(encode_setting).collect(),
        settings: host.settings.iter().map(encode_setting).collect(),
        cgroup_limits: host.cgroup_limits.iter().map(limits).collect(),
        cgroup_limits_cut: host.cgroup_limits_cut,
        vmstat_names: strings(&host.vmstat_names),
        meminfo_names: strings(&host.meminfo_names),
    }
}

fn decode_host(host: wire::Host) -> HostFacts {
    let swap = |area: wire::SwapArea| SwapArea {
        name: area.name.into(),
        kind: area.kind.into(),
        size_bytes: area.size_bytes,
        used_bytes: area.used_bytes,
        priority: area.priority,
    };
    let limits = |cgroup: wire::CgroupLimits| CgroupLimits {
        id: cgroup.id,
        path: cgroup.path.into(),
        limits: cgroup.limits.into_iter().map(decode_setting).collect(),
    };
    HostFacts {
        host: host.host.into(),
        kernel: host.kernel.into(),
        kernel_version: host.kernel_version.into(),
        machine: host.machine.into(),
        boot_id: host.boot_id.into(),
        cpus: host.cpus,
        nodes: host.nodes,
        memory_bytes: host.memory_bytes,
        page_size_bytes: host.page_size_bytes,
        memory_cgroup: host.memory_cgroup.into(),
        swap: host.swap.into_iter().map(swap).collect(),
        sysctls: host.sysctls.into_iter().map(decode_setting).collect(),
        settings: host.settings.into_iter().map(decode_setting).collect(),
        cgroup_limits: host.cgroup_limits.into_iter().map(limits).collect(),
        cgroup_limits_cut: host.cgroup_limits_cut,
        departed_limits: Vec::new(),
        vmstat_names: texts(host.vmstat_names),
        meminfo_names: texts(host.meminfo_names),
    }
}

fn encode_at_start(before: &AtStart) -> wire::AtStart {
    let kill = |kill: &PastOom| wire::PastOom {
        ago_ns: kill.ago_ns,
        pid: kill.pid,
        comm: kill.comm.raw().to_vec(),
        cgroup: kill.cgroup.as_ref().map(|path| path.raw().to_vec()),
        constraint: encode_constraint(kill.constraint),
    };
    let task = |task: &TaskInReclaim| wire::OpenStall {
        pid: task.pid,
        tid: task.tid,
        comm: Some(task.comm.bytes().to_vec()),
        ..wire::OpenStall::default()
    };
    wire::AtStart {
        pressure: before.pressure.as_ref().ok().map(encode_pressure),
        pressure_error: before.pressure.as_ref().err().map(Text::stored).unwrap_or_default(),
        oom_kills: before.oom_kills.iter().flatten().map(kill).collect(),
        oom_error: before.oom_kills.as_ref().err().map(Text::stored),
        oom_window_ns: before.oom_window_ns,
        in_reclaim: before.in_reclaim.iter().flatten().map(task).collect(),
        in_reclaim_error: before.in_reclaim.as_ref().err().map(Text::stored),
    }
}

fn decode_at_start(before: &wire::AtStart) -> AtStart {
    let kill = |kill: &wire::PastOom| PastOom {
        ago_ns: kill.ago_ns,
        pid: kill.pid,
        comm: kill.comm.as_slice().into(),
        cgroup: kill.cgroup.as_deref().map(Text::from),
        constraint: decode_constraint(kill.constraint),
    };
    let task = |task: &wire::OpenStall| TaskInReclaim {
        pid: task.pid,
        tid: task.tid,
        comm: task.comm.as_deref().map_or_else(Comm::default, Comm::from),
    };
    let unless = |error: &Option<String>| error.as_deref().map_or(Ok(()), |error| Err(Text::from(error)));
    AtStart {
        pressure: before.pressure.as_ref().map(decode_pressure).ok_or_else(|| before.pressure_error.as_str().into()),
        oom_kills: unless(&before.oom_error).map(|()| before.oom_kills.iter().map(kill).collect()),
        oom_window_ns: before.oom_window_ns,
        in_reclaim: unless(&before.in_reclaim_error).map(|()| before.in_reclaim.iter().map(task).collect()),
    }
}
