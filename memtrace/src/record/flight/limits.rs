//! Limits of a flight recorder and of its segments: pure arithmetic.

use std::time::Duration;

/// Limits of the ring and of the incident files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time that is kept at least, in ns, as long as the other limits leave room for it.
    pub keep_ns: u64,
    /// Bytes of all segments together, at most.
    pub max_bytes: u64,
    /// Number of segments, at most.
    pub max_files: usize,
    /// Incident files, at most: the oldest goes when there is one more.
    pub max_incidents: usize,
    /// Time for which an incident file continues after its trigger, in ns.
    pub after_ns: u64,
}

/// A segment that is complete, or was left behind by a recorder that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Begin in ns, on a clock that all segments share.
    pub begin_ns: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// Number of segments that a limit is divided into. More of them keep closer to the limit, but are more files.
const SHARES: u64 = 8;
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);
/// Smallest size limit of a segment, in bytes: its first block alone takes some KiB.
const SMALLEST: u64 = 256 << 10;

impl Limits {
    /// Longest duration of a segment, in ns.
    #[must_use]
    pub fn segment_ns(&self) -> u64 {
        let (shortest, longest) = (SHORTEST.as_nanos() as u64, LONGEST.as_nanos() as u64);
        (self.keep_ns / SHARES).clamp(shortest, longest)
    }

    /// Size in bytes at which a segment ends.
    #[must_use]
    pub fn segment_bytes(&self) -> u64 {
        (self.max_bytes / SHARES).max(SMALLEST.min(self.max_bytes / 2))
    }

    /// Number of these segments, oldest first, to remove at `now_ns` while another one of `open_bytes` is written.
    #[must_use]
    pub fn surplus(&self, segments: &[Extent], open_bytes: u64, now_ns: u64) -> usize {
        let mut bytes = segments.iter().fold(open_bytes, |sum, segment| sum.saturating_add(segment.bytes));
        let mut files = segments.len() + 1;
        let mut gone = 0;
        for (i, segment) in segments.iter().enumerate() {
            // The next segment begins where this one ends.
            let rest_begins_ns = segments.get(i + 1).map_or(now_ns, |next| next.begin_ns);
            let is_old = now_ns.saturating_sub(rest_begins_ns) >= self.keep_ns && segments.len() > i + 1;
            if !is_old && bytes <= self.max_bytes && files <= self.max_files {
                break;
            }
            bytes = bytes.saturating_sub(segment.bytes);
            files -= 1;
            gone += 1;
        }
        gone
    }

    /// Time back to which an incident at `now_ns` takes the kept segments, in ns: not again those that an incident
    /// which ended at `last_ns` already has, but at least a minute.
    #[must_use]
    pub fn incident_from_ns(&self, now_ns: u64, last_ns: Option<u64>) -> u64 {
        const MINUTE_NS: u64 = 60_000_000_000;
        let oldest = now_ns.saturating_sub(self.keep_ns);
        let minute = now_ns.saturating_sub(MINUTE_NS);
        last_ns.map_or(oldest, |last| oldest.max(last.min(minute)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::prop_assert, prelude::prop_assert_eq, proptest};

    use super::{Extent, Limits};

    const S: u64 = 1_000_000_000;

    fn limits() -> Limits {
        Limits { keep_ns: 600 * S, max_bytes: 1000, max_files: 100, max_incidents: 4, after_ns: 10 * S }
    }

    fn segments(begins: &[u64], bytes: u64) -> Vec<Extent> {
        begins.iter().map(|s| Extent { begin_ns: s * S, bytes }).collect()
    }

    #[test]
    fn what_is_kept_covers_the_time() {
        let segments = segments(&[0, 75, 150, 225], 1);
        // Without the first one, 75 s to 700 s would be left: enough.
        assert_eq!(limits().surplus(&segments, 1, 700 * S), 1);
        assert_eq!(limits().surplus(&segments, 1, 674 * S), 0);
        assert_eq!(limits().surplus(&segments, 1, 5000 * S), 3);
    }

    #[test]
    fn size_and_number_come_before_time() {
        let segments = segments(&[0, 1, 2, 3], 300);
        assert_eq!(limits().surplus(&segments, 100, 4 * S), 1);
        assert_eq!(limits().surplus(&segments, 500, 4 * S), 3);
        assert_eq!(Limits { max_files: 3, max_bytes: 1 << 30, ..limits() }.surplus(&segments, 0, 4 * S), 2);
    }

    #[test]
    fn an_incident_has_a_minute_before_it_and_not_much_twice() {
        let l = limits();
        assert_eq!(l.incident_from_ns(1000 * S, None), 400 * S);
        assert_eq!(l.incident_from_ns(1000 * S, Some(700 * S)), 700 * S);
        assert_eq!(l.incident_from_ns(1000 * S, Some(990 * S)), 940 * S);
        assert_eq!(l.incident_from_ns(1000 * S, Some(100 * S)), 400 * S);
    }

    proptest! {
        #[test]
        fn limits_hold_whatever_there_is(mut begins in vec(0..10_000_u64, 0..50), bytes in 0..500_u64, open in 0..500_u64) {
            begins.sort_unstable();
            let segments = segments(&begins, bytes);
            let gone = limits().surplus(&segments, open, 10_000 * S);
            let rest = &segments[gone..];
            prop_assert!(rest.is_empty() || rest.iter().map(|s| s.bytes).sum::<u64>() + open <= 1000);
            prop_assert!(rest.len() < 100);
            // No segment is removed that a limit does not ask for.
            if gone > 0 && bytes * segments.len() as u64 + open <= 1000 {
                prop_assert!(10_000 - begins[gone] >= 600 || gone == segments.len());
            }
            prop_assert_eq!(limits().surplus(rest, open, 10_000 * S), 0);
        }
    }
}
