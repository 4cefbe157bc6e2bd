//! A setting that was changed while a trace was recorded, and its effect on the host's settings.

use super::{CgroupLimits, HostFacts, Setting};
use crate::untrusted::{Text, Untrusted};

/// Prefix of the name of a cgroup's limit: `cgroup:/web.slice:memory.high`.
const CGROUP: &str = "cgroup:";

/// The name of a cgroup's limit in a change and in an experiment.
#[must_use]
pub fn limit_name(path: &Text, file: Untrusted<'_>) -> Text {
    [CGROUP.as_bytes(), path.raw(), b":", file.raw()].concat().into()
}

/// A setting with a new value: the text of a remark of kind `Changed` of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name of the setting: `vm.swappiness`, `lru_gen/enabled`, `cgroup:/web.slice:memory.high`.
    pub name: Text,
    /// Value before the change; `None` when the setting had none, or could not be read.
    pub before: Option<Text>,
    /// Value after the change.
    pub after: Option<Text>,
}

impl Change {
    /// The path of the cgroup and the file of the limit; `None` when the setting is not a limit of a cgroup.
    #[must_use]
    pub fn of_cgroup(&self) -> Option<(Untrusted<'_>, Untrusted<'_>)> {
        self.name.borrowed().strip_prefix(CGROUP)?.rsplit_once(b':')
    }

    /// The text of the remark, three lines: the name, the value before and the value after; an empty line stands for
    /// `None`.
    #[must_use]
    pub fn to_text(&self) -> Text {
        let value = |value: &Option<Text>| value.clone().unwrap_or_default();
        let (before, after) = (value(&self.before), value(&self.after));
        [self.name.raw(), before.raw(), after.raw()].join(&b'\n').into()
    }

    /// Parses a change from a remark; `None` when its text is of another shape.
    #[must_use]
    pub fn of_text(text: &Text) -> Option<Self> {
        let lines: Vec<_> = text.borrowed().lines().collect();
        let value = |text: Untrusted<'_>| (!text.is_empty()).then(|| Text::from(text));
        match lines[..] {
            [name, before, after] if !name.is_empty() => {
                Some(Self { name: name.into(), before: value(before), after: value(after) })
            }
            _ => None,
        }
    }
}

/// Sets the value of a setting in a list; `None` removes it.
fn put(list: &mut Vec<Setting>, name: Untrusted<'_>, value: Option<&Text>) {
    let value = value.cloned();
    match (list.iter().position(|setting| setting.name.borrowed() == name), value) {
        (Some(at), None) => {
            list.remove(at);
        }
        (Some(at), value) => list[at].value = value,
        (None, None) => {}
        (None, value) => list.push(Setting { name: name.into(), value }),
    }
}

impl HostFacts {
    /// Applies a change of a setting.
    pub fn change(&mut self, name: &Text, value: Option<&Text>) {
        let name = name.borrowed();
        if name.strip_prefix("vm.").is_some() {
            put(&mut self.sysctls, name, value);
        } else if let Some((path, file)) = name.strip_prefix(CGROUP).and_then(|rest| rest.rsplit_once(b':')) {
            match self.cgroup_limits.iter_mut().find(|cgroup| cgroup.path.borrowed() == path) {
                Some(cgroup) => put(&mut cgroup.limits, file, value),
                None => {
                    let mut limits = Vec::new();
                    put(&mut limits, file, value);
                    self.cgroup_limits.push(CgroupLimits { id: 0, path: path.into(), limits });
                }
            }
            self.cgroup_limits.retain(|cgroup| !cgroup.limits.is_empty());
        } else {
            put(&mut self.settings, name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, HostFacts, Text, Untrusted, limit_name};

    fn change(name: &str, before: Option<&str>, after: Option<&str>) -> Change {
        Change { name: name.into(), before: before.map(Text::from), after: after.map(Text::from) }
    }

    #[test]
    fn changes_come_back() {
        for change in [
            change("vm.swappiness", Some("60"), Some("10")),
            change("cgroup:/a b:c:memory.high", None, Some("1048576")),
            change("vm.lowmem_reserve_ratio", Some("256\t32"), None),
        ] {
            assert_eq!(Change::of_text(&change.to_text()), Some(change));
        }
        for text in ["", "a", "a\nb", "\nb\nc", "a\nb\nc\nd"] {
            assert_eq!(Change::of_text(&text.into()), None, "{text}");
        }
    }

    #[test]
    fn a_host_has_what_it_was_changed_to() {
        let mut host = HostFacts::default();
        let high = limit_name(&"/odd:name".into(), Untrusted(b"memory.high"));
        let named = Text::from;
        for (name, value) in [
            (named("vm.swappiness"), "60"),
            (named("vm.swappiness"), "10"),
            (named("ksm/run"), "1"),
            (high.clone(), "4096"),
        ] {
            host.change(&name, Some(&value.into()));
        }
        assert_eq!(host.sysctls[0].value, Some("10".into()));
        assert_eq!((host.sysctls.len(), host.settings.len()), (1, 1));
        assert_eq!((host.cgroup_limits[0].path.raw(), host.cgroup_limits[0].limits.len()), (&b"/odd:name"[..], 1));
        host.change(&high, None);
        assert!(host.cgroup_limits.is_empty());
    }
}
