//! Run time of each kernel program, and of a bpftrace script that does the same, on the same load in turns.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Result, ensure};

use super::{
    arena::Arena,
    command,
    sample::Random,
    statistics,
    table::{Table, Verdict},
    tracer::{Ready, Tracer},
};

const ROUNDS: usize = 6;
/// What each run of the shrink hook may take, in ns.
const SHRINK_NS: f64 = 80.0;

/// Runs and run time by program.
type Costs = BTreeMap<String, (u64, u64)>;

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let _statistics = statistics::enable()?;
    let mut costs = [Costs::new(), Costs::new(), Costs::new()];
    let mut random = Random::new();
    for round in 1..=ROUNDS {
        eprintln!("xtask: bench: bpf, round {round} of {ROUNDS}");
        let mut order = [0, 1, 2];
        random.shuffle(&mut order);
        for at in order {
            let tracer = match at {
                0 => Some(command::memtrace(&arena.memtrace, &[])),
                1 => command::bpftrace(command::SILENT),
                _ => command::bpftrace(command::SCRIPT),
            };
            if let Some(tracer) = tracer {
                one(arena, tracer, at != 0, &mut costs[at])?;
            }
        }
    }
    let [ours, silent, printing] = costs;
    for (name, cost) in &ours {
        let (target, verdict) = match name.as_str() {
            "shrink_inactive" => ("80 ns", Verdict::at_most(each(*cost), SHRINK_NS)),
            _ => ("", Verdict::Told),
        };
        table.add(&format!("bpf: {name}"), format!("{:.0} ns x {}", each(*cost), cost.0), target, verdict);
    }
    let ours = stall(ours.iter().filter(|(name, _)| name.ends_with("_begin") || name.ends_with("_end")))?;
    table.tell("bpf: begin+end", format!("{ours:.0} ns"));
    let theirs = [("bpftrace that only counts", false, silent), ("bpftrace with a line per stall", true, printing)];
    for (what, tells_each, costs) in theirs {
        let name = format!("bpf: begin+end / {what}");
        if costs.is_empty() {
            table.add(&name, "no bpftrace here", "0.50", Verdict::Skipped);
            continue;
        }
        let theirs = stall(costs.iter())?;
        let value = format!("{:.2} (of {theirs:.0} ns)", ours / theirs);
        if tells_each {
            table.add(&name, value, "0.50", Verdict::at_most(ours / theirs, 0.5));
        } else {
            table.tell(&name, value);
        }
    }
    Ok(())
}

/// One load under one tracer; what its programs ran is added, by name or, where the names are cut before they differ, by
/// their order.
fn one(arena: &Arena, tracer: (Command, Ready), by_order: bool, costs: &mut Costs) -> Result<()> {
    let tracer = Tracer::start(tracer, &arena.dir)?;
    let load = arena.fixed_load();
    let programs = statistics::programs_of(tracer.pid());
    tracer.stop()?;
    load?;
    for (at, program) in programs?.into_iter().enumerate().filter(|(_, program)| program.run_cnt > 1) {
        let name = if by_order { format!("{} {at}", program.name) } else { program.name };
        let cost = costs.entry(name).or_default();
        *cost = (cost.0 + program.run_cnt, cost.1 + program.run_time_ns);
    }
    Ok(())
}

fn each((runs, ns): (u64, u64)) -> f64 {
    ns as f64 / runs.max(1) as f64
}

/// Run time of all these programs for one stall: each stall runs one of the begins and one of the ends.
fn stall<'a>(costs: impl Iterator<Item = (&'a String, &'a (u64, u64))>) -> Result<f64> {
    let (runs, ns) = costs.fold((0, 0), |sum, (_, cost)| (sum.0 + cost.0, sum.1 + cost.1));
    ensure!(runs > 0, "no program ran: was there no stall?");
    Ok(2.0 * ns as f64 / runs as f64)
}
