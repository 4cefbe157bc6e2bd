//! Load options, baseline, view and setup of a trace, from the command line and the facts of the host.

use std::{ffi::OsString, path::Path};

use super::{
    job::{Job, Show},
    output::View,
};
use crate::{
    cli::{LiveOutput, TraceArgs},
    host::clocks::zone,
    preflight::{
        Facts,
        facts::{Memcg, Mglru, Psi},
    },
    record::plan::RecordPlan,
    screen::{Model, Once},
    terminal,
};
use memtrace_core::{
    decode::DecodeContext,
    gfp::GfpNames,
    hook::{HookId, HookRecord},
    session::{
        counters::{Baseline, Readings},
        filter::Filter,
    },
    units::duration::nanoseconds,
};
use memtrace_probe::{
    load::Probe,
    options::{AttachWith, LoadOptions, MemoryHierarchy},
};
use memtrace_report::{
    json::MetaInput,
    output::{Silent, Sink, Start},
};
use memtrace_trace::model::{ClockReading, Setup};

/// Default size of the ring in bytes: it holds some 21,800 stalls, those of 0.4 s at 50,000 a second.
const RING_BYTES: u32 = 4 << 20;

/// Load options without any arguments.
pub(super) fn default_options(facts: &Facts) -> LoadOptions<'_> {
    LoadOptions {
        ring_bytes: RING_BYTES,
        self_tgid: std::process::id(),
        hierarchy: match facts.memory_cgroup.known() {
            Some(Memcg::V1(_)) => MemoryHierarchy::V1,
            Some(Memcg::V2(_)) => MemoryHierarchy::V2,
            _ => MemoryHierarchy::None,
        },
        tracefs: tracefs(facts),
        attach_with: AttachWith::All,
        without: &[],
        refaults: true,
        stacks: false,
        off_cpu: false,
        kernel_log: false,
        evictors: false,
        psi: facts.psi.is(Psi::On),
    }
}

/// Load options from the arguments and the facts of the host.
pub(super) fn options<'a>(args: &'a TraceArgs, facts: &'a Facts) -> LoadOptions<'a> {
    let page = u32::try_from(rustix::param::page_size()).unwrap_or(4096);
    LoadOptions {
        ring_bytes: args.ring_pages.map_or(RING_BYTES, |pages| pages * page),
        attach_with: if args.classic { AttachWith::ClassicOnly } else { AttachWith::All },
        without: &args.without,
        refaults: !args.no_refaults,
        stacks: args.stacks,
        off_cpu: args.off_cpu,
        evictors: args.evictors,
        kernel_log: args.verbose > 1,
        ..default_options(facts)
    }
}

fn tracefs(facts: &Facts) -> Option<&Path> {
    facts.tracefs.known()?.as_ref().map(|tracefs| Path::new(&tracefs.path))
}

/// Facts that decoding needs and the ring records lack.
pub(super) fn decode_context(probe: &Probe, facts: &Facts) -> DecodeContext {
    DecodeContext { hooks: probe.attached, sources: probe.sources, mglru: facts.mglru.is(Mglru::On) }
}

/// Baseline for the comparison with the kernel's counters, from the readings around the attaching.
pub(super) fn baseline(readings: Readings, nodes: u64, facts: &Facts) -> Baseline {
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    Baseline { readings, mglru: facts.mglru.is(Mglru::On), cpus, nodes }
}

/// The view that the job asks for.
pub(super) fn view(job: &Job<'_>, probe: &Probe, filter: &Filter, reading: &ClockReading, start_ns: u64) -> View {
    let uname = rustix::system::uname();
    let command: Vec<_> = job.trace.cmd.iter().map(|word| word.as_encoded_bytes().into()).collect();
    let hooks: Vec<_> = probe.hooks.iter().map(HookRecord::from).collect();
    let is_utc = matches!(job.show, Show::Stream(choice) if !choice.output.has_local_times);
    let start = Start {
        clock: &reading.clock(zone(job.text.utc || is_utc)),
        gfp: &GfpNames::from_list(&probe.gfp_names),
        start_ns,
        meta: MetaInput {
            version: &env!("CARGO_PKG_VERSION").into(),
            kernel: &uname.release().to_bytes().into(),
            host: &uname.nodename().to_bytes().into(),
            page_size_bytes: rustix::param::page_size() as u64,
            hooks: &hooks,
            filter,
            min_stall_ns: nanoseconds(job.min_stall),
            interval_ns: nanoseconds(job.interval()),
            command: &command,
        },
    };
    let layout = terminal::layout(job.text, job.top);
    let stream = |mut sink: Box<dyn Sink>| View::Stream(sink.start(), sink);
    match job.show {
        Show::Stream(choice) => stream(choice.sink(&start, &layout)),
        Show::Screen => {
            let model = Model::of(&start, terminal::look(job.text.no_color));
            View::Screen(Box::new(model), LiveOutput { asked: None }.choice().sink(&start, &layout))
        }
        Show::Once => {
            let model = Model::of(&start, terminal::look(true));
            stream(Box::new(Once::new(model, terminal::size())))
        }
        Show::Progress => stream(Box::new(Silent)),
    }
}

/// Setup of a recording, for META.
pub(super) fn setup(job: &Job<'_>, plan: &RecordPlan, probe: &Probe, start_ns: u64, facts: &Facts) -> Setup {
    let words =
        |words: &mut dyn Iterator<Item = OsString>| words.map(|word| word.into_encoded_bytes().into()).collect();
    let context = decode_context(probe, facts);
    Setup {
        version: env!("CARGO_PKG_VERSION").into(),
        argv: words(&mut std::env::args_os()),
        command: words(&mut job.trace.cmd.iter().cloned()),
        start_ns,
        interval_ns: nanoseconds(job.interval()),
        own_pid: std::process::id(),
        filter: job.trace.filter.filter(),
        min_stall_ns: plan.min_stall_ns,
        kinds: probe.kinds.clone(),
        sources: probe.sources,
        scans_read: context.hooks.has(HookId::ShrinkInactive),
        stacks: probe.stacks.is_some(),
        mglru: context.mglru,
        faults_read: probe.faults_read,
        hooks: probe.hooks.iter().map(HookRecord::from).collect(),
        gfp_names: probe.gfp_names.clone(),
        cgroup_remarks: true,
    }
}
