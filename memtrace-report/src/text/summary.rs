//! The summary of a session, as text.

use std::fmt::Write as _;

use super::{
    churn::churn,
    coverage::coverage,
    evictors::evictors,
    loss::loss_line,
    nodes::nodes,
    number::{bytes_or_dash, count, count_or_dash, duration, duration_or_dash, percent, plural, things},
    oom::{name, oom_line},
    parts::{Spent, off_cpu, spent},
    rest::{in_no_row, rest},
    stacks::stacks,
    stall::cgroup,
    style::Style,
};
use crate::document::{Column, Document, Shape, Table, Words};
use memtrace_common::count::Count;
use memtrace_core::{
    names::Names,
    session::{
        input::NodeRefaults,
        loss::Stage,
        summary::{Group, ProcessSummary, Summary},
        tally::Tally,
    },
    source::Source,
};

/// Form of a summary.
#[derive(Clone, Copy)]
pub struct SummaryView<'a> {
    /// Names of times, cgroups and flags.
    pub names: Names<'a>,
    /// Rows of each table; the rest is summed up.
    pub top: usize,
    /// The filter in the user's own words; empty without a filter.
    pub filter: &'a str,
    /// Columns of the terminal; `None` for names in full.
    pub width: Option<usize>,
}

/// Adds the summary to a document.
pub fn summary(out: &mut Document, summary: &Summary, view: &SummaryView<'_>) {
    out.heading(format!("summary of {}", duration(summary.duration_ns)));
    kinds(out, summary);
    if !view.filter.is_empty() {
        out.line(format!("filter: {}; the tables below hold only what matches, the totals above all", view.filter));
    }
    if let Some(matched) = &summary.matched {
        out.line(format!("matched: {}, {}", things(matched.stalls, "stall"), duration(matched.total_ns)));
    }
    open(out, summary);
    refaults(out, summary);
    node_refaults(out, summary);
    groups(out, summary, view);
    if summary.unattributed.count > 0 {
        let lost = summary.unattributed;
        let (n, time) = (things(lost.count, "stall"), duration(lost.total_ns));
        out.line(format!("in the totals but in no table: {n}, {time} (their records were lost)"));
    }
    if let Some(found) = &summary.stacks {
        stacks(out, found, view.width);
    }
    if let Some(found) = &summary.evictors {
        let refaults = summary.refaults.filter(|_| view.filter.is_empty()).map(|refaults| refaults.file_pages);
        evictors(out, found, refaults, view.top);
    }
    if let Some(found) = &summary.churn {
        out.line(churn(found));
    }
    nodes(out, summary);
    proactive(out, summary);
    ooms(out, summary, view);
    coverage(out, &summary.coverage);
    own(out, summary);
    losses(out, summary);
}

fn kinds(out: &mut Document, summary: &Summary) {
    if summary.stalls.is_empty() {
        out.line("no kind of stall could be traced");
        return;
    }
    if summary.all.count == 0 {
        let kinds: Vec<_> = summary.stalls.keys().map(|kind| kind.name()).collect();
        out.line(format!("no stalls (traced: {})", kinds.join(", ")));
        return;
    }
    let number = |head| Column::new(head, Shape::Right(7)).after("  ");
    let mut table = Table::new([
        Column::new("stalls", Shape::Left(12)).after(""),
        Column::new("count", Shape::Right(7)).after(""),
        number("total"),
        number("p50"),
        number("p99"),
        number("max"),
    ]);
    for (kind, s) in summary.stalls.iter().filter(|(_, kind)| kind.count > 0) {
        table.row([
            format!("  {}", kind.name()).into(),
            count(s.count).into(),
            duration(s.total_ns).into(),
            duration_or_dash(s.p50_ns).into(),
            duration_or_dash(s.p99_ns).into(),
            duration_or_dash(s.max_ns).into(),
        ]);
    }
    out.table(table);
    for (kind, s) in summary.stalls.iter().filter(|(_, s)| s.count > 0) {
        let Spent { all, slowest } = spent(s, summary.shrinkers.get(kind));
        if let Some(all) = all {
            out.detail(format!("{} time: {all}", kind.name()));
        }
        if let Some(slowest) = slowest {
            out.detail(format!("{}, slowest 1 %: {slowest}", kind.name()));
        }
        if let Some(off_cpu) = off_cpu(s) {
            out.detail(format!("{} off CPU: {off_cpu}", kind.name()));
        }
        if summary.sources.of(*kind) == Source::LowerBound {
            out.detail(format!("{} is a lower bound: {}", kind.name(), kind.unseen()));
        }
    }
    let reclaim = &summary.reclaim;
    out.line(format!(
        "pages: scanned {}, reclaimed {}, efficiency {}",
        count_or_dash(reclaim.scanned_pages),
        count_or_dash(reclaim.reclaimed_pages),
        percent(reclaim.efficiency())
    ));
}

