//! CPU and wall time of the same work under each tracer, each run paired with a run without one.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::{
    against::{self, Run},
    arena::{Arena, STEADY_STALLS, STORM_STALLS},
    command::{self, MAJOR_FAULTS, SHRINK},
    sample::{Random, median},
    table::{Outcome, Table},
    tracer::{Ready, Tracer},
};

const BEGIN_END: &str = "begin/end hooks";
const PERF: &str = "perf record";

/// Tracer that runs beside the work.
enum Beside {
    /// No tracer, as in the bare run: the ratio of the two is noise.
    Nothing,
    Tracer(Box<Command>, Ready),
}

/// One tracer, and the result of each round.
struct Variant {
    name: &'static str,
    /// Highest ratio of CPU and wall time to bare.
    target: Option<f64>,
    /// `None` if the tracer is not installed.
    beside: fn(&Arena) -> Option<Beside>,
    rounds: Vec<against::Round>,
}

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
    let mut random = Random::new();
    let mut variants = variants();
    variants.retain(|variant| {
        let there = (variant.beside)(arena).is_some();
        if !there {
            table.add(&format!("overhead: {}", variant.name), "not installed", "", Outcome::Skipped);
        }
        there
    });
    let stalls = stalls_of_steady(arena).context("counting the stalls of the load")?;
    for round in 1..=rounds {
        eprintln!("xtask: bench: overhead, round {round} of {rounds}");
        let mut order: Vec<&mut Variant> = variants.iter_mut().collect();
        random.shuffle(&mut order);
        for variant in order {
            let Some(beside) = (variant.beside)(arena) else { continue };
            let mut order = [Some(beside), None];
            random.shuffle(&mut order);
            let [first, second] = order;
            let traced_first = first.is_some();
            let (first, second) = (run(arena, first)?, run(arena, second)?);
            let (with, bare) = if traced_first { (first, second) } else { (second, first) };
            variant.rounds.push(against::Round { with, bare });
        }
    }
    show_load(&variants, stalls, table);
    for variant in &variants {
        let name = format!("overhead: {} / bare", variant.name);
        against::show(&name, &variant.rounds, variant.target, table, &mut random);
    }
    let find = |name| variants.iter().find(|variant| variant.name == name);
    if let (Some(ours), Some(perf)) = (find(BEGIN_END), find(PERF)) {
        let name = format!("overhead: {BEGIN_END} / {PERF}");
        against::show_each_other(&name, &ours.rounds, &perf.rounds, table, &mut random);
    }
    Ok(())
}

fn variants() -> Vec<Variant> {
    let variant = |name, target, beside| Variant { name, target, beside, rounds: Vec::new() };
    vec![
        variant("bare", None, |_| Some(Beside::Nothing)),
        variant(BEGIN_END, Some(1.02), |arena| {
            let only = ["--no-refaults", "--without", SHRINK, "--without", MAJOR_FAULTS];
            tracer(Some(command::memtrace(&arena.memtrace, &only)))
        }),
        variant("with shrinks", Some(1.03), |arena| {
            tracer(Some(command::memtrace(&arena.memtrace, &["--no-refaults", "--without", MAJOR_FAULTS])))
        }),
        variant("all hooks, refaults too", None, |arena| tracer(Some(command::memtrace(&arena.memtrace, &[])))),
        variant(PERF, None, |arena| tracer(command::perf(&arena.dir))),
        variant("bpftrace", None, |_| tracer(command::bpftrace(command::LINES))),
    ]
}

fn tracer(tracer: Option<(Command, Ready)>) -> Option<Beside> {
    tracer.map(|(command, ready)| Beside::Tracer(Box::new(command), ready))
}

fn run(arena: &Arena, beside: Option<Beside>) -> Result<Run> {
    let tracer = match beside {
        Some(Beside::Tracer(command, ready)) => Some(Tracer::start((*command, ready), &arena.dir)?),
        Some(Beside::Nothing) | None => None,
    };
    // Without a v1 cgroup there is no storm, and the steady load alone has to do.
    let run = Run { steady: arena.steady_load()?, storm: arena.fixed_storm().ok() };
    tracer.map(Tracer::stop).transpose()?;
    Ok(run)
}

/// Number of stalls of one run, which also serves as the warm-up.
fn stalls_of_steady(arena: &Arena) -> Result<u64> {
    let tracer = Tracer::start(command::memtrace(&arena.memtrace, &[]), &arena.dir)?;
    let load = arena.steady_load();
    let said = tracer.stop()?;
    load?;
    let summary: serde_json::Value = serde_json::from_str(&said).context("memtrace's summary")?;
    summary["stalls"]["memcg"]["count"].as_u64().context("its stalls")
}

/// Adds the figures of the load itself: number of stalls, limit hits, bare times.
fn show_load(variants: &[Variant], stalls: u64, table: &mut Table) {
    let verdict = if stalls.abs_diff(STEADY_STALLS) <= STEADY_STALLS / 10 { Outcome::Ok } else { Outcome::Unsure };
    table.add("overhead: load, stalls", stalls, &format!("{STEADY_STALLS} +-10 %"), verdict);
    let rounds = || variants.iter().flat_map(|variant| &variant.rounds);
    let hits = |run: fn(&against::Round) -> &Run| {
        let hits = || rounds().map(|round| run(round).steady.limit_hits);
        format!("{}..{}", hits().min().unwrap_or(0), hits().max().unwrap_or(0))
    };
    table.note("overhead: load, limit met, bare", hits(|round| &round.bare));
    table.note("overhead: load, limit met, traced", hits(|round| &round.with));
    let of =
        |value: fn(&Run) -> Option<f64>| median(&rounds().filter_map(|round| value(&round.bare)).collect::<Vec<_>>());
    let cpu = of(|run| Some(run.steady.cost.cpu.as_secs_f64()));
    let wall = of(|run| Some(run.steady.cost.wall.as_secs_f64()));
    table.note("overhead: load, bare", format!("{cpu:.2} s cpu, {wall:.2} s wall"));
    let storm = of(|run| Some(run.storm?.cpu.as_secs_f64() / STORM_STALLS * 1e9));
    table.note("overhead: storm, bare, cpu per stall", format!("{storm:.0} ns"));
}
