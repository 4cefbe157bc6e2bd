//! Loss at full rate: in the ring, and in the queue to the output.

use std::{path::Path, process::Command, thread, time::Duration};

use anyhow::{Context as _, Result};

use super::{
    arena::Arena,
    table::{Outcome, Table},
    tracer::{Ready, Tracer},
};

const STORM: Duration = Duration::from_secs(5);
/// Rate without loss that is required, in stalls a second.
const RATE: f64 = 50_000.0;

/// memtrace's arguments for lines of stalls from 1 ms only, as in the line view.
pub(super) const AS_IN_LINES: [&str; 3] = ["--json", "--min-stall", "1ms"];
/// memtrace's arguments for one line per stall.
pub(super) const EACH_STALL: [&str; 3] = ["--json", "--min-stall", "0"];

/// Loss and rate of some seconds of storm.
pub(super) struct Lost {
    ring: f64,
    output: f64,
    /// Rate, in stalls a second.
    rate: f64,
}

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let lost = at_full_rate(arena, &arena.memtrace, AS_IN_LINES)?;
    let verdict = if lost.sum() > 0.0 {
        Outcome::Over
    } else if lost.rate < RATE {
        Outcome::Unsure
    } else {
        Outcome::Ok
    };
    table.add("loss, as in lines", lost.in_words(), "0 at 50000/s", verdict);
    let lost = at_full_rate(arena, &arena.memtrace, EACH_STALL)?;
    table.note("loss, --json (a line per stall)", lost.in_words());
    Ok(())
}

/// Loss of memtrace with these arguments under a storm.
pub(super) fn at_full_rate(arena: &Arena, memtrace: &Path, args: [&str; 3]) -> Result<Lost> {
    let mut command = Command::new(memtrace);
    command.args(args);
    let tracer = Tracer::start((command, Ready::Line("")), &arena.dir)?;
    let storm = arena.storm(STORM + Duration::from_secs(5), None)?;
    thread::sleep(STORM);
    drop(storm);
    let summary: serde_json::Value = serde_json::from_str(&tracer.stop()?).context("memtrace's summary")?;
    let loss = |what: &str| summary["loss"][what].as_f64().with_context(|| format!("`loss.{what}` in the summary"));
    let count = summary["stalls"]["memcg"]["count"].as_f64().context("the stalls")?;
    Ok(Lost { ring: loss("ring_stall")?, output: loss("output")?, rate: count / STORM.as_secs_f64() })
}

impl Lost {
    fn sum(&self) -> f64 {
        self.ring + self.output
    }

    /// Rate of stalls that were not lost, a second.
    pub(super) fn kept(&self) -> f64 {
        self.rate - self.sum() / STORM.as_secs_f64()
    }

    fn in_words(&self) -> String {
        let Self { ring, output, rate } = self;
        format!("ring {ring}, output {output} at {rate:.0}/s")
    }
}
