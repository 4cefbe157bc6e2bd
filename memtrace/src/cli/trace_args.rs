//! Options shared by all commands that trace.

use std::{ffi::OsString, time::Duration};

use clap::{ArgAction, Args, builder::PossibleValuesParser};

use super::FilterArgs;
use memtrace_core::{budget::Budget, hook::catalog, units::duration};

/// Options of the tracing: time, filter, hooks, command.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct TraceArgs {
    /// Add lines for kswapd, and print the findings of `check` on stderr; -vv also prints each event that the kernel
    /// side could not pair or store
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Stop after T
    #[arg(short, long, value_name = "T", value_parser = duration::parse, help_heading = "Time")]
    pub duration: Option<Duration>,
    /// Length of an interval, at least 100ms [default: 1s]
    #[arg(short, long, value_name = "T", value_parser = duration::parse_interval, help_heading = "Time")]
    pub interval: Option<Duration>,

    /// Filter of stalls.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Leave out the lines of stalls shorter than T; totals count every stall [default: 1ms for lines, else 0]
    #[arg(long, value_name = "T", value_parser = duration::parse, help_heading = "Which stalls")]
    pub min_stall: Option<Duration>,

    /// Size of the ring buffer in pages, a power of two (for tests and benchmarks)
    #[arg(long, value_name = "N", value_parser = ring_pages, hide = true)]
    pub ring_pages: Option<u32>,

    /// Do not count refaults. Counting costs the most where only memcg:mod_memcg_lruvec_state reports them
    #[arg(long, help_heading = "Hooks")]
    pub no_refaults: bool,

    /// Limit the cost of counting refaults to this share of the host's busy CPU time (at least of one CPU), where only
    /// memcg:mod_memcg_lruvec_state reports them. Above the limit memtrace samples refaults; `none` removes it
    #[arg(long, value_name = "SHARE", value_parser = Budget::parse, default_value = "2%", help_heading = "Hooks")]
    pub budget: Budget,

    /// Count the kernel and user stacks of stalls, taken at the end of each. The summary, the details of a row and
    /// recordings (`memtrace report --folded`) show them. Costs some 5 microseconds a stall, and 7 MiB in the kernel
    #[arg(long, help_heading = "Hooks")]
    pub stacks: bool,

    /// Measure how long stalled tasks did not run (asleep, or waiting for a CPU). Runs a BPF program at every context
    /// switch
    #[arg(long, help_heading = "Hooks")]
    pub off_cpu: bool,

    /// Sample the evictions of pages that are read back (one page in 64): by which process, of which file (or swap),
    /// and for how long. Runs a BPF program for every page that enters or leaves the page cache
    #[arg(long, help_heading = "Hooks")]
    pub evictors: bool,

    /// Attach by classic tracepoints only, as on a kernel without BTF (for tests and benchmarks)
    #[arg(long, hide = true)]
    pub classic: bool,

    /// Leave these hooks out, by event name (for tests and benchmarks)
    #[arg(long, value_name = "HOOK", value_delimiter = ',', value_parser = PossibleValuesParser::new(catalog::names()), hide = true)]
    pub without: Vec<String>,

    /// Start CMD once the hooks are attached, trace until it ends, and exit with its status
    #[arg(last = true, value_name = "CMD", help_heading = "Command")]
    pub cmd: Vec<OsString>,
}

fn ring_pages(text: &str) -> Result<u32, String> {
    let pages = text.parse().ok().filter(|n: &u32| n.is_power_of_two() && *n <= 1 << 16);
    pages.ok_or_else(|| format!("`{text}` is not a power of two from 1 to 65536"))
}
