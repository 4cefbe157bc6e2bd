//! Run time of each kernel program, and of a bpftrace script that does the same, on the same load in turns.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::{
    arena::Arena,
    command,
    sample::Random,
    statistics::{self, Program},
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
    let (mut ours, mut theirs) = (Costs::new(), Costs::new());
    let mut random = Random::new();
    for round in 1..=ROUNDS {
        eprintln!("xtask: bench: bpf, round {round} of {ROUNDS}");
        let mut order = [true, false];
        random.shuffle(&mut order);
        for memtrace in order {
            if memtrace {
                one(arena, command::memtrace(&arena.memtrace, &[]), "", &mut ours)?;
            } else if let Some(bpftrace) = command::bpftrace() {
                one(arena, bpftrace, "bpftrace ", &mut theirs)?;
            }
        }
    }
    for (name, cost) in &ours {
        let (target, verdict) = match name.as_str() {
            "shrink_inactive" => ("80 ns", Verdict::at_most(each(*cost), SHRINK_NS)),
            _ => ("", Verdict::Told),
        };
        table.add(&format!("bpf {name}"), format!("{:.0} ns x {}", each(*cost), cost.0), target, verdict);
    }
    let ours = stall(ours.iter().filter(|(name, _)| name.ends_with("_begin") || name.ends_with("_end")))?;
    if theirs.is_empty() {
        table.tell("bpf begin+end", format!("{ours:.0} ns"));
        table.add("bpf begin+end / bpftrace", "no bpftrace here", "0.50", Verdict::Skipped);
        return Ok(());
    }
    for (name, cost) in &theirs {
        table.tell(&format!("bpf {name}"), format!("{:.0} ns x {}", each(*cost), cost.0));
    }
    let theirs = stall(theirs.iter())?;
    let value = format!("{:.2} ({ours:.0} / {theirs:.0} ns)", ours / theirs);
    table.add("bpf begin+end / bpftrace", value, "0.50", Verdict::at_most(ours / theirs, 0.5));
    Ok(())
}

/// One load under one tracer; what its programs ran is added by name.
fn one(arena: &Arena, tracer: (std::process::Command, Ready), prefix: &str, costs: &mut Costs) -> Result<()> {
    let before = statistics::programs()?.last().map_or(0, |program| program.id);
    let tracer = Tracer::start(tracer, &arena.dir)?;
    let load = arena.fixed_load();
    let after = statistics::programs()?;
    tracer.stop()?;
    load?;
    for (at, program) in after.iter().filter(|p| p.id > before && p.run_cnt > 0).enumerate() {
        let cost = costs.entry(name(program, prefix, at)).or_default();
        *cost = (cost.0 + program.run_cnt, cost.1 + program.run_time_ns);
    }
    Ok(())
}

/// bpftrace's names are cut before begin and end differ: numbered in the order of the script.
fn name(program: &Program, prefix: &str, at: usize) -> String {
    if prefix.is_empty() { program.name.clone() } else { format!("{prefix}{} {}", program.name, at + 1) }
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
