//! `cargo xtask bench cost`: CPU time that tracing adds to a load, by tracer and by hook; it writes docs/cost.md.
//!
//! The load's own CPU time is judged, since that is what tracing costs those who are traced. Each round runs the load bare
//! twice and once beside each tracer, in random order.

mod loads;
mod page;

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use self::loads::{LOADS, Load};
use super::{
    arena::Arena,
    command, programs,
    sample::{Random, interval, median},
    table::{Outcome, Table},
    tracer::{Ready, Tracer},
};
use crate::workspace::root;

const FILE: &str = "trace.mtrc";
/// The page that the figures are written to.
const PAGE: &str = "docs/cost.md";
/// The largest ratio to the bare load with the default settings, and with `--no-refaults`.
const MOST: f64 = 1.02;
const MOST_NO_REFAULTS: f64 = 1.01;

/// A tracer beside the load.
struct Beside {
    name: &'static str,
    /// The largest ratio to the bare load.
    target: Option<f64>,
    /// `None` where it is not installed.
    tracer: fn(&Arena) -> Option<(Command, Ready)>,
}

const BESIDE: [Beside; 6] = [
    Beside { name: "memtrace record", target: Some(MOST), tracer: |arena| Some(recorder(arena, &[])) },
    Beside {
        name: "memtrace record --no-refaults",
        target: Some(MOST_NO_REFAULTS),
        tracer: |arena| Some(recorder(arena, &["--no-refaults"])),
    },
    Beside {
        name: "memtrace record --budget none",
        target: None,
        tracer: |arena| Some(recorder(arena, &["--budget", "none"])),
    },
    Beside { name: "perf record, begin and end", target: None, tracer: |arena| command::perf(&arena.dir) },
    Beside {
        name: "empty programs, begin and end",
        target: None,
        tracer: |_| command::bpftrace(command::EMPTY_BEGIN_END),
    },
    Beside {
        name: "empty program, each counter of a cgroup",
        target: None,
        tracer: |_| command::bpftrace(command::EMPTY_COUNTER),
    },
];

/// Added CPU time of a tracer on a load.
struct Figure {
    tracer: &'static str,
    target: Option<f64>,
    /// CPU time of the load against the bare one of the same round.
    ratios: Vec<f64>,
    /// CPU time added per stall, in ns.
    added_ns: Vec<f64>,
}

/// All figures of a load.
struct Figures {
    load: &'static Load,
    /// CPU time of the bare load, in s.
    bare_s: f64,
    stalls: u64,
    refaults: u64,
    /// `None` for a tracer that is not installed.
    of: Vec<Option<Figure>>,
}

fn recorder(arena: &Arena, more: &[&str]) -> (Command, Ready) {
    let mut command = Command::new(&arena.memtrace);
    command.args(["record", "--force", "-o"]).arg(arena.dir.join(FILE)).args(more);
    (command, Ready::Wrote(FILE))
}

/// Adds the figures to the table, and writes the page.
pub(super) fn measure(arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
    let mut random = Random::new();
    let mut all = Vec::new();
    for load in &LOADS {
        let figures = on(load, arena, rounds, &mut random).with_context(|| format!("load {}", load.name))?;
        show(&figures, table, &mut random);
        all.push(figures);
    }
    let programs = programs::by_hook(arena)?;
    let text = page::page(&all, &programs, rounds, &mut random)?;
    let path = root().join(PAGE);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    eprintln!("xtask: bench: {PAGE} is written");
    Ok(())
}

fn on(load: &'static Load, arena: &Arena, rounds: usize, random: &mut Random) -> Result<Figures> {
    let (stalls, refaults) = events(load, arena)?;
    ensure!(stalls + refaults > 0, "it makes no stall and no refault");
    let mut bare: Vec<[f64; 2]> = Vec::new();
    let mut with: Vec<Vec<f64>> = vec![Vec::new(); BESIDE.len()];
    for round in 1..=rounds {
        eprintln!("xtask: bench: cost, {}, round {round} of {rounds}", load.name);
        // A tracer by its number; the bare load twice.
        let mut order: Vec<Option<usize>> = (0..BESIDE.len()).map(Some).chain([None, None]).collect();
        random.shuffle(&mut order);
        let mut of_round = Vec::new();
        for beside in order {
            arena.go_on()?;
            let Some(at) = beside else {
                of_round.push((load.run)(arena)?.as_secs_f64());
                continue;
            };
            let _ = fs::remove_file(arena.dir.join(FILE));
            let Some(tracer) = (BESIDE[at].tracer)(arena) else { continue };
            let tracer = Tracer::start(tracer, &arena.dir)?;
            let cpu = (load.run)(arena);
            tracer.stop()?;
            with[at].push(cpu?.as_secs_f64());
        }
        bare.push([of_round[0], of_round[1]]);
    }
    let bare: Vec<f64> = bare.iter().map(|[a, b]| f64::midpoint(*a, *b)).collect();
    let figure = |(beside, cpu): (&Beside, Vec<f64>)| {
        let ratios = cpu.iter().zip(&bare).map(|(cpu, bare)| cpu / bare).collect();
        let per = stalls.max(1) as f64;
        let added_ns = cpu.iter().zip(&bare).map(|(cpu, bare)| (cpu - bare) / per * 1e9).collect();
        (!cpu.is_empty()).then_some(Figure { tracer: beside.name, target: beside.target, ratios, added_ns })
    };
    Ok(Figures { load, bare_s: median(&bare), stalls, refaults, of: BESIDE.iter().zip(with).map(figure).collect() })
}

/// Stalls and refaults of one run.
fn events(load: &Load, arena: &Arena) -> Result<(u64, u64)> {
    let tracer = Tracer::start(command::memtrace(&arena.memtrace, &["--budget", "none"]), &arena.dir)?;
    let ran = (load.run)(arena);
    let summary: Value = serde_json::from_str(&tracer.stop()?).context("memtrace's summary")?;
    ran?;
    let kinds = summary["stalls"].as_object().context("the stalls of the summary")?.values();
    let stalls = kinds.filter_map(|kind| kind["count"].as_u64()).sum();
    let pages = |of: &str| summary["refaults"][of].as_u64().unwrap_or(0);
    Ok((stalls, pages("file_pages") + pages("anon_pages")))
}

fn show(figures: &Figures, table: &mut Table, random: &mut Random) {
    let name = figures.load.name;
    table.note(
        &format!("cost, {name}: bare"),
        format!("{:.2} s cpu, {} stalls, {} refaults", figures.bare_s, figures.stalls, figures.refaults),
    );
    for (figure, beside) in figures.of.iter().zip(&BESIDE) {
        let name = format!("cost, {name}: {} / bare", beside.name);
        let Some(figure) = figure else {
            table.add(&name, "not installed", "", Outcome::Skipped);
            continue;
        };
        let bounds = interval(&figure.ratios, random);
        let value = format!("{:.4} [{:.4}, {:.4}]", median(&figure.ratios), bounds.0, bounds.1);
        match figure.target {
            Some(most) => table.add(&name, value, &format!("{most:.2}"), Outcome::at_most_within(bounds, most)),
            None => table.note(&name, value),
        }
    }
}
