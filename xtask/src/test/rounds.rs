//! The same tests again and again, to find those that fail by chance. What was done is kept in `target/rounds.txt`, a line
//! a round, so that a run that was stopped goes on where it was.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
    time::Instant,
};

use anyhow::{Context as _, Result};

use super::Args;
use crate::{tally::Tally, workspace};

/// Runs `round` until `rounds` rounds of this commit with these options are in the file. The sum of all of them.
pub(super) fn run(rounds: u32, args: &Args, mut round: impl FnMut() -> Result<Tally>) -> Result<Tally> {
    let file = workspace::target()?.join("rounds.txt");
    let key = key(&workspace::commit(), args);
    let mut done = tallies(&fs::read_to_string(&file).unwrap_or_default(), &key);
    if !done.is_empty() {
        println!("{} of {rounds} rounds are in {} already", done.len(), file.display());
    }
    while done.len() < rounds as usize {
        let begun = Instant::now();
        let tally = round()?;
        let n = done.len() + 1;
        let line = format!("{key} round {n}: {tally}, {} flaky, {} s", tally.flaky, begun.elapsed().as_secs());
        append(&file, &line)?;
        done.push(tally);
        println!("round {n} of {rounds}: {tally}, {} flaky", tally.flaky);
    }
    let green = done.iter().filter(|tally| tally.failed == 0 && tally.flaky == 0).count();
    println!("{green} of {} rounds without a failure; see {}", done.len(), file.display());
    Ok(done.iter().fold(Tally::default(), |mut sum, tally| {
        sum.add(*tally);
        sum
    }))
}

/// The beginning of a line: only rounds of the same commit with the same options count.
fn key(commit: &str, args: &Args) -> String {
    let load = if args.under_load { " under-load" } else { "" };
    let filter = args.filter.as_ref().map(|filter| format!(" {filter:?}")).unwrap_or_default();
    format!("{commit}{load}{filter}")
}

/// The rounds of `key` in the text of the file.
fn tallies(text: &str, key: &str) -> Vec<Tally> {
    let of_key = |line: &str| {
        let (_, result) = line.strip_prefix(key)?.strip_prefix(" round ")?.split_once(": ")?;
        let mut counts = result.split(", ").map(|part| part.split(' ').next()?.parse().ok());
        let mut next = || counts.next().flatten();
        Some(Tally { passed: next()?, failed: next()?, skipped: next()?, flaky: next()? })
    };
    text.lines().filter_map(of_key).collect()
}

fn append(file: &Path, line: &str) -> Result<()> {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.and_then(|mut f| writeln!(f, "{line}")).with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_the_same_commit_and_options_are_found_again() {
        let args = Args { filter: None, repeat: Some(2), under_load: true };
        let key = key("abc", &args);
        let tally = Tally { passed: 9, failed: 1, skipped: 2, flaky: 3 };
        let text = format!("{key} round 1: {tally}, 3 flaky, 60 s\nabc round 1: {tally}, 0 flaky, 9 s\nnonsense\n");
        assert_eq!(tallies(&text, &key), [tally]);
        assert_eq!(tallies(&text, "abc").len(), 1);
        assert!(tallies(&text, "def under-load").is_empty());
    }
}
