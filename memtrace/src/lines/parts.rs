//! What stalls spent their time on, as text.

use crate::session::{parts::Parts, summary::KindSummary};

/// `shrinkers 71 %, throttle 3 %, rest 26 %; the slowest 1 %: shrinkers 90 %, rest 10 %`; `None` when nothing but the rest
/// is worth a word.
pub(super) fn spent(kind: &KindSummary) -> Option<String> {
    let slowest = kind.p99_parts.as_ref().and_then(shares);
    match (shares(&kind.parts), slowest) {
        (None, None) => None,
        (Some(all), None) => Some(all),
        (None, Some(slowest)) => Some(format!("the slowest 1 %: {slowest}")),
        (Some(all), Some(slowest)) => Some(format!("{all}; the slowest 1 %: {slowest}")),
    }
}

/// Share in percent from which a part is worth a line.
const WORTH: u64 = 5;

/// The largest first; `None` when no part but the rest is worth a line.
pub(crate) fn shares(parts: &Parts) -> Option<String> {
    let whole: u64 = parts.named().map(|(_, ns)| ns).sum();
    let percent = |ns: u64| u64::try_from(u128::from(ns) * 100 / u128::from(whole.max(1))).unwrap_or(100);
    let mut shown: Vec<_> =
        parts.named().map(|(name, ns)| (name, percent(ns))).filter(|(_, share)| *share > 0).collect();
    shown.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    if !shown.iter().any(|(name, share)| *name != "rest" && *share >= WORTH) {
        return None;
    }
    Some(shown.iter().map(|(name, share)| format!("{name} {share} %")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_part_comes_first_and_crumbs_are_left_out() {
        let parts = Parts { throttle_ns: Some(30), shrinkers_ns: Some(710), rest_ns: 260, ..Parts::default() };
        let kind = KindSummary { parts, p99_parts: Some(parts), ..KindSummary::default() };
        let all = "shrinkers 71 %, rest 26 %, throttle 3 %";
        assert_eq!(spent(&kind), Some(format!("{all}; the slowest 1 %: {all}")));
        let rest = Parts { throttle_ns: Some(1), rest_ns: 999, ..Parts::default() };
        assert_eq!(spent(&KindSummary { parts: rest, ..kind }), Some(format!("the slowest 1 %: {all}")));
        assert_eq!(spent(&KindSummary { parts: rest, p99_parts: None, ..kind }), None);
    }
}
