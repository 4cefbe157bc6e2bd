//! Stacks on which a row stalled in an interval.

use crate::screen::{model::Model, rows::ScreenRow};
use memtrace_core::session::{
    stacks::{OnStack, StackKey, StackSum, by_stack},
    tick::Tick,
    tick::Who,
};
use memtrace_report::text::{
    duration, percent,
    stacks::{NOT_NAMED, chain, wrapped},
};

/// Stacks that are shown, and lines of each.
const SHOWN: usize = 2;
const LINES: usize = 3;

/// The stacks on which a row stalled most, in lines.
pub(super) fn of_row(model: &Model, tick: &Tick, row: &ScreenRow, width: usize) -> Vec<String> {
    let Some(stacks) = &tick.stacks else { return vec!["stacks: not counted (--stacks)".to_owned()] };
    let rows: Vec<(StackKey, StackSum)> = stacks.stalls.iter().filter(|(key, _)| is_of(key, row)).copied().collect();
    let total_ns: u64 = rows.iter().map(|(_, sum)| sum.total_ns).fold(0, u64::saturating_add);
    let groups = by_stack(&rows, |(key, sum)| (model.stacks.stack(key.stack), *sum));
    // Stacks are counted by process.
    let whose = if matches!(row.who, Some(Who::Thread(..))) { " of its process" } else { "" };
    let mut lines = Vec::new();
    for OnStack { stack, sum, .. } in groups.iter().take(SHOWN) {
        let names = stack.map_or_else(|| vec![NOT_NAMED.to_owned()], chain);
        #[expect(clippy::cast_precision_loss, reason = "a share for a person")]
        let share = (total_ns > 0).then(|| sum.total_ns as f64 / total_ns as f64);
        let head = format!("{} of {}{whose} on: ", percent(share), duration(total_ns));
        let mut wrapped = wrapped(&names, width.saturating_sub(head.len()).saturating_sub(4).max(24));
        if wrapped.len() > LINES {
            wrapped.truncate(LINES);
            wrapped[LINES - 1].push_str(" ...");
        }
        let indent = " ".repeat(head.len());
        lines.extend(
            wrapped.iter().enumerate().map(|(n, line)| format!("{}{line}", if n == 0 { &head } else { &indent })),
        );
    }
    lines
}

/// True when stalls are those of a row; for a thread, those of its process.
fn is_of(key: &StackKey, row: &ScreenRow) -> bool {
    match row.who {
        Some(Who::Process(pid, start)) => (key.pid, key.process_start_ns) == (pid, start),
        Some(Who::Thread(_, pid)) => key.pid == pid,
        Some(Who::Cgroup(id)) => key.cgroup_id == id,
        Some(Who::Node(_)) => false,
        None => {
            row.cgroup_id.is_none()
                && matches!(row.kinds.as_slice(), [(kind, _)] if *kind == key.kind && row.detail.is_none())
        }
    }
}
