//! Settings that can be tuned: sysctls, files below /sys, limits of cgroups. Read at the start of a trace, and again at
//! each tick to find changes.

use std::{
    collections::VecDeque,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use memtrace_core::host_facts::{CgroupLimits, Setting};

/// Sysctls that are not read: reading them has an effect, or takes long.
const NOT_READ: [&str; 3] = ["compact_memory", "drop_caches", "stat_refresh"];

/// Directories below /sys, and the short name of each.
const FILES: [(&str, &str); 5] = [
    ("/sys/kernel/mm/transparent_hugepage", "transparent_hugepage"),
    ("/sys/kernel/mm/transparent_hugepage/khugepaged", "khugepaged"),
    ("/sys/kernel/mm/lru_gen", "lru_gen"),
    ("/sys/module/zswap/parameters", "zswap"),
    ("/sys/kernel/mm/ksm", "ksm"),
];

/// Files of these directories that are settings.
const SETTINGS: [&str; 16] = [
    "enabled",
    "defrag",
    "shmem_enabled",
    "use_zero_page",
    "pages_to_scan",
    "scan_sleep_millisecs",
    "max_ptes_none",
    "min_ttl_ms",
    "compressor",
    "max_pool_percent",
    "accept_threshold_percent",
    "shrinker_enabled",
    "zpool",
    "run",
    "sleep_millisecs",
    "advisor_mode",
];

/// Settings of a zram device. `mem_limit` cannot be read; `mm_stat` has it.
const ZRAM: [&str; 3] = ["disksize", "comp_algorithm", "mm_stat"];

/// Most cgroups that are visited, and most of them whose limits are kept.
const CGROUPS: usize = 4096;
const LIMITS: usize = 256;

/// Files of the limits of a cgroup, in either version.
pub(super) const LIMIT_FILES: [&str; 9] = [
    "memory.max",
    "memory.high",
    "memory.low",
    "memory.min",
    "memory.swap.max",
    "memory.zswap.max",
    "memory.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "memory.memsw.limit_in_bytes",
];

/// Value from which on a v1 limit is none, in bytes: the kernel shows no limit as the largest number of pages.
const V1_NONE: u64 = 1 << 62;

/// Every `vm.*` sysctl, by name. One that cannot be read has no value.
#[must_use]
pub fn sysctls() -> Vec<Setting> {
    let names = file_names(Path::new("/proc/sys/vm")).into_iter().filter(|name| !NOT_READ.contains(&name.as_str()));
    names.map(|name| setting(format!("vm.{name}"), &Path::new("/proc/sys/vm").join(&name))).collect()
}

/// Settings below /sys.
#[must_use]
pub fn sys() -> Vec<Setting> {
    let mut all = Vec::new();
    for (dir, short) in FILES {
        let names = file_names(Path::new(dir)).into_iter().filter(|name| SETTINGS.contains(&name.as_str()));
        all.extend(names.map(|name| setting(format!("{short}/{name}"), &Path::new(dir).join(&name))));
    }
    for device in file_names(Path::new("/sys/block")).into_iter().filter(|name| name.starts_with("zram")) {
        let files = ZRAM.into_iter().map(|name| (name, Path::new("/sys/block").join(&device).join(name)));
        let there = files.filter(|(_, path)| path.exists());
        all.extend(there.map(|(name, path)| setting(format!("{device}/{name}"), &path)));
    }
    all
}

/// The cgroups below `mount` that have a limit, and true if some were left out.
#[must_use]
pub fn cgroup_limits(mount: &Path) -> (Vec<CgroupLimits>, bool) {
    let mut found = Vec::new();
    let mut seen = 0;
    for dir in cgroup_dirs(mount) {
        seen += 1;
        let limits = limits(&dir);
        if !limits.is_empty()
            && let Ok(metadata) = fs::metadata(&dir)
        {
            if found.len() == LIMITS {
                return (found, true);
            }
            let name = dir.strip_prefix(mount).map_or(&b""[..], |path| path.as_os_str().as_bytes());
            found.push(CgroupLimits { id: metadata.ino(), path: [b"/", name].concat().into(), limits });
        }
    }
    (found, seen == CGROUPS)
}

/// Directories of the cgroups below `mount`: `mount` first, then level by level; at most [`CGROUPS`].
pub(super) fn cgroup_dirs(mount: &Path) -> impl Iterator<Item = PathBuf> {
    let mut pending = VecDeque::from([mount.to_owned()]);
    let next = move || {
        let dir = pending.pop_front()?;
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        pending.extend(dirs.map(|entry| entry.path()));
        Some(dir)
    };
    std::iter::from_fn(next).take(CGROUPS)
}

/// The limits of a cgroup that are set.
pub(super) fn limits(dir: &Path) -> Vec<Setting> {
    LIMIT_FILES.into_iter().filter_map(|name| limit(dir, name)).collect()
}

fn limit(dir: &Path, name: &str) -> Option<Setting> {
    let text = fs::read_to_string(dir.join(name)).ok()?;
    let value = text.trim();
    let is_set = value != "max" && value != "0" && value.parse::<u64>().is_ok_and(|bytes| bytes < V1_NONE);
    is_set.then(|| Setting { name: name.into(), value: Some(value.into()) })
}

fn setting(name: String, path: &Path) -> Setting {
    // Some files are longer than a setting.
    let value = fs::read(path).ok().map(|bytes| bytes[..bytes.len().min(4096)].trim_ascii().into());
    Setting { name: name.into(), value }
}

fn file_names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_host_has_settings() {
        let sysctls = super::sysctls();
        let find = |name: &str| sysctls.iter().find(|setting| setting.name.is(name));
        assert!(find("vm.swappiness").and_then(|setting| setting.value.as_ref()).is_some());
        assert!(find("vm.drop_caches").is_none() && find("vm.compact_memory").is_none());
        assert!(super::sys().iter().any(|setting| setting.name.is("transparent_hugepage/enabled")));
    }
}
