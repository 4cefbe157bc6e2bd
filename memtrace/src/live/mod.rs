//! Tracing a running kernel: ring -> decode -> session -> queue -> output, and a tick once an interval.
//!
//! The main thread drains the ring and ends intervals, and never waits for an output. A second thread formats and
//! writes.

mod at_start;
mod check;
mod command;
mod controller;
mod cost;
mod ingest;
mod job;
mod kernel_log;
mod lost_ends;
mod ooms;
mod output;
mod record;
mod recording;
mod refault_windows;
mod run;
mod shrinkers;
mod stacks;
mod start;
mod timer;
mod wakes;

use anyhow::{Context as _, Result};
use tokio::runtime::Builder;

pub use self::{
    check::check,
    controller::Controller,
    ingest::Ingest,
    job::{Job, Show},
    output::{Queue, queue},
    record::record,
};
use self::{
    command::Command, cost::CostSampler, lost_ends::LostEnds, ooms::OomQueue, output::Writer, recording::Recording,
    refault_windows::RefaultWindows, run::Tracing, shrinkers::ShrinkerNames, stacks::Stacks, wakes::Wakes,
};
use crate::{
    cli::TraceArgs,
    exit, hardening,
    host::{
        Sampler,
        cgroups::CgroupNames,
        clocks,
        counters::{CounterReader, online_nodes},
        kallsyms,
        kmsg::KernelLog,
    },
    messages,
    preflight::{self, Facts},
    record::meta::Begun,
    signals::Signals,
};
use memtrace_core::{
    hook::HookId,
    session::{
        Session, SessionConfig,
        counters::Readings,
        evictors::{ByMemory, Interval},
    },
    units::duration::nanoseconds,
};
use memtrace_probe::{
    error::LoadError,
    load::{Loaded, Probe},
};

/// Capacity of the output queue, in items.
const QUEUE_ITEMS: usize = 8192;

/// Traces as the job asks; returns the exit status.
///
/// # Errors
/// When the kernel side or the output fails while tracing; the error names the consequence.
pub fn run(job: &Job<'_>) -> Result<u8> {
    run_beside(job, None)
}

/// Traces as the job asks, beside a controller if there is one; returns the exit status.
///
/// # Errors
/// As [`run()`].
pub fn run_beside(job: &Job<'_>, controller: Option<&mut dyn Controller>) -> Result<u8> {
    job.check()?;
    let args = job.trace;
    let facts = preflight::gather();
    let refused = |status: u8| if args.cmd.is_empty() { status } else { exit::OWN_FAILURE };
    if let Some(message) = preflight::missing_rights_message(&facts) {
        messages::print(message);
        return Ok(refused(exit::CANNOT_TRACE));
    }
    messages::wait_at_most(messages::WHILE_TRACING);
    // Before anything is attached: the first signal must already end cleanly.
    let hold = controller.as_ref().map(|controller| controller.hold());
    let signals = Signals::install(hold).context("installing the signal handlers")?;
    let runtime = Builder::new_current_thread().enable_io().build().context("starting the runtime of the main loop")?;
    let _inside = runtime.enter();
    // Before the load, which can take seconds: an obstacle to the file is reported at once.
    let (feed, prepared) = job.recording.as_ref().map(|plan| plan.prepare()).transpose()?.unzip();
    let loaded = match Loaded::load(&start::options(args, &facts)) {
        Ok(loaded) => loaded,
        Err(e) => return Ok(refused(cannot_trace(&e, &facts))),
    };
    // The kernel's BTF is freed by now: from here on memory is small and can be locked. The drain path has all its
    // memory allocated and touched before the first event can arrive.
    let protected = hardening::protect();
    let (queue, receiver) = queue(QUEUE_ITEMS);
    let filter = args.filter.filter();
    let session = Session::new(SessionConfig {
        own_pid: std::process::id(),
        filter: filter.clone(),
        recorded: job.recording.is_some(),
        rows: job.wants_rows(),
        stacks: args.stacks,
        ..SessionConfig::default()
    });
    let min_stall_ns = nanoseconds(job.min_stall);
    let mut ingest = Ingest::new(session, CgroupNames::new(), queue.clone(), min_stall_ns, job.shows_kswapd());
    ingest.feed = feed;
    let mut counters = CounterReader::open(&filter);
    let nodes = online_nodes();
    let start_ns = clocks::monotonic_ns();
    let mut sampler = Sampler::open();
    let nodes_before = sampler.sample().node_refaults;
    let counted_before = counters.read();
    let mut probe = match loaded.attach() {
        Ok(probe) => probe,
        Err(e) => return Ok(refused(cannot_trace(&e, &facts))),
    };
    let counted_after = counters.read();
    let readings = Readings { before: counted_before, after: counted_after.clone() };
    say_what_is_missing(args, &facts, &probe, &protected);
    let baseline = start::baseline(readings, nodes, &facts);
    let mut log = KernelLog::open();
    let before = at_start::gather(start_ns, &mut log, &probe.already_stalled);
    // One reading of the clocks for the trace and the output: a report shows the same times as this run.
    let clock = clocks::read();
    // The trace and the session count from the same reading, so that a replay has the same first interval.
    let host_start = sampler.sample();
    let recording = match (prepared, &job.recording) {
        (Some(prepared), Some(plan)) => {
            let begun = Begun {
                setup: start::setup(job, plan, &probe, start_ns, &facts),
                run: plan.run,
                facts: &facts,
                baseline: baseline.clone(),
                nodes_from: nodes_before.clone(),
                zones: host_start.zones.clone(),
                before: before.clone(),
                clock,
            };
            let on_interrupt = controller.as_ref().map_or("ends it", |controller| controller.on_interrupt());
            Some(Recording::start(prepared, begun, sampler.memory_counters(), plan, job.show, on_interrupt)?)
        }
        _ => None,
    };
    let started = (!args.cmd.is_empty()).then(|| Command::start(&args.cmd, protected.original)).transpose();
    let command = match started {
        Ok(command) => command,
        Err(e) => {
            say!("{e}");
            return Ok(e.exit_code());
        }
    };
    let anon = probe.attached.has(HookId::SwapEvictors).then(Interval::default);
    ingest.evictors = probe.attached.has(HookId::Evictors).then(|| ByMemory { files: Interval::default(), anon });
    ingest.begin(start_ns, start::decode_context(&probe, &facts), probe.faults_read);
    ingest.session.count_nodes_from(nodes_before);
    ingest.session.count_memory_from(host_start.memory);
    ingest.session.cover(baseline);
    let writer = Writer::start(receiver, start::view(job, &probe, &filter, &clock, start_ns))
        .context("starting the writing thread")?;
    let refaults = RefaultWindows::new(args.budget, &probe.programs, &counted_after, start_ns);
    let stacks = probe.stacks.take().map(Stacks::start).transpose()?;
    let tracing = Tracing {
        stacks,
        shrinkers: ShrinkerNames::default(),
        kinds: probe.kinds.clone(),
        ingest,
        ooms: OomQueue::new(log),
        sampler,
        counters,
        cost: CostSampler::new(start_ns),
        // In another pid namespace these ids name other threads in /proc.
        lost_ends: facts.initial_pid_namespace.is(true).then(LostEnds::default),
        command,
        recording,
        refaults,
        has_screen: job.show == Show::Screen,
        controller,
        signals,
        interval: job.interval(),
        deadline_ns: job.duration().map(|duration| start_ns.saturating_add(nanoseconds(duration))),
        probe,
    };
    let wakes = Wakes::new(&tracing.probe.ring).context("watching the ring and signals")?;
    runtime.block_on(tracing.run(wakes, before, writer, queue))
}

