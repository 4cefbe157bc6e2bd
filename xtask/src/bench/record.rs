//! Cost of recording: bytes on disk, memory, and CPU time of the recorded storm.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use anyhow::{Context as _, Result};

use super::{
    arena::{Arena, STORM_STALLS},
    command,
    sample::{Random, interval, median},
    table::{Outcome, Table},
    tracer::{Ready, Tracer},
    usage,
};

const FILE: &str = "trace.mtrc";
const PERF_FILE: &str = "perf.data";
/// Storms in one file.
const STORMS: u32 = 4;
/// Difference in length of the two idle recordings, in s.
const IDLE_S: u64 = 10;

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
    idle(arena, table)?;
    bytes_per_stall(arena, table)?;
    slow_down(arena, rounds, table)
}

fn recorder(arena: &Arena) -> (Command, Ready) {
    let mut command = Command::new(&arena.memtrace);
    command.args(["record", "--force", "-o"]).arg(arena.dir.join(FILE));
    (command, Ready::Wrote(FILE))
}

fn size(path: &Path) -> Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a size of some MiB")]
    let bytes = fs::metadata(path).with_context(|| path.display().to_string())?.len() as f64;
    Ok(bytes)
}

/// Adds the size of an idle hour. It follows from the difference of two idle recordings, which have the same begin and
/// end.
fn idle(arena: &Arena, table: &mut Table) -> Result<()> {
    let mut sizes = [0.0; 2];
    for (bytes, seconds) in sizes.iter_mut().zip([2, 2 + IDLE_S]) {
        let _ = fs::remove_file(arena.dir.join(FILE));
        let tracer = Tracer::start(recorder(arena), &arena.dir)?;
        thread::sleep(Duration::from_secs(seconds));
        tracer.stop()?;
        *bytes = size(&arena.dir.join(FILE))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "some seconds")]
    let hour = (sizes[1] - sizes[0]) / IDLE_S as f64 * 3600.0;
    let mb = hour / 1e6;
    table.add(
        "record: an idle hour",
        format!("{mb:.2} MB ({:.0} bytes a tick)", hour / 3600.0),
        "2 MB",
        Outcome::at_most(mb, 2.0),
    );
    Ok(())
}

/// Adds the bytes per stall of a real storm, beside those that `perf record` writes for the same events.
fn bytes_per_stall(arena: &Arena, table: &mut Table) -> Result<()> {
    let stalls = STORM_STALLS * f64::from(STORMS);
    let _ = fs::remove_file(arena.dir.join(FILE));
    let tracer = Tracer::start(recorder(arena), &arena.dir)?;
    for _ in 0..STORMS {
        arena.fixed_storm()?;
    }
    let (now, peak) = (usage::mib_of(tracer.pid(), "VmRSS")?, usage::mib_of(tracer.pid(), "VmHWM")?);
    tracer.stop()?;
    let bytes = size(&arena.dir.join(FILE))? / stalls;
    table.add("record: bytes per stall of a storm", format!("{bytes:.1}"), "20", Outcome::at_most(bytes, 20.0));
    table.add("record: resident", format!("{now:.1} MiB (peak {peak:.1})"), "48 MiB", Outcome::at_most(now, 48.0));
    let Some(perf) = command::perf(&arena.dir) else {
        table.add("record: bytes per stall, perf record", "not installed", "", Outcome::Skipped);
        return Ok(());
    };
    let tracer = Tracer::start(perf, &arena.dir)?;
    for _ in 0..STORMS {
        arena.fixed_storm()?;
    }
    tracer.stop()?;
    let bytes = size(&arena.dir.join(PERF_FILE))? / stalls;
    table.note("record: bytes per stall, perf record", format!("{bytes:.1}"));
    Ok(())
}

/// CPU time of the same storm under a recording and under the line view, one right after the other.
fn slow_down(arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
    let mut random = Random::new();
    let mut ratios = Vec::with_capacity(rounds);
    for round in 1..=rounds {
        eprintln!("xtask: bench: record, round {round} of {rounds}");
        let mut order = [true, false];
        random.shuffle(&mut order);
        let mut cpu = [0.0; 2];
        for records in order {
            let lines = || (Command::new(&arena.memtrace), Ready::Line(""));
            let tracer = Tracer::start(if records { recorder(arena) } else { lines() }, &arena.dir)?;
            cpu[usize::from(records)] = arena.fixed_storm()?.cpu.as_secs_f64();
            tracer.stop()?;
        }
        ratios.push(cpu[1] / cpu[0]);
    }
    let bounds = interval(&ratios, &mut random);
    let value = format!("{:.4} [{:.4}, {:.4}]", median(&ratios), bounds.0, bounds.1);
    table.add("record: storm, cpu against the line view", value, "1.00", Outcome::at_most_within(bounds, 1.0));
    Ok(())
}
