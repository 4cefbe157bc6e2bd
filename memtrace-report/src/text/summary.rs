//! What a session came to, as text.

use std::fmt::Write as _;

use super::{
    churn::churn,
    coverage::coverage,
    evictors::evictors,
    nodes::nodes,
    number::{bytes_or_dash, count, count_or_dash, duration, duration_or_dash, percent, things},
    oom::{name, oom_line},
    parts::{Spent, off_cpu, spent},
    stacks::stacks,
    stall::cgroup,
    style::Style,
};
use memtrace_core::{
    names::Names,
    session::{
        input::NodeRefaults,
        loss::meaning,
        summary::{ProcessSummary, Summary},
        tally::Tally,
    },
    source::Source,
};

/// How a summary is shown.
#[derive(Clone, Copy)]
pub struct SummaryView<'a> {
    /// How to put times, cgroups and flags into words.
    pub names: Names<'a>,
    /// Rows of each table; the rest is summed up.
    pub top: usize,
    /// What was filtered for, in the user's own words; empty without a filter.
    pub filter: &'a str,
    /// Whether refaults are read.
    pub refaults_read: bool,
    /// Columns of the terminal; `None` for names in full.
    pub width: Option<usize>,
    /// Colours.
    pub style: Style,
}

/// The summary, several lines, ending with a newline.
#[must_use]
pub fn summary(summary: &Summary, view: &SummaryView<'_>) -> String {
    let mut out = format!("\nsummary of {}\n", duration(summary.duration_ns));
    kinds(&mut out, summary);
    if !view.filter.is_empty() {
        let _ = writeln!(out, "filter: {}; the tables below hold only what matches, the totals above all", view.filter);
    }
    if let Some(matched) = &summary.matched {
        let _ = writeln!(out, "matched: {}, {}", things(matched.stalls, "stall"), duration(matched.total_ns));
    }
    open(&mut out, summary);
    refaults(&mut out, summary);
    node_refaults(&mut out, summary);
    groups(&mut out, summary, view);
    if summary.unattributed.count > 0 {
        let lost = summary.unattributed;
        let (n, time) = (things(lost.count, "stall"), duration(lost.total_ns));
        let _ = writeln!(out, "in the totals but in no table: {n}, {time} (their records were lost)");
    }
    if let Some(found) = &summary.stacks {
        stacks(&mut out, found, view.width);
    }
    if let Some(found) = &summary.evictors {
        let refaults = summary.refaults.filter(|_| view.filter.is_empty()).map(|refaults| refaults.file_pages);
        evictors(&mut out, found, refaults, view.top);
    }
    out.extend(summary.churn.as_ref().map(churn));
    nodes(&mut out, summary);
    proactive(&mut out, summary);
    ooms(&mut out, summary, view);
    out.push_str(&coverage(&summary.coverage));
    own(&mut out, summary);
    losses(&mut out, summary);
    out
}

fn kinds(out: &mut String, summary: &Summary) {
    if summary.stalls.is_empty() {
        out.push_str("no kind of stall could be traced\n");
        return;
    }
    if summary.all.count == 0 {
        let kinds: Vec<_> = summary.stalls.keys().map(|kind| kind.name()).collect();
        let _ = writeln!(out, "no stalls (traced: {})", kinds.join(", "));
        return;
    }
    let heads = ["stalls", "count", "total", "p50", "p99", "max"];
    let [stalls, n, total, p50, p99, max] = heads;
    let _ = writeln!(out, "{stalls:<12}{n:>7}  {total:>7}  {p50:>7}  {p99:>7}  {max:>7}");
    let present = summary.stalls.iter().filter(|(_, kind)| kind.count > 0);
    for (kind, s) in present {
        let _ = writeln!(
            out,
            "  {:<10}{:>7}  {:>7}  {:>7}  {:>7}  {:>7}",
            kind.name(),
            count(s.count),
            duration(s.total_ns),
            duration_or_dash(s.p50_ns),
            duration_or_dash(s.p99_ns),
            duration_or_dash(s.max_ns)
        );
    }
    for (kind, s) in summary.stalls.iter().filter(|(_, s)| s.count > 0) {
        let Spent { all, slowest } = spent(s, summary.shrinkers.get(kind));
        if let Some(all) = all {
            let _ = writeln!(out, "  {} time: {all}", kind.name());
        }
        if let Some(slowest) = slowest {
            let _ = writeln!(out, "  {}, slowest 1 %: {slowest}", kind.name());
        }
        if let Some(off_cpu) = off_cpu(s) {
            let _ = writeln!(out, "  {} off CPU: {off_cpu}", kind.name());
        }
        if summary.sources.of(*kind) == Source::LowerBound {
            let _ = writeln!(out, "  {} is a lower bound: {}", kind.name(), kind.unseen());
        }
    }
    let reclaim = &summary.reclaim;
    let _ = writeln!(
        out,
        "pages: scanned {}, reclaimed {}, efficiency {}",
        count_or_dash(reclaim.scanned_pages),
        count_or_dash(reclaim.reclaimed_pages),
        percent(reclaim.efficiency())
    );
}

