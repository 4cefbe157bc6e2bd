//! The stacks of stalls, as text.

use std::collections::BTreeSet;

use super::{
    number::{duration, things},
    oom::name,
};
use crate::document::Document;
use memtrace_core::{
    session::{
        stacks::{OnStack, by_stack},
        summary::{StackRow, StackSummary},
    },
    stack::Stack,
    untrusted::Untrusted,
};

/// Most stacks that a summary shows.
const SHOWN: usize = 3;
/// Frames that are shown of each part of a stack: its innermost and its outermost ones.
const INNERMOST: usize = 7;
const OUTERMOST: usize = 2;
/// Columns where the width is not known.
const WIDTH: usize = 120;

/// Name of a stack whose frames have no names (yet).
pub const NOT_NAMED: &str = "(stack not named)";

/// The names of a stack's frames, innermost first, with the middle of long parts left out: `a < b < ...12 more < main`.
#[must_use]
pub fn chain(stack: &Stack) -> Vec<String> {
    let (kernel, user): (Vec<_>, Vec<_>) = stack.frames.iter().partition(|frame| frame.kernel);
    let mut names = Vec::new();
    for part in [kernel, user] {
        let hidden = part.len().saturating_sub(INNERMOST + OUTERMOST);
        for (n, frame) in part.iter().enumerate() {
            if hidden > 1 && n == INNERMOST {
                names.push(format!("...{hidden} more"));
            }
            if hidden <= 1 || n < INNERMOST || n >= INNERMOST + hidden {
                names.push(Untrusted(&frame.name()).tty().to_string());
            }
        }
    }
    names
}

/// These names with ` < ` between them, in lines of `width` columns.
#[must_use]
pub fn wrapped(names: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let word = if n == 0 { name.clone() } else { format!("< {name}") };
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// The stacks that were stalled on most, in several lines.
pub(super) fn stacks(out: &mut Document, summary: &StackSummary, width: Option<usize>) {
    let mut all = summary.other;
    summary.rows.iter().for_each(|row| all.add(row.sum));
    if all.stalls == 0 {
        return;
    }
    out.line(format!("stacks of {}, innermost frame first:", things(all.stalls, "stall")));
    let groups = by_stack(&summary.rows, |row| (row.stack.as_ref(), row.sum));
    for OnStack { stack, rows, sum } in groups.iter().take(SHOWN) {
        let share = (100 * u128::from(sum.total_ns)).checked_div(u128::from(all.total_ns)).unwrap_or(0);
        let (total, stalls) = (duration(sum.total_ns), things(sum.stalls, "stall"));
        out.detail(format!("{share:>3}%  {total} in {stalls}, {}: {}", kinds(rows), who(rows)));
        let names = stack.map_or_else(|| vec![NOT_NAMED.to_owned()], chain);
        let lines = wrapped(&names, width.unwrap_or(WIDTH).saturating_sub(8).max(32));
        out.figure(lines.into_iter().map(|line| format!("        {line}")));
    }
    let hidden = groups.len().saturating_sub(SHOWN);
    if hidden > 0 {
        out.detail(format!(
            "({} more: `memtrace report --folded` of a recording has them all)",
            things(hidden as u64, "stack")
        ));
    }
}

fn kinds(rows: &[&StackRow]) -> String {
    let kinds: BTreeSet<_> = rows.iter().map(|row| row.kind).collect();
    kinds.into_iter().map(|kind| kind.name()).collect::<Vec<_>>().join("+")
}

/// The process that stalled most on a stack, and the number of others.
fn who(rows: &[&StackRow]) -> String {
    let Some(most) = rows.iter().max_by_key(|row| row.sum.total_ns) else { return String::new() };
    let pids: BTreeSet<u32> = rows.iter().map(|row| row.pid).collect();
    let comm = most.comm.as_ref().map(name).unwrap_or_default();
    match pids.len() {
        0 | 1 => format!("{comm}[{}]", most.pid),
        n => format!("{comm}[{}] and {} more", most.pid, things(n as u64 - 1, "process")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtrace_core::stack::Frame;

    fn stack(kernel: usize, user: usize) -> Stack {
        let frame = |kernel, n: usize| {
            let function = format!("{}{n}", if kernel { "k" } else { "u" }).into_bytes();
            Frame { kernel, function, ..Frame::default() }
        };
        Stack { frames: (0..kernel).map(|n| frame(true, n)).chain((0..user).map(|n| frame(false, n))).collect() }
    }

    #[test]
    fn the_middle_of_a_long_part_is_left_out_and_counted() {
        assert_eq!(chain(&stack(2, 1)), ["k0", "k1", "u0"]);
        // One name takes no more room than a word about it.
        assert_eq!(chain(&stack(10, 0)).len(), 10);
        let long = chain(&stack(20, 12));
        let expected = "k0 k1 k2 k3 k4 k5 k6 ...11 more k18 k19 u0 u1 u2 u3 u4 u5 u6 ...3 more u10 u11";
        assert_eq!(long.join(" "), expected);
    }

    #[test]
    fn lines_are_as_wide_as_asked_unless_a_name_is_wider() {
        let lines = wrapped(&["aaaa".into(), "bbb".into(), "cccccccccccc".into(), "d".into()], 10);
        assert_eq!(lines, ["aaaa < bbb", "< cccccccccccc", "< d"]);
    }
}
