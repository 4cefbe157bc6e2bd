//! Run time of each kernel program, and of bpftrace scripts that do as much or less, on the same load in turns.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Result, ensure};

use super::{
    arena::Arena,
    command,
    sample::{Random, interval, median},
    statistics,
    table::{Outcome, Table},
    tracer::{Ready, Tracer},
};

const ROUNDS: usize = 8;
/// Target for one run of the shrink hook, in ns, without the time of [`EMPTY_NAME`].
const SHRINK_NS: f64 = 80.0;
/// Target for the ratio of all hooks to the basic set, without the time of [`EMPTY_NAME`].
const RATIO: f64 = 2.0;
/// The basic set: stalls, the pages in them, kswapd, OOM kills, and [`REFAULTS`]. The other hooks measure the parts of
/// a stall, and the kinds of stall that only functions show.
const BASIC: [&str; 16] = [
    "direct_begin",
    "direct_end",
    "memcg_begin",
    "memcg_end",
    "node_begin",
    "node_end",
    "soft_limit_begin",
    "soft_limit_end",
    "throttled",
    "shrink_inactive",
    "wakeup_kswapd",
    "kswapd_wake",
    "kswapd_sleep",
    "retry_zone",
    "mark_victim",
    "process_exit",
];
/// Hooks that run for refaults. If the refault function cannot be traced, they run for each change of each counter of a
/// cgroup, hundreds of times a stall.
const REFAULTS: [&str; 5] = ["refault_out", "refault_in", "lruvec_state", "swap_in", "major_fault"];
/// Bytes of a program's name that the kernel keeps (`BPF_OBJ_NAME_LEN` without its NUL).
const NAME_LEN: usize = 15;
/// The script with empty programs: their time is the measurement overhead of one run of a program. That overhead is no
/// part of a tracer's cost while nobody measures.
const EMPTY_NAME: &str = "empty programs";

/// A script, and its run time for one stall in each round.
struct Script {
    name: &'static str,
    text: &'static str,
    /// Highest ratio of memtrace's time to the script's. Only the script that does the same has a target: totals in
    /// maps and a record to user space. Nearly all of its time goes into sending the record, probably into waking its
    /// reader, which memtrace leaves to a timer. The scripts that send no record show the ratio without that.
    target: Option<f64>,
    stall_ns: Vec<f64>,
}

/// Runs and run time in ns.
type Cost = (u64, u64);

/// Cost by name of the program.
type Costs = BTreeMap<String, Cost>;

/// Load under which the programs run. A load that reads pages from the disk finds less in the CPU caches than one that
/// does not, and so do the hooks in it.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    run: fn(&Arena) -> Result<()>,
}

const FROM_DISK: Load = Load { name: "from disk", run: |arena| arena.fixed_load() };
const STEADY: Load = Load { name: "steady", run: |arena| arena.steady_load().map(drop) };

/// Run time of the program of a hook in ns, without the measuring; `None` where it did not run.
pub(super) struct Hook {
    pub(super) name: String,
    pub(super) warm_ns: Option<f64>,
    pub(super) cold_ns: Option<f64>,
}

/// Run time of each program on both loads.
pub(super) fn by_hook(arena: &Arena) -> Result<Vec<Hook>> {
    let _statistics = statistics::enable()?;
    let mut of_loads = Vec::new();
    for load in [STEADY, FROM_DISK] {
        let empty = command::bpftrace(command::EMPTY).map(|tracer| one(arena, load, tracer, true)).transpose()?;
        let empty =
            empty.map_or((0, 0), |costs| costs.values().fold((0, 0), |sum, cost| (sum.0 + cost.0, sum.1 + cost.1)));
        let ours = one(arena, load, command::memtrace(&arena.memtrace, &["--budget", "none"]), false)?;
        let alone = ours.into_iter().map(|(name, cost)| (name, (each(cost) - each(empty)).max(0.0)));
        of_loads.push(alone.collect::<BTreeMap<String, f64>>());
    }
    let names: BTreeSet<&String> = of_loads.iter().flat_map(BTreeMap::keys).collect();
    let hook = |name: &String| Hook {
        name: name.clone(),
        warm_ns: of_loads[0].get(name).copied(),
        cold_ns: of_loads[1].get(name).copied(),
    };
    Ok(names.into_iter().map(hook).collect())
}

/// Adds the figures to the table.
pub(super) fn measure(arena: &Arena, table: &mut Table) -> Result<()> {
    let _statistics = statistics::enable()?;
    let mut random = Random::new();
    [FROM_DISK, STEADY].into_iter().try_for_each(|load| measure_on(load, arena, table, &mut random))
}

