//! Evictors of refaulted pages, as text.

use memtrace_common::eviction::{MAX_EVICTED, SAMPLE_PAGES};

use super::{
    number::{count, duration_or_dash},
    oom::name,
    rest::{in_no_row, rest},
};
use crate::document::{Column, Document, Shape, Table, Words};
use memtrace_core::{
    event::{Evictor, FileId},
    session::evictors::{ByMemory, EvictorSum, EvictorSummary},
    untrusted::Untrusted,
};

/// Share of the refaults, in percent, below which it is no chance that the sample stands for fewer.
const BY_CHANCE: u64 = 80;

/// Adds the tables, of at most `top` rows each. `refaults` are those of files, `None` without a hook or with a filter.
pub(super) fn evictors(out: &mut Document, summary: &ByMemory<EvictorSummary>, refaults: Option<u64>, top: usize) {
    if let Some(unrecorded) = refaults.and_then(|pages| unrecorded(&summary.files.sum, pages)) {
        out.line(format!("evictors: {unrecorded}"));
    }
    of_memory(out, &summary.files, "of files", top);
    let files = summary.files.files.iter().map(|(of, sum)| (file(of), *sum));
    if summary.files.sum.samples > 0 {
        table(out, "file (device, inode)", files, &summary.files.sum, top);
    }
    if let Some(anon) = &summary.anon {
        of_memory(out, anon, "of anonymous memory", top);
    }
}

/// A note on the refaults that the sample lacks; `None` when it is about complete.
fn unrecorded(all: &EvictorSum, pages: u64) -> Option<String> {
    // A share takes more than a few samples.
    (pages > 16 * SAMPLE_PAGES && all.pages() < pages / 100 * BY_CHANCE).then(|| {
        format!(
            "the evictors of some {} of {} refaults of files are known; evictions more than {} pages ago are forgotten",
            count(all.pages()),
            count(pages),
            count(u64::from(MAX_EVICTED) * SAMPLE_PAGES)
        )
    })
}

/// Adds the number of refaulted pages, and a table by evicting and refaulting process.
fn of_memory(out: &mut Document, summary: &EvictorSummary, what: &str, top: usize) {
    let all = &summary.sum;
    if all.samples == 0 {
        out.line(format!("evictors: no page {what} came back in the sample (1 page in {SAMPLE_PAGES})"));
        return;
    }
    out.line(format!(
        "evictors: some {} pages {what} came back, by a sample of 1 page in {SAMPLE_PAGES}",
        count(all.pages())
    ));
    if let (Some(away), Some(distance)) = (&summary.away, &summary.distance) {
        let pages = |q| distance.quantile(q).map_or_else(|| "-".to_owned(), count);
        out.detail(format!(
            "away p50 {}, p99 {}; refault distance (evictions of their cgroup) p50 {}, p99 {}",
            duration_or_dash(away.quantile(0.50)),
            duration_or_dash(away.quantile(0.99)),
            pages(0.50),
            pages(0.99)
        ));
    }
    let pairs = summary.pairs.iter().map(|(pair, sum)| {
        let by = format!("{} -> {}[{}]", who(&pair.evictor), name(&pair.comm), pair.pid);
        (by, *sum)
    });
    table(out, "evicted by -> read back by", pairs, all, top);
}

fn table(
    out: &mut Document,
    title: &str,
    rows: impl ExactSizeIterator<Item = (String, EvictorSum)>,
    all: &EvictorSum,
    top: usize,
) {
    let mut table = Table::new([
        Column::new("pages", Shape::Right(16)).after(""),
        Column::new("share", Shape::Right(5)).after("  "),
        Column::new("mean away", Shape::Right(9)).after("  "),
        Column::new(title, Shape::Free).after("  "),
    ]);
    let hidden = rows.len().saturating_sub(top);
    let (mut other, mut rowless) = (*all, all.samples);
    for (at, (what, sum)) in rows.enumerate() {
        rowless = rowless.saturating_sub(sum.samples);
        if at < top {
            table.row(row(&what, &sum, all));
            other.samples = other.samples.saturating_sub(sum.samples);
            other.away_ns = other.away_ns.saturating_sub(sum.away_ns);
        }
    }
    if other.samples > 0 {
        table.row(row(&rest(hidden as u64), &other, all));
    }
    out.table(table);
    if rowless > 0 {
        out.detail(in_no_row("pages"));
    }
}

fn row(what: &str, sum: &EvictorSum, all: &EvictorSum) -> [Words; 4] {
    let share = format!("{}%", sum.samples.saturating_mul(100) / all.samples.max(1));
    [count(sum.pages()).into(), share.into(), duration_or_dash(sum.mean_away_ns()).into(), what.into()]
}

fn who(evictor: &Evictor) -> String {
    format!("{}[{}]", name(&evictor.comm), evictor.pid)
}

fn file(file: &FileId) -> String {
    let name = match file.name.bytes() {
        [] => "?".to_owned(),
        bytes => format!("{}{}", Untrusted(bytes).tty(), if file.name.is_cut() { "..." } else { "" }),
    };
    format!("{name} ({}:{}, {})", file.dev.0, file.dev.1, file.ino)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{self, TextForm};
    use memtrace_core::session::histogram::Histogram;

    fn reported(samples: u64, refaults: Option<u64>) -> String {
        let summary = EvictorSummary {
            sum: EvictorSum { samples, away_ns: samples },
            away: Some(Histogram::default()),
            distance: Some(Histogram::default()),
            pairs: Vec::new(),
            files: Vec::new(),
            other: EvictorSum::default(),
        };
        let mut out = Document::default();
        evictors(&mut out, &ByMemory { files: summary, anon: None }, refaults, 5);
        document::text(&out, TextForm::default())
    }

    #[test]
    fn refaults_without_a_known_evictor_are_noted() {
        let is_said = |text: &str| text.contains("are forgotten");
        assert!(is_said(&reported(0, Some(100_000))) && is_said(&reported(1000, Some(100_000))));
        // There is no note for as many samples as refaults, too few refaults to judge, or no count of refaults.
        assert!(
            !is_said(&reported(1560, Some(100_000)))
                && !is_said(&reported(0, Some(200)))
                && !is_said(&reported(0, None))
        );
    }
}
