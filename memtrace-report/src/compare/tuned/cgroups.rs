//! Cgroups with a limit that some runs do not have: pods come and go, which is no tuning.

use std::collections::BTreeSet;

use super::{RunFacts, SideValue, Tuned};
use memtrace_core::untrusted::Text;

/// Most cgroups that are named.
const NAMED: usize = 3;

/// The cgroups of which each run has read a limit. A limit that was not read is no difference.
pub(super) fn everywhere<'a>(sides: &[Vec<RunFacts<'a>>]) -> BTreeSet<&'a Text> {
    let of_run = |run: &RunFacts<'a>| run.meta.host.all_limits().map(|cgroup| &cgroup.path).collect::<BTreeSet<_>>();
    let common = |all: BTreeSet<&'a Text>, run: BTreeSet<&'a Text>| all.intersection(&run).copied().collect();
    sides.iter().flatten().map(of_run).reduce(common).unwrap_or_default()
}

/// The other cgroups in one row; `None` when the sides do not differ in them.
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
