//! The columns of the table: one declaration for each defines its text and its order.

use memtrace_core::session::{
    faults::Faults,
    tick::{Interval, Tick},
};
use memtrace_report::{
    metric::{Counts, Measure, Metric},
    text::{bytes, rate},
};

use super::rows::ScreenRow;

/// A column of numbers.
pub(super) struct TableColumn {
    /// Head.
    pub(super) head: &'static str,
    /// Width, with the space before it.
    pub(super) width: u16,
    /// Least width of the screen at which the column is shown.
    pub(super) from: u16,
    content: Content,
}

/// Content of a column, and the number that rows are sorted by, the largest first.
enum Content {
    /// Value of a metric.
    Of(Metric),
    /// A text made of several values, or without a metric.
    Text {
        /// The number to sort by; `None` where it was not read.
        key: fn(&ScreenRow) -> Option<u64>,
        /// The text of a row in an interval, with the size of a page.
        text: fn(&ScreenRow, &Tick, u64) -> String,
    },
}

/// The columns after the name, in order.
pub(super) const COLUMNS: [TableColumn; 9] = [
    metric("stalls", 8, 0, Metric::StallRate),
    metric("stalled", 9, 0, Metric::StallTotal),
    metric("p50", 8, 80, Metric::StallP50),
    metric("p99", 8, 60, Metric::StallP99),
    metric("max", 8, 0, Metric::StallMax),
    text("refault f/a", 12, 70, |row| Some(row.faults?.refaulted_pages()), refaults),
    text("reclaimed/s", 12, 100, |row| row.reclaimed_pages, reclaimed),
    text("wakeups", 8, 90, |row| row.wakeups, wakeups),
    text("oom", 4, 60, |row| Some(row.ooms), |row, _, _| row.ooms.to_string()),
];

const fn metric(head: &'static str, width: u16, from: u16, metric: Metric) -> TableColumn {
    TableColumn { head, width, from, content: Content::Of(metric) }
}

const fn text(
    head: &'static str,
    width: u16,
    from: u16,
    key: fn(&ScreenRow) -> Option<u64>,
    text: fn(&ScreenRow, &Tick, u64) -> String,
) -> TableColumn {
    TableColumn { head, width, from, content: Content::Text { key, text } }
}

impl TableColumn {
    /// The text of a row in an interval, with the size of a page.
    pub(super) fn text(&self, row: &ScreenRow, tick: &Tick, page_bytes: u64) -> String {
        match self.content {
            Content::Of(metric) => {
                let value = metric.of_row(&RowCounts { row, tick });
                value.map_or_else(|| "-".to_owned(), |value| metric.unit().short(value))
            }
            Content::Text { text, .. } => text(row, tick, page_bytes),
        }
    }

    /// The number that rows are sorted by; `None` where it was not read.
    #[expect(clippy::cast_precision_loss, reason = "counts of an interval")]
    fn key(&self, row: &ScreenRow, tick: &Tick) -> Option<f64> {
        match self.content {
            Content::Of(metric) => metric.of_row(&RowCounts { row, tick }),
            Content::Text { key, .. } => key(row).map(|n| n as f64),
        }
    }
}

/// A row as counts of its interval.
struct RowCounts<'a> {
    row: &'a ScreenRow,
    tick: &'a Tick,
}

impl Counts for RowCounts<'_> {
    fn count(&self, measure: Measure) -> Option<u64> {
        match measure {
            Measure::Stalls => Some(self.row.stalls.count),
            Measure::StalledNs => Some(self.row.stalls.stalled_ns),
            Measure::Refaulted => self.row.faults.map(|faults| faults.refaulted_pages()),
            _ => None,
        }
    }

    fn elapsed_ns(&self) -> u64 {
        self.tick.elapsed_ns
    }

    #[expect(clippy::cast_precision_loss, reason = "a latency")]
    fn quantile_ns(&self, q: f64) -> Option<f64> {
        let Interval { p50_ns, p99_ns, .. } = self.row.stalls;
        [(0.5, p50_ns), (0.99, p99_ns)].into_iter().find(|(known, _)| *known == q)?.1.map(|ns| ns as f64)
    }

    fn quantile_of_time_ns(&self, _: f64) -> Option<f64> {
        None
    }

    fn longest_ns(&self) -> Option<u64> {
        let open = self.tick.open.iter().filter(|stall| self.row.has_open(stall));
        let longest = open.map(|stall| self.tick.t_ns.saturating_sub(stall.begin_ns)).max();
        self.row.stalls.max_ns.max(longest)
    }
}

