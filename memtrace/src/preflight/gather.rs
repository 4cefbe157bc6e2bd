//! Reads the facts: the only place of the preflight that touches the host.

use std::{
    env, fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use caps::{CapSet, Capability};
use rustix::{
    process::{Resource, geteuid, getrlimit},
    system::uname,
};

use super::{
    facts::{Capabilities, Fact, Facts, Limit, Lockdown, Memcg, Mglru, Psi, Tracefs},
    read,
};
use crate::host::{
    Mount,
    cgroups::{Hierarchy, Version, memory_hierarchy},
    mounts, pressure,
};
use memtrace_core::untrusted::{Untrusted, shown_path};

/// Inode of the initial pid namespace (`PROC_PID_INIT_INO`).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Reads all facts. An unread one carries its reason; nothing here fails.
#[must_use]
pub fn gather() -> Facts {
    let uname = uname();
    let mounts = mounts();
    Facts {
        kernel: Untrusted(uname.release().to_bytes()).json(),
        machine: Untrusted(uname.machine().to_bytes()).json(),
        exe: env::current_exe().map_or_else(|_| "memtrace".into(), |path| shown_path(&path)),
        uid: geteuid().as_raw(),
        capabilities: capabilities(),
        initial_user_namespace: text("/proc/self/uid_map", read::initial_uid_map),
        initial_pid_namespace: match fs::metadata("/proc/self/ns/pid") {
            Ok(metadata) => Fact::Known(metadata.ino() == INITIAL_PID_NAMESPACE),
            Err(e) => unread("/proc/self/ns/pid", &e),
        },
        lockdown: lockdown(&mounts),
        btf: match fs::File::open("/sys/kernel/btf/vmlinux") {
            Ok(_) => Fact::Known(true),
            Err(e) if e.kind() == ErrorKind::NotFound && Path::new("/sys/kernel/mm").exists() => Fact::Known(false),
            Err(e) => unread("/sys/kernel/btf/vmlinux", &e),
        },
        tracefs: tracefs(&mounts),
        unprivileged_bpf_disabled: text("/proc/sys/kernel/unprivileged_bpf_disabled", read::number),
        dmesg_restrict: text("/proc/sys/kernel/dmesg_restrict", read::number),
        perf_event_paranoid: text("/proc/sys/kernel/perf_event_paranoid", read::number),
        memlock: Fact::Known(getrlimit(Resource::Memlock).current.map_or(Limit::Unlimited, Limit::Bytes)),
        memory_cgroup: memory_cgroup(),
        psi: psi(),
        swap: text("/proc/swaps", read::swaps),
        zswap: text_or("/sys/module/zswap/parameters/enabled", read::switch, false),
        mglru: text_or("/sys/kernel/mm/lru_gen/enabled", read::mglru, Mglru::Absent),
        numa_nodes: text("/sys/devices/system/node/has_memory", read::list),
    }
}

fn unread<T>(path: &str, error: &io::Error) -> Fact<T> {
    Fact::Unread(format!("{path}: {error}"))
}

fn text<T>(path: &str, parse: impl Fn(&str) -> Option<T>) -> Fact<T> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map_or_else(|| Fact::Unread(format!("{path}: unknown form")), Fact::Known),
        Err(e) => unread(path, &e),
    }
}

/// Reads a file that only some kernels have: if it is missing, and sysfs is there, the fact is `absent`.
fn text_or<T>(path: &str, parse: impl Fn(&str) -> Option<T>, absent: T) -> Fact<T> {
    match fs::exists(path) {
        Ok(false) if Path::new("/sys/kernel/mm").exists() => Fact::Known(absent),
        _ => text(path, parse),
    }
}

