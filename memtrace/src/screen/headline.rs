//! One line in words: the severity of the stalls, the task that stalls most, the cause and the duration.

use super::{losses, model::Model};
use memtrace_core::{
    history::Frame,
    session::{tick::Tick, tick::Who},
    sum,
    untrusted::Untrusted,
};
use memtrace_report::text::{duration, percent, three_digits};

/// Severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No cost worth a notice.
    #[default]
    Ok,
    /// Stalls cost a little.
    Notice,
    /// Stalls hurt.
    Warning,
    /// Stalls hurt much, or a process was OOM-killed.
    Critical,
}

impl Level {
    /// Name of the level.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

/// The verdict on what is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headline {
    /// Severity.
    pub level: Level,
    /// The verdict in words.
    pub text: String,
}

/// Length of the time that the verdict covers, in ns.
const LOOKS_AT_NS: u64 = 10_000_000_000;
/// Time for which an OOM kill is reported, in ns.
const OOM_NS: u64 = 60_000_000_000;
/// Least stalled seconds per second for notice, warning and critical.
const STALLED: [f64; 3] = [0.005, 0.1, 1.0];
/// Least length of the longest stall for notice, warning and critical, in ns.
const LONGEST_NS: [u64; 3] = [10_000_000, 100_000_000, 1_000_000_000];

fn level(stalled: f64, longest_ns: u64) -> Level {
    let by_time = STALLED.iter().filter(|limit| stalled >= **limit).count();
    let by_longest = LONGEST_NS.iter().filter(|limit| longest_ns >= **limit).count();
    [Level::Ok, Level::Notice, Level::Warning, Level::Critical][by_time.max(by_longest)]
}

/// Longest stall of an interval in ns, including stalls that are not over.
fn longest_ns(tick: &Tick) -> u64 {
    let open_ns = tick.open.iter().map(|stall| tick.t_ns.saturating_sub(stall.begin_ns)).max();
    tick.all.max_ns.unwrap_or(0).max(open_ns.unwrap_or(0))
}

/// The verdict on the frames up to this one.
pub(super) fn of(model: &Model, shown: &Frame) -> Headline {
    let now_ns = shown.tick.t_ns;
    let frames = || model.history().window(now_ns, LOOKS_AT_NS);
    let elapsed_ns = sum::of(frames().map(|f| f.tick.elapsed_ns));
    let total_ns: u64 = frames().fold(0, |sum, f| sum.saturating_add(f.tick.all.stalled_ns));
    let longest = frames().map(|f| longest_ns(&f.tick)).max().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a mean for a person")]
    let stalled = if elapsed_ns == 0 { 0.0 } else { total_ns as f64 / elapsed_ns as f64 };
    let mut level = level(stalled, longest);
    let mut parts = Vec::new();
    let victim = model.history().ooms_until(now_ns).next().filter(|(oom, _)| oom.t_ns + OOM_NS > now_ns);
    if let Some((oom, _)) = victim {
        level = Level::Critical;
        let name = oom.victim.comm.map_or_else(|| "-".to_owned(), |c| Untrusted(c.bytes()).tty().to_string());
        parts.push(format!("OOM kill of {name} {} ago", duration(now_ns.saturating_sub(oom.t_ns))));
    }
    if stalled >= STALLED[0] || longest >= LONGEST_NS[0] {
        let s = three_digits(stalled);
        parts.push(format!("{s} s/s stalled, longest {}", duration(longest)));
        parts.extend(most_stalled(frames()));
        parts.extend(limit_or_host(frames()).map(str::to_owned));
    } else if total_ns > 0 {
        parts.push(format!("only short stalls, longest {}", duration(longest)));
    } else {
        parts.push(format!("no stall in the last {}", whole_seconds(elapsed_ns)));
    }
    if level > Level::Ok
        && let Some(since) = since_ns(model, now_ns)
    {
        parts.push(format!("for {}", duration(now_ns.saturating_sub(since) / 1_000_000_000 * 1_000_000_000)));
    }
    parts.extend(losses::worst(&shown.tick).map(|lost| format!("LOST {lost}")));
    Headline { level, text: parts.join("; ") }
}

/// An observed time, cut to whole seconds from 1 s on: never longer than it was.
fn whole_seconds(ns: u64) -> String {
    match ns / 1_000_000_000 {
        0 => duration(ns),
        seconds => format!("{seconds} s"),
    }
}

/// Process with the most stalled time, and its share.
fn most_stalled<'a>(frames: impl Iterator<Item = &'a Frame>) -> Option<String> {
    let mut sums: Vec<(Who, memtrace_core::event::Comm, u64)> = Vec::new();
    let mut all = 0_u64;
    for frame in frames {
        all = all.saturating_add(frame.tick.all.stalled_ns);
        for row in frame.tick.rows.iter().flat_map(|rows| &rows.processes) {
            match sums.iter_mut().find(|(who, ..)| *who == row.who) {
                Some((.., sum)) => *sum = sum.saturating_add(row.stalls.stalled_ns),
                None => sums.push((row.who, row.comm, row.stalls.stalled_ns)),
            }
        }
    }
    let (_, comm, most) = sums.into_iter().max_by_key(|(.., sum)| *sum).filter(|(.., sum)| *sum > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
    let share = (most as f64 / all.max(1) as f64).min(1.0);
    Some(format!("{} in {}", percent(Some(share)), Untrusted(comm.bytes()).tty()))
}

/// Cause of the stalls: limits of cgroups, the host, or both. `None` when no task reclaimed: a wait for an evicted page
/// (`swapin`, `thrash`) does not show why the page was evicted.
fn limit_or_host<'a>(frames: impl Iterator<Item = &'a Frame>) -> Option<&'static str> {
    let (mut limit, mut all) = (0_u64, 0_u64);
    for frame in frames {
        for (kind, interval) in frame.tick.stalls.iter().filter(|(kind, _)| kind.scans()) {
            all = all.saturating_add(interval.stalled_ns);
            limit = limit.saturating_add(if kind.is_at_limit() { interval.stalled_ns } else { 0 });
        }
    }
    if all == 0 {
        None
    } else if limit >= all / 10 * 9 {
        Some("cause: cgroup limit, not host")
    } else if limit <= all / 10 {
        Some("cause: host short of memory")
    } else {
        Some("cause: cgroup limits and host")
    }
}

/// Begin of the current series of bad intervals, `CLOCK_MONOTONIC` in ns: a calm of more than 10 s ends a series.
fn since_ns(model: &Model, now_ns: u64) -> Option<u64> {
    let mut since = None;
    let mut last = now_ns;
    for frame in model.history().until(now_ns) {
        let tick = &frame.tick;
        let hurts = level(tick.stalled_per_s().unwrap_or(0.0), longest_ns(tick)) > Level::Ok;
        if hurts {
            since = Some(tick.t_ns.saturating_sub(tick.elapsed_ns));
            last = tick.t_ns;
        } else if last.saturating_sub(tick.t_ns) > LOOKS_AT_NS {
            break;
        }
    }
    since
}