/// Prints why nothing can be traced; returns the exit status.
fn cannot_trace(error: &LoadError, facts: &Facts) -> u8 {
    let hooks = match error {
        LoadError::NothingAttached(hooks) => hooks.as_slice(),
        LoadError::Refused(_) | LoadError::NotBuilt => &[],
    };
    say!("{error}");
    let mut findings = preflight::check(facts, hooks);
    findings.retain(|finding| finding.severity == preflight::Severity::Fatal);
    messages::print(preflight::render::findings(&findings, false));
    messages::print("`memtrace check` shows each hook and what is missing.\n");
    exit::CANNOT_TRACE
}

/// Reports each missing part once, on stderr; tracing goes on without it.
fn say_what_is_missing(args: &TraceArgs, facts: &Facts, probe: &Probe, protected: &hardening::Protected) {
    let missing: Vec<_> = probe.hooks.iter().filter(|hook| hook.attached.name().is_none()).collect();
    match &missing[..] {
        [] => {}
        [hook] => say!("{} is not attached: {} (`memtrace check` shows why)", hook.name, hook.without),
        // A kernel that cannot trace functions lacks many hooks: one line at each start, not a page.
        hooks => {
            let names: Vec<_> = hooks.iter().map(|hook| hook.name).collect();
            say!(
                "{} hooks are not attached: {} (`memtrace check` shows the loss and the reason)",
                hooks.len(),
                names.join(", ")
            );
        }
    }
    if let Some(why) = args.stacks.then(kallsyms::kernel_unnamed).flatten() {
        say!("stacks show kernel functions without names: {why}");
    }
    for note in &protected.notes {
        say!("{note}");
    }
    for kind in args.filter.kind.iter().filter(|kind| !probe.kinds.contains(kind)) {
        say!("no attached hook measures stalls of kind {0}: --kind {0} will match none", kind.name());
    }
    if args.verbose > 0 {
        messages::print(preflight::render::findings(&preflight::check(facts, &probe.hooks), false));
    }
}

/// Loads and attaches the hooks on this kernel, detaches them at once, and returns their status.
///
/// # Errors
/// When the kernel refuses to load anything at all.
pub fn try_hooks(facts: &Facts) -> Result<Vec<memtrace_core::hook::HookStatus>, LoadError> {
    match Loaded::load(&start::default_options(facts))?.attach() {
        Ok(probe) => Ok(probe.hooks),
        Err(LoadError::NothingAttached(hooks)) => Ok(hooks),
        Err(e) => Err(e),
    }
}