/// Adds the open stalls: a hang is one of them.
fn open(out: &mut Document, summary: &Summary) {
    let Some(longest) = summary.open.iter().min_by_key(|stall| stall.begin_ns) else { return };
    let tid = longest.tid;
    let who = longest.comm.as_ref().map_or_else(|| format!("tid {tid}"), |comm| format!("{} (tid {tid})", name(comm)));
    let lasting = if summary.open.len() == 1 { "for" } else { "the longest for" };
    out.line(format!(
        "{} still open at the end, {lasting} at least {}: {who}",
        things(summary.open.len() as u64, "stall"),
        duration(summary.t_ns.saturating_sub(longest.begin_ns))
    ));
}

/// Refaults by node, where there are several.
fn node_refaults(out: &mut Document, summary: &Summary) {
    if summary.node_refaults.len() > 1 {
        let node =
            |node: &NodeRefaults| format!("node {} {}/{}", node.nid, count(node.file_pages), count(node.anon_pages));
        let nodes: Vec<_> = summary.node_refaults.iter().map(node).collect();
        out.detail(format!("by node, file/anon, as the kernel counts them: {}", nodes.join(", ")));
    }
}

/// Adds the refaults of the host, and the share of time in which they were counted.
fn refaults(out: &mut Document, summary: &Summary) {
    let Some(all) = summary.refaults else {
        let kernel = |counter| count_or_dash(summary.coverage.row(counter).and_then(|row| row.kernel));
        let (file, anon) = (kernel("workingset_refault_file"), kernel("workingset_refault_anon"));
        out.line(format!(
            "refaults: file {file} pages, anon {anon} pages by the kernel's own count; no hook counts them by process"
        ));
        return;
    };
    let mut line = format!("refaults: file {} pages, anon {} pages", count(all.file_pages), count(all.anon_pages));
    if summary.faults_read.fate {
        let pages = all.file_pages.saturating_add(all.anon_pages);
        let share = |part: u64| {
            part.min(pages)
                .saturating_mul(100)
                .checked_div(pages)
                .map_or_else(|| "-".to_owned(), |share| format!("{share}%"))
        };
        let _ = write!(
            line,
            "; of the working set {}, in use when evicted {}",
            share(all.activated_pages),
            share(all.restored_pages)
        );
    }
    let _ = write!(line, " (by {})", summary.faults_read.refaults.unwrap_or("-"));
    out.line(line);
    if let Some(sampled) = &summary.sampled {
        let counted = sampled.share().map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", share * 100.0));
        out.detail(format!(
            "sampled: counted during {counted} of {}, in {}; refaults of processes and cgroups (~) are estimates: a \
             share of one half is within +-{} (95 %, worst case)",
            duration(sampled.of_ns),
            things(sampled.windows, "window"),
            percent(sampled.error())
        ));
    }
}

/// Source of the refaults of a row.
#[derive(Clone, Copy)]
enum RowRefaults {
    Unread,
    Counted,
    Estimated,
}

impl RowRefaults {
    fn of(summary: &Summary) -> Self {
        match (summary.refaults, summary.sampled) {
            (None, _) => Self::Unread,
            (Some(_), None) => Self::Counted,
            (Some(_), Some(_)) => Self::Estimated,
        }
    }
}

fn groups(out: &mut Document, summary: &Summary, view: &SummaryView<'_>) {
    let refaults = RowRefaults::of(summary);
    let processes = &summary.processes;
    if !processes.rows.is_empty() {
        let rows = processes.rows.iter().map(|process| (who(process), &process.tally));
        table(out, "process", rows, processes, refaults, view);
        if processes.rows.iter().any(|process| process.in_command == Some(true)) {
            out.line("* belongs to the command");
        }
    }
    let cgroups = &summary.cgroups;
    if !cgroups.rows.is_empty() {
        let rows = cgroups.rows.iter().map(|row| (cgroup(row.cgroup_id, &view.names), &row.tally));
        table(out, "cgroup", rows, cgroups, refaults, view);
    }
}

/// A process by name and pid, marked when it belongs to the command.
fn who(process: &ProcessSummary) -> String {
    let mark = if process.in_command == Some(true) { "* " } else { "" };
    format!("{mark}{}[{}]", name(&process.comm), process.pid)
}

