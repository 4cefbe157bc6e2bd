//! The columns of the table: each is shown and sorted by what one declaration says.

use std::cmp::Ordering;

use memtrace_core::session::{faults::Faults, tick::Tick};
use memtrace_report::text::{bytes, duration_or_dash, rate, three_digits};

use super::rows::ScreenRow;

/// A column of numbers.
pub(super) struct TableColumn {
    /// Head.
    pub(super) head: &'static str,
    /// Width, with the space before it.
    pub(super) width: u16,
    /// Width of the screen from which on it is there.
    pub(super) from: u16,
    /// The number that rows are sorted by, the largest first; `None` where it was not read.
    key: fn(&ScreenRow) -> Option<u64>,
    /// The text of a row in an interval, with the size of a page.
    pub(super) text: fn(&ScreenRow, &Tick, u64) -> String,
}

/// The columns after the name, in order.
pub(super) const COLUMNS: [TableColumn; 9] = [
    TableColumn {
        head: "stalls",
        width: 8,
        from: 0,
        key: |row| Some(row.stalls.count),
        text: |row, tick, _| rate(tick.rate(row.stalls.count)),
    },
    TableColumn { head: "s/s", width: 6, from: 0, key: |row| Some(row.stalls.stalled_ns), text: stalled },
    TableColumn {
        head: "p50",
        width: 8,
        from: 80,
        key: |row| row.stalls.p50_ns,
        text: |row, _, _| duration_or_dash(row.stalls.p50_ns),
    },
    TableColumn {
        head: "p99",
        width: 8,
        from: 60,
        key: |row| row.stalls.p99_ns,
        text: |row, _, _| duration_or_dash(row.stalls.p99_ns),
    },
    TableColumn {
        head: "max",
        width: 8,
        from: 0,
        key: |row| row.stalls.max_ns,
        text: |row, _, _| duration_or_dash(row.stalls.max_ns),
    },
    TableColumn {
        head: "refault f/a",
        width: 12,
        from: 70,
        key: |row| Some(row.faults?.refaulted_pages()),
        text: refaults,
    },
    TableColumn { head: "reclaimed/s", width: 12, from: 100, key: |row| row.reclaimed_pages, text: reclaimed },
    TableColumn { head: "kswapd", width: 8, from: 90, key: |row| row.wakeups, text: wakeups },
    TableColumn { head: "oom", width: 4, from: 60, key: |row| Some(row.ooms), text: |row, _, _| row.ooms.to_string() },
];

/// Order of the rows: by a column, or by name from a to z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortBy(Option<usize>);

impl Default for SortBy {
    /// By the time stalled.
    fn default() -> Self {
        Self(COLUMNS.iter().position(|column| column.head == "s/s"))
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

    pub(super) fn compare(self, a: &ScreenRow, b: &ScreenRow) -> Ordering {
        match self.0.and_then(|at| COLUMNS.get(at)) {
            Some(column) => (column.key)(b).cmp(&(column.key)(a)),
            None => a.name.cmp(&b.name),
        }
    }
}

fn stalled(row: &ScreenRow, tick: &Tick, _: u64) -> String {
    let ns = tick.rate(row.stalls.stalled_ns);
    ns.map_or_else(|| "-".to_owned(), |ns| three_digits(ns / 1e9))
}

fn refaults(row: &ScreenRow, tick: &Tick, _: u64) -> String {
    let per_s = |pages: u64| rate(tick.rate(pages)).trim_end_matches("/s").to_owned();
    let both = |f: Faults| format!("{}/{}", per_s(f.refaults.file_pages), per_s(f.refaults.anon_pages));
    let mark = if tick.sampled.is_some() { "~" } else { "" };
    row.faults.map_or_else(|| "-".to_owned(), |faults| format!("{mark}{}", both(faults)))
}

/// Requests for kswapd: they are caused by the row, where its stalls are suffered.
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
