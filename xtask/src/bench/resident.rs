//! Resident memory under a storm.

use std::{path::Path, thread, time::Duration};

use anyhow::Result;

use super::{
    arena::Arena,
    command,
    table::{Outcome, Table},
    tracer::Tracer,
    usage,
};

const STORM: Duration = Duration::from_secs(5);
const TARGET_MIB: f64 = 32.0;

/// Adds the figures to the table. The ring is mapped twice, and so counts twice.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let binaries = [("resident", Some(&arena.memtrace)), ("resident (static)", arena.static_memtrace.as_ref())];
    for (name, binary) in binaries {
        let Some(binary) = binary else {
            table.add(name, "not built: cargo xtask build --static", "32 MiB", Outcome::Skipped);
            continue;
        };
        let (now, peak) = mib(arena, binary)?;
        table.add(name, format!("{now:.1} MiB"), "32 MiB", Outcome::at_most(now, TARGET_MIB));
        table.note(&format!("{name}, peak"), format!("{peak:.1} MiB"));
    }
    Ok(())
}

/// Resident memory after some seconds of storm, and its peak, in MiB.
pub(super) fn mib(arena: &Arena, memtrace: &Path) -> Result<(f64, f64)> {
    let tracer = Tracer::start(command::memtrace(memtrace, &[]), &arena.dir)?;
    let storm = arena.storm(STORM + Duration::from_secs(5), None)?;
    thread::sleep(STORM);
    let (now, peak) = (usage::mib_of(tracer.pid(), "VmRSS")?, usage::mib_of(tracer.pid(), "VmHWM")?);
    drop(storm);
    tracer.stop()?;
    Ok((now, peak))
}
