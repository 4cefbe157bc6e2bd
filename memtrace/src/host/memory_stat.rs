//! `memory.stat` of one cgroup: the kernel's counters of it and of all below it.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::vmstat::pairs;
use memtrace_core::session::{counters::CGROUP_COUNTERS, pattern::CgroupPattern};

/// Most directories that are searched for a match: a host with more gets no row for the cgroup, and no delay.
const DIRECTORIES: usize = 4096;

/// Parses the counters of this text. In v1 those of the cgroup with all below it begin with `total_`.
#[must_use]
pub fn parse(text: &str) -> BTreeMap<&'static str, u64> {
    let hierarchical = text.lines().any(|line| line.starts_with("total_"));
    let mut counters = BTreeMap::new();
    for (name, count) in pairs(text) {
        let name = if hierarchical { name.strip_prefix("total_") } else { Some(name) };
        if let Some(&taken) = name.and_then(|name| CGROUP_COUNTERS.iter().find(|taken| **taken == name)) {
            counters.insert(taken, count);
        }
    }
    counters
}

/// The directory of the one cgroup below `mount` that the pattern selects (those below it are selected with it);
/// `None` when there are none or several.
#[must_use]
pub fn only_match(mount: &Path, pattern: &CgroupPattern) -> Option<PathBuf> {
    let mut found = None;
    let mut pending = VecDeque::from([mount.to_owned()]);
    let mut seen = 0;
    while let Some(dir) = pending.pop_front() {
        seen += 1;
        if seen > DIRECTORIES {
            return None;
        }
        let below = dir.strip_prefix(mount).map_or(&b""[..], |path| path.as_os_str().as_bytes());
        if pattern.matches(&[b"/", below].concat()) {
            if found.is_some() {
                return None;
            }
            found = Some(dir);
            continue;
        }
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        pending.extend(dirs.map(|entry| entry.path()));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{only_match, parse};
    use memtrace_core::session::pattern::CgroupPattern;

    #[test]
    fn both_versions() {
        let v1 = "cache 5\nworkingset_refault_file 3958\nhierarchical_memory_limit 7\ntotal_cache 6\n\
                  total_workingset_refault_anon 0\ntotal_workingset_refault_file 366816374\n";
        let got = parse(v1);
        assert_eq!(
            got.into_iter().collect::<Vec<_>>(),
            [("workingset_refault_anon", 0), ("workingset_refault_file", 366_816_374)]
        );
        let v2 = "anon 0\nworkingset_refault_anon 2\npgsteal_direct 3\npgscan_direct 4\npgscan 9\nthp_split 1\n";
        let got: Vec<_> = parse(v2).into_iter().collect();
        assert_eq!(got, [("pgscan", 9), ("pgscan_direct", 4), ("pgsteal_direct", 3), ("workingset_refault_anon", 2)]);
    }

    #[test]
    fn one_cgroup_or_none() {
        let root = std::env::temp_dir().join(format!("memtrace-only-match-{}", std::process::id()));
        for dir in ["a/web", "b/db/inner"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        let of = |pattern: &str| only_match(&root, &CgroupPattern::parse(pattern).unwrap());
        assert_eq!(of("db"), Some(root.join("b/db")), "with all below it");
        assert_eq!((of("none"), of("?")), (None, None));
        assert_eq!(of("/"), Some(root.clone()));
        fs::remove_dir_all(&root).unwrap();
    }
}
