//! From the command line to a running trace: rights, load, protect, attach, in this order.

use std::path::Path;

use jiff::{Timestamp, tz::TimeZone};
use memtrace_common::kind::StallKind;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    cli::LiveArgs,
    clock::Clock,
    decode::DecodeContext,
    gfp::GfpNames,
    hook::{HookRecord, HookStatus},
    json::{Meta, MetaInput},
    lines,
    preflight::{
        Facts,
        facts::{Memcg, Mglru},
    },
    probe::load::{MemoryHierarchy, Options, Ways},
    session::{
        coverage::{Baseline, Readings},
        filter::Filter,
    },
    terminal,
    view::{Format, View},
};

/// Default size of the ring in bytes: at 50,000 stalls a second it lasts for two thirds of a second.
const RING_BYTES: u32 = 4 << 20;

/// `CLOCK_MONOTONIC` in ns.
pub(super) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// How to load when nothing is asked for.
pub(super) fn default_options(facts: &Facts) -> Options<'_> {
    Options {
        ring_bytes: RING_BYTES,
        self_tgid: std::process::id(),
        hierarchy: match facts.memory_cgroup.known() {
            Some(Memcg::V1(_)) => MemoryHierarchy::V1,
            Some(Memcg::V2(_)) => MemoryHierarchy::V2,
            _ => MemoryHierarchy::None,
        },
        tracefs: tracefs(facts),
        ways: Ways::All,
        without: &[],
        refaults: true,
    }
}

/// How to load, from what is asked and what is known.
pub(super) fn options<'a>(args: &'a LiveArgs, facts: &'a Facts) -> Options<'a> {
    let page = u32::try_from(rustix::param::page_size()).unwrap_or(4096);
    Options {
        ring_bytes: args.ring_pages.map_or(RING_BYTES, |pages| pages * page),
        ways: if args.classic { Ways::ClassicOnly } else { Ways::All },
        without: &args.without,
        refaults: !args.no_refaults,
        ..default_options(facts)
    }
}

fn tracefs(facts: &Facts) -> Option<&Path> {
    facts.tracefs.known()?.as_ref().map(|tracefs| Path::new(&tracefs.path))
}

/// Whether a hook is attached, by the program that serves it.
fn is_attached(hooks: &[HookStatus], event: &str) -> bool {
    hooks.iter().any(|hook| hook.name.ends_with(event) && hook.attached.name().is_some())
}

/// The kinds of stall that the attached hooks tell.
pub(super) fn kinds(hooks: &[HookStatus]) -> Vec<StallKind> {
    [
        (StallKind::Direct, ":mm_vmscan_direct_reclaim_begin"),
        (StallKind::Memcg, ":mm_vmscan_memcg_reclaim_begin"),
        (StallKind::Node, ":mm_vmscan_node_reclaim_begin"),
    ]
    .into_iter()
    .filter(|(_, begin)| is_attached(hooks, begin))
    .map(|(kind, _)| kind)
    .collect()
}

/// What the records do not tell themselves.
pub(super) fn decode_context(hooks: &[HookStatus], facts: &Facts) -> DecodeContext {
    DecodeContext {
        shrink_hook: is_attached(hooks, ":mm_vmscan_lru_shrink_inactive"),
        throttle_hook: is_attached(hooks, ":mm_vmscan_throttled"),
        soft_limit_hook: is_attached(hooks, ":mm_vmscan_memcg_softlimit_reclaim_begin"),
        mglru: facts.mglru.is(Mglru::On),
    }
}

/// What the kernel's counters are held against, from the readings around the attaching.
pub(super) fn baseline(readings: Readings, nodes: u64, facts: &Facts) -> Baseline {
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    Baseline { readings, mglru: facts.mglru.is(Mglru::On), cpus, nodes }
}

/// Which stalls are shown.
pub(super) fn filter(args: &LiveArgs) -> Filter {
    Filter { pids: args.pid.clone(), comms: args.comm.clone(), cgroups: args.cgroup.clone(), kinds: args.kind.clone() }
}

/// The time of day for an instant of the kernel's clock.
pub(super) fn clock(utc: bool) -> Clock {
    Clock { mono_ns: now_ns(), wall: Timestamp::now(), zone: if utc { TimeZone::UTC } else { TimeZone::system() } }
}

/// How stdout is to be written.
pub(super) fn view(args: &LiveArgs, hooks: &[HookStatus], gfp: GfpNames, filter: &Filter) -> View {
    let clock = clock(args.utc);
    let format = if args.json {
        let uname = rustix::system::uname();
        let hooks: Vec<_> = hooks.iter().map(HookRecord::from).collect();
        let command: Vec<_> = args.cmd.iter().map(|word| word.as_encoded_bytes().to_vec()).collect();
        let input = MetaInput {
            version: env!("CARGO_PKG_VERSION"),
            kernel: &uname.release().to_string_lossy(),
            host: uname.nodename().to_bytes(),
            page_size_bytes: rustix::param::page_size() as u64,
            hooks: &hooks,
            filter,
            min_stall_ns: nanoseconds(args.min_stall()),
            interval_ns: nanoseconds(args.interval),
            command: &command,
        };
        Format::Json(Some(Box::new(Meta::new(&input, &clock))))
    } else {
        Format::Lines {
            width: terminal::width(),
            style: terminal::style(args.no_color),
            top: args.top,
            filter: lines::filter_in_words(filter),
            since_head: 0,
        }
    };
    View { clock, gfp, format }
}

/// A duration in ns.
pub(super) fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
