//! A filter is a part of a test's full name, `live::stalls::each_stall_of_a_reader_is_perfs`: of its binary, its
//! module, or the test itself. The guests have the name `vm`.

use std::{collections::BTreeSet, ffi::OsStr, fmt, path::Path};

use anyhow::{Result, anyhow};

use super::{Args, Scope, modules};
use crate::build::TestBinaries;

/// The name of the guests.
const GUESTS: &str = "vm";

/// True when the guests are run, too.
pub(super) fn takes_guests(filter: Option<&str>) -> bool {
    filter.is_none_or(|filter| filter == GUESTS)
}

/// The tests of this binary that a filter takes.
pub(super) fn select(binary: &str, filter: Option<&str>, mut tests: Vec<String>) -> Vec<String> {
    let Some(filter) = filter else { return tests };
    tests.retain(|test| format!("{binary}::{test}").contains(filter));
    tests
}

/// The name of a test binary, without cargo's hash.
pub(super) fn binary_name(binary: &Path) -> String {
    let file = binary.file_name().unwrap_or_default().to_string_lossy();
    file.rsplit_once('-').map_or(&*file, |(name, _)| name).to_owned()
}

/// True for a binary whose tests need the real kernel.
pub(super) fn is_live(binary: &str) -> bool {
    binary.starts_with("live")
}

/// Full names of tests, sorted.
pub(super) struct TestNames(BTreeSet<String>);

impl TestNames {
    /// Names in the built binaries that this run could take.
    pub(super) fn read(scope: Scope, binaries: &TestBinaries) -> Result<Self> {
        let mut names = BTreeSet::new();
        for path in binaries {
            let binary = binary_name(path);
            if scope == Scope::All || is_live(&binary) {
                let tests = modules::listed(OsStr::new(path), &[])?;
                names.extend(tests.iter().map(|test| format!("{binary}::{test}")));
            }
        }
        Ok(Self(names))
    }

    /// Fails if the filter takes no test and no guest. The message lists the existing names.
    pub(super) fn check(&self, args: &Args) -> Result<()> {
        let filter = args.filter.as_deref();
        if takes_guests(filter) || self.taken(filter).next().is_some() {
            return Ok(());
        }
        Err(anyhow!(
            "no test matches `{}`. A filter is a part of a test's name, or all of `{GUESTS}` for the guests.\n\
             binaries: {}\nmodules of live: {}\n`cargo xtask test --list` lists all tests",
            filter.unwrap_or_default(),
            self.binaries(),
            self.modules_of("live"),
        ))
    }

    fn taken<'a>(&'a self, filter: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|name| &**name).filter(move |name| filter.is_none_or(|filter| name.contains(filter)))
    }

    fn binaries(&self) -> String {
        joined(self.0.iter().filter_map(|name| name.split("::").next()))
    }

    fn modules_of(&self, binary: &str) -> String {
        let inside = self.0.iter().filter_map(|name| name.strip_prefix(binary)?.strip_prefix("::"));
        joined(inside.filter_map(|name| name.split("::").next()))
    }

    /// The names that the filter takes, one a line.
    pub(super) fn list(&self, filter: Option<&str>) -> impl fmt::Display {
        self.taken(filter).map(|name| format!("{name}\n")).collect::<String>()
    }
}

/// Each word once, sorted.
fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: BTreeSet<_> = words.collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> TestNames {
        let names =
            ["cli::help_is_short", "live::end::a_signal", "live::lost_end::a_sleep", "xtask::vm::deb::a_package"];
        TestNames(names.map(str::to_owned).into())
    }

    #[test]
    fn a_filter_is_a_part_of_the_full_name() {
        let names = names();
        let taken = |filter| names.taken(Some(filter)).collect::<Vec<_>>();
        assert_eq!(taken("cli"), ["cli::help_is_short"]);
        assert_eq!(taken("live"), ["live::end::a_signal", "live::lost_end::a_sleep"]);
        assert_eq!(taken("live::end"), ["live::end::a_signal"]);
        assert_eq!(taken("a_sl"), ["live::lost_end::a_sleep"]);
        let tests = || vec!["end::a_signal".to_owned(), "lost_end::a_sleep".to_owned()];
        assert_eq!(select("live", Some("live::end"), tests()), ["end::a_signal"]);
        assert_eq!(select("live", None, tests()), tests());
        assert!(select("cli", Some("live"), tests()).is_empty());
    }

    #[test]
    fn only_a_filter_of_their_name_takes_the_guests() {
        assert!(takes_guests(None) && takes_guests(Some("vm")));
        assert!(!takes_guests(Some("v")) && !takes_guests(Some("vm::deb")));
    }

    #[test]
    fn a_filter_without_a_match_is_an_error_that_says_what_there_is() {
        let check = |filter: &str| names().check(&Args { filter: Some(filter.to_owned()), ..Args::default() });
        for filter in ["cli", "end", "vm", "deb"] {
            assert!(check(filter).is_ok(), "{filter}");
        }
        let said = check("stals").unwrap_err().to_string();
        assert!(said.contains("no test matches `stals`"), "{said}");
        assert!(said.contains("binaries: cli, live, xtask\nmodules of live: end, lost_end\n"), "{said}");
    }

    #[test]
    fn the_name_of_a_binary_is_without_its_hash() {
        assert_eq!(binary_name(Path::new("/t/deps/live-0123abcd")), "live");
        assert_eq!(binary_name(Path::new("/t/deps/trace_files-0123abcd")), "trace_files");
        assert!(is_live("live") && !is_live("cli"));
    }
}
