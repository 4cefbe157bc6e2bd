//! `memload`: loads of a known kind for the live tests, the guests, the figures and the demo.
//!
//! Run it only inside a memory cgroup with a limit, or in a guest. Each load prints one line about its work.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use rustix::process::{Signal, set_parent_process_death_signal};
use tests::cgroup;

use self::until::Until;

mod anon;
mod demo;
mod file;
mod forks;
mod names;
mod paced;
mod steady;
mod storm;
mod until;

#[derive(Parser)]
#[command(about = "Loads that make the kernel reclaim memory", version)]
struct Cli {
    /// Join this cgroup (its directory) before anything is allocated.
    #[arg(long, value_name = "DIR")]
    cgroup: Option<PathBuf>,
    /// Be killed when the process that started this one ends, however it ends.
    #[arg(long)]
    die_with_parent: bool,
    /// Print how many major faults this process had, at the end.
    #[arg(long)]
    faults: bool,
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// Touch MB of anonymous memory (half random, no huge pages) again and again.
    Anon {
        mb: usize,
        #[arg(value_name = "SECS", value_parser = seconds)]
        time: Duration,
        /// Touch it once, then only keep it.
        #[arg(long)]
        hold: bool,
    },
    /// Write a new file of MB and drop it from the page cache (the cache is charged to its first toucher).
    Mkfile { path: PathBuf, mb: usize },
    /// Read the first MB of a file again and again.
    File(FileLoop),
    /// The same through a mapping, one page after the other.
    Mmapfile(FileLoop),
    /// Read single pages of the first MB of a file in turn on one CPU, and work on each: fixed CPU time with stalls in it.
    Steady {
        path: PathBuf,
        mb: usize,
        /// Number of pages to read.
        reads: usize,
        /// Passes over each page.
        #[arg(long, default_value_t = 1, value_name = "N")]
        folds: u32,
    },
    /// Read 60 MB of a file four times and 64 MB of another once, rest for 0.3 s, and so on.
    Paced {
        hot: PathBuf,
        cold: PathBuf,
        /// Duration.
        #[arg(value_name = "SECS", value_parser = seconds, required_unless_present = "rounds")]
        time: Option<Duration>,
        /// Number of rounds, instead of a time.
        #[arg(long, conflicts_with = "time")]
        rounds: Option<u64>,
    },
    /// Look for files that do not exist: the kernel keeps each name (a dentry), and only a shrinker frees it.
    Names {
        /// Number of names.
        names: u64,
    },
    /// Allocate until the kernel kills this process.
    Hog,
    /// Write `memory.force_empty` of a v1 cgroup again and again: some 70,000 real stalls a second.
    Storm {
        dir: PathBuf,
        /// Duration.
        #[arg(value_name = "SECS", value_parser = seconds, required_unless_present = "writes")]
        time: Option<Duration>,
        /// Write this many times instead: fixed work.
        #[arg(long, conflicts_with = "time")]
        writes: Option<u64>,
        /// Write this many times a second at most; each write makes 16 stalls.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        rate: Option<u32>,
    },
    /// Fork TASKS children, some at a time; each touches one page of the first MB of a file and exits.
    Forks { path: PathBuf, mb: usize, tasks: u64 },
    /// The load of `cargo xtask run --demo`: stalls and an OOM kill now and then, until standard input closes.
    Demo {
        /// Directory for the file that is read; not on a tmpfs.
        dir: PathBuf,
        /// Only remove what a killed demo left behind.
        #[arg(long)]
        sweep: bool,
    },
}

#[derive(Args)]
struct FileLoop {
    path: PathBuf,
    mb: usize,
    /// Duration.
    #[arg(value_name = "SECS", value_parser = seconds, required_unless_present = "passes")]
    time: Option<Duration>,
    /// Read it this many times instead: fixed work.
    #[arg(long, conflicts_with = "time")]
    passes: Option<u64>,
    /// Read it in a thread of its own, named `reader`.
    #[arg(long)]
    in_thread: bool,
}

impl FileLoop {
    /// Reads the file with this function.
    fn run(self, read: fn(&Path, usize, Until) -> Result<()>) -> Result<()> {
        let in_thread = self.in_thread;
        let read = move || read(&self.path, self.mb, Until::new(self.time, self.passes));
        if !in_thread {
            return read();
        }
        let reader = thread::Builder::new().name("reader".to_owned()).spawn(read).context("starting a thread")?;
        reader.join().map_err(|_| anyhow!("the reader panicked"))?
    }
}

fn seconds(text: &str) -> Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("memload: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    if cli.die_with_parent {
        set_parent_process_death_signal(Some(Signal::KILL)).context("asking to die with the parent")?;
    }
    if let Some(dir) = &cli.cgroup {
        cgroup::join(dir)?;
    }
    match cli.load {
        Load::Anon { mb, time, hold } => anon::run(mb, time, hold),
        Load::Mkfile { path, mb } => {
            file::make(&path, mb)?;
            println!("mkfile: wrote {mb} MB to {}", path.display());
            Ok(())
        }
        Load::File(l) => l.run(file::read),
        Load::Mmapfile(l) => l.run(file::map),
        Load::Steady { path, mb, reads, folds } => steady::run(&path, mb, reads, folds),
        Load::Paced { hot, cold, time, rounds } => paced::run(&hot, &cold, &Until::new(time, rounds)),
        Load::Names { names } => names::run(names),
        Load::Hog => anon::hog(),
        Load::Storm { dir, time, writes, rate } => storm::run(&dir, &Until::new(time, writes), rate),
        Load::Demo { dir, sweep: true } => demo::sweep(&dir),
        Load::Demo { dir, sweep: false } => demo::run(&dir),
        Load::Forks { path, mb, tasks } => forks::run(&path, mb, tasks),
    }?;
    if cli.faults {
        println!("major faults: {}", major_faults()?);
    }
    Ok(())
}

/// Number of major faults of this process, from `/proc/self/stat`.
fn major_faults() -> Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat").context("reading /proc/self/stat")?;
    // The name in parentheses may contain any character. The number is the tenth field after it.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    after.split_whitespace().nth(9).and_then(|n| n.parse().ok()).with_context(|| format!("no faults in {stat:?}"))
}
