//! Latency over time as a small map of text: rows are bands of latency, columns slices of time, the shade the number of
//! stalls. It is made from the exact histograms of the ticks.

use std::fmt::Write as _;

use memtrace_common::histogram::BUCKETS;

use crate::text::{duration, shade, shades, things};
use memtrace_core::{
    clock::Clock,
    session::bands::{self, BANDS, Bands},
    sum,
};

/// Columns before the map.
const LABEL: usize = 9;
/// Most columns of the map.
const WIDEST: usize = 100;

/// Marks for other things than stalls, in the order of the rows below the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// An OOM kill.
    Oom = 0,
    /// A trigger: an incident began.
    Trigger = 1,
    /// Something was lost or could not be read.
    Loss = 2,
    /// A kswapd was awake.
    Kswapd = 3,
}

impl Mark {
    const ALL: [(Self, char, &'static str); 4] = [
        (Self::Oom, 'X', "OOM kill"),
        (Self::Trigger, 'T', "trigger"),
        (Self::Loss, '!', "loss"),
        (Self::Kswapd, 'k', "kswapd"),
    ];
}

/// One interval.
#[derive(Clone, Copy, Debug)]
struct Slice {
    t_ns: u64,
    elapsed_ns: u64,
    bands: Bands,
}

impl Slice {
    /// An interval lies in the column of its middle: its ends are late by some milliseconds.
    fn middle_ns(&self) -> u64 {
        self.t_ns.saturating_sub(self.elapsed_ns / 2)
    }
}

/// The map while it is collected: some hundred bytes a tick.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    from_ns: Option<u64>,
    slices: Vec<Slice>,
    marks: Vec<(u64, Mark)>,
}

impl HeatMap {
    /// Adds an interval that ended at `t_ns` and took `elapsed_ns`, with the exact latencies by bucket.
    pub fn tick(&mut self, t_ns: u64, elapsed_ns: u64, counts: &[u64; BUCKETS]) {
        self.from_ns.get_or_insert(t_ns.saturating_sub(elapsed_ns));
        self.slices.push(Slice { t_ns, elapsed_ns, bands: bands::of_counts(counts) });
    }

    /// Adds a mark.
    pub fn mark(&mut self, t_ns: u64, mark: Mark) {
        self.marks.push((t_ns, mark));
    }

    /// The end of the last interval, in ns.
    #[must_use]
    pub fn last_ns(&self) -> Option<u64> {
        self.slices.last().map(|slice| slice.t_ns)
    }

    /// The map for `width` columns of text (80 where it is not known), several lines; empty without a stall or mark.
    #[must_use]
    pub fn render(&self, clock: &Clock, width: Option<usize>, utf8: bool) -> String {
        let (Some(from_ns), Some(to_ns)) = (self.from_ns, self.last_ns()) else { return String::new() };
        let span_ns = to_ns.saturating_sub(from_ns).max(1);
        let room = width.unwrap_or(80).saturating_sub(LABEL + 2).clamp(10, WIDEST);
        let column_ns = self.column_ns(span_ns, room as u64);
        let columns = usize::try_from(span_ns.div_ceil(column_ns)).unwrap_or(room).clamp(1, room);
        let column = |t_ns: u64| {
            let at_ns = t_ns.clamp(from_ns + 1, to_ns.max(from_ns + 1)) - from_ns - 1;
            usize::try_from(at_ns / column_ns).unwrap_or(0).min(columns - 1)
        };
        let mut cells = vec![[0_u64; BANDS.len()]; columns];
        for slice in &self.slices {
            let cell = &mut cells[column(slice.middle_ns())];
            cell.iter_mut().zip(slice.bands).for_each(|(all, count)| sum::add(all, count));
        }
        let most = cells.iter().flatten().copied().max().unwrap_or(0);
        let mut marks = vec![[false; Mark::ALL.len()]; columns];
        for (t_ns, mark) in &self.marks {
            marks[column(*t_ns)][*mark as usize] = true;
        }
        if most == 0 && self.marks.is_empty() {
            return String::new();
        }
        let mut out = format!("latency over time (one column is {}", duration(column_ns));
        let shades = shades(utf8);
        if most > 0 {
            let _ = write!(out, "; {} is {}", shades[shades.len() - 1], things(most, "stall"));
        }
        out.push_str(")\n");
        let used = |band: usize| cells.iter().any(|cell| cell[band] > 0);
        let rows = (0..BANDS.len()).find(|&b| used(b)).zip((0..BANDS.len()).rfind(|&b| used(b)));
        for band in rows.into_iter().flat_map(|(first, last)| first..=last) {
            let line: String = cells.iter().map(|cell| shade(cell[band], most, shades)).collect();
            row(&mut out, BANDS[band].1, &line);
        }
        for (mark, sign, label) in Mark::ALL {
            if marks.iter().any(|there| there[mark as usize]) {
                let line: String = marks.iter().map(|there| if there[mark as usize] { sign } else { ' ' }).collect();
                row(&mut out, label, &line);
            }
        }
        out.push_str(&axis(clock, from_ns, column_ns, columns));
        out
    }