/// Stalls that are not over: a hang is one of them.
fn open(out: &mut String, summary: &Summary) {
    let Some(longest) = summary.open.iter().min_by_key(|stall| stall.begin_ns) else { return };
    let tid = longest.tid;
    let who = longest.comm.as_ref().map_or_else(|| format!("tid {tid}"), |comm| format!("{} (tid {tid})", name(comm)));
    let (verb, the) = if summary.open.len() == 1 { ("is", "for") } else { ("are", "the longest for") };
    let _ = writeln!(
        out,
        "{} {verb} not over, {the} at least {}: {who}",
        things(summary.open.len() as u64, "stall"),
        duration(summary.t_ns.saturating_sub(longest.begin_ns))
    );
}

/// Refaults by node, where there are several.
fn node_refaults(out: &mut String, summary: &Summary) {
    if summary.node_refaults.len() > 1 {
        let node =
            |node: &NodeRefaults| format!("node {} {}/{}", node.nid, count(node.file_pages), count(node.anon_pages));
        let nodes: Vec<_> = summary.node_refaults.iter().map(node).collect();
        let _ = writeln!(out, "  by node, file/anon, as the kernel counts them: {}", nodes.join(", "));
    }
}

/// The refaults of the host, and what else was got back.
fn refaults(out: &mut String, summary: &Summary) {
    let Some(all) = summary.refaults else {
        let kernel = |counter| count_or_dash(summary.coverage.row(counter).and_then(|row| row.kernel));
        let (file, anon) = (kernel("workingset_refault_file"), kernel("workingset_refault_anon"));
        let _ = writeln!(
            out,
            "refaults: file {file} pages, anon {anon} pages by the kernel's own count; no hook tells whose"
        );
        return;
    };
    let _ = write!(out, "refaults: file {} pages, anon {} pages", count(all.file_pages), count(all.anon_pages));
    if summary.faults_read.fate {
        let pages = all.file_pages.saturating_add(all.anon_pages);
        let share = |part: u64| {
            part.min(pages)
                .saturating_mul(100)
                .checked_div(pages)
                .map_or_else(|| "-".to_owned(), |share| format!("{share}%"))
        };
        let _ = write!(
            out,
            "; of the working set {}, in use when evicted {}",
            share(all.activated_pages),
            share(all.restored_pages)
        );
    }
    let _ = writeln!(out, " (by {})", summary.faults_read.refaults.unwrap_or("-"));
}

fn groups(out: &mut String, summary: &Summary, view: &SummaryView<'_>) {
    let processes = &summary.processes;
    if !processes.rows.is_empty() {
        let rows = processes.rows.iter().map(|process| (who(process), &process.tally));
        table(out, "processes", rows, (&processes.other, processes.folded), view);
        if processes.rows.iter().any(|process| process.in_command == Some(true)) {
            out.push_str("* belongs to the command\n");
        }
    }
    let cgroups = &summary.cgroups;
    if !cgroups.rows.is_empty() {
        let rows = cgroups.rows.iter().map(|row| (cgroup(row.cgroup_id, &view.names), &row.tally));
        table(out, "cgroups", rows, (&cgroups.other, cgroups.folded), view);
    }
}

/// A process by name and pid, marked when it belongs to the command.
fn who(process: &ProcessSummary) -> String {
    let mark = if process.in_command == Some(true) { "* " } else { "" };
    format!("{mark}{}[{}]", name(&process.comm), process.pid)
}

