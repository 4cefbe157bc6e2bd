//! Findings about rights: those that tracing needs, and those that make it better.

use super::{Finding, Severity};
use crate::preflight::facts::{Capabilities, Fact, Facts, Limit};

/// The capabilities of the `setcap` line: all that memtrace can use, nothing else.
const SETCAP: &str = "cap_bpf,cap_perfmon,cap_dac_read_search,cap_sys_resource,cap_ipc_lock,cap_syslog+ep";

/// Remedy in a container, with the same capabilities.
const IN_A_CONTAINER: &str = "in a container: --pid=host --cap-add=BPF,PERFMON,SYS_RESOURCE,IPC_LOCK,DAC_READ_SEARCH,SYSLOG \
                              (or --privileged), no user namespace";

/// Directories in which `sudo` looks.
const SUDO_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Finding if a right that tracing needs is missing: the right, its reason, and the ways out.
pub(in crate::preflight) fn tracing(facts: &Facts) -> Option<Finding> {
    const WHY: &str = "Loading BPF programs needs CAP_BPF, attaching them to the kernel's reclaim and OOM tracepoints \
                       needs CAP_PERFMON; CAP_SYS_ADMIN stands for both.";
    let caps = facts.capabilities.known()?;
    let what = if facts.initial_user_namespace.is(false) {
        "this is a user namespace, in which CAP_BPF and CAP_PERFMON do not reach the kernel".to_owned()
    } else {
        let missing = missing(*caps, facts.kernel_version())?;
        if facts.uid == 0 {
            format!("root, but without {missing}: a container or a restricted service")
        } else {
            return Some(
                Finding::new(Severity::Fatal, format!("no right to trace: {missing} missing"), WHY)
                    .fix(both_ways(facts)),
            );
        }
    };
    // The way out is outside: file capabilities and sudo give nothing that a container or a service withholds.
    let fix = format!("{IN_A_CONTAINER}\non the host: {}", both_ways(facts).replace('\n', "\non the host: "));
    Some(Finding::new(Severity::Fatal, what, WHY).fix(fix))
}

/// Names of the missing capabilities; `None` if none is missing.
fn missing(caps: Capabilities, kernel: Option<(u32, u32)>) -> Option<&'static str> {
    let split = kernel.is_none_or(|version| version >= (5, 8));
    match (caps.sys_admin, caps.bpf, caps.perfmon) {
        (true, ..) | (_, true, true) => None,
        // Before 5.8 there was only this one.
        _ if !split => Some("CAP_SYS_ADMIN"),
        (_, true, false) => Some("CAP_PERFMON"),
        (_, false, true) => Some("CAP_BPF"),
        (_, false, false) => Some("CAP_BPF and CAP_PERFMON"),
    }
}

/// `sudo` for once, `setcap` for good.
fn both_ways(facts: &Facts) -> String {
    let exe = quoted(&facts.exe);
    let found_by_sudo = SUDO_PATH.iter().any(|dir| facts.exe.strip_prefix(dir) == Some("/memtrace"));
    format!("sudo {}\nsudo setcap {SETCAP} {exe}", if found_by_sudo { "memtrace" } else { &exe })
}

fn quoted(path: &str) -> String {
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+".contains(&b));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Findings for rights without which memtrace traces, but reports less or is less safe.
pub(super) fn comfort(facts: &Facts) -> Vec<Finding> {
    let Fact::Known(caps) = facts.capabilities else { return Vec::new() };
    let mut findings = Vec::new();
    let mut add = |what: String, consequence: &str, fix: String| {
        findings.push(Finding::new(Severity::Degraded, what, consequence).fix(fix));
    };
    if !caps.sys_resource {
        add(
            "no CAP_SYS_RESOURCE: oom_score_adj cannot be lowered".into(),
            "The OOM killer may choose memtrace.",
            grant(facts, "SYS_RESOURCE", "OOMScoreAdjust=-900"),
        );
    }
    if let Some(limit) = locked_memory(facts, caps) {
        add(
            format!("no CAP_IPC_LOCK, and RLIMIT_MEMLOCK is {} KiB: memory cannot be locked", limit / 1024),
            "memtrace itself may stall when memory is short.",
            grant(facts, "IPC_LOCK", "LimitMEMLOCK=infinity"),
        );
    }
    if let (Some(Limit::Bytes(limit)), Some(version)) = (facts.memlock.known(), facts.kernel_version())
        && version < (5, 11)
        && !caps.sys_resource
    {
        add(
            format!("RLIMIT_MEMLOCK is {} KiB, and kernels before 5.11 count BPF maps against it", limit / 1024),
            "Loading may fail with EPERM.",
            "ulimit -l unlimited".into(),
        );
    }
    if !caps.dac_read_search {
        add(
            "no CAP_DAC_READ_SEARCH: cgroups cannot be opened by id".into(),
            "Names of cgroups come from a walk of the hierarchy, at most once a second: short-lived cgroups are \
             shown by id.",
            grant(facts, "DAC_READ_SEARCH", "AmbientCapabilities=CAP_DAC_READ_SEARCH"),
        );
    }
    if !caps.syslog && !caps.sys_admin && facts.dmesg_restrict.known().is_some_and(|&value| value > 0) {
        add(
            "no CAP_SYSLOG, and kernel.dmesg_restrict is set: the kernel log cannot be read".into(),
            "OOM kills from before the start are not shown, and the constraint of later ones is inferred.",
            grant(facts, "SYSLOG", "AmbientCapabilities=CAP_SYSLOG"),
        );
    }
    findings
}

/// Remedy for one missing capability: a user takes root or the file capabilities; root that lacks it is restricted by a
/// container or a unit.
fn grant(facts: &Facts, capability: &str, unit: &str) -> String {
    if facts.uid == 0 { format!("container: --cap-add={capability}\nsystemd unit: {unit}") } else { both_ways(facts) }
}

/// The limit in bytes that keeps memtrace from locking its memory; `None` if there is none.
fn locked_memory(facts: &Facts, caps: Capabilities) -> Option<u64> {
    match facts.memlock.known()? {
        Limit::Bytes(limit) if !caps.ipc_lock && *limit < crate::hardening::LOCK_BYTES => Some(*limit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sudo_finds_it_or_is_given_the_path() {
        let mut facts = crate::preflight::gather();
        facts.exe = "/usr/bin/memtrace".into();
        assert!(super::both_ways(&facts).starts_with("sudo memtrace\nsudo setcap "));
        facts.exe = "/home/me/bin/memtrace".into();
        assert!(super::both_ways(&facts).starts_with("sudo /home/me/bin/memtrace\n"));
    }

    #[test]
    fn paths_survive_a_shell() {
        assert_eq!(super::quoted("/usr/local/bin/memtrace"), "/usr/local/bin/memtrace");
        assert_eq!(super::quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
