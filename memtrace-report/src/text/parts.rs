//! The time of stalls by part, as text.

use memtrace_common::part::Part;
use memtrace_core::{
    session::{
        parts::Parts,
        shrinkers::{ShrinkerSummary, ShrinkerTime},
        summary::KindSummary,
    },
    sum,
    throttle::Throttles,
};

/// Shares of time by part: of all stalls of a kind, and of the slowest hundredth of them.
pub(super) struct Spent {
    /// `shrinkers 71 % (super_cache_scan 70 %), throttle 3 %, rest 26 %`; `None` when nothing but the rest is worth a
    /// word.
    pub(super) all: Option<String>,
    /// The shares of the slowest hundredth, likewise.
    pub(super) slowest: Option<String>,
}

pub(super) fn spent(kind: &KindSummary, shrinkers: Option<&ShrinkerSummary>) -> Spent {
    let (all, slowest) = shrinkers.map_or((&[][..], &[][..]), |shrinkers| (&shrinkers.all, &shrinkers.slowest));
    Spent {
        all: shares_of(&kind.parts, all, kind.throttles),
        slowest: kind.p99_parts.as_ref().and_then(|parts| shares_of(parts, slowest, kind.p99_throttles)),
    }
}

/// Share in percent from which a part is worth a line.
const WORTH: u64 = 5;

/// Most shrinkers that are named.
const NAMED: usize = 2;

/// Shares by part, the largest first; `None` when no part but the rest is worth a line.
pub fn shares(parts: &Parts, throttles: Throttles) -> Option<String> {
    shares_of(parts, &[], throttles)
}

fn shares_of(parts: &Parts, shrinkers: &[ShrinkerTime], throttles: Throttles) -> Option<String> {
    let whole = sum::of(parts.named().map(|(_, ns)| ns));
    let percent = |ns: u64| u64::try_from(u128::from(ns) * 100 / u128::from(whole.max(1))).unwrap_or(100);
    let mut shown: Vec<_> =
        parts.named().map(|(name, ns)| (name, percent(ns))).filter(|(_, share)| *share > 0).collect();
    shown.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    if !shown.iter().any(|(name, share)| *name != "rest" && *share >= WORTH) {
        return None;
    }
    let named = shrinkers.iter().map(|shrinker| (shrinker, percent(shrinker.total_ns))).take(NAMED);
    let named: Vec<_> =
        named.filter(|(_, share)| *share >= WORTH).map(|(shrinker, share)| named_share(shrinker, share)).collect();
    // Reasons are counted in jiffies, and can add up to more than the part, which is cut to its stall.
    let reasons_ns: u64 = throttles.named().map(|(_, ns)| ns).fold(0, u64::saturating_add);
    let of_part = |ns: u64, part: u64| u128::from(ns) * u128::from(part) / u128::from(reasons_ns.max(1));
    let part = |(name, share): &(&str, u64)| {
        let of_what: Vec<_> = match *name {
            name if name == Part::Shrinkers.name() => named.clone(),
            name if name == Part::Throttle.name() => throttles
                .named()
                .map(|(why, ns)| (why, of_part(ns, *share)))
                .filter(|(_, share)| *share > 0)
                .map(|(why, share)| format!("{why} {share} %"))
                .collect(),
            _ => Vec::new(),
        };
        match of_what.is_empty() {
            true => format!("{name} {share} %"),
            false => format!("{name} {share} % ({})", of_what.join(", ")),
        }
    };
    Some(shown.iter().map(part).collect::<Vec<_>>().join(", "))
}

fn named_share(shrinker: &ShrinkerTime, share: u64) -> String {
    let name = shrinker.name.as_ref().map(|name| name.tty().to_string());
    format!("{} {share} %", name.as_deref().unwrap_or("unnamed"))
}