/// Order of the rows: by a column, or by name from a to z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortBy(Option<usize>);

impl Default for SortBy {
    /// By the time stalled.
    fn default() -> Self {
        Self(COLUMNS.iter().position(|column| matches!(column.content, Content::Of(Metric::StallTotal))))
    }
}

impl SortBy {
    /// By name.
    pub(super) const NAME: Self = Self(None);

    /// By the column with this number.
    pub(super) const fn column(number: usize) -> Self {
        Self(Some(number))
    }

    /// The order by the next column; after the last comes the name.
    #[must_use]
    pub fn next(self) -> Self {
        Self(Some(self.0.map_or(0, |at| at + 1)).filter(|at| *at < COLUMNS.len()))
    }

    /// The order by the column before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.map_or(Some(COLUMNS.len() - 1), |at| at.checked_sub(1)))
    }

    /// Sorts rows of an interval, the largest first or by name from a to z; the other way round where `is_reversed`.
    pub(super) fn sort(self, rows: Vec<ScreenRow>, tick: &Tick, is_reversed: bool) -> Vec<ScreenRow> {
        let column = self.0.and_then(|at| COLUMNS.get(at));
        // Once a row: the comparisons are many more.
        let key = |row: &ScreenRow| column.and_then(|column| column.key(row, tick)).unwrap_or(-1.0);
        let mut rows: Vec<(f64, ScreenRow)> = rows.into_iter().map(|row| (key(&row), row)).collect();
        rows.sort_by(|(a_key, a), (b_key, b)| {
            let order = if column.is_some() { b_key.total_cmp(a_key) } else { a.name.cmp(&b.name) };
            let order = if is_reversed { order.reverse() } else { order };
            order.then_with(|| a.name.cmp(&b.name)).then(a.who.cmp(&b.who))
        });
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

fn refaults(row: &ScreenRow, tick: &Tick, _: u64) -> String {
    let per_s = |pages: u64| rate(tick.rate(pages)).trim_end_matches("/s").to_owned();
    let both = |f: Faults| format!("{}/{}", per_s(f.refaults.file_pages), per_s(f.refaults.anon_pages));
    let mark = if tick.sampled.is_some() { "~" } else { "" };
    row.faults.map_or_else(|| "-".to_owned(), |faults| format!("{mark}{}", both(faults)))
}

/// Wakeups of kswapd that the row requested. The row causes these, whereas it suffers its stalls.
fn wakeups(row: &ScreenRow, tick: &Tick, _: u64) -> String {
    row.wakeups.map_or_else(|| "-".to_owned(), |count| rate(tick.rate(count)))
}

fn reclaimed(row: &ScreenRow, tick: &Tick, page_bytes: u64) -> String {
    let pages = row.reclaimed_pages.filter(|_| tick.elapsed_ns > 0);
    pages.map_or_else(
        || "-".to_owned(),
        |pages| {
            let per_s = u128::from(pages) * u128::from(page_bytes) * 1_000_000_000 / u128::from(tick.elapsed_ns);
            bytes(u64::try_from(per_s).unwrap_or(u64::MAX))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, SortBy};

    #[test]
    fn each_order_comes_once_in_both_directions() {
        let mut order = SortBy::NAME;
        for at in 0..COLUMNS.len() {
            order = order.next();
            assert_eq!(order, SortBy::column(at));
        }
        assert_eq!(order.next(), SortBy::NAME);
        assert_eq!(SortBy::NAME.before(), order);
        assert_eq!(SortBy::column(0).before(), SortBy::NAME);
        assert_eq!(SortBy::default(), SortBy::column(1));
    }
}
