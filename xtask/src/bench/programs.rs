//! Run time of each kernel program, and of bpftrace scripts that do as much or less, on the same load in turns.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Result, ensure};

use super::{
    arena::Arena,
    command,
    sample::{Random, interval, median},
    statistics,
    table::{Table, Verdict},
    tracer::{Ready, Tracer},
};

const ROUNDS: usize = 8;
/// What each run of the shrink hook may take, in ns.
const SHRINK_NS: f64 = 80.0;

/// A script, and its run time for one stall in each round.
struct Script {
    name: &'static str,
    text: &'static str,
    /// What memtrace may take of its time: of the one script that does the same, which is totals in maps and a record to
    /// user space. Nearly all
    /// of that script's time goes when it sends a record, probably into waking its reader, which memtrace leaves to a
    /// timer. The scripts that send no record tell how the two stand without that.
    target: Option<f64>,
    stall_ns: Vec<f64>,
}

/// Runs and run time by program.
type Costs = BTreeMap<String, (u64, u64)>;

/// What the programs run in. A load that takes a page from the disk finds less of anything in the CPU's caches
/// than one that takes none from it, and so do the hooks in it.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    run: fn(&Arena) -> Result<()>,
}

const LOADS: [Load; 2] = [
    Load { name: "from disk", run: |arena| arena.fixed_load() },
    Load { name: "steady", run: |arena| arena.steady_load().map(drop) },
];

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let _statistics = statistics::enable()?;
    let mut random = Random::new();
    LOADS.iter().try_for_each(|load| measure_on(*load, arena, table, &mut random))
}

fn measure_on(load: Load, arena: &Arena, table: &mut Table, random: &mut Random) -> Result<()> {
    let prefix = format!("bpf, {}", load.name);
    let mut scripts = scripts();
    let (mut sum, mut ours) = (Costs::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("xtask: bench: {prefix}, round {round} of {ROUNDS}");
        let mut order: Vec<Option<&mut Script>> = scripts.iter_mut().map(Some).chain([None]).collect();
        random.shuffle(&mut order);
        for script in order {
            let Some(script) = script else {
                let costs = one(arena, load, command::memtrace(&arena.memtrace, &[]), false)?;
                ours.push(stall(costs.iter().filter(|(name, _)| name.ends_with("_begin") || name.ends_with("_end")))?);
                costs.into_iter().for_each(|(name, cost)| add(&mut sum, name, cost));
                continue;
            };
            if let Some(tracer) = command::bpftrace(script.text) {
                script.stall_ns.push(stall(one(arena, load, tracer, true)?.iter())?);
            }
        }
    }
    for (name, cost) in &sum {
        let (target, verdict) = match name.as_str() {
            "shrink_inactive" => ("80 ns", Verdict::at_most(each(*cost), SHRINK_NS)),
            _ => ("", Verdict::Told),
        };
        table.add(&format!("{prefix}: {name}"), format!("{:.0} ns x {}", each(*cost), cost.0), target, verdict);
    }
    let (low, high) = interval(&ours, random);
    table.tell(&format!("{prefix}: begin+end"), format!("{:.0} ns [{low:.0}, {high:.0}]", median(&ours)));
    for script in &scripts {
        script.show(&prefix, &ours, table, random);
    }
    Ok(())
}

fn scripts() -> [Script; 5] {
    let script = |name, text, target| Script { name, text, target, stall_ns: Vec::new() };
    [
        script("the same: totals and a record each", command::SAME, Some(0.5)),
        script("a histogram and a line each", command::LINES, None),
        script("totals by process", command::PROCESSES, None),
        script("a histogram by process", command::HISTOGRAM, None),
        script("empty programs", command::EMPTY, None),
    ]
}

impl Script {
    /// Adds the ratio of each round.
    fn show(&self, prefix: &str, ours: &[f64], table: &mut Table, random: &mut Random) {
        let name = format!("{prefix}: begin+end / bpftrace, {}", self.name);
        let target = self.target.map(|most| format!("{most:.2}")).unwrap_or_default();
        if self.stall_ns.is_empty() {
            table.add(&name, "no bpftrace here", &target, Verdict::Skipped);
            return;
        }
        let ratios: Vec<f64> = ours.iter().zip(&self.stall_ns).map(|(ours, theirs)| ours / theirs).collect();
        let (low, high) = interval(&ratios, random);
        let value = format!("{:.2} [{low:.2}, {high:.2}] (of {:.0} ns)", median(&ratios), median(&self.stall_ns));
        let verdict = self.target.map_or(Verdict::Told, |most| Verdict::at_most_within((low, high), most));
        table.add(&name, value, &target, verdict);
    }
}

/// One load under one tracer; what its programs ran, by name or, where the names are cut before they differ, by their
/// order.
fn one(arena: &Arena, load: Load, tracer: (Command, Ready), by_order: bool) -> Result<Costs> {
    let tracer = Tracer::start(tracer, &arena.dir)?;
    let ran = (load.run)(arena);
    let programs = statistics::programs_of(tracer.pid());
    tracer.stop()?;
    ran?;
    let mut costs = Costs::new();
    for (at, program) in programs?.into_iter().enumerate().filter(|(_, program)| program.run_cnt > 1) {
        let name = if by_order { format!("{} {at}", program.name) } else { program.name };
        add(&mut costs, name, (program.run_cnt, program.run_time_ns));
    }
    Ok(costs)
}

fn add(costs: &mut Costs, name: String, (runs, ns): (u64, u64)) {
    let cost = costs.entry(name).or_default();
    *cost = (cost.0 + runs, cost.1 + ns);
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
