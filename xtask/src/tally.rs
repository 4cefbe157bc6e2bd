//! The sum over all test binaries, from the output of libtest.

use std::fmt;

use crate::flaky::Flake;

/// Numbers of tests by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed, flaky ones included.
    pub(crate) passed: u64,
    /// Tests that failed. Those that were run once more failed again.
    pub(crate) failed: u64,
    /// Tests that could not run on this machine.
    pub(crate) skipped: u64,
    /// Tests that failed once and passed once.
    pub(crate) flaky: u64,
}

impl Tally {
    /// Adds the counts of a `test result:` line and ignores other lines.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result:") else { return };
        self.passed += count(rest, "passed");
        self.failed += count(rest, "failed");
        self.skipped += count(rest, "ignored");
    }

    /// Adds the counts of another run.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.flaky += other.flaky;
    }

    /// Moves skips from passed to skipped: libtest counts a test that skipped itself as passed.
    pub(crate) fn add_skips(&mut self, skips: u64) {
        self.passed = self.passed.saturating_sub(skips);
        self.skipped += skips;
    }

    /// Moves flakes from failed to passed: libtest counted them as failed, and they passed when they were run once
    /// more.
    pub(crate) fn add_flakes(&mut self, flakes: &[Flake]) {
        let counted = flakes.iter().filter(|flake| flake.counted_failed).count() as u64;
        self.failed = self.failed.saturating_sub(counted);
        self.passed += counted;
        self.flaky += flakes.len() as u64;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

fn count(text: &str, what: &str) -> u64 {
    let part = text.split(['.', ';']).map(str::trim).find_map(|p| p.strip_suffix(what));
    part.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up_and_skips_are_not_passed() {
        let mut tally = Tally::default();
        tally.add_line("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        tally.add_line("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out");
        tally.add_line("test a_name_with_passed ... ok");
        tally.add_line("again: test result: ok. 1 passed; 0 failed; 0 ignored");
        tally.add_skips(4);
        assert_eq!(tally, Tally { passed: 11, failed: 2, skipped: 5, flaky: 0 });
        assert_eq!(tally.to_string(), "11 passed, 2 failed, 5 skipped");
        let flake = |counted_failed| Flake { name: "t".to_owned(), counted_failed };
        tally.add_flakes(&[flake(true), flake(false)]);
        assert_eq!(tally, Tally { passed: 12, failed: 1, skipped: 5, flaky: 2 });
    }
}
