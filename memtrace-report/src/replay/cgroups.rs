//! Cgroups with a limit that come and go in a trace.

use std::collections::BTreeSet;

use memtrace_core::{
    host_facts::{cgroups::CgroupChange, change::Change},
    session::churn::CgroupChurn,
    untrusted::Text,
};
use memtrace_trace::model::{CgroupLimits, HostFacts, Setting};

/// New cgroups that are remembered; one that is forgotten may be counted twice.
const REMEMBERED: usize = 1 << 16;

/// Cgroups that came and went so far.
#[derive(Debug, Default)]
pub(super) struct Coming {
    /// New cgroups that are still there.
    present: BTreeSet<Text>,
    pub(super) churn: CgroupChurn,
}

impl Coming {
    /// Takes a change. `counts` is true when it lies in the time that is shown.
    pub(super) fn take(&mut self, change: &CgroupChange, counts: bool) {
        match change {
            CgroupChange::Appeared(CgroupLimits { path, .. }) => {
                if self.present.len() >= REMEMBERED {
                    self.present.clear();
                }
                if self.present.insert(path.clone()) && counts {
                    self.churn.appeared.add(path);
                }
            }
            CgroupChange::Gone(path) => {
                self.present.remove(path);
                if counts {
                    self.churn.gone.add(path);
                }
            }
        }
    }

    /// The new cgroup that a change of a limit in an older trace stands for: such a trace records a new cgroup only as
    /// a limit that was set where none was known. `None` when the cgroup was there before the change.
    pub(super) fn in_older_trace(&self, host: &HostFacts, change: &Change) -> Option<CgroupChange> {
        let (path, file) = change.of_cgroup().filter(|_| change.before.is_none())?;
        let known = host.limits_of(path).map(|cgroup| cgroup.limits.clone()).unwrap_or_default();
        let is_same = |limit: &Setting| limit.name.borrowed() == file && limit.value == change.after;
        let path = Text::from(path);
        if !known.is_empty() && !self.present.contains(&path) && !known.iter().any(is_same) {
            return None;
        }
        let others = known.into_iter().filter(|limit| limit.name.borrowed() != file);
        let limits = others.chain([Setting { name: file.into(), value: change.after.clone() }]).collect();
        Some(CgroupChange::Appeared(CgroupLimits { id: 0, path, limits }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memtrace_core::{host_facts::change::limit_name, untrusted::Untrusted};

    fn change(path: &str, file: &str, before: Option<&str>, after: &str) -> Change {
        let name = limit_name(&path.into(), Untrusted(file.as_bytes()));
        Change { name, before: before.map(Text::from), after: Some(after.into()) }
    }

    #[test]
    fn in_older_traces_a_first_limit_is_that_of_a_new_cgroup() {
        let (mut host, mut coming) = (HostFacts::default(), Coming::default());
        host.change(&change("/web", "memory.max", None, "1").name, Some(&"1".into()));
        let mut is_new = |path: &str, file: &str, before: Option<&str>, after: &str| {
            let new = coming.in_older_trace(&host, &change(path, file, before, after));
            new.iter().for_each(|new| {
                host.change_cgroup(new);
                coming.take(new, true);
            });
            new.is_some()
        };
        assert!(is_new("/pod", "memory.max", None, "5"));
        assert!(is_new("/pod", "memory.high", None, "4"), "it has two limits");
        assert!(!is_new("/pod", "memory.high", Some("4"), "3"));
        assert!(!is_new("/web", "memory.high", None, "4"), "it had a limit before");
        assert!(is_new("/web", "memory.max", None, "1"), "it went and came back");
        assert_eq!(coming.churn.appeared.first, ["/pod".into(), "/web".into()]);
        let limits = &host.limits_of(Untrusted(b"/pod")).unwrap().limits;
        assert_eq!(limits.len(), 2);
        let sysctl = Change { name: "vm.swappiness".into(), before: None, after: Some("1".into()) };
        assert_eq!(coming.in_older_trace(&host, &sysctl), None);
    }
}
