//! The ledger of losses, from the kernel side to the output.

use std::collections::BTreeMap;

use memtrace_common::totals;

/// Places in user space that can drop something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A ring record that is damaged.
    Decode = 0,
    /// A ring record of a kind that this program does not know.
    UnknownKind = 1,
    /// A line or object that the output could not take in time.
    Output = 2,
    /// Runs of our programs that the kernel skipped (recursion on one CPU).
    SkippedRuns = 3,
    /// An event that the trace file did not take: the writer was behind, or the disk was full.
    Writer = 4,
    /// A message on stderr that could not be written. No event or number is lost with it.
    Messages = 5,
}

impl Loss {
    /// Number of stages.
    pub const COUNT: usize = 6;
    /// All stages, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Decode, Self::UnknownKind, Self::Output, Self::SkippedRuns, Self::Writer, Self::Messages];

    /// The name of the stage in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.stage().name
    }

    /// The stage.
    #[must_use]
    pub const fn stage(self) -> Stage {
        use Lacking::{Lines, Nothing, TotalsPerhaps};
        use Whole::{ProgramRuns, Uncounted};
        let (name, thing, what, whole, lacking) = match self {
            Self::Decode => ("decode", "kernel-side record", "unreadable", Uncounted, Lines),
            Self::UnknownKind => ("unknown_kind", "kernel-side record", "of an unknown kind", Uncounted, Lines),
            Self::Output => ("output", "line", "not written: the output was too slow", Uncounted, Lines),
            Self::SkippedRuns => {
                ("skipped_runs", "run", "of the tracing programs skipped by the kernel", ProgramRuns, TotalsPerhaps)
            }
            Self::Writer => {
                ("writer", "event", "not in the trace file: the writer was behind or the disk full", Uncounted, Lines)
            }
            Self::Messages => {
                ("messages", "message", "not written: stderr was full, or nobody read it", Uncounted, Nothing)
            }
        };
        Stage { name, thing, what, whole, lacking }
    }
}

/// Loss by stage: a watched stage without loss is present with 0, a stage that is not watched is absent. Messages are
/// present only when some were lost, and do not count as lost data: all that they reported is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(pub BTreeMap<&'static str, u64>);

impl Ledger {
    /// Number of all losses, except messages.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lost().fold(0, |sum, (_, n)| sum.saturating_add(n))
    }

    /// The stages with losses, except messages.
    pub fn lost(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let is_data = |stage| stage != Loss::Messages.name();
        self.0.iter().filter(move |(stage, n)| **n > 0 && is_data(**stage)).map(|(stage, n)| (*stage, *n))
    }

    /// Number of losses that make a number or a line wrong.
    #[must_use]
    pub fn that_matters(&self) -> u64 {
        let matters = self.lost().filter(|(stage, _)| Stage::named(stage).lacking.matters());
        matters.fold(0, |sum, (_, n)| sum.saturating_add(n))
    }

    /// Number of messages that could not be written.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.0.get(Loss::Messages.name()).copied().unwrap_or(0)
    }

    /// Losses since `earlier`, an older state of the same ledger.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let old = |stage| earlier.0.get(stage).copied().unwrap_or(0);
        Self(self.0.iter().map(|(&stage, &n)| (stage, n.saturating_sub(old(stage)))).collect())
    }
}

/// The numbers and lines that lack the losses of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// Totals.
    Totals,
    /// Perhaps totals, by at most this number: the coverage shows it.
    TotalsPerhaps,
    /// Lines, rows of tables, details. The totals include them.
    Lines,
    /// None.
    Nothing,
}

impl Lacking {
    /// True when the loss makes numbers that are shown wrong.
    #[must_use]
    pub const fn matters(self) -> bool {
        matches!(self, Self::Totals | Self::Lines)
    }

    /// The consequence, in words for a user.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Totals => "totals lack them",
            Self::TotalsPerhaps => "totals may lack as many events: see the coverage",
            Self::Lines => "only totals have them",
            Self::Nothing => "no number lacks them",
        }
    }
}

/// The total that the losses of a stage are a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Stalls.
    Stalls,
    /// OOM kills.
    OomKills,
    /// Changes of kswapd between sleep and work.
    KswapdChanges,
    /// Runs of the tracing programs.
    ProgramRuns,
    /// A number that is not counted.
    Uncounted,
}

/// A stage at which something can be lost.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// The name in every output.
    pub name: &'static str,
    /// The thing that is lost, in the singular.
    pub thing: &'static str,
    /// The loss, in words that follow the thing.
    pub what: &'static str,
    /// The total that the losses are a part of.
    pub whole: Whole,
    /// The numbers and lines that lack the losses.
    pub lacking: Lacking,
}

impl Stage {
    /// The stage with this name; a stage of a later version of memtrace has the name alone.
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        let kernel = totals::Loss::ALL.into_iter().map(of_kernel).find(|stage| stage.name == name);
        let ours = || Loss::ALL.into_iter().map(Loss::stage).find(|stage| stage.name == name);
        let unknown = Self {
            name,
            thing: "event",
            what: "of a kind unknown to this version",
            whole: Whole::Uncounted,
            lacking: Lacking::Totals,
        };
        kernel.or_else(ours).unwrap_or(unknown)
    }
}

/// A stage of the kernel side.
fn of_kernel(loss: totals::Loss) -> Stage {
    use Lacking::{Lines, Totals, TotalsPerhaps};
    use Whole::{KswapdChanges, OomKills, Stalls, Uncounted};
    use totals::Loss as Kernel;
    let (thing, what, whole, lacking) = match loss {
        Kernel::RingStall => ("stall", "did not fit the ring", Stalls, Lines),
        Kernel::RingOom => ("OOM kill", "did not fit the ring: no details", OomKills, Lines),
        Kernel::RingKswapd => ("kswapd change", "did not fit the ring", KswapdChanges, Lines),
        Kernel::InflightFull => ("stall", "not seen: too many at once", Stalls, Totals),
        Kernel::SecondBegin => ("stall", "ended unseen, not counted", Stalls, Totals),
        Kernel::EndWithoutBegin => ("stall", "began before the start, or unseen", Stalls, TotalsPerhaps),
        Kernel::LostEnd => ("stall", "without an end: the thread exited, or an outer one ended first", Stalls, Totals),
        Kernel::NestOverflow => ("stall", "inside too many others to follow", Stalls, Totals),
        Kernel::NodeRange => ("event", "of a node beyond those that are followed", Uncounted, Totals),
        Kernel::Stack => ("stall", "found no room for a stack", Stalls, Lines),
        Kernel::Shrinker => ("shrinker time", "found no row: it is in the time of all shrinkers", Uncounted, Lines),
        Kernel::RingFreed => {
            ("end", "of an OOM victim did not fit the ring: no time when its memory was back", OomKills, Lines)
        }
        Kernel::RingRefault => ("sampled refault", "did not fit the ring: the evictor is unknown", Uncounted, Lines),
        Kernel::VictimsFull => {
            ("OOM victim", "beyond those that are followed: no time when the memory was back", OomKills, Lines)
        }
    };
    Stage { name: loss.name(), thing, what, whole, lacking }
}
