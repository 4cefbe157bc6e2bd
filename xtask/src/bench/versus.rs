//! This build against another one, in turns: `cargo xtask bench --against MEMTRACE`.

use std::path::Path;

use anyhow::{Result, ensure};

use super::{
    Name,
    arena::Arena,
    cpu, loss, programs, resident,
    sample::{Random, interval, median},
    start, statistics,
    table::{Outcome, Table},
};

/// Highest ratio of this build to the other one.
const MOST: f64 = 1.02;

/// A number of one build. Less is better.
struct Measure {
    group: Name,
    name: &'static str,
    unit: &'static str,
    of: Of,
}

const MEASURES: [Measure; 7] = [
    measure(Name::Start, "start", "ms", start::milliseconds),
    measure(Name::Resident, "resident", "MiB", |arena, build| Ok(resident::mib(arena, build)?.0)),
    measure(Name::Cpu, "cpu, lines", "%", |arena, build| cpu::percent(arena, build, &[])),
    measure(Name::Cpu, "cpu, --json", "%", |arena, build| cpu::percent(arena, build, &["--json"])),
    measure(Name::Loss, "storm, a stall kept", "ns", |arena, build| kept_ns(arena, build, loss::AS_IN_LINES)),
    measure(Name::Loss, "storm, --json, a stall kept", "ns", |arena, build| kept_ns(arena, build, loss::EACH_STALL)),
    measure(Name::Bpf, "programs, a stall", "ns", stall_ns),
];

type Of = fn(&Arena, &Path) -> Result<f64>;

const fn measure(group: Name, name: &'static str, unit: &'static str, of: Of) -> Measure {
    Measure { group, name, unit, of }
}

/// Time of the storm for each stall that was not lost, in ns.
fn kept_ns(arena: &Arena, build: &Path, args: [&str; 3]) -> Result<f64> {
    Ok(1e9 / loss::at_full_rate(arena, build, args)?.kept())
}

fn stall_ns(arena: &Arena, build: &Path) -> Result<f64> {
    let _statistics = statistics::enable()?;
    programs::stall_ns(arena, build)
}

/// Fails if a group has no measure, or the other build does not exist: better before this build is made than after.
pub(super) fn check(names: &[Name], other: &Path) -> Result<()> {
    let lacking: Vec<_> =
        names.iter().filter(|name| MEASURES.iter().all(|m| m.group != **name)).map(|name| name.word()).collect();
    ensure!(lacking.is_empty(), "--against does not measure {}", lacking.join(" or "));
    ensure!(other.is_file(), "--against takes a memtrace program, and {} is no file", other.display());
    Ok(())
}

/// Adds the ratio of each measure of these groups, or of all.
pub(super) fn run(names: &[Name], arena: &Arena, other: &Path, rounds: usize, table: &mut Table) -> Result<()> {
    let mut random = Random::new();
    for measure in MEASURES.iter().filter(|measure| names.is_empty() || names.contains(&measure.group)) {
        if let Err(e) = measure.in_turns(arena, other, rounds, table, &mut random) {
            table.failed(measure.name, &e);
        }
        arena.go_on()?;
    }
    Ok(())
}

impl Measure {
    fn in_turns(
        &self,
        arena: &Arena,
        other: &Path,
        rounds: usize,
        table: &mut Table,
        random: &mut Random,
    ) -> Result<()> {
        let Self { name, unit, of, .. } = self;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            eprintln!("xtask: bench: {name}, round {round} of {rounds}");
            let mut order = [true, false];
            random.shuffle(&mut order);
            for is_ours in order {
                arena.go_on()?;
                let (build, values) = if is_ours { (&*arena.memtrace, &mut ours) } else { (other, &mut theirs) };
                values.push(of(arena, build)?);
            }
        }
        let both = format!("{:.1} {unit}, other {:.1}", median(&ours), median(&theirs));
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        let (low, high) = interval(&ratios, random);
        let value = format!("{:.3} [{low:.3}, {high:.3}] ({both})", median(&ratios));
        table.add(name, value, &format!("{MOST:.2}"), Outcome::at_most_within((low, high), MOST));
        Ok(())
    }
}
