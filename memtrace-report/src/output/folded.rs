//! Stacks as folded lines, from which flame graphs are drawn.

use super::{
    Command, Output,
    sink::{End, Sink},
};
use memtrace_core::{session::item::Item, stack::fold::Folded};

const COUNT: &str = "count";

pub(super) const OUTPUT: Output = Output {
    name: "folded",
    offers: &[(
        Command::Report,
        "Write the stacks of a recording made with --stacks as folded lines, from which flame graphs are drawn; each with its \
         stalled time in microseconds, or its number of stalls",
    )],
    value: Some(("WEIGHT", &[("time", "Stalled time in microseconds"), (COUNT, "Stalls")])),
    is_complete: false,
    has_local_times: false,
    render: None,
    sink: |_, _, weight| Box::new(Stacks { counts: weight == COUNT }),
};

/// Folded lines.
#[derive(Debug)]
struct Stacks {
    /// True for the number of stalls, false for stalled time.
    counts: bool,
}

impl Sink for Stacks {
    fn item(&mut self, _: Item) -> Vec<u8> {
        Vec::new()
    }

    fn end(&mut self, end: &End<'_>) -> Result<Vec<u8>, String> {
        let Some(stacks) = &end.summary.stacks else {
            return Err("this recording has no stacks. Record again with: memtrace record --stacks".to_owned());
        };
        let mut folded = Folded::default();
        for row in &stacks.rows {
            let n = if self.counts { row.sum.stalls } else { row.sum.total_ns / 1000 };
            let comm = row.comm.as_ref().map_or(b"[unknown]".as_slice(), |comm| comm.bytes());
            folded.add(comm, row.stack.as_deref(), n);
        }
        Ok(folded.lines().map(|line| line + "\n").collect::<String>().into_bytes())
    }
}
