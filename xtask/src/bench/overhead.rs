//! CPU and wall time of the same work, bare and under each tracer.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context as _, Result};

use super::{
    arena::{Arena, Cost},
    command::{self, SHRINK},
    sample::{Random, interval, median},
    table::{Table, Verdict},
    tracer::{Ready, Tracer},
};

const BARE: &str = "bare";
const BEGIN_END: &str = "begin/end hooks";
const ALL: &str = "all hooks";
const PERF: &str = "perf record";
const BPFTRACE: &str = "bpftrace";

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
    let mut random = Random::new();
    let mut costs: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    let mut stalls = Vec::new();
    arena.fixed_load().context("warming up")?;
    for round in 1..=rounds {
        eprintln!("xtask: bench: overhead, round {round} of {rounds}");
        let mut order = [BARE, BEGIN_END, ALL, PERF, BPFTRACE];
        random.shuffle(&mut order);
        for variant in order {
            let Some(tracer) = tracer(variant, arena) else { continue };
            let tracer = tracer.map(|tracer| Tracer::start(tracer, &arena.dir)).transpose()?;
            let cost = arena.fixed_load()?;
            let said = tracer.map(Tracer::stop).transpose()?;
            costs.entry(variant).or_default().push(cost);
            if variant == BEGIN_END {
                stalls.push(stalls_of(&said.unwrap_or_default())?);
            }
        }
    }
    let stalls = median(&stalls);
    let bare = costs.remove(BARE).unwrap_or_default();
    let cpu = |costs: &[Cost]| costs.iter().map(|cost| cost.cpu.as_secs_f64()).collect::<Vec<_>>();
    let wall = |costs: &[Cost]| costs.iter().map(|cost| cost.wall.as_secs_f64()).collect::<Vec<_>>();
    let load = format!("{:.2} s cpu, {:.2} s, {stalls:.0} stalls", median(&cpu(&bare)), median(&wall(&bare)));
    table.tell("overhead: the load, bare", load);
    let bare_cpu = cpu(&bare);
    for (variant, target) in [(BEGIN_END, Some(1.02)), (ALL, Some(1.03)), (PERF, None), (BPFTRACE, None)] {
        let name = format!("overhead: {variant} / bare, cpu");
        let Some(costs) = costs.get(variant) else {
            table.add(&name, "not installed", "", Verdict::Skipped);
            continue;
        };
        let ratios = paired(&cpu(costs), &bare_cpu);
        ratio(table, &name, &ratios, target, &mut random);
        ratio(
            table,
            &format!("overhead: {variant} / bare, wall"),
            &paired(&wall(costs), &wall(&bare)),
            None,
            &mut random,
        );
        let added: Vec<f64> = cpu(costs).iter().zip(&bare_cpu).map(|(with, without)| with - without).collect();
        table.tell(&format!("overhead: {variant}, per stall"), format!("{:+.0} ns", median(&added) / stalls * 1e9));
    }
    if let (Some(ours), Some(perf)) = (costs.get(BEGIN_END), costs.get(PERF)) {
        let ratios = paired(&cpu(ours), &cpu(perf));
        ratio(table, "overhead: begin/end hooks / perf record, cpu", &ratios, Some(1.0), &mut random);
    }
    Ok(())
}

/// The tracer of a variant: `Some(None)` for none, `None` when it is not installed.
fn tracer(variant: &str, arena: &Arena) -> Option<Option<(Command, Ready)>> {
    match variant {
        BEGIN_END => Some(Some(command::memtrace(&arena.memtrace, &["--without", SHRINK]))),
        ALL => Some(Some(command::memtrace(&arena.memtrace, &[]))),
        PERF => command::perf(&arena.dir).map(Some),
        BPFTRACE => command::bpftrace(command::SCRIPT).map(Some),
        _ => Some(None),
    }
}

/// Each round's ratio: what slows a round slows both.
fn paired(with: &[f64], without: &[f64]) -> Vec<f64> {
    with.iter().zip(without).map(|(with, without)| with / without).collect()
}

fn ratio(table: &mut Table, name: &str, ratios: &[f64], target: Option<f64>, random: &mut Random) {
    let bounds = interval(ratios, random);
    let value = format!("{:.3} [{:.3}, {:.3}]", median(ratios), bounds.0, bounds.1);
    match target {
        Some(most) => table.add(name, value, &format!("{most:.2}"), Verdict::at_most_within(bounds, most)),
        None => table.tell(name, value),
    }
}

/// All stalls that memtrace's summary counts.
fn stalls_of(summary: &str) -> Result<f64> {
    let summary: serde_json::Value = serde_json::from_str(summary).context("memtrace's summary")?;
    let kinds = summary["stalls"].as_object().context("the stalls of memtrace's summary")?;
    Ok(kinds.values().filter_map(|kind| kind["count"].as_f64()).sum())
}
