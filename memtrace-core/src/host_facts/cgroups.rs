//! Cgroups with a limit that appeared or went away while a trace was recorded. These are not changes of settings.

use super::{CgroupLimits, HostFacts, Setting};
use crate::untrusted::{Text, Untrusted};

/// A line of the text of a remark of kind `Cgroups` of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CgroupChange {
    /// A cgroup with these limits is new. It is named again when more of its limits are set during its creation.
    Appeared(CgroupLimits),
    /// The cgroup with this path, which had a limit, was removed.
    Gone(Text),
}

/// The text of a remark: `+PATH` with a line ` NAME=VALUE` for each limit, `-PATH`.
#[must_use]
pub fn to_text(changes: &[CgroupChange]) -> Text {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for change in changes {
        match change {
            CgroupChange::Appeared(cgroup) => {
                lines.push([b"+", cgroup.path.raw()].concat());
                let value = |limit: &Setting| limit.value.clone().unwrap_or_default();
                let line = |limit: &Setting| [b" ", limit.name.raw(), b"=", value(limit).raw()].concat();
                lines.extend(cgroup.limits.iter().map(line));
            }
            CgroupChange::Gone(path) => lines.push([b"-", path.raw()].concat()),
        }
    }
    lines.join(&b'\n').into()
}

/// Parses the changes in a remark. A line of another shape is skipped.
#[must_use]
pub fn of_text(text: &Text) -> Vec<CgroupChange> {
    let mut changes = Vec::new();
    for line in text.borrowed().lines() {
        if let Some(path) = line.strip_prefix("+") {
            changes.push(CgroupChange::Appeared(CgroupLimits { id: 0, path: path.into(), limits: Vec::new() }));
        } else if let Some(path) = line.strip_prefix("-") {
            changes.push(CgroupChange::Gone(path.into()));
        } else if let (Some(limit), Some(CgroupChange::Appeared(cgroup))) = (limit(line), changes.last_mut()) {
            cgroup.limits.push(limit);
        }
    }
    changes
}

fn limit(line: Untrusted<'_>) -> Option<Setting> {
    let (name, value) = line.strip_prefix(" ")?.rsplit_once(b'=')?;
    Some(Setting { name: name.into(), value: Some(value.into()) })
}

/// Maximum number of removed cgroups whose limits are kept.
const DEPARTED: usize = 4096;

impl HostFacts {
    /// Applies the appearance or removal of a cgroup.
    pub fn change_cgroup(&mut self, change: &CgroupChange) {
        let (CgroupChange::Appeared(CgroupLimits { path, .. }) | CgroupChange::Gone(path)) = change;
        let known = self.cgroup_limits.iter().position(|cgroup| cgroup.path == *path);
        let known = known.map(|at| self.cgroup_limits.remove(at));
        self.departed_limits.retain(|cgroup| cgroup.path != *path);
        match change {
            CgroupChange::Appeared(cgroup) if cgroup.limits.is_empty() => {}
            CgroupChange::Appeared(cgroup) => self.cgroup_limits.push(cgroup.clone()),
            CgroupChange::Gone(_) => {
                if self.departed_limits.len() >= DEPARTED {
                    self.departed_limits.remove(0);
                }
                self.departed_limits.extend(known);
            }
        }
    }

    /// The limits of a cgroup; `None` where none are known.
    #[must_use]
    pub fn limits_of(&self, path: Untrusted<'_>) -> Option<&CgroupLimits> {
        self.cgroup_limits.iter().find(|cgroup| cgroup.path.borrowed() == path)
    }

    /// Limits of the existing cgroups, and the last limits of the removed ones.
    pub fn all_limits(&self) -> impl Iterator<Item = &CgroupLimits> {
        self.cgroup_limits.iter().chain(&self.departed_limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appeared(path: &str, limits: &[(&str, &str)]) -> CgroupChange {
        let limit = |(name, value): &(&str, &str)| Setting { name: (*name).into(), value: Some((*value).into()) };
        CgroupChange::Appeared(CgroupLimits { id: 0, path: path.into(), limits: limits.iter().map(limit).collect() })
    }

    #[test]
    fn changes_come_back() {
        let changes = [
            appeared("/pods/a=b c", &[("memory.max", "4096"), ("memory.high", "1")]),
            CgroupChange::Gone("/pods/-x".into()),
            appeared("/y", &[]),
        ];
        assert_eq!(of_text(&to_text(&changes)), changes);
        assert_eq!(of_text(&" memory.max=1\n?\n".into()), []);
    }

    #[test]
    fn a_host_has_the_limits_of_the_cgroups_that_are_there() {
        let mut host = HostFacts::default();
        let paths = |host: &HostFacts| host.cgroup_limits.iter().map(|cgroup| cgroup.path.clone()).collect::<Vec<_>>();
        host.change_cgroup(&appeared("/a", &[("memory.max", "1")]));
        host.change_cgroup(&appeared("/b", &[("memory.max", "1")]));
        host.change_cgroup(&appeared("/a", &[("memory.max", "2")]));
        assert_eq!(paths(&host), ["/b".into(), "/a".into()]);
        assert_eq!(host.limits_of(Untrusted(b"/a")).unwrap().limits[0].value, Some("2".into()));
        host.change_cgroup(&CgroupChange::Gone("/b".into()));
        assert_eq!(paths(&host), ["/a".into()]);
        let all: Vec<_> = host.all_limits().map(|cgroup| cgroup.path.clone()).collect();
        assert_eq!(all, ["/a".into(), "/b".into()], "a removed one keeps its last limits");
        host.change_cgroup(&appeared("/b", &[("memory.max", "3")]));
        assert_eq!((paths(&host).len(), host.all_limits().count()), (2, 2));
    }
}