/// Run time of all programs for one stall of the steady load, in ns, with the measurement overhead. Needs
/// [`statistics::enable`].
pub(super) fn stall_ns(arena: &Arena, memtrace: &Path) -> Result<f64> {
    let round = Round::of(&one(arena, STEADY, command::memtrace(memtrace, &[]), false)?);
    ensure!(round.begin_end.0 > 0, "no program ran: was there no stall?");
    Ok(2.0 * round.all.1 as f64 / round.begin_end.0 as f64)
}

fn measure_on(load: Load, arena: &Arena, table: &mut Table, random: &mut Random) -> Result<()> {
    let prefix = format!("bpf, {}", load.name);
    let mut scripts = scripts();
    let (mut sum, mut ours, mut runs) = (Costs::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("xtask: bench: {prefix}, round {round} of {ROUNDS}");
        let mut order: Vec<Option<&mut Script>> = scripts.iter_mut().map(Some).chain([None]).collect();
        random.shuffle(&mut order);
        for script in order {
            let Some(script) = script else {
                let costs = one(arena, load, command::memtrace(&arena.memtrace, &[]), false)?;
                ours.push(stall(costs.iter().filter(|(name, _)| is_begin_or_end(name)))?);
                runs.push(Round::of(&costs));
                costs.into_iter().for_each(|(name, cost)| add(&mut sum, name, cost));
                continue;
            };
            if let Some(tracer) = command::bpftrace(script.text) {
                script.stall_ns.push(stall(one(arena, load, tracer, true)?.iter())?);
            }
        }
    }
    let empty = scripts.iter().find(|script| script.name == EMPTY_NAME && !script.stall_ns.is_empty());
    let empty_ns = empty.map(|script| median(&script.stall_ns) / 2.0);
    show_programs(&prefix, &sum, empty_ns, table);
    let (low, high) = interval(&ours, random);
    table.note(&format!("{prefix}: begin+end"), format!("{:.0} ns [{low:.0}, {high:.0}]", median(&ours)));
    show_hooks(&prefix, &runs, empty_ns, table, random);
    for script in &scripts {
        script.show(&prefix, &ours, table, random);
    }
    Ok(())
}

/// The programs at the begin and the end of a reclaim that stalls a task.
fn is_begin_or_end(name: &str) -> bool {
    ["direct", "memcg", "node"]
        .iter()
        .any(|kind| name.strip_prefix(kind).is_some_and(|rest| matches!(rest, "_begin" | "_end")))
}

fn show_programs(prefix: &str, sum: &Costs, empty_ns: Option<f64>, table: &mut Table) {
    for (name, cost) in sum {
        let alone = empty_ns.map(|empty| each(*cost) - empty);
        let (target, verdict) = match (name.as_str(), alone) {
            ("shrink_inactive", Some(alone)) => ("80 ns", Outcome::at_most(alone, SHRINK_NS)),
            ("shrink_inactive", None) => ("80 ns", Outcome::Skipped),
            _ => ("", Outcome::NoTarget),
        };
        let alone = alone.map(|ns| format!(", {ns:.0} ns without the measuring")).unwrap_or_default();
        table.add(&format!("{prefix}: {name}"), format!("{:.0} ns x {}{alone}", each(*cost), cost.0), target, verdict);
    }
}

/// Cost of groups of hooks in one round.
#[derive(Clone, Copy)]
struct Round {
    all: Cost,
    basic: Cost,
    without_refaults: Cost,
    basic_without_refaults: Cost,
    begin_end: Cost,
}

impl Round {
    fn of(costs: &Costs) -> Self {
        let sum = |wanted: &dyn Fn(&str) -> bool| {
            let costs = costs.iter().filter(|(name, _)| wanted(name));
            costs.fold((0, 0), |sum, (_, cost)| (sum.0 + cost.0, sum.1 + cost.1))
        };
        // The walk over all tasks runs at the start, in no stall.
        let runs_later = |name: &str| name != "stalled_tasks";
        let is_of = |set: &[&str], name: &str| set.iter().any(|one| one.get(..NAME_LEN).unwrap_or(one) == name);
        let is_refault = |name: &str| is_of(&REFAULTS, name);
        let is_basic = |name: &str| runs_later(name) && (is_of(&BASIC, name) || is_refault(name));
        Self {
            all: sum(&runs_later),
            basic: sum(&is_basic),
            without_refaults: sum(&|name| runs_later(name) && !is_refault(name)),
            basic_without_refaults: sum(&|name| is_basic(name) && !is_refault(name)),
            begin_end: sum(&is_begin_or_end),
        }
    }
}

