//! The ledger of what was lost, from the kernel side to the output.

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
    /// An event that the trace file did not take: the writer was behind, or the disk full.
    Writer = 4,
    /// A message on stderr that could not be written. No event and no number is lost with it.
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
        match self {
            Self::Decode => "decode",
            Self::UnknownKind => "unknown_kind",
            Self::Output => "output",
            Self::SkippedRuns => "skipped_runs",
            Self::Writer => "writer",
            Self::Messages => "messages",
        }
    }
}

/// Loss by stage: a stage that is watched is there with 0, a stage that is absent is not watched. Messages are there
/// only when some were lost, and are not counted among what was lost: everything that they were about is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(pub BTreeMap<&'static str, u64>);

impl Ledger {
    /// All that was lost, messages apart.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lost().fold(0, |sum, (_, n)| sum.saturating_add(n))
    }

    /// The stages that lost something, messages apart.
    pub fn lost(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let is_data = |stage| stage != Loss::Messages.name();
        self.0.iter().filter(move |(stage, n)| **n > 0 && is_data(**stage)).map(|(stage, n)| (*stage, *n))
    }

    /// Messages that could not be written.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.0.get(Loss::Messages.name()).copied().unwrap_or(0)
    }

    /// What was lost since `earlier`, an older state of the same ledger.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let old = |stage| earlier.0.get(stage).copied().unwrap_or(0);
        Self(self.0.iter().map(|(&stage, &n)| (stage, n.saturating_sub(old(stage)))).collect())
    }
}

/// What loss at a stage means, in words for a user.
#[must_use]
pub fn meaning(stage: &str) -> &'static str {
    use totals::Loss as Kernel;
    const NAMED: [(Kernel, &str); Kernel::COUNT] = [
        (Kernel::RingStall, "stalls told in no line and no table (ring full); the totals count them"),
        (Kernel::RingOom, "OOM kills whose details did not fit the ring"),
        (Kernel::RingKswapd, "kswapd changes that did not fit the ring; its totals count them"),
        (Kernel::InflightFull, "stalls not seen at all: too many at once"),
        (Kernel::SecondBegin, "stalls not counted: their end was not seen"),
        (Kernel::EndWithoutBegin, "stalls not counted: they began before the start, or their begin was not seen"),
        (Kernel::LostEnd, "stalls not counted: the thread exited, or an outer one ended first"),
        (Kernel::NestOverflow, "spans nested too deep to follow"),
        (Kernel::NodeRange, "events of a node beyond those that are followed"),
        (Kernel::Stack, "stalls whose stack found no room"),
        (Kernel::Shrinker, "shrinkers of stalls that found no row; their time is in that of all shrinkers"),
        (Kernel::RingFreed, "ends of OOM victims that did not fit the ring: when their memory was back is not told"),
        (Kernel::RingRefault, "refaults of the sample that did not fit the ring: who evicted them is not told"),
        (Kernel::VictimsFull, "OOM victims beyond those that are followed: when their memory was back is not told"),
    ];
    if let Some((_, words)) = NAMED.iter().find(|(loss, _)| loss.name() == stage) {
        return words;
    }
    match Loss::ALL.into_iter().find(|loss| loss.name() == stage) {
        Some(Loss::Decode) => "records from the kernel that could not be read",
        Some(Loss::UnknownKind) => "records from the kernel of an unknown kind",
        Some(Loss::Output) => "lines not written: the output was too slow; the totals and tables count them",
        Some(Loss::Writer) => {
            "events not in the trace file: the writer was behind or the disk full; the totals count them"
        }
        Some(Loss::Messages) => "messages not written: stderr was full, or nobody read it; no event is missing",
        Some(Loss::SkippedRuns) => "runs of the tracing programs that the kernel skipped",
        None => "events lost",
    }
}
