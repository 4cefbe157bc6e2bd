//! Changes of settings while a trace is recorded, detected at each tick.

mod cgroups;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use self::cgroups::Cgroups;
use super::{cgroups::memory_hierarchy, settings};
use memtrace_core::{
    host_facts::{
        HostFacts, Setting,
        cgroups::CgroupChange,
        change::{Change, limit_name},
    },
    untrusted::{Text, Untrusted},
};

/// Most cgroups with a limit, and most others, that are checked in a tick: on a host with few cgroups each tick checks
/// all of them, on one with many a change is noticed some ticks later.
const LIMITED: usize = 32;
const OTHERS: usize = 32;

/// Differences since the last check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Settings that have a new value.
    pub changes: Vec<Change>,
    /// Cgroups with a limit that are new or gone.
    pub cgroups: Vec<CgroupChange>,
}

/// Watches the settings, by their last known values.
#[derive(Debug)]
pub struct Watcher {
    known: BTreeMap<Text, Option<Text>>,
    /// Settings that are not watched, since another part of memtrace records their changes.
    left_out: Vec<Text>,
    mount: Option<PathBuf>,
    cgroups: Cgroups,
    /// Number of the next cgroup with a limit to check.
    next_limited: usize,
    /// Cgroups of this round that are still to be checked.
    round: Vec<PathBuf>,
}

impl Watcher {
    /// Begins with the facts that a trace has of the host. Settings in `left_out` are not watched.
    #[must_use]
    pub fn new(host: &HostFacts, left_out: Vec<String>) -> Self {
        let mount = memory_hierarchy().ok().and_then(|hierarchy| hierarchy.mount().map(Path::to_owned));
        Self::at(mount, host, left_out)
    }

    fn at(mount: Option<PathBuf>, host: &HostFacts, left_out: Vec<String>) -> Self {
        let settings = host.sysctls.iter().chain(&host.settings).filter(|setting| is_watched(setting));
        let known = settings.map(|setting| (setting.name.clone(), setting.value.clone())).collect();
        let there = mount.iter().flat_map(|mount| settings::cgroup_dirs(mount).map(|dir| path_of(mount, &dir)));
        let cgroups = Cgroups::new(there, &host.cgroup_limits, host.cgroup_limits_cut);
        let left_out = left_out.into_iter().map(Text::from).collect();
        Self { known, left_out, mount, cgroups, next_limited: 0, round: Vec::new() }
    }

    /// Differences since the last call. The time is `now_ns`, `CLOCK_MONOTONIC`.
    pub fn news(&mut self, now_ns: u64) -> News {
        let mut news = News::default();
        for setting in settings::sysctls().into_iter().chain(settings::sys()).filter(is_watched) {
            self.see(setting.name, setting.value, &mut news.changes);
        }
        if let Some(mount) = self.mount.clone() {
            self.cgroups.advance(now_ns);
            for dir in self.due(&mount) {
                let path = path_of(&mount, &dir);
                if dir.exists() {
                    self.cgroups.look(&path, settings::limits(&dir), &self.left_out, &mut news);
                } else {
                    self.cgroups.gone(&path, &mut news);
                }
            }
        }
        news
    }

    /// The cgroups to check in this tick.
    fn due(&mut self, mount: &Path) -> Vec<PathBuf> {
        if self.round.is_empty() {
            self.round = settings::cgroup_dirs(mount).collect();
            self.cgroups.list(self.round.iter().map(|dir| path_of(mount, dir)));
        }
        let others = self.round.split_off(self.round.len().saturating_sub(OTHERS));
        let limited = self.cgroups.limited();
        let count = limited.len();
        let from = self.next_limited % count.max(1);
        self.next_limited = from + LIMITED;
        let limited = limited.cycle().skip(from).take(LIMITED.min(count)).map(|path| dir_of(mount, path));
        let mut due: Vec<_> = limited.chain(others).collect();
        due.sort_unstable();
        due.dedup();
        due
    }

