//! The facts as lines of text.

use crate::preflight::facts::{Capabilities, Fact, Facts, Limit, Lockdown, Memcg, Mglru, Psi, Swap, SwapKind, Tracefs};
use memtrace_core::untrusted::Untrusted;

/// Name and value of each line.
pub(super) fn lines(facts: &Facts) -> Vec<(&'static str, String)> {
    vec![
        ("kernel", format!("{} {}", facts.kernel, facts.machine)),
        ("user", user(facts)),
        ("capabilities", value(&facts.capabilities, |caps| capabilities(*caps))),
        ("memlock", value(&facts.memlock, |limit| memlock(*limit))),
        ("BTF", value(&facts.btf, |&there| if there { "yes" } else { "no" }.into())),
        ("tracefs", value(&facts.tracefs, |mount| tracefs(mount.as_ref()))),
        ("lockdown", value(&facts.lockdown, |state| lockdown(*state).into())),
        ("memory cgroup", value(&facts.memory_cgroup, memory_cgroup)),
        ("PSI", value(&facts.psi, |psi| if *psi == Psi::On { "on" } else { "off" }.into())),
        ("swap", swap(facts)),
        ("MGLRU", value(&facts.mglru, |state| mglru(*state).into())),
        ("NUMA", value(&facts.numa_nodes, |nodes| numa(nodes))),
        ("sysctl", sysctl(facts)),
    ]
}

fn value<T>(fact: &Fact<T>, show: impl Fn(&T) -> String) -> String {
    match fact {
        Fact::Known(value) => show(value),
        Fact::Unread(reason) => format!("unread ({})", Untrusted(reason.as_bytes()).tty()),
    }
}

fn user(facts: &Facts) -> String {
    let mut text = if facts.uid == 0 { "root".to_owned() } else { format!("uid {}", facts.uid) };
    if facts.initial_user_namespace.is(false) {
        text.push_str(", in a user namespace");
    }
    if facts.initial_pid_namespace.is(false) {
        text.push_str(", in a pid namespace");
    }
    text
}

fn capabilities(caps: Capabilities) -> String {
    let all = [
        (caps.bpf, "BPF"),
        (caps.perfmon, "PERFMON"),
        (caps.sys_admin, "SYS_ADMIN"),
        (caps.sys_resource, "SYS_RESOURCE"),
        (caps.ipc_lock, "IPC_LOCK"),
        (caps.dac_read_search, "DAC_READ_SEARCH"),
        (caps.syslog, "SYSLOG"),
    ];
    let names = |which: bool| all.iter().filter(|(has, _)| *has == which).map(|(_, name)| *name).collect::<Vec<_>>();
    match (names(true).as_slice(), names(false).as_slice()) {
        ([], _) => "none".into(),
        (has, []) => has.join(" "),
        (has, lacks) => format!("{} (not {})", has.join(" "), lacks.join(" ")),
    }
}

fn memlock(limit: Limit) -> String {
    match limit {
        Limit::Bytes(bytes) => size(bytes),
        Limit::Unlimited => "unlimited".into(),
    }
}

fn tracefs(mount: Option<&Tracefs>) -> String {
    match mount {
        None => "not mounted".into(),
        Some(Tracefs { path, unreadable: None }) => path.clone(),
        Some(Tracefs { path, unreadable: Some(reason) }) => format!("{path} (not readable: {reason})"),
    }
}

fn lockdown(state: Lockdown) -> &'static str {
    match state {
        Lockdown::None => "none",
        Lockdown::Integrity => "integrity",
        Lockdown::Confidentiality => "confidentiality",
    }
}

fn memory_cgroup(memcg: &Memcg) -> String {
    match memcg {
        Memcg::V1(path) => format!("v1 at {path}"),
        Memcg::V2(path) => format!("v2 at {path}"),
        Memcg::NotMounted => "not mounted".into(),
        Memcg::Disabled => "off (cgroup_disable=memory)".into(),
        Memcg::Absent => "not in this kernel".into(),
    }
}

fn mglru(state: Mglru) -> &'static str {
    match state {
        Mglru::On => "on",
        Mglru::Off => "off",
        Mglru::Absent => "not in this kernel",
    }
}

fn swap(facts: &Facts) -> String {
    let areas = value(&facts.swap, |areas| match areas.as_slice() {
        [] => "none".into(),
        areas => areas.iter().map(swap_area).collect::<Vec<_>>().join("; "),
    });
    if facts.zswap.is(true) { format!("{areas}; zswap on") } else { areas }
}

fn swap_area(area: &Swap) -> String {
    let kind = match area.kind {
        SwapKind::Zram => "zram",
        SwapKind::Disk => "disk",
        SwapKind::File => "file",
    };
    let name = Untrusted(area.name.as_bytes()).json();
    format!("{name} ({kind}, {} of {} used, priority {})", size(area.used_bytes), size(area.size_bytes), area.priority)
}

fn numa(nodes: &[u32]) -> String {
    match nodes {
        [one] => format!("1 node: {one}"),
        all => format!("{} nodes: {}", all.len(), all.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")),
    }
}

fn sysctl(facts: &Facts) -> String {
    format!(
        "kernel.unprivileged_bpf_disabled {}, kernel.dmesg_restrict {}, kernel.perf_event_paranoid {}",
        value(&facts.unprivileged_bpf_disabled, u32::to_string),
        value(&facts.dmesg_restrict, u32::to_string),
        value(&facts.perf_event_paranoid, i32::to_string)
    )
}

/// Formats bytes in the largest unit that gives at least 1, without decimals where the number is whole.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, one)) = UNITS.into_iter().find(|&(_, one)| bytes >= one) else {
        return format!("{bytes} B");
    };
    if bytes.is_multiple_of(one) {
        format!("{} {unit}", bytes / one)
    } else {
        format!("{:.1} {unit}", bytes as f64 / one as f64)
    }
}
