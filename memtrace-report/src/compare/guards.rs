//! Conditions under which two sides may be compared: each guard with its number, tripped or not.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    changes::Scope,
    drift,
    guard::Guard,
    judge::Pair,
    options::CompareOptions,
    run::{Run, Side},
};
use crate::{
    metric::{Measure, Metric},
    text::plain,
};

/// The share by which volumes and mixes may differ.
const SHARE: f64 = 0.2;
/// The guard on settings that were changed in a run.
pub(super) const CHANGED: &str = "settings changed";
/// Fewest stalls of a side for an estimate.
const FEW_STALLS: f64 = 100.0;

pub(super) fn guards(before: &Side, after: &Side, pair: Option<&Pair>, options: &CompareOptions) -> Vec<Guard> {
    let sides = [before, after];
    let mut guards = vec![kernel(sides, options), differing("host", sides, |run| run.meta.host.host.clone())];
    // Changing the kernel takes a reboot.
    let mut boot = differing("boot", sides, |run| run.meta.host.boot_id.clone());
    boot.tripped &= !options.kernel_changed;
    guards.push(boot);
    guards.push(differing("filters", sides, |run| format!("{:?}", run.meta.setup.filter)));
    guards.push(differing("hooks", sides, |run| {
        let attached = run.meta.setup.hooks.iter().filter(|hook| hook.attached.is_some());
        attached.map(|hook| hook.name.clone()).collect::<Vec<_>>()
    }));
    guards.push(durations(sides));
    guards.push(each(
        sides,
        "events lost",
        0.0,
        |run| Some(count(run.lost)),
        "events were lost: `memtrace report` says which, and what it means",
    ));
    guards.push(coverage(sides));
    guards.push(volume(sides));
    guards.push(mix(sides));
    guards.push(few_stalls(sides));
    guards.push(drift::drift(sides));
    guards.push(each(sides, "OOM kills", 0.0, oom_kills, "OOM kills in a run: what was killed allocates no more"));
    guards.push(each(sides, "suspended s", 1.0, |run| Some(count(run.suspended_ns) / 1e9), "the host slept in a run"));
    guards.push(each(
        sides,
        "slowest tick",
        3.0,
        |run| Some(run.longest_slice),
        "intervals: the recorder itself was held up",
    ));
    guards.push(each(sides, "damaged", 0.0, |run| Some(count(run.damage)), "parts of a trace are missing or damaged"));
    guards.push(each(
        sides,
        CHANGED,
        0.0,
        |run| Some(count(run.changes)),
        "a setting was changed during a run; `memtrace compare FILE` splits a recording there",
    ));
    guards.extend(pair.map(short));
    guards
}

#[expect(clippy::cast_precision_loss, reason = "counts for a person")]
fn count(n: u64) -> f64 {
    n as f64
}

/// `None` where the kernel's count was not read.
fn oom_kills(run: &Run) -> Option<f64> {
    let sums = run.sums();
    sums.read_s(Measure::OomKills).map(|_| sums.counted(Measure::OomKills))
}

/// Guard that trips unless something is the same in all runs. The value is the number of different ones.
fn differing<T: Ord>(name: &'static str, sides: [&Side; 2], of: impl Fn(&Run) -> T) -> Guard {
    let all: BTreeSet<T> = sides.iter().flat_map(|side| &side.runs).map(of).collect();
    let tripped = all.len() > 1;
    let text = if tripped { format!("not the same {name} in all runs") } else { "the same in all runs".to_owned() };
    Guard { name, value: Some(count(all.len() as u64)), limit: 1.0, tripped, text }
}

fn kernel(sides: [&Side; 2], options: &CompareOptions) -> Guard {
    let mut guard = differing("kernel", sides, |run| run.meta.host.kernel.clone());
    if guard.tripped && options.kernel_changed {
        guard.tripped = false;
        "another kernel: what is compared here (--changed kernel)".clone_into(&mut guard.text);
    } else if guard.tripped {
        "another kernel; if that is what you compare: --changed kernel".clone_into(&mut guard.text);
    }
    guard
}

/// Guard on the largest value over all runs.
fn each(
    sides: [&Side; 2],
    name: &'static str,
    limit: f64,
    of: impl Fn(&Run) -> Option<f64>,
    text: &'static str,
) -> Guard {
    let value = sides.iter().flat_map(|side| &side.runs).filter_map(of).reduce(f64::max);
    let tripped = value.is_some_and(|value| value > limit);
    let text = match value {
        _ if tripped => text.to_owned(),
        None => "not known".to_owned(),
        Some(0.0) => "none in any run".to_owned(),
        Some(value) => format!("at most {} in a run", plain(value)),
    };
    Guard { name, value, limit, tripped, text }
}

