//! A record of long work in the target folder, with a line for each finished part: a run that was stopped continues
//! there.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context as _, Result};

use crate::{tally::Tally, workspace};

/// Finished parts of the current commit.
pub(crate) struct Ledger {
    file: PathBuf,
    commit: String,
    done: Vec<(String, Tally)>,
}

impl Ledger {
    /// Opens the ledger of this name in the target folder. Lines of other commits do not count, and none counts while
    /// files differ from the commit.
    pub(crate) fn open(name: &str) -> Result<Self> {
        let (file, commit) = (workspace::target()?.join(name), workspace::commit());
        let is_clean = !commit.ends_with("-dirty");
        let text = if is_clean { fs::read_to_string(&file).unwrap_or_default() } else { String::new() };
        Ok(Self { file, done: lines(&text, &commit), commit })
    }

    /// Result of a part, passed or not: from the ledger, else from running it now.
    pub(crate) fn once(&mut self, part: &str, run: impl FnOnce() -> Result<Tally>) -> Result<Tally> {
        self.unless(part, |_| true, run)
    }

    /// Result of a part: from the ledger if it passed before, else from running it now.
    pub(crate) fn until_passed(&mut self, part: &str, run: impl FnOnce() -> Result<Tally>) -> Result<Tally> {
        self.unless(part, |tally| tally.failed == 0, run)
    }

    fn unless(
        &mut self,
        part: &str,
        is_done: fn(&Tally) -> bool,
        run: impl FnOnce() -> Result<Tally>,
    ) -> Result<Tally> {
        if let Some((_, tally)) = self.done.iter().find(|(done, tally)| done == part && is_done(tally)) {
            println!("{part}: {tally}, {} flaky; done before, see {}", tally.flaky, self.file.display());
            return Ok(*tally);
        }
        let begun = Instant::now();
        let tally = run()?;
        let seconds = begun.elapsed().as_secs();
        let result = format!("{part}: {tally}, {} flaky, {seconds} s", tally.flaky);
        println!("{result}");
        let opened = OpenOptions::new().create(true).append(true).open(&self.file);
        opened
            .and_then(|mut file| writeln!(file, "{} {result}", self.commit))
            .with_context(|| format!("writing {}", self.file.display()))?;
        self.done.push((part.to_owned(), tally));
        Ok(tally)
    }
}

/// The parts of a commit in the text of a ledger.
fn lines(text: &str, commit: &str) -> Vec<(String, Tally)> {
    let of_commit = |line: &str| {
        let (part, result) = line.strip_prefix(commit)?.strip_prefix(' ')?.rsplit_once(": ")?;
        let mut counts = result.split(", ").map(|count| count.split(' ').next()?.parse().ok());
        let mut next = || counts.next().flatten();
        Some((part.to_owned(), Tally { passed: next()?, failed: next()?, skipped: next()?, flaky: next()? }))
    };
    text.lines().filter_map(of_commit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_commit_are_read_back() {
        let tally = Tally { passed: 9, failed: 1, skipped: 2, flaky: 3 };
        let text =
            format!("abc round 1: {tally}, 3 flaky, 60 s\nabcd round 2: {tally}, 0 flaky, 9 s\nabc cut\nnonsense\n");
        assert_eq!(lines(&text, "abc"), [("round 1".to_owned(), tally)]);
        assert!(lines(&text, "def").is_empty());
    }
}
