//! Losses since the start, by stage, and the totals that they are a part of.

use std::collections::BTreeMap;

use memtrace_core::{
    session::{
        loss::{Stage, Whole},
        tick::Tick,
    },
    sum,
};
use memtrace_report::text::loss_line;

/// The losses of all intervals so far.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    stages: BTreeMap<&'static str, u64>,
    /// Stalls, OOM kills and changes of kswapd so far; `None` where the number of an interval is unknown.
    stalls: Option<u64>,
    oom_kills: Option<u64>,
    kswapd_changes: Option<u64>,
    intervals: u64,
}

impl Losses {
    /// Adds an interval.
    pub fn add(&mut self, tick: &Tick) {
        for (stage, n) in tick.loss.lost() {
            sum::add(self.stages.entry(stage).or_default(), n);
        }
        let is_first = self.intervals == 0;
        let add = |all: &mut Option<u64>, of: Whole| {
            let before = if is_first { Some(0) } else { *all };
            *all = before.zip(tick.whole(of)).map(|(before, now)| before.saturating_add(now));
        };
        add(&mut self.stalls, Whole::Stalls);
        add(&mut self.oom_kills, Whole::OomKills);
        add(&mut self.kswapd_changes, Whole::KswapdChanges);
        self.intervals += 1;
    }

    /// Number of losses of all stages.
    #[must_use]
    pub fn total(&self) -> u64 {
        sum::of(self.stages.values().copied())
    }

    /// True when a loss makes a number or a line incomplete.
    #[must_use]
    pub fn matter(&self) -> bool {
        self.stages.keys().any(|stage| Stage::named(stage).lacking.matters())
    }

    /// A line for each stage that lost something: the loss, the total, and the consequence.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |(stage, n): (&&'static str, &u64)| {
            let stage = Stage::named(stage);
            let whole = match stage.whole {
                Whole::Stalls => self.stalls,
                Whole::OomKills => self.oom_kills,
                Whole::KswapdChanges => self.kswapd_changes,
                Whole::ProgramRuns | Whole::Uncounted => None,
            };
            format!("{} {}", word(stage.lacking.matters()), loss_line(&stage, *n, whole))
        };
        self.stages.iter().map(line).collect()
    }
}

/// `LOST` where the loss makes a number or a line incomplete.
#[must_use]
pub(super) const fn word(matters: bool) -> &'static str {
    if matters { "LOST" } else { "lost" }
}

/// The stage that lost most in an interval, in words; `None` when no loss matters.
#[must_use]
pub(super) fn worst(tick: &Tick) -> Option<String> {
    let stages = tick.loss.lost().map(|(stage, n)| (Stage::named(stage), n));
    let (stage, n) = stages.filter(|(stage, _)| stage.lacking.matters()).max_by_key(|(_, n)| *n)?;
    Some(loss_line(&stage, n, tick.whole(stage.whole)))
}
