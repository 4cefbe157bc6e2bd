//! `cargo xtask bench`: the costs of memtrace, each figure beside its target.
//!
//! All variants of a comparison run in the same minutes, in turns and in random order: the speed of a machine drifts
//! between runs by more than the differences that matter. Pressure is made only inside a memory cgroup with a limit.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};

mod against;
mod arena;
mod command;
mod cost;
mod cpu;
mod loss;
mod overhead;
mod programs;
mod record;
mod resident;
mod sample;
mod start;
mod statistics;
mod table;
mod tracer;
mod usage;
mod versus;

use self::{arena::Arena, table::Table};
use crate::{as_root, build, tools, workspace::line};

/// A group of figures.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// CPU time of a fixed load, bare and under each tracer
    Overhead,
    /// Run time of each kernel program, and of bpftrace scripts that do the same and less
    Bpf,
    /// From exec to attached
    Start,
    /// Resident memory under a storm
    Resident,
    /// memtrace's own CPU time at 5,000 stalls a second
    Cpu,
    /// Lost events at full rate
    Loss,
    /// Recording: bytes, memory, and slowdown of a storm
    Record,
    /// CPU time that tracing adds to four loads, by tracer and hook; writes docs/cost.md
    Cost,
}

impl Name {
    /// All but [`Self::Cost`], which takes long and writes a page.
    const ALL: [Self; 7] =
        [Self::Start, Self::Resident, Self::Cpu, Self::Loss, Self::Record, Self::Bpf, Self::Overhead];

    fn measure(self, arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
        match self {
            Self::Overhead => overhead::measure(arena, rounds, table),
            Self::Bpf => programs::measure(arena, table),
            Self::Start => start::measure(arena, table),
            Self::Resident => resident::measure(arena, table),
            Self::Cpu => cpu::measure(arena, table),
            Self::Loss => loss::measure(arena, table),
            Self::Record => record::measure(arena, rounds, table),
            Self::Cost => cost::measure(arena, rounds, table),
        }
    }

    fn word(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map(|v| v.get_name().to_owned()).unwrap_or_default()
    }
}

/// Options of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Figures to measure [default: all but cost]
    names: Vec<Name>,
    /// Rounds of the overhead figure, and of --against
    #[arg(long, default_value_t = 20, value_name = "N")]
    rounds: usize,
    /// Measure this build against another memtrace, in turns, and show the ratios
    #[arg(long, value_name = "MEMTRACE")]
    against: Option<PathBuf>,
    /// Exit 1 when a figure is over its target
    #[arg(long)]
    strict: bool,
}

/// Options of the part that runs as root.
#[derive(clap::Args)]
pub(crate) struct RootArgs {
    #[arg(long)]
    memtrace: PathBuf,
    #[arg(long)]
    memload: PathBuf,
    #[command(flatten)]
    args: Args,
}

/// Builds as the user, and measures as root.
pub(crate) fn bench(args: &Args) -> Result<ExitCode> {
    if let Some(other) = &args.against {
        versus::check(&args.names, other)?;
    }
    tools::setup(false)?;
    let options =
        build::BuildOptions { profile: build::Profile::Release, load: true, ..build::BuildOptions::default() };
    let mut binaries = build::binaries(&options)?;
    let (memtrace, memload) = (build::take(&mut binaries, "memtrace")?, build::take(&mut binaries, "memload")?);
    let me = std::env::current_exe().context("the path of xtask")?;
    let mut words = vec!["bench-as-root".into(), "--memtrace".into(), memtrace.into(), "--memload".into()];
    words.push(memload.into_os_string());
    words.extend(["--rounds".into(), args.rounds.to_string().into()]);
    words.extend(args.strict.then(|| "--strict".into()));
    if let Some(other) = &args.against {
        words.extend(["--against".into(), std::path::absolute(other)?.into_os_string()]);
    }
    words.extend(args.names.iter().map(|name| name.word().into()));
    as_root::authenticate()?;
    let mut command: Command = as_root::command(me, &words, &[])?;
    let status = command.status().with_context(|| format!("starting {}", line(&command)))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// Measures, and prints the table.
pub(crate) fn bench_as_root(root: &RootArgs) -> Result<ExitCode> {
    let arena = Arena::new(&root.memtrace, &root.memload, static_binary(&root.memtrace))?;
    let (names, rounds) = (&root.args.names, root.args.rounds.max(1));
    let mut table = Table::default();
    match &root.args.against {
        Some(other) => versus::run(names, &arena, other, rounds, &mut table)?,
        None => measure(names, &arena, rounds, &mut table)?,
    }
    print!("{table}");
    let failed = table.has_failed() || (root.args.strict && table.is_over());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Adds the figures of these groups, or of all.
fn measure(names: &[Name], arena: &Arena, rounds: usize, table: &mut Table) -> Result<()> {
    for name in if names.is_empty() { &Name::ALL } else { names } {
        eprintln!("xtask: bench: {}", name.word());
        if let Err(e) = name.measure(arena, rounds, table) {
            table.failed(&name.word(), &e);
        }
        arena.go_on()?;
    }
    Ok(())
}

/// The static binary of the same target directory, if it was built.
fn static_binary(memtrace: &Path) -> Option<PathBuf> {
    let target_dir = memtrace.ancestors().nth(2)?;
    Some(target_dir.join(tools::static_target()).join("release/memtrace")).filter(|path| path.is_file())
}
