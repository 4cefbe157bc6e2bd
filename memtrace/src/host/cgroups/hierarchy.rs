//! Hierarchy of the memory controller.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::host::{Mount, mounts};

/// The version of a cgroup hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// cgroup v1: a separate hierarchy.
    V1,
    /// cgroup v2: the unified hierarchy.
    V2,
}

/// State of the hierarchy of the memory controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// Mounted at this path.
    Mounted(Version, PathBuf),
    /// In use, but not mounted where this process can see it.
    NotMounted,
    /// Switched off at boot by `cgroup_disable=memory`.
    Disabled,
    /// The kernel has no memory controller.
    Absent,
}

impl Hierarchy {
    /// Mount point; `None` if it is not mounted.
    #[must_use]
    pub fn mount(&self) -> Option<&Path> {
        match self {
            Self::Mounted(_, point) => Some(point),
            _ => None,
        }
    }
}

/// Finds the memory controller of the running kernel.
///
/// # Errors
/// When /proc is not there.
pub fn memory_hierarchy() -> io::Result<Hierarchy> {
    // A kernel without cgroups has no such file.
    let table = match fs::read_to_string("/proc/cgroups") {
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    let unified_has_memory = |mount: &Mount| {
        fs::read_to_string(mount.point.join("cgroup.controllers"))
            .is_ok_and(|list| list.split_ascii_whitespace().any(|name| name == "memory"))
    };
    Ok(find(&table, &mounts()?, unified_has_memory))
}

/// The pure part: `table` is `/proc/cgroups`, from which newer kernels leave out v2 controllers.
fn find(table: &str, mounts: &[Mount], unified_has_memory: impl Fn(&Mount) -> bool) -> Hierarchy {
    let row = table
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>())
        .find(|row| row.first() == Some(&"memory"));
    let v1 = widest(mounts.iter().filter(|mount| mount.fs_type == "cgroup" && mount.has_option("memory")));
    let v2 = widest(mounts.iter().filter(|mount| mount.fs_type == "cgroup2"));
    match row.as_deref() {
        Some([_, _, _, "0"]) => Hierarchy::Disabled,
        Some([_, "0", ..]) => v2.map_or(Hierarchy::NotMounted, |m| Hierarchy::Mounted(Version::V2, m.point.clone())),
        Some(_) => v1.map_or(Hierarchy::NotMounted, |m| Hierarchy::Mounted(Version::V1, m.point.clone())),
        None => match v2 {
            Some(mount) if unified_has_memory(mount) => Hierarchy::Mounted(Version::V2, mount.point.clone()),
            _ => Hierarchy::Absent,
        },
    }
}

/// The mount that shows most of the hierarchy: containers may see several parts of it.
fn widest<'a>(mounts: impl Iterator<Item = &'a Mount>) -> Option<&'a Mount> {
    mounts.min_by_key(|mount| mount.root.components().count())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Hierarchy, Mount, Version, find};

    fn mount(root: &str, point: &str, fs_type: &str, options: &str) -> Mount {
        Mount { root: root.into(), point: point.into(), fs_type: fs_type.into(), options: options.into() }
    }

    #[test]
    fn situations() {
        let v1 = mount("/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory");
        let v2 = mount("/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate");
        let part = mount("/docker/1", "/mnt/part", "cgroup2", "rw");
        let v2_at = |path: &str| Hierarchy::Mounted(Version::V2, PathBuf::from(path));
        let header = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
        for (row, mounts, controllers, expected) in [
            (
                "memory\t4\t12\t1\n",
                vec![v1, v2.clone()],
                false,
                Hierarchy::Mounted(Version::V1, "/sys/fs/cgroup/memory".into()),
            ),
            ("memory\t4\t12\t1\n", vec![v2.clone()], false, Hierarchy::NotMounted),
            ("memory\t0\t85\t1\n", vec![part, v2.clone()], true, v2_at("/sys/fs/cgroup")),
            ("memory\t0\t85\t1\n", vec![], true, Hierarchy::NotMounted),
            ("memory\t0\t1\t0\n", vec![v2.clone()], true, Hierarchy::Disabled),
            ("cpu\t0\t1\t1\n", vec![v2.clone()], true, v2_at("/sys/fs/cgroup")),
            ("cpu\t0\t1\t1\n", vec![v2], false, Hierarchy::Absent),
        ] {
            assert_eq!(find(&format!("{header}{row}"), &mounts, |_| controllers), expected, "{row}");
        }
    }
}
