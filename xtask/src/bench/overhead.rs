//! CPU and wall time of the same work under each tracer, each time beside the work without one.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::{
    arena::{Arena, Cost, STORM_STALLS},
    command::{self, MAJOR_FAULTS, SHRINK},
    sample::{Random, interval, median},
    table::{Table, Verdict},
    tracer::{Ready, Tracer},
};

const BEGIN_END: &str = "begin/end hooks";
const PERF: &str = "perf record";

/// One tracer, and what each round found.
struct Variant {
    name: &'static str,
    /// CPU time against bare, at most.
    target: Option<f64>,
    tracer: fn(&Arena) -> Option<(Command, Ready)>,
    rounds: Vec<Round>,
}

/// The same work with and without a tracer, one right after the other.
struct Round {
    with: Run,
    bare: Run,
}

struct Run {
    load: Cost,
    storm: Option<Cost>,
}

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
    let mut random = Random::new();
    let mut variants = variants();
    variants.retain(|variant| {
        let there = (variant.tracer)(arena).is_some();
        if !there {
            table.add(&format!("overhead: {}", variant.name), "not installed", "", Verdict::Skipped);
        }
        there
    });
    arena.fixed_load().context("warming up")?;
    for round in 1..=rounds {
        eprintln!("xtask: bench: overhead, round {round} of {rounds}");
        random.shuffle(&mut variants);
        for variant in &mut variants {
            let Some(tracer) = (variant.tracer)(arena) else { continue };
            let mut order = [Some(tracer), None];
            random.shuffle(&mut order);
            let [first, second] = order;
            let tracer_first = first.is_some();
            let (first, second) = (run(arena, first)?, run(arena, second)?);
            let (with, bare) = if tracer_first { (first, second) } else { (second, first) };
            variant.rounds.push(Round { with, bare });
        }
    }
    variants.sort_by_key(|variant| variant.name);
    show_bare(&variants, table);
    for variant in &variants {
        show(variant, table, &mut random);
    }
    show_against_perf(&variants, table, &mut random);
    Ok(())
}

fn variants() -> Vec<Variant> {
    let variant = |name, target, tracer| Variant { name, target, tracer, rounds: Vec::new() };
    vec![
        variant(BEGIN_END, Some(1.02), |arena| {
            Some(command::memtrace(&arena.memtrace, &["--no-refaults", "--without", SHRINK, "--without", MAJOR_FAULTS]))
        }),
        variant("with shrinks", Some(1.03), |arena| {
            Some(command::memtrace(&arena.memtrace, &["--no-refaults", "--without", MAJOR_FAULTS]))
        }),
        variant("all hooks, refaults too", None, |arena| Some(command::memtrace(&arena.memtrace, &[]))),
        variant(PERF, None, |arena| command::perf(&arena.dir)),
        variant("bpftrace", None, |_| command::bpftrace(command::SCRIPT)),
    ]
}

fn run(arena: &Arena, tracer: Option<(Command, Ready)>) -> Result<Run> {
    let tracer = tracer.map(|tracer| Tracer::start(tracer, &arena.dir)).transpose()?;
    // Where there is no storm, the load alone has to do.
    let run = Run { load: arena.fixed_load()?, storm: arena.fixed_storm().ok() };
    tracer.map(Tracer::stop).transpose()?;
    Ok(run)
}

fn show_bare(variants: &[Variant], table: &mut Table) {
    let bare: Vec<&Run> = variants.iter().flat_map(|variant| variant.rounds.iter().map(|round| &round.bare)).collect();
    let of = |value: fn(&Run) -> Option<f64>| median(&bare.iter().filter_map(|run| value(run)).collect::<Vec<_>>());
    let (cpu, wall) = (of(|run| Some(run.load.cpu.as_secs_f64())), of(|run| Some(run.load.wall.as_secs_f64())));
    table.tell("overhead: page-cache load, bare", format!("{cpu:.2} s cpu, {wall:.2} s"));
    let storm = of(|run| Some(run.storm?.cpu.as_secs_f64() / STORM_STALLS * 1e9));
    table.tell("overhead: storm, bare, cpu per stall", format!("{storm:.0} ns"));
}

fn show(variant: &Variant, table: &mut Table, random: &mut Random) {
    let name = format!("overhead: {}", variant.name);
    let cpu = ratios(variant, |run| Some(run.load.cpu.as_secs_f64()));
    show_ratio(table, &format!("{name} / bare, cpu"), &cpu, variant.target, random);
    let wall = ratios(variant, |run| Some(run.load.wall.as_secs_f64()));
    show_ratio(table, &format!("{name} / bare, wall"), &wall, None, random);
    let added = added_ns(variant);
    if !added.is_empty() {
        let (low, high) = interval(&added, random);
        let value = format!("{:+.0} ns [{low:+.0}, {high:+.0}]", median(&added));
        table.tell(&format!("{name}, cpu added per stall"), value);
        // What the target is about: 6,000 stalls in 1.3 s of work.
        let ratio = |ns: f64| 1.0 + ns * 6000.0 / 1.3e9;
        let value = format!("{:.4} [{:.4}, {:.4}]", ratio(median(&added)), ratio(low), ratio(high));
        let (target, verdict) = match variant.target {
            Some(most) => (format!("{most:.2}"), Verdict::at_most_within((ratio(low), ratio(high)), most)),
            None => (String::new(), Verdict::Told),
        };
        table.add(&format!("{name}, so at 6000 stalls in 1.3 s"), value, &target, verdict);
    }
}

/// Stall for stall, in which the two differ.
fn show_against_perf(variants: &[Variant], table: &mut Table, random: &mut Random) {
    let find = |name| variants.iter().find(|variant| variant.name == name);
    let (Some(ours), Some(perf)) = (find(BEGIN_END), find(PERF)) else { return };
    let more: Vec<f64> = added_ns(ours).iter().zip(added_ns(perf)).map(|(ours, perf)| ours - perf).collect();
    if more.is_empty() {
        return;
    }
    let (low, high) = interval(&more, random);
    let value = format!("{:+.0} ns [{low:+.0}, {high:+.0}]", median(&more));
    table.add("overhead: begin/end hooks - perf, per stall", value, "0", Verdict::at_most_within((low, high), 0.0));
}

/// CPU time that a stall of the storm takes more than without a tracer, in each round.
fn added_ns(variant: &Variant) -> Vec<f64> {
    let cpu = |run: &Run| Some(run.storm?.cpu.as_secs_f64());
    let more = |round: &Round| Some((cpu(&round.with)? - cpu(&round.bare)?) / STORM_STALLS * 1e9);
    variant.rounds.iter().filter_map(more).collect()
}

/// Each round's ratio: what slows the one run slows the other, a moment later.
fn ratios(variant: &Variant, value: fn(&Run) -> Option<f64>) -> Vec<f64> {
    variant.rounds.iter().filter_map(|round| Some(value(&round.with)? / value(&round.bare)?)).collect()
}

fn show_ratio(table: &mut Table, name: &str, ratios: &[f64], target: Option<f64>, random: &mut Random) {
    let bounds = interval(ratios, random);
    let value = format!("{:.3} [{:.3}, {:.3}]", median(ratios), bounds.0, bounds.1);
    match target {
        Some(most) => table.add(name, value, &format!("{most:.2}"), Verdict::at_most_within(bounds, most)),
        None => table.tell(name, value),
    }
}
