//! memtrace's own CPU time at the stall rate of a host in trouble.

use std::{path::Path, process::Command, thread, time::Duration};

use anyhow::Result;

use super::{
    arena::Arena,
    table::{Outcome, Table},
    tracer::{Ready, Tracer},
    usage,
};

/// Writes a second: each makes 16 stalls.
const WRITES: u32 = 313;
const WATCHED: Duration = Duration::from_secs(8);
const TARGET_PERCENT: f64 = 2.0;

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let views: [(&str, &[&str]); 2] = [("cpu, lines", &[]), ("cpu, --json (a line per stall)", &["--json"])];
    for (name, args) in views {
        let percent = percent(arena, &arena.memtrace, args)?;
        let value = format!("{percent:.2} % of a core at {}/s", WRITES * 16);
        if args.is_empty() {
            table.add(name, value, "2 %", Outcome::at_most(percent, TARGET_PERCENT));
        } else {
            table.note(name, value);
        }
    }
    Ok(())
}

/// CPU time of memtrace with these arguments, in percent of a core.
pub(super) fn percent(arena: &Arena, memtrace: &Path, args: &[&str]) -> Result<f64> {
    let mut command = Command::new(memtrace);
    command.args(args);
    let tracer = Tracer::start((command, Ready::Line("")), &arena.dir)?;
    let storm = arena.storm(WATCHED + Duration::from_secs(5), Some(WRITES))?;
    thread::sleep(Duration::from_secs(1));
    let before = usage::cpu_of(tracer.pid())?;
    thread::sleep(WATCHED);
    let took = usage::cpu_of(tracer.pid())?.saturating_sub(before);
    drop(storm);
    tracer.stop()?;
    Ok(100.0 * took.as_secs_f64() / WATCHED.as_secs_f64())
}
