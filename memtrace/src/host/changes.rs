//! Settings that are changed while a trace is recorded: looked for at each tick.

use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{cgroups::memory_hierarchy, settings};
use crate::trace::{
    change::{Change, limit_name},
    model::{HostFacts, Setting},
};
use crate::untrusted::{Text, Untrusted};

/// Cgroups with a limit that are looked at in each tick, and others: a host with few cgroups has all of them looked at
/// in each, one with many has its changes noticed some ticks later.
const LIMITED: usize = 32;
const OTHERS: usize = 32;

/// What was last seen of all settings.
#[derive(Debug)]
pub struct Watcher {
    known: BTreeMap<Text, Option<Text>>,
    /// Settings that somebody else looks after.
    left_out: Vec<Text>,
    mount: Option<PathBuf>,
    /// Cgroups that have a limit, and how far round by round has come.
    limited: Vec<PathBuf>,
    next_limited: usize,
    /// Cgroups of this round that are still to be looked at.
    round: Vec<PathBuf>,
}

impl Watcher {
    /// Begins with what a trace says of the host, and leaves some settings out.
    #[must_use]
    pub fn new(host: &HostFacts, left_out: Vec<String>) -> Self {
        let mount = memory_hierarchy().ok().and_then(|hierarchy| hierarchy.mount().map(Path::to_owned));
        let settings = host.sysctls.iter().chain(&host.settings).filter(|setting| is_watched(setting));
        let mut known: BTreeMap<Text, Option<Text>> =
            settings.map(|setting| (setting.name.clone(), setting.value.clone())).collect();
        let mut limited = Vec::new();
        for cgroup in &host.cgroup_limits {
            let limits = cgroup
                .limits
                .iter()
                .map(|limit| (limit_name(&cgroup.path, limit.name.borrowed()), limit.value.clone()));
            known.extend(limits);
            let below = std::ffi::OsStr::from_bytes(cgroup.path.raw().strip_prefix(b"/").unwrap_or_default());
            limited.extend(mount.as_ref().map(|mount| mount.join(below)));
        }
        Self {
            known,
            left_out: left_out.into_iter().map(Text::from).collect(),
            mount,
            limited,
            next_limited: 0,
            round: Vec::new(),
        }
    }

    /// What has another value than when it was last looked at.
    pub fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for setting in settings::sysctls().into_iter().chain(settings::sys()).filter(is_watched) {
            self.see(setting.name, setting.value, &mut changes);
        }
        for dir in self.due() {
            self.look_at(&dir, &mut changes);
        }
        changes
    }

    /// The cgroups whose turn it is.
    fn due(&mut self) -> Vec<PathBuf> {
        let Some(mount) = &self.mount else { return Vec::new() };
        if self.round.is_empty() {
            self.round = settings::cgroup_dirs(mount).collect();
        }
        let others = self.round.split_off(self.round.len().saturating_sub(OTHERS));
        let from = self.next_limited % self.limited.len().max(1);
        self.next_limited = from + LIMITED;
        let limited = self.limited.iter().cycle().skip(from).take(LIMITED.min(self.limited.len()));
        let mut due: Vec<_> = limited.cloned().chain(others).collect();
        due.sort_unstable();
        due.dedup();
        due
    }

    fn look_at(&mut self, dir: &Path, changes: &mut Vec<Change>) {
        let Some(below) = self.mount.as_ref().and_then(|mount| dir.strip_prefix(mount).ok()) else { return };
        let path = [b"/", below.as_os_str().as_bytes()].concat().into();
        if !dir.exists() {
            // Its limits went with it: no change that somebody made.
            let prefix = limit_name(&path, Untrusted(b""));
            self.known.retain(|name, _| !name.raw().starts_with(prefix.raw()));
            self.limited.retain(|limited| limited != dir);
            return;
        }
        let limits = settings::limits(dir);
        if !limits.is_empty() && !self.limited.iter().any(|limited| limited == dir) {
            self.limited.push(dir.to_owned());
        }
        for file in settings::LIMIT_FILES {
            let value = limits.iter().find(|limit| limit.name.is(file)).and_then(|limit| limit.value.clone());
            self.see(limit_name(&path, Untrusted(file.as_bytes())), value, changes);
        }
    }

    /// Compares a value with the one before. One that appears where there was none is a change only for a limit, which
    /// then was not set.
    fn see(&mut self, name: Text, now: Option<Text>, changes: &mut Vec<Change>) {
        if self.left_out.contains(&name) {
            return;
        }
        let before = self.known.get(&name).cloned().flatten();
        if before != now {
            let is_new = before.is_none() && name.borrowed().strip_prefix("cgroup:").is_none();
            if !is_new {
                changes.push(Change { name: name.clone(), before, after: now.clone() });
            }
        }
        match now {
            None => drop(self.known.remove(&name)),
            now => drop(self.known.insert(name, now)),
        }
    }
}

/// Whether it is what somebody sets: the use of a zram device is told by the same file as its limit.
fn is_watched(setting: &Setting) -> bool {
    !setting.name.borrowed().rsplit_once(b'/').is_some_and(|(_, file)| file.is("mm_stat"))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{HostFacts, Text, Watcher};

    /// A cgroup hierarchy of plain files.
    fn hierarchy(dir: &Path) -> Watcher {
        for name in ["a", "a/b", "c"] {
            fs::create_dir(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("memory.high"), "max\n").unwrap();
        }
        Watcher { mount: Some(dir.to_owned()), ..Watcher::new(&HostFacts::default(), Vec::new()) }
    }

    #[test]
    fn limits_that_are_set_moved_and_taken_away_are_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = hierarchy(dir.path());
        assert_eq!(watcher.changes(), [], "what this host has set is no change");
        let mut told = |value: &str| {
            fs::write(dir.path().join("a/b/memory.high"), value).unwrap();
            let changes = watcher.changes();
            assert_eq!(watcher.changes(), []);
            changes.into_iter().map(|change| (change.name, change.before, change.after)).collect::<Vec<_>>()
        };
        let name = || Text::from("cgroup:/a/b:memory.high");
        let value = |text: &str| Some(Text::from(text));
        assert_eq!(told("4096"), [(name(), None, value("4096"))]);
        assert_eq!(told("8192"), [(name(), value("4096"), value("8192"))]);
        assert_eq!(told("max"), [(name(), value("8192"), None)]);
        told("4096");
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        assert_eq!(watcher.changes(), [], "a cgroup that is gone was not tuned");
    }
}
