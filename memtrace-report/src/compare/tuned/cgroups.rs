//! Cgroups with a limit that some runs do not have: pods come and go, and nobody tunes by that.

use std::collections::BTreeSet;

use super::{RunFacts, SideValue, Tuned};
use crate::compare::changes::Scope;
use memtrace_core::untrusted::Text;

/// Cgroups that are named.
const NAMED: usize = 3;

/// The cgroups with a limit that each run has: limited there, or at least stalled.
pub(super) fn everywhere<'a>(sides: &[Vec<RunFacts<'a>>]) -> BTreeSet<&'a Text> {
    let limited = sides.iter().flatten().flat_map(limited);
    limited.filter(|path| sides.iter().flatten().all(|run| has(run, path))).collect()
}

/// The other ones in one row; `None` when the sides do not differ in them.
pub(super) fn elsewhere(sides: &[Vec<RunFacts<'_>>], everywhere: &BTreeSet<&Text>) -> Option<Tuned> {
    let others = |side: &Vec<RunFacts<'_>>| -> BTreeSet<Text> {
        let paths = side.iter().flat_map(limited).filter(|path| !everywhere.contains(path));
        paths.cloned().collect()
    };
    let others: Vec<BTreeSet<Text>> = sides.iter().map(others).collect();
    let differ = others.windows(2).any(|pair| pair[0] != pair[1]);
    let only = |paths: &BTreeSet<Text>| -> SideValue {
        let is_everywhere = |path: &Text| others.iter().all(|side| side.contains(path));
        let own: Vec<String> =
            paths.iter().filter(|path| !is_everywhere(path)).map(|path| path.tty().to_string()).collect();
        let more = if own.len() > NAMED { ", ..." } else { "" };
        SideValue::All(match own.len() {
            0 => "none".to_owned(),
            n => format!("{n} ({}{more})", own[..n.min(NAMED)].join(", ")),
        })
    };
    differ.then(|| Tuned {
        key: "cgroups with a limit that the other side does not have".to_owned(),
        sides: others.iter().map(only).collect(),
    })
}

fn limited<'a>(run: &RunFacts<'a>) -> impl Iterator<Item = &'a Text> + use<'a> {
    run.meta.host.cgroup_limits.iter().map(|cgroup| &cgroup.path)
}

fn has(run: &RunFacts<'_>, path: &Text) -> bool {
    limited(run).any(|other| other == path) || run.groups.contains_key(&(Scope::Cgroup, path.tty().to_string()))
}