/// Ratio of two costs, after `less_ns` is subtracted from each run.
fn ratio(one: Cost, other: Cost, less_ns: f64) -> f64 {
    let left = |(runs, ns): Cost| ns as f64 - runs as f64 * less_ns;
    left(one) / left(other).max(1.0)
}

/// A ratio of two groups of hooks.
struct Against {
    name: &'static str,
    of: fn(&Round) -> (Cost, Cost),
    target: Option<f64>,
}

/// Refaults are no part of a stall, but a load that stalls also refaults. Their hooks run so often that they hide what
/// the others add to the basic set. So the ratios are shown without them as well, and against the begin and end of a
/// stall alone.
const AGAINST: [Against; 4] = [
    Against { name: "all hooks / the basic set", of: |round| (round.all, round.basic), target: Some(RATIO) },
    Against {
        name: "the same without those of refaults",
        of: |round| (round.without_refaults, round.basic_without_refaults),
        target: Some(RATIO),
    },
    Against {
        name: "all hooks but those of refaults / begin+end",
        of: |round| (round.without_refaults, round.begin_end),
        target: None,
    },
    Against { name: "all hooks / begin+end", of: |round| (round.all, round.begin_end), target: None },
];

/// Time of programs for one stall, as ratios.
fn show_hooks(prefix: &str, rounds: &[Round], empty_ns: Option<f64>, table: &mut Table, random: &mut Random) {
    for Against { name, of, target } in AGAINST {
        let ratios = |less_ns: f64| -> Vec<f64> {
            rounds.iter().map(of).map(|(one, other)| ratio(one, other, less_ns)).collect()
        };
        let name = format!("{prefix}: {name}");
        table.note(&format!("{name}, with the measuring"), format!("{:.2}", median(&ratios(0.0))));
        let target_text = target.map(|most| format!("{most:.2}")).unwrap_or_default();
        let Some(empty_ns) = empty_ns else {
            table.add(&name, "no bpftrace here", &target_text, Outcome::Skipped);
            continue;
        };
        let ratios = ratios(empty_ns);
        let (low, high) = interval(&ratios, random);
        let value = format!("{:.2} [{low:.2}, {high:.2}]", median(&ratios));
        let verdict = target.map_or(Outcome::NoTarget, |most| Outcome::at_most_within((low, high), most));
        table.add(&name, value, &target_text, verdict);
    }
}

fn scripts() -> [Script; 5] {
    let script = |name, text, target| Script { name, text, target, stall_ns: Vec::new() };
    [
        script("the same: totals and a record each", command::SAME, Some(0.5)),
        script("a histogram and a line each", command::LINES, None),
        script("totals by process", command::PROCESSES, None),
        script("a histogram by process", command::HISTOGRAM, None),
        script(EMPTY_NAME, command::EMPTY, None),
    ]
}

impl Script {
    /// Adds the ratio of memtrace to the script: median and interval over the rounds.
    fn show(&self, prefix: &str, ours: &[f64], table: &mut Table, random: &mut Random) {
        let name = format!("{prefix}: begin+end / bpftrace, {}", self.name);
        let target = self.target.map(|most| format!("{most:.2}")).unwrap_or_default();
        if self.stall_ns.is_empty() {
            table.add(&name, "no bpftrace here", &target, Outcome::Skipped);
            return;
        }
        let ratios: Vec<f64> = ours.iter().zip(&self.stall_ns).map(|(ours, theirs)| ours / theirs).collect();
        let (low, high) = interval(&ratios, random);
        let value = format!("{:.2} [{low:.2}, {high:.2}] (of {:.0} ns)", median(&ratios), median(&self.stall_ns));
        let verdict = self.target.map_or(Outcome::NoTarget, |most| Outcome::at_most_within((low, high), most));
        table.add(&name, value, &target, verdict);
    }
}

/// Runs one load under one tracer. Returns the cost of its programs by name, or by name and load order where the kernel
/// cuts the names before they differ.
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

fn add(costs: &mut Costs, name: String, (runs, ns): Cost) {
    let cost = costs.entry(name).or_default();
    *cost = (cost.0 + runs, cost.1 + ns);
}

fn each((runs, ns): Cost) -> f64 {
    ns as f64 / runs.max(1) as f64
}

/// Run time of all these programs for one stall: each stall runs one of the begins and one of the ends.
fn stall<'a>(costs: impl Iterator<Item = (&'a String, &'a (u64, u64))>) -> Result<f64> {
    let (runs, ns) = costs.fold((0, 0), |sum, (_, cost)| (sum.0 + cost.0, sum.1 + cost.1));
    ensure!(runs > 0, "no program ran: was there no stall?");
    Ok(2.0 * ns as f64 / runs as f64)
}