fn durations(sides: [&Side; 2]) -> Guard {
    let all: Vec<f64> = sides.iter().flat_map(|side| &side.runs).map(Run::seconds).collect();
    let (short, long) = all.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), s| (low.min(*s), high.max(*s)));
    let value = (short > 0.0).then(|| long / short);
    let text = format!("the shortest run is {} s, the longest {} s", plain(short), plain(long));
    Guard { name: "durations", value, limit: 2.0, tripped: value.is_none_or(|value| value > 2.0), text }
}

fn coverage(sides: [&Side; 2]) -> Guard {
    let worst = sides.iter().flat_map(|side| &side.runs).filter_map(|run| run.coverage);
    let worst = worst.max_by(|a, b| (a.1 - 1.0).abs().total_cmp(&(b.1 - 1.0).abs()));
    let off = worst.map(|(_, ratio)| (ratio - 1.0).abs());
    let text = match worst {
        Some((counter, ratio)) => format!("{} % of the kernel's own {counter}", plain(ratio * 100.0)),
        None => "no counter of the kernel's contradicts memtrace's".to_owned(),
    };
    Guard { name: "coverage", value: off, limit: 0.01, tripped: off.is_some_and(|off| off > 0.01), text }
}

fn volume(sides: [&Side; 2]) -> Guard {
    let rates = sides.map(|side| {
        let sums = side.sums();
        sums.read_s(Measure::Allocated).map(|s| sums.counted(Measure::Allocated) / f64::from(1 << 30) / s)
    });
    let (value, text) = match rates {
        [Some(before), Some(after)] if before > 0.0 && after > 0.0 => (
            Some(before.max(after) / before.min(after) - 1.0),
            format!(
                "{} GiB/s allocated in {}, {} in {}: see the row per GiB",
                plain(before),
                sides[0].name,
                plain(after),
                sides[1].name
            ),
        ),
        _ => (None, "how much was allocated is not known".to_owned()),
    };
    Guard { name: "allocation volume", value, limit: SHARE, tripped: value.is_some_and(|value| value > SHARE), text }
}

/// Guard on the share of the stalled time that belongs to different tasks on the two sides.
fn mix(sides: [&Side; 2]) -> Guard {
    let shares = sides.map(|side| {
        let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
        for run in &side.runs {
            let of_it = run.groups.iter().filter(|((scope, _), _)| *scope == Scope::Process);
            of_it.for_each(|((_, name), rate)| *shares.entry(name).or_default() += rate);
        }
        let whole: f64 = shares.values().sum();
        shares.values_mut().for_each(|share| *share /= whole.max(f64::MIN_POSITIVE));
        shares
    });
    let names: BTreeSet<&str> = shares.iter().flat_map(|side| side.keys().copied()).collect();
    let share = |side: usize, name: &str| shares[side].get(name).copied().unwrap_or(0.0);
    let off: f64 = names.iter().map(|name| (share(0, name) - share(1, name)).abs()).sum::<f64>() / 2.0;
    let value = (!shares[0].is_empty() && !shares[1].is_empty()).then_some(off);
    let text = match value {
        Some(off) => format!("{} % of the stalled time is other tasks' than in {}", plain(off * 100.0), sides[0].name),
        None => "a side without stalls has no tasks to compare".to_owned(),
    };
    Guard { name: "task mix", value, limit: SHARE, tripped: value.is_some_and(|value| value > SHARE), text }
}

/// Guard with a lower bound, and so the other way round: the value is the number of stalls missing to it.
fn few_stalls(sides: [&Side; 2]) -> Guard {
    let fewest = sides.map(|side| side.sums().counted(Measure::Stalls)).into_iter().fold(f64::INFINITY, f64::min);
    Guard {
        name: "few stalls",
        value: Some((FEW_STALLS - fewest).max(0.0)),
        limit: 0.0,
        tripped: fewest < FEW_STALLS,
        text: format!("the side with fewer has {} stalls; an estimate needs {FEW_STALLS}", plain(fewest)),
    }
}

/// Guard of a single pair. The value is the time in s that a side lacks for an interval of the stalled time.
fn short(pair: &Pair) -> Guard {
    let total = Metric::compared().position(|metric| metric == Metric::StallTotal).and_then(|at| pair.get(at));
    let refused = total.and_then(|judged| judged.as_ref().err()).filter(|refused| refused.missing_s > 0.0);
    Guard {
        name: "missing s",
        value: Some(refused.map_or(0.0, |refused| refused.missing_s)),
        limit: 0.0,
        tripped: refused.is_some(),
        text: refused
            .map_or_else(|| "both runs are long enough for an interval".to_owned(), |refused| refused.text.clone()),
    }
}
