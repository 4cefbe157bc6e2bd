//! Limits, use and events of one memory cgroup, and the limits of those above it, as they are now.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path},
};

use super::settings;
use memtrace_core::{
    limits::{LimitLevel, LimitValue, Limits, with_those_above},
    untrusted::Text,
};

/// Files of the memory in use, in either version.
const USED: [&str; 3] = ["memory.current", "memory.swap.current", "memory.usage_in_bytes"];
/// Files of named counts, and the counts that are taken from them: how often a limit was met, and OOM kills.
const EVENTS: [(&str, &[&str]); 2] =
    [("memory.events", &["high", "max", "oom_kill"]), ("memory.oom_control", &["oom_kill"])];
/// Number of times that the limit was met, in v1.
const FAILCNT: &str = "memory.failcnt";

/// Limits, use and events of the cgroup of this path below `mount`, the mount point of the hierarchy, and the limits
/// above it.
#[must_use]
pub fn limits(id: u64, mount: &Path, path: &[u8]) -> Limits {
    let level = |above: &[u8]| {
        let below = Path::new(OsStr::from_bytes(above.strip_prefix(b"/").unwrap_or(above)));
        // The kernel gives no such names: only plain components of a path are followed.
        if !below.components().all(|part| matches!(part, Component::Normal(_))) {
            return LimitLevel { path: above.into(), values: Vec::new() };
        }
        let dir = mount.join(below);
        let limits = settings::limits(&dir).into_iter();
        let limits = limits.filter_map(|l| Some((l.name, LimitValue::Bytes(l.value?.borrowed().parse()?))));
        let used = || used(&dir);
        let values = if above == path { limits.chain(used()).collect() } else { limits.collect() };
        LimitLevel { path: above.into(), values }
    };
    Limits { id, recorded: false, levels: with_those_above(path, level) }
}

fn used(dir: &Path) -> Vec<(Text, LimitValue)> {
    let number = |name: &str| fs::read_to_string(dir.join(name)).ok()?.trim().parse::<u64>().ok();
    let used = USED.into_iter().filter_map(|name| Some((name.into(), LimitValue::Bytes(number(name)?))));
    let met = number(FAILCNT).map(|n| (FAILCNT.into(), LimitValue::Times(n)));
    let mut all: Vec<_> = used.chain(met).collect();
    for (file, wanted) in EVENTS {
        let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
        let counts = text.lines().filter_map(|line| line.split_once(' '));
        let counted = counts.filter(|(name, _)| wanted.contains(name));
        all.extend(counted.filter_map(|(name, n)| {
            Some((format!("{file}:{name}").into(), LimitValue::Times(n.trim().parse().ok()?)))
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::limits;
    use memtrace_core::limits::LimitValue;

    #[test]
    fn limits_use_and_events_of_either_version() {
        let mount = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = mount.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("a/memory.high", "1048576\n");
        file("a/memory.current", "77\n");
        file("a/b/memory.max", "max\n");
        file("a/b/memory.current", "4096\n");
        file("a/b/memory.events", "low 1\nhigh 7\nmax 0\noom 2\noom_kill 3\n");
        file("a/b/memory.failcnt", "9\n");
        let found = limits(5, mount.path(), b"/a/b");
        let values: Vec<_> = found.levels.iter().map(|level| level.values.clone()).collect();
        let named = |name: &str, value| (name.into(), value);
        let own = vec![
            named("memory.current", LimitValue::Bytes(4096)),
            named("memory.failcnt", LimitValue::Times(9)),
            named("memory.events:high", LimitValue::Times(7)),
            named("memory.events:max", LimitValue::Times(0)),
            named("memory.events:oom_kill", LimitValue::Times(3)),
        ];
        assert_eq!(values, [own, vec![named("memory.high", LimitValue::Bytes(1 << 20))]]);
    }

    #[test]
    fn a_path_out_of_the_hierarchy_is_not_followed() {
        let found = limits(5, Path::new("/proc/self"), b"/../sys");
        assert!(found.levels[0].values.is_empty());
    }
}
