//! Findings about the kernel and the host.

use super::{Finding, Severity};
use crate::preflight::facts::{Facts, Lockdown, Memcg, Mglru, Psi};

const MOUNT_TRACEFS: &str = "sudo mount -t tracefs tracefs /sys/kernel/tracing";

/// BPF may load in this state, but every read of kernel memory by a helper fails, and with it each hook that needs one.
pub(super) fn lockdown(facts: &Facts) -> Option<Finding> {
    locked_down(facts, Severity::Fatal, "BPF programs may not read kernel memory, so no tracing tool works here.")
}

/// Lockdown where hooks are attached nevertheless: since 5.11 most of them read by loads whose type the verifier knows.
pub(super) fn reads_less(facts: &Facts) -> Option<Finding> {
    const LESS: &str = "BPF programs may read only kernel memory whose type the verifier knows: stalls are traced, but \
                        no OOM victims, no zones, and little of kswapd.";
    locked_down(facts, Severity::Degraded, LESS)
}

fn locked_down(facts: &Facts, severity: Severity, consequence: &str) -> Option<Finding> {
    facts.lockdown.is(Lockdown::Confidentiality).then(|| {
        Finding::new(severity, "the kernel is locked down (confidentiality)", consequence)
            .fix("boot with lockdown=integrity (or without lockdown=) on the kernel command line")
    })
}

/// Neither BTF nor tracefs: a tracepoint is attached through one of them.
pub(super) fn no_way_to_attach(facts: &Facts) -> Option<Finding> {
    let tracefs = facts.tracefs.known()?.as_ref();
    let why = match tracefs {
        None => "tracefs is not mounted".to_owned(),
        Some(mount) => format!("{} cannot be read ({})", mount.path, mount.unreadable.as_deref()?),
    };
    facts.btf.is(false).then(|| {
        let what = format!("the kernel has no BTF (/sys/kernel/btf/vmlinux), and {why}");
        let consequence = "Tracepoints attach through BTF or tracefs. If both are missing, nothing can be traced.";
        let fix = if tracefs.is_none() { MOUNT_TRACEFS } else { "sudo memtrace check" };
        Finding::new(Severity::Fatal, what, consequence).fix(fix)
    })
}

/// Findings that make the trace less complete.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    [
        btf(facts),
        memory_cgroup(facts),
        psi(facts),
        pid_namespace(facts),
        tracefs(facts),
        mglru(facts),
        old_kernel(facts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn btf(facts: &Facts) -> Option<Finding> {
    let what = match (facts.btf.known(), facts.btf.reason()) {
        (Some(false), _) => "the kernel has no BTF (/sys/kernel/btf/vmlinux)".to_owned(),
        (_, Some(reason)) => format!("the kernel's BTF cannot be read ({reason})"),
        _ => return None,
    };
    let consequence = "Hooks attach through tracefs, at about twice the cost. Start times of processes, cgroups of a \
                       v1 hierarchy and cgroups of OOM victims are unread.";
    Some(Finding::new(Severity::Degraded, what, consequence).fix("a kernel built with CONFIG_DEBUG_INFO_BTF=y"))
}

fn memory_cgroup(facts: &Facts) -> Option<Finding> {
    let degraded = |what, consequence| Finding::new(Severity::Degraded, what, consequence);
    match facts.memory_cgroup.known()? {
        Memcg::V1(_) | Memcg::V2(_) => None,
        Memcg::Disabled => Some(
            degraded(
                "memory cgroups are switched off (cgroup_disable=memory)",
                "The memcg hooks attach but never fire, and nothing is counted by cgroup.",
            )
            .fix("boot without cgroup_disable=memory, if containers on this host should have limits"),
        ),
        Memcg::Absent => Some(degraded(
            "the kernel has no memory cgroups (CONFIG_MEMCG)",
            "There is no reclaim at limits to trace, and nothing is counted by cgroup.",
        )),
        Memcg::NotMounted => Some(
            degraded(
                "the memory cgroup hierarchy is not mounted here",
                "Cgroups are shown by id, without their names.",
            )
            .fix(
                "container: mount the host's, with -v /sys/fs/cgroup:/sys/fs/cgroup:ro --cgroupns=host\n\
                     host: sudo mount -t cgroup2 none /sys/fs/cgroup",
            ),
        ),
    }
}

fn psi(facts: &Facts) -> Option<Finding> {
    facts.psi.is(Psi::Off).then(|| {
        Finding::new(
            Severity::Degraded,
            "pressure stall information is off (no /proc/pressure/memory)",
            "Memory pressure (PSI some/full) is shown neither live nor from before the start.",
        )
        .fix("boot with psi=1 on the kernel command line (needs CONFIG_PSI=y)")
    })
}

fn pid_namespace(facts: &Facts) -> Option<Finding> {
    facts.initial_pid_namespace.is(false).then(|| {
        Finding::new(
            Severity::Degraded,
            "this is not the initial pid namespace",
            "memtrace cannot identify its own stalls or the processes of a CMD; --pid and all pids shown are those of \
             the host.",
        )
        .fix("docker, podman: --pid=host\nKubernetes: hostPID: true")
    })
}

fn tracefs(facts: &Facts) -> Option<Finding> {
    // Without BTF tracefs is the only way, which is another finding.
    if !facts.btf.is(true) {
        return None;
    }
    let consequence = "Hooks attach through BTF; a hook that fails there has no fallback.";
    match facts.tracefs.known()? {
        None => Some(Finding::new(Severity::Info, "tracefs is not mounted", consequence).fix(MOUNT_TRACEFS)),
        Some(mount) => {
            let what = format!("{} cannot be read ({})", mount.path, mount.unreadable.as_deref()?);
            Some(Finding::new(Severity::Info, what, consequence))
        }
    }
}

fn mglru(facts: &Facts) -> Option<Finding> {
    let old = facts.kernel_version().is_some_and(|version| version < (6, 12));
    (old && facts.mglru.is(Mglru::On)).then(|| {
        Finding::new(
            Severity::Info,
            format!("the multi-generational LRU (MGLRU) is on, and the kernel is {}", facts.kernel),
            "Before 6.12, the kernel may not report scans of MGLRU: scanned and reclaimed pages are then unread.",
        )
    })
}

fn old_kernel(facts: &Facts) -> Option<Finding> {
    let version = facts.kernel_version()?;
    (version < (5, 8)).then(|| {
        Finding::new(
            Severity::Info,
            format!("kernel {} is older than 5.8", facts.kernel),
            "The BPF ring buffer came with 5.8: loading will most likely fail.",
        )
    })
}
