//! Start time: from exec until all hooks are attached.

use std::path::Path;

use anyhow::Result;

use super::{
    arena::Arena,
    command,
    sample::median,
    table::{Outcome, Table},
    tracer::Tracer,
};

const RUNS: usize = 20;
const TARGET_MS: f64 = 150.0;

/// Adds the figures to the table. The first line of output comes right after the attaching.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let binaries = [("start", Some(&arena.memtrace)), ("start (static)", arena.static_memtrace.as_ref())];
    for (name, binary) in binaries {
        let Some(binary) = binary else { continue };
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            arena.go_on()?;
            times.push(milliseconds(arena, binary)?);
        }
        let slowest = times.iter().copied().fold(0.0, f64::max);
        let value = format!("{:.0} ms (slowest {slowest:.0})", median(&times));
        table.add(name, value, "150 ms", Outcome::at_most(median(&times), TARGET_MS));
    }
    Ok(())
}

/// Time of one start, in ms.
pub(super) fn milliseconds(arena: &Arena, memtrace: &Path) -> Result<f64> {
    let tracer = Tracer::start(command::memtrace(memtrace, &[]), &arena.dir)?;
    let took = tracer.started_in.as_secs_f64() * 1e3;
    tracer.stop()?;
    Ok(took)
}