    /// Time of a column: as many whole intervals of the usual length as it takes for all columns to have room.
    fn column_ns(&self, span_ns: u64, room: u64) -> u64 {
        let mut lengths: Vec<u64> = self.slices.iter().map(|slice| slice.elapsed_ns).collect();
        lengths.sort_unstable();
        let usual_ns = lengths.get(lengths.len() / 2).copied().unwrap_or(span_ns).max(1);
        let each = span_ns.div_ceil(usual_ns.saturating_mul(room)).max(1);
        // Intervals that are a little late must not need one more column than there are.
        usual_ns.saturating_mul(each).max(span_ns.div_ceil(room))
    }
}

fn row(out: &mut String, label: &str, line: &str) {
    let _ = writeln!(out, "{label:>LABEL$}|{line}|");
}

/// Times below the map, as many as have room.
fn axis(clock: &Clock, from_ns: u64, column_ns: u64, columns: usize) -> String {
    const APART: usize = 20;
    let mut out = " ".repeat(LABEL + 1);
    let mut at = 0;
    while at < columns {
        let t_ns = from_ns.saturating_add(column_ns.saturating_mul(at as u64));
        let _ = write!(out, "{:<APART$}", format!("^{}", clock.seconds(t_ns)));
        at += APART;
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use memtrace_common::histogram::{BUCKETS, bucket_of};

    use super::{HeatMap, Mark};
    use memtrace_core::clock::Clock;

    const S: u64 = 1_000_000_000;

    fn clock() -> Clock {
        Clock { mono_ns: 0, wall: Some(Timestamp::from_second(1_700_000_000).unwrap()), zone: TimeZone::UTC }
    }

    fn counts(stalls: &[(u64, u64)]) -> [u64; BUCKETS] {
        let mut counts = [0; BUCKETS];
        stalls.iter().for_each(|(ns, n)| counts[bucket_of(*ns)] += n);
        counts
    }

    fn map() -> HeatMap {
        let mut map = HeatMap::default();
        for second in 1..=30 {
            let stalls = match second {
                10 => vec![(5_000_000, 1000), (150_000_000, 20)],
                11 => vec![(5_000_000, 100), (2 * S, 1)],
                _ => vec![(5_000_000, 1)],
            };
            map.tick(second * S, S, &counts(&stalls));
        }
        map.mark(11 * S - 1, Mark::Oom);
        (9..12).for_each(|second| map.mark(second * S, Mark::Kswapd));
        map
    }

    #[test]
    fn rows_are_bands_and_columns_are_ticks() {
        let text = "\
latency over time (one column is 1.00 s; @ is 1000 stalls)
    >=1 s|          .                   |
   316 ms|                              |
   100 ms|         =                    |
    32 ms|                              |
    10 ms|                              |
   3.2 ms|.........@#...................|
 OOM kill|          X                   |
   kswapd|        kkk                   |
          ^22:13:20           ^22:13:40
";
        assert_eq!(map().render(&clock(), Some(80), false), text);
    }

    #[test]
    fn many_ticks_share_a_column() {
        let text = map().render(&clock(), Some(21), true);
        assert!(text.contains("one column is 3.00 s; █ is 1101 stalls"), "{text}");
        assert!(text.lines().all(|line| line.contains("column") || line.chars().count() <= 21), "{text}");
        assert!(text.contains("OOM kill|   X      |"), "{text}");
    }

    #[test]
    fn ticks_that_are_late_and_a_short_last_one_have_a_column_each() {
        let mut map = HeatMap::default();
        let mut t_ns = 0;
        for (elapsed_ns, stalls) in [(S + 400_000, 3), (S - 300_000, 1), (S + 200_000, 2), (S / 3, 3)] {
            t_ns += elapsed_ns;
            map.tick(t_ns, elapsed_ns, &counts(&[(5_000_000, stalls)]));
        }
        let text = map.render(&clock(), Some(80), false);
        assert!(text.contains("3.2 ms|@+%@|") && text.contains("one column is 1.00 s"), "{text}");
    }

    #[test]
    fn nothing_makes_no_map() {
        assert_eq!(HeatMap::default().render(&clock(), None, true), "");
        let mut calm = HeatMap::default();
        calm.tick(S, S, &counts(&[]));
        assert_eq!(calm.render(&clock(), None, true), "");
        calm.mark(u64::MAX, Mark::Loss);
        assert!(calm.render(&clock(), None, true).contains("loss|!|"));
    }
}