    /// Compares a value with the one before. A value that appears where there was none is no change.
    fn see(&mut self, name: Text, now: Option<Text>, changes: &mut Vec<Change>) {
        if self.left_out.contains(&name) {
            return;
        }
        let before = self.known.get(&name).cloned().flatten();
        if before != now && before.is_some() {
            changes.push(Change { name: name.clone(), before, after: now.clone() });
        }
        match now {
            None => drop(self.known.remove(&name)),
            now => drop(self.known.insert(name, now)),
        }
    }
}

/// The path of a cgroup below the mount.
fn path_of(mount: &Path, dir: &Path) -> Text {
    let below = dir.strip_prefix(mount).map_or(&b""[..], |below| below.as_os_str().as_bytes());
    [b"/", below].concat().into()
}

fn dir_of(mount: &Path, path: &Text) -> PathBuf {
    mount.join(OsStr::from_bytes(path.raw().strip_prefix(b"/").unwrap_or_default()))
}

/// Limits of a cgroup that differ between two lists.
fn differences<'a>(
    path: &'a Text,
    before: &'a [Setting],
    now: &'a [Setting],
) -> impl Iterator<Item = Change> + use<'a> {
    let value = |list: &[Setting], file: &str| {
        list.iter().find(|limit| limit.name.is(file)).and_then(|limit| limit.value.clone())
    };
    settings::LIMIT_FILES.into_iter().filter_map(move |file| {
        let (before, after) = (value(before, file), value(now, file));
        (before != after).then(|| Change { name: limit_name(path, Untrusted(file.as_bytes())), before, after })
    })
}

/// True for a setting, false for a statistic: the file with the limit of a zram device also reports its use.
fn is_watched(setting: &Setting) -> bool {
    !setting.is_statistic()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{CgroupChange, HostFacts, News, Setting, Text, Watcher};
    use memtrace_core::host_facts::CgroupLimits;

    const S: u64 = 1_000_000_000;

    /// A cgroup hierarchy of plain files.
    fn hierarchy(dir: &Path) -> Watcher {
        for name in ["a", "a/b", "c"] {
            fs::create_dir(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("memory.high"), "max\n").unwrap();
        }
        Watcher::at(Some(dir.to_owned()), &HostFacts::default(), Vec::new())
    }

    #[test]
    fn limits_that_are_set_moved_and_taken_away_are_reported_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = hierarchy(dir.path());
        assert_eq!(watcher.news(2 * S), News::default(), "what this host has set is no change");
        let mut changes_at = |value: &str| {
            fs::write(dir.path().join("a/b/memory.high"), value).unwrap();
            let news = watcher.news(2 * S);
            assert_eq!(watcher.news(2 * S), News::default());
            news.changes.into_iter().map(|change| (change.name, change.before, change.after)).collect::<Vec<_>>()
        };
        let name = || Text::from("cgroup:/a/b:memory.high");
        let value = |text: &str| Some(Text::from(text));
        assert_eq!(changes_at("4096"), [(name(), None, value("4096"))]);
        assert_eq!(changes_at("8192"), [(name(), value("4096"), value("8192"))]);
        assert_eq!(changes_at("max"), [(name(), value("8192"), None)]);
        changes_at("4096");
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        let gone = News { cgroups: vec![CgroupChange::Gone("/a/b".into())], ..News::default() };
        assert_eq!(watcher.news(2 * S), gone, "a cgroup that is gone was not tuned");
    }

    #[test]
    fn pods_that_come_and_go_are_no_changes() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = hierarchy(dir.path());
        watcher.news(2 * S);
        fs::create_dir(dir.path().join("pod")).unwrap();
        fs::write(dir.path().join("pod/memory.max"), "4096\n").unwrap();
        let limits = vec![Setting { name: "memory.max".into(), value: Some("4096".into()) }];
        let pod = CgroupLimits { id: 0, path: "/pod".into(), limits };
        assert_eq!(watcher.news(2 * S), News { cgroups: vec![CgroupChange::Appeared(pod)], ..News::default() });
        fs::remove_dir_all(dir.path().join("pod")).unwrap();
        assert_eq!(watcher.news(2 * S), News { cgroups: vec![CgroupChange::Gone("/pod".into())], ..News::default() });
    }
}
