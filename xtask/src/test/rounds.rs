//! Repeats the tests to find those that fail by chance.

use anyhow::Result;

use super::Args;
use crate::{ledger::Ledger, tally::Tally};

/// Runs `round` this many times and sums up. Earlier rounds on this commit with the same options count, passed or not.
pub(super) fn run(rounds: u32, args: &Args, mut round: impl FnMut() -> Result<Tally>) -> Result<Tally> {
    let mut ledger = Ledger::open("rounds.txt")?;
    let (mut sum, mut green) = (Tally::default(), 0);
    for n in 1..=rounds {
        let tally = ledger.once(&name(args, n), &mut round)?;
        green += u32::from(tally.failed == 0 && tally.flaky == 0);
        sum.add(tally);
    }
    println!("{green} of {rounds} rounds without a failure; see rounds.txt in the target folder");
    Ok(sum)
}

/// Name of a round. It contains the options, since only rounds with the same options count.
fn name(args: &Args, n: u32) -> String {
    let load = if args.under_load { "under-load " } else { "" };
    let filter = args.filter.as_ref().map(|filter| format!("{filter:?} ")).unwrap_or_default();
    format!("{load}{filter}round {n}")
}
