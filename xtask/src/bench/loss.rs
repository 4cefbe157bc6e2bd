//! What is lost at full rate: the ring, and the queue to the output.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result};

use super::{
    arena::Arena,
    command,
    table::{Outcome, Table},
    tracer::Tracer,
};

const STORM: Duration = Duration::from_secs(5);
/// Stalls a second that must not be too much.
const RATE: f64 = 50_000.0;

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let views: [(&str, &[&str]); 2] =
        [("loss, as in lines", &[]), ("loss, --json (a line per stall)", &["--min-stall", "0"])];
    for (name, args) in views {
        let (mut command, ready) = command::memtrace(&arena.memtrace, &[]);
        if !args.is_empty() {
            command = std::process::Command::new(&arena.memtrace);
            command.arg("--json").args(args);
        }
        let tracer = Tracer::start((command, ready), &arena.dir)?;
        let storm = arena.storm(STORM + Duration::from_secs(5), None)?;
        thread::sleep(STORM);
        drop(storm);
        let said = tracer.stop()?;
        let summary: serde_json::Value = serde_json::from_str(&said).context("memtrace's summary")?;
        let (ring, output) = (&summary["loss"]["ring_stall"], &summary["loss"]["output"]);
        let lost = ring.as_f64().unwrap_or(0.0) + output.as_f64().unwrap_or(0.0);
        let rate = summary["stalls"]["memcg"]["count"].as_f64().context("the stalls")? / STORM.as_secs_f64();
        let value = format!("ring {ring}, output {output} at {rate:.0}/s");
        let verdict = if lost > 0.0 {
            Outcome::Over
        } else if rate < RATE {
            Outcome::Unsure
        } else {
            Outcome::Ok
        };
        let (target, verdict) = if args.is_empty() { ("0 at 50000/s", verdict) } else { ("", Outcome::NoTarget) };
        table.add(name, value, target, verdict);
    }
    Ok(())
}