fn capabilities() -> Fact<Capabilities> {
    match caps::read(None, CapSet::Effective) {
        Ok(set) => Fact::Known(Capabilities {
            bpf: set.contains(&Capability::CAP_BPF),
            perfmon: set.contains(&Capability::CAP_PERFMON),
            sys_admin: set.contains(&Capability::CAP_SYS_ADMIN),
            sys_resource: set.contains(&Capability::CAP_SYS_RESOURCE),
            ipc_lock: set.contains(&Capability::CAP_IPC_LOCK),
            dac_read_search: set.contains(&Capability::CAP_DAC_READ_SEARCH),
            syslog: set.contains(&Capability::CAP_SYSLOG),
        }),
        Err(e) => Fact::Unread(format!("capabilities: {e}")),
    }
}

fn lockdown(mounts: &io::Result<Vec<Mount>>) -> Fact<Lockdown> {
    const PATH: &str = "/sys/kernel/security/lockdown";
    if fs::exists(PATH).is_ok_and(|there| there) {
        return text(PATH, read::lockdown);
    }
    match mounts {
        Ok(mounts) if mounts.iter().any(|mount| mount.fs_type == "securityfs") => Fact::Known(Lockdown::None),
        _ => Fact::Unread("securityfs is not mounted".into()),
    }
}

fn tracefs(mounts: &io::Result<Vec<Mount>>) -> Fact<Option<Tracefs>> {
    let mounts = match mounts {
        Ok(mounts) => mounts,
        Err(e) => return unread("/proc/self/mountinfo", e),
    };
    let own = mounts.iter().filter(|mount| mount.fs_type == "tracefs").map(|mount| mount.point.clone());
    // debugfs mounts tracefs by itself on the first access.
    let inside = mounts.iter().filter(|mount| mount.fs_type == "debugfs").map(|mount| mount.point.join("tracing"));
    let found = own.chain(inside.filter(|path| path.exists())).next().map(|path| {
        use std::os::unix::ffi::OsStrExt as _;
        Tracefs {
            unreadable: fs::read_dir(path.join("events/vmscan")).err().map(|e| e.to_string()),
            path: Untrusted(path.as_os_str().as_bytes()).json(),
        }
    });
    Fact::Known(found)
}

fn memory_cgroup() -> Fact<Memcg> {
    let show = |path: &Path| {
        use std::os::unix::ffi::OsStrExt as _;
        Untrusted(path.as_os_str().as_bytes()).json()
    };
    match memory_hierarchy() {
        Ok(Hierarchy::Mounted(Version::V1, path)) => Fact::Known(Memcg::V1(show(&path))),
        Ok(Hierarchy::Mounted(Version::V2, path)) => Fact::Known(Memcg::V2(show(&path))),
        Ok(Hierarchy::NotMounted) => Fact::Known(Memcg::NotMounted),
        Ok(Hierarchy::Disabled) => Fact::Known(Memcg::Disabled),
        Ok(Hierarchy::Absent) => Fact::Known(Memcg::Absent),
        Err(e) => unread("/proc/cgroups", &e),
    }
}

/// Reads the state of PSI. With `psi=0` the file is missing, or exists and cannot be opened.
fn psi() -> Fact<Psi> {
    match fs::read_to_string(pressure::PATH) {
        Ok(text) if pressure::parse(&text).is_some() => Fact::Known(Psi::On),
        Ok(_) => Fact::Unread(format!("{}: unknown form", pressure::PATH)),
        Err(e) if e.raw_os_error() == Some(libc::EOPNOTSUPP) => Fact::Known(Psi::Off),
        Err(e) if e.kind() == ErrorKind::NotFound && Path::new("/proc/meminfo").exists() => Fact::Known(Psi::Off),
        Err(e) => unread(pressure::PATH, &e),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_host_has_the_facts_that_every_host_has() {
        let facts = super::gather();
        assert!(facts.kernel_version().is_some_and(|version| version >= (4, 0)), "{}", facts.kernel);
        assert!(facts.capabilities.known().is_some() && facts.swap.known().is_some());
        assert_eq!(facts.uid == 0, rustix::process::geteuid().is_root());
    }
}
