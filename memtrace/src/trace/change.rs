//! What a trace says of a setting that was changed while it was recorded, and the host's settings with it.

use std::{fmt, str::FromStr};

use super::model::{CgroupLimits, HostFacts, Setting};

/// What the name of a cgroup's limit begins with: `cgroup:/web.slice:memory.high`.
const CGROUP: &str = "cgroup:";

/// The name of a cgroup's limit, as a change and an experiment name it.
#[must_use]
pub fn limit_name(path: &[u8], file: &str) -> String {
    format!("{CGROUP}{}:{file}", String::from_utf8_lossy(path))
}

/// A setting that has another value than before: the text of a remark of kind
/// [`Changed`](super::model::RemarkKind::Changed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name: `vm.swappiness`, `lru_gen/enabled`, `cgroup:/web.slice:memory.high`.
    pub name: String,
    /// Its value before; `None` when it had none, or could not be read.
    pub before: Option<String>,
    /// Its value from then on.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    /// Three lines: the name, the value before and the one after; a line is empty for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, before, after } = self;
        write!(f, "{name}\n{}\n{}", before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default())
    }
}

impl FromStr for Change {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let lines: Vec<&str> = text.split('\n').collect();
        let value = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        match lines[..] {
            [name, before, after] if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), before: value(before), after: value(after) })
            }
            _ => Err(()),
        }
    }
}

/// Puts the value of a setting into a list of them; `None` takes it out.
fn put(list: &mut Vec<Setting>, name: &str, value: Option<&str>) {
    let value = value.map(str::to_owned);
    match (list.iter().position(|setting| setting.name == name), value) {
        (Some(at), None) => {
            list.remove(at);
        }
        (Some(at), value) => list[at].value = value,
        (None, None) => {}
        (None, value) => list.push(Setting { name: name.to_owned(), value }),
    }
}

impl HostFacts {
    /// The host from a change on.
    pub fn change(&mut self, name: &str, value: Option<&str>) {
        if name.starts_with("vm.") {
            put(&mut self.sysctls, name, value);
        } else if let Some((path, file)) = name.strip_prefix(CGROUP).and_then(|rest| rest.rsplit_once(':')) {
            let path = path.as_bytes();
            match self.cgroup_limits.iter_mut().find(|cgroup| cgroup.path == path) {
                Some(cgroup) => put(&mut cgroup.limits, file, value),
                None => {
                    let mut limits = Vec::new();
                    put(&mut limits, file, value);
                    self.cgroup_limits.push(CgroupLimits { id: 0, path: path.to_vec(), limits });
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
    use super::{Change, HostFacts, limit_name};

    fn change(name: &str, before: Option<&str>, after: Option<&str>) -> Change {
        Change { name: name.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    #[test]
    fn changes_come_back() {
        for change in [
            change("vm.swappiness", Some("60"), Some("10")),
            change("cgroup:/a b:c:memory.high", None, Some("1048576")),
            change("vm.lowmem_reserve_ratio", Some("256\t32"), None),
        ] {
            assert_eq!(change.to_string().parse(), Ok(change));
        }
        for text in ["", "a", "a\nb", "\nb\nc", "a\nb\nc\nd"] {
            assert_eq!(text.parse::<Change>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_host_has_what_it_was_changed_to() {
        let mut host = HostFacts::default();
        let high = limit_name(b"/odd:name", "memory.high");
        for (name, value) in [("vm.swappiness", "60"), ("vm.swappiness", "10"), ("ksm/run", "1"), (&high, "4096")] {
            host.change(name, Some(value));
        }
        assert_eq!(host.sysctls[0].value.as_deref(), Some("10"));
        assert_eq!((host.sysctls.len(), host.settings.len()), (1, 1));
        assert_eq!((host.cgroup_limits[0].path.as_slice(), host.cgroup_limits[0].limits.len()), (&b"/odd:name"[..], 1));
        host.change(&high, None);
        assert!(host.cgroup_limits.is_empty());
    }
}