/// Share of time in which tasks did not run: `63 % of the time, 91 % of that of the slowest 1 %`; `None` where it is
/// not known.
pub(super) fn off_cpu(kind: &KindSummary) -> Option<String> {
    let percent = |part: u64, whole: u64| u128::from(part) * 100 / u128::from(whole.max(1));
    let slowest_ns =
        kind.p99_parts.as_ref().map_or(0, |p| p.named().fold(0_u64, |sum, (_, ns)| sum.saturating_add(ns)));
    let slowest = |ns| format!("{} % of that of the slowest 1 %", percent(ns, slowest_ns));
    let all = kind.off_cpu_ns.map(|ns| format!("{} % of the time", percent(ns, kind.total_ns)));
    match (all, kind.p99_off_cpu_ns.map(slowest), kind.p99_off_cpu_estimated_ns.map(slowest)) {
        (Some(all), Some(slowest), _) => Some(format!("{all}, {slowest}")),
        (Some(all), None, _) => Some(all),
        (None, _, Some(slowest)) => Some(format!("some {slowest} (estimated)")),
        (None, _, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use memtrace_common::part::Part;

    use super::*;

    #[test]
    fn time_off_cpu_is_shown_where_it_is_measured() {
        let parts = Parts::example(&[], 200);
        let kind = KindSummary { total_ns: 1000, p99_parts: Some(parts), ..KindSummary::default() };
        assert_eq!(off_cpu(&kind), None);
        let kind = KindSummary { off_cpu_ns: Some(630), ..kind };
        assert_eq!(off_cpu(&kind).as_deref(), Some("63 % of the time"));
        let kind = KindSummary { p99_off_cpu_ns: Some(182), ..kind };
        assert_eq!(off_cpu(&kind).as_deref(), Some("63 % of the time, 91 % of that of the slowest 1 %"));
        let kind = KindSummary { off_cpu_ns: None, p99_off_cpu_ns: None, p99_off_cpu_estimated_ns: Some(150), ..kind };
        assert_eq!(off_cpu(&kind).as_deref(), Some("some 75 % of that of the slowest 1 % (estimated)"));
    }

    #[test]
    fn the_largest_part_comes_first_and_crumbs_are_left_out() {
        let parts = Parts::example(&[(Part::Throttle, 30), (Part::Shrinkers, 710)], 260);
        let kind = KindSummary { parts, p99_parts: Some(parts), ..KindSummary::default() };
        let all = "shrinkers 71 %, rest 26 %, throttle 3 %";
        let both = |kind: &KindSummary, shrinkers| {
            let Spent { all, slowest } = spent(kind, shrinkers);
            (all.unwrap_or_default(), slowest.unwrap_or_default())
        };
        assert_eq!(both(&kind, None), (all.to_owned(), all.to_owned()));
        let rest = Parts::example(&[(Part::Throttle, 1)], 999);
        assert_eq!(both(&KindSummary { parts: rest, ..kind }, None), (String::new(), all.to_owned()));
        assert_eq!(both(&KindSummary { parts: rest, p99_parts: None, ..kind }, None), Default::default());
        // The reasons of a throttle are shown where they are known.
        let throttled = Parts::example(&[(Part::Throttle, 600)], 400);
        let throttles = Throttles::of([900, 0, 300, 0]);
        let throttled = KindSummary { parts: throttled, p99_parts: None, throttles, ..kind };
        let want = "throttle 60 % (writeback 45 %, noprogress 15 %), rest 40 %";
        assert_eq!(both(&throttled, None), (want.to_owned(), String::new()));
        // Shrinkers are named where they are known, except for crumbs.
        let time = |name: Option<&str>, total_ns| ShrinkerTime { name: name.map(Into::into), total_ns };
        let shrinkers = ShrinkerSummary {
            all: vec![time(Some("super_cache_scan"), 600), time(None, 60), time(Some("mb_cache_scan"), 55)],
            slowest: vec![time(Some("xfs_buftarg_shrink_scan [xfs]"), 700), time(Some("super_cache_scan"), 10)],
        };
        let want = (
            "shrinkers 71 % (super_cache_scan 60 %, unnamed 6 %), rest 26 %, throttle 3 %".to_owned(),
            "shrinkers 71 % (xfs_buftarg_shrink_scan [xfs] 70 %), rest 26 %, throttle 3 %".to_owned(),
        );
        assert_eq!(both(&kind, Some(&shrinkers)), want);
    }
}