fn table<'a>(
    out: &mut String,
    title: &str,
    rows: impl ExactSizeIterator<Item = (String, &'a Tally)>,
    (folded, folded_rows): (&Tally, u64),
    view: &SummaryView<'_>,
) {
    let [stalls, total, p50, p99, max, faults] = ["stalls", "total", "p50", "p99", "max", "refault f/a"];
    let _ = writeln!(out, "{title:<10}{stalls:>6}  {total:>7}  {p50:>7}  {p99:>7}  {max:>7}  {faults:>11}  who");
    let mut rest = folded.clone();
    let mut hidden = folded_rows;
    for (at, (who, tally)) in rows.enumerate() {
        if at < view.top {
            table_row(out, tally, &who, view);
        } else {
            rest.merge(tally);
            hidden += 1;
        }
    }
    if hidden > 0 || !rest.faults.is_empty() {
        table_row(out, &rest, &format!("({hidden} others)"), view);
    }
}

fn table_row(out: &mut String, tally: &Tally, who: &str, view: &SummaryView<'_>) {
    let refaulted = tally.faults.refaults;
    let refaults = if view.refaults_read {
        format!("{}/{}", count(refaulted.file_pages), count(refaulted.anon_pages))
    } else {
        "-".to_owned()
    };
    let start = out.len();
    let _ = write!(
        out,
        "{:>16}  {:>7}  {:>7}  {:>7}  {:>7}  {:>11}  ",
        count(tally.stalls),
        duration(tally.total_ns),
        duration_or_dash(tally.quantile(0.50)),
        duration_or_dash(tally.quantile(0.99)),
        duration(tally.max_ns),
        refaults
    );
    let used = out.len() - start;
    let cell = view
        .width
        .map_or(super::style::Cell::Free, |width| super::style::Cell::Path(width.saturating_sub(used).max(16)));
    let _ = cell.write(out, who);
    out.truncate(out.trim_end().len());
    out.push('\n');
}

fn ooms(out: &mut String, summary: &Summary, view: &SummaryView<'_>) {
    let _ = write!(out, "OOM kills: {}", count(summary.oom_kills));
    if let Some(calls) = summary.oom_calls.filter(|calls| *calls > 0 || summary.oom_kills > 0) {
        let _ = write!(out, " (by {} of the OOM killer)", things(calls, "call"));
    }
    out.push('\n');
    let skipped = summary.ooms.len().saturating_sub(view.top);
    for oom in &summary.ooms[skipped..] {
        let _ = writeln!(out, "  {}", oom_line(oom, &view.names, view.style));
    }
    let unrecorded = summary.oom_kills.saturating_sub((summary.ooms.len() - skipped) as u64);
    if unrecorded > 0 {
        let _ = writeln!(out, "  and {} not listed here", count(unrecorded));
    }
}

fn proactive(out: &mut String, summary: &Summary) {
    if let Some(asked_for) = summary.proactive.as_ref().filter(|asked_for| asked_for.count > 0) {
        let _ = writeln!(
            out,
            "asked for (memory.reclaim), no stall and in no number of stalls: {}x in {}, {} pages scanned, {} reclaimed",
            count(asked_for.count),
            duration(asked_for.total_ns),
            count(asked_for.scanned_pages),
            count(asked_for.reclaimed_pages)
        );
    }
}

fn own(out: &mut String, summary: &Summary) {
    let (stalls, cost) = (&summary.own_stalls, &summary.own);
    let _ = writeln!(
        out,
        "memtrace itself: cpu {}, resident {}, BPF programs {}\n  its own stalls, in no number above: {}, {}",
        duration_or_dash(cost.cpu_ns),
        bytes_or_dash(cost.rss_bytes),
        duration_or_dash(cost.bpf_ns),
        things(stalls.count, "stall"),
        duration(stalls.total_ns)
    );
}

/// Messages that could not be written, which is no loss of events.
pub fn unwritten(messages: u64) -> String {
    format!("{} not written: stderr was full, or nobody read it. No event is missing", things(messages, "message"))
}

fn losses(out: &mut String, summary: &Summary) {
    out.push_str(match (summary.loss.total(), &summary.incomplete) {
        (0, None) => "loss: none\n",
        (0, Some(_)) => "loss: none in what could be read; parts of the trace are missing or damaged\n",
        (_, None) => "loss:\n",
        (_, Some(_)) => "loss in what could be read; parts of the trace are missing or damaged:\n",
    });
    for (stage, n) in summary.loss.lost() {
        let _ = writeln!(out, "  {:>7} {} ({stage})", count(n), meaning(stage));
    }
    if summary.loss.messages() > 0 {
        let _ = writeln!(out, "{}", unwritten(summary.loss.messages()));
    }
}
