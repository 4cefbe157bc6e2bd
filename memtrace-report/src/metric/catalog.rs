//! The catalogue: each metric, declared once.
//!
//! An entry here is all that it takes to use a metric in `--on` and `--stop-if`, in comparisons and `--fail-if`, and to
//! have it in docs/metrics.md (`cargo xtask docs`). docs/dev/add-a-metric.md walks through one.

use memtrace_core::session::tick::Tick;

use super::{
    Better, Declaration,
    Form::{self, Longest, OfInterval, Quantile, QuantileOfTime, Rate, Ratio},
    Measure, Unit,
};

/// Factor from ns per byte to seconds per GiB.
const GIB_PER_NS: f64 = (1_u64 << 30) as f64 * 1e-9;
/// Ns in a second, for counts per second.
const SECOND: f64 = 1e9;
/// Ns in an hour, for counts per hour.
const HOUR: f64 = 3600e9;

/// Declares the metrics, in the order of the tables.
macro_rules! catalog {
    ($($id:ident = $name:literal, $label:literal, $unit:ident, $form:expr, $better:ident, $help:literal;)+) => {
        /// A metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $(#[doc = $help] $id,)+
        }

        impl Metric {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$id),+];

            /// Declaration of the metric.
            #[must_use]
            pub const fn declaration(self) -> Declaration {
                const FORMS: [Form; Metric::ALL.len()] = [$($form),+];
                match self {
                    $(Self::$id => Declaration {
                        name: $name,
                        label: $label,
                        help: $help,
                        unit: Unit::$unit,
                        form: FORMS[self as usize],
                        better: Better::$better,
                    },)+
                }
            }
        }
    };
}

catalog! {
    StallTotal = "stall.total", "stalled time", SecondsPerSecond,
        Rate { of: Measure::StalledNs, scale: 1.0 }, Less,
        "Stalled seconds per second: the mean number of stalled tasks. A stall counts in each interval with the time that \
         passed in it, also while it is not over.";
    StallRate = "stall.rate", "stalls", PerSecond,
        Rate { of: Measure::Stalls, scale: SECOND }, Less,
        "Stalls that ended, per second.";
    StallPerGib = "stall.total_per_gib", "stalled time per GiB allocated", SecondsPerGib,
        Ratio { of: Measure::StalledNs, by: Measure::Allocated, scale: GIB_PER_NS }, Less,
        "Stalled time per GiB of memory allocated (`pgalloc_*` of /proc/vmstat): what a load pays for its memory.";
    StallP50 = "stall.p50", "stall p50", Nanoseconds, Quantile(0.5), Less,
        "Half of the stalls are not longer.";
    StallP90 = "stall.p90", "stall p90", Nanoseconds, Quantile(0.9), Less,
        "90 of 100 stalls are not longer.";
    StallP99 = "stall.p99", "stall p99", Nanoseconds, Quantile(0.99), Less,
        "99 of 100 stalls are not longer.";
    StallP999 = "stall.p999", "stall p99.9", Nanoseconds, Quantile(0.999), Less,
        "999 of 1,000 stalls are not longer.";
    TimeP50 = "stall.time_p50", "half of the time in stalls >=", Nanoseconds, QuantileOfTime(0.5), Less,
        "Half of the stalled time is in stalls of at least this length.";
    TimeP90 = "stall.time_p90", "a tenth of it in stalls >=", Nanoseconds, QuantileOfTime(0.9), Less,
        "A tenth of the stalled time is in stalls of at least this length.";
    TimeP99 = "stall.time_p99", "a hundredth in stalls >=", Nanoseconds, QuantileOfTime(0.99), Less,
        "A hundredth of the stalled time is in stalls of at least this length.";
    StallMax = "stall.max", "longest stall", Nanoseconds, Longest, Less,
        "The longest stall; a stall that is not over counts with its length so far.";
    KswapdBusy = "kswapd.busy", "kswapd at work", SecondsPerSecond,
        Rate { of: Measure::KswapdNs, scale: 1.0 }, Less,
        "Seconds per second that kswapd was at work, summed over the NUMA nodes: a lower bound.";
    KswapdBusiest = "kswapd.busiest", "busiest kswapd", Share, OfInterval(busiest), Less,
        "The largest share of an interval that the kswapd of one NUMA node was at work: a lower bound.";
    ScannedPerReclaimed = "scanned_per_reclaimed", "scanned per reclaimed", Ratio,
        Ratio { of: Measure::Scanned, by: Measure::Reclaimed, scale: 1.0 }, Less,
        "Pages scanned for each page reclaimed.";
    RefaultRate = "refault.rate", "refaulted pages", PerSecond,
        Rate { of: Measure::Refaulted, scale: SECOND }, Less,
        "Pages per second that were evicted and came back, of files and anonymous ones.";
    SwapinRate = "swapin.rate", "pages from swap", PerSecond,
        Rate { of: Measure::SwappedIn, scale: SECOND }, Less,
        "Pages per second read back from swap (`pswpin` of /proc/vmstat).";
    SwapoutRate = "swapout.rate", "pages to swap", PerSecond,
        Rate { of: Measure::SwappedOut, scale: SECOND }, Less,
        "Pages per second written to swap (`pswpout` of /proc/vmstat).";
    PsiSome = "psi.some", "memory pressure, some", Share,
        Rate { of: Measure::SomeNs, scale: 1.0 }, Less,
        "Share of the time in which at least one task was stalled on memory (`some` of /proc/pressure/memory).";
    PsiFull = "psi.full", "memory pressure, full", Share,
        Rate { of: Measure::FullNs, scale: 1.0 }, Less,
        "Share of the time in which all tasks that had work were stalled on memory (`full` of /proc/pressure/memory).";
    OomRate = "oom.rate", "OOM kills", PerHour,
        Rate { of: Measure::OomKills, scale: HOUR }, Less,
        "Processes killed by the OOM killer, per hour (`oom_kill` of /proc/vmstat).";
    OomCount = "oom.count", "OOM kills in an interval", Count, OfInterval(oom_kills), Less,
        "Processes killed by the OOM killer in an interval (`oom_kill` of /proc/vmstat).";
}

#[expect(clippy::cast_precision_loss, reason = "two times of an interval")]
fn busiest(tick: &Tick) -> Option<f64> {
    let busiest_ns = tick.kswapd.as_ref()?.iter().map(|node| node.busy_ns).max().unwrap_or(0);
    (tick.elapsed_ns > 0).then(|| busiest_ns as f64 / tick.elapsed_ns as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a number of processes")]
fn oom_kills(tick: &Tick) -> Option<f64> {
    Measure::OomKills.of(tick).map(|kills| kills as f64)
}