fn table<'a, T>(
    out: &mut Document,
    thing: &str,
    rows: impl ExactSizeIterator<Item = (String, &'a Tally)>,
    group: &Group<T>,
    refaults: RowRefaults,
    view: &SummaryView<'_>,
) {
    let number = |head, width| Column::new(head, Shape::Right(width)).after("  ");
    let mut table = Table::new([
        Column::new("stalls", Shape::Right(6)).after(""),
        number("total", 7),
        number("p50", 7),
        number("p99", 7),
        number("max", 7),
        number("refault f/a", 11),
        Column::new("who", Shape::Rest).after("  "),
    ])
    .titled(&plural(thing), 10);
    let mut other = group.other.clone();
    let mut hidden = group.folded;
    for (at, (who, tally)) in rows.enumerate() {
        if at < view.top {
            table.row(table_row(tally, &who, refaults));
        } else {
            other.merge(tally);
            hidden += 1;
        }
    }
    if hidden > 0 || group.refaults_in_no_row {
        table.row(table_row(&other, &rest(hidden), refaults));
    }
    out.table(table);
    if group.refaults_in_no_row {
        out.detail(in_no_row("refaults"));
    }
}

fn table_row(tally: &Tally, who: &str, refaults: RowRefaults) -> [Words; 7] {
    let refaulted = tally.faults.refaults;
    let pages = || format!("{}/{}", count(refaulted.file_pages), count(refaulted.anon_pages));
    let refaults = match refaults {
        RowRefaults::Unread => "-".to_owned(),
        RowRefaults::Counted => pages(),
        RowRefaults::Estimated => format!("~{}", pages()),
    };
    [
        count(tally.stalls).into(),
        duration(tally.total_ns).into(),
        duration_or_dash(tally.quantile(0.50)).into(),
        duration_or_dash(tally.quantile(0.99)).into(),
        duration(tally.max_ns).into(),
        refaults.into(),
        who.into(),
    ]
}

fn ooms(out: &mut Document, summary: &Summary, view: &SummaryView<'_>) {
    let mut line = format!("OOM kills: {}", count(summary.oom_kills));
    if let Some(calls) = summary.counts.get(Count::OomCalls).filter(|calls| *calls > 0 || summary.oom_kills > 0) {
        let _ = write!(line, " (by {} of the OOM killer)", things(calls, "call"));
    }
    out.line(line);
    let skipped = summary.ooms.len().saturating_sub(view.top);
    for oom in &summary.ooms[skipped..] {
        out.alert(oom_line(oom, &view.names, Style::default()));
    }
    let unrecorded = summary.oom_kills.saturating_sub((summary.ooms.len() - skipped) as u64);
    if unrecorded > 0 {
        out.detail(format!("and {} not listed here", count(unrecorded)));
    }
}

fn proactive(out: &mut Document, summary: &Summary) {
    if let Some(asked_for) = summary.proactive.as_ref().filter(|asked_for| asked_for.count > 0) {
        out.line(format!(
            "proactive reclaim (memory.reclaim), not counted as stalls: {}x in {}, {} pages scanned, {} reclaimed",
            count(asked_for.count),
            duration(asked_for.total_ns),
            count(asked_for.scanned_pages),
            count(asked_for.reclaimed_pages)
        ));
    }
}

fn own(out: &mut Document, summary: &Summary) {
    let (stalls, cost) = (&summary.own_stalls, &summary.own);
    out.line(format!(
        "memtrace itself: cpu {}, resident {}, BPF programs {}",
        duration_or_dash(cost.cpu_ns),
        bytes_or_dash(cost.rss_bytes),
        duration_or_dash(cost.bpf_ns)
    ));
    let (count, total) = (things(stalls.count, "stall"), duration(stalls.total_ns));
    out.detail(format!("its own stalls, not in the numbers above: {count}, {total}"));
}

/// Messages that could not be written, which is no loss of events.
pub fn unwritten(messages: u64) -> String {
    format!("{} not written: stderr was full, or nobody read it. No event is missing", things(messages, "message"))
}

fn losses(out: &mut Document, summary: &Summary) {
    out.line(match (summary.loss.total(), &summary.incomplete) {
        (0, None) => "loss: none",
        (0, Some(_)) => "loss: none in the readable parts; other parts of the trace are missing or damaged",
        (_, None) => "loss:",
        (_, Some(_)) => "loss in the readable parts; other parts of the trace are missing or damaged:",
    });
    for (stage, n) in summary.loss.lost() {
        let stage = Stage::named(stage);
        let line = loss_line(&stage, n, summary.whole(stage.whole));
        if stage.lacking.matters() { out.alert(line) } else { out.detail(line) }
    }
    if summary.loss.messages() > 0 {
        out.line(unwritten(summary.loss.messages()));
    }
}
