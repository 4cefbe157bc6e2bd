//! Recorded situations, judged and rendered.

mod findings;
mod texts;

use memtrace_common::kind::StallKind;

use super::facts::{Capabilities, Fact, Facts, Limit, Lockdown, Memcg, Mglru, Psi, Swap, SwapKind, Tracefs};
use memtrace_core::hook::{Attached, HookId, HookStatus};

const ALL: Capabilities = Capabilities {
    bpf: true,
    perfmon: true,
    sys_admin: true,
    sys_resource: true,
    ipc_lock: true,
    dac_read_search: true,
    syslog: true,
};

/// Root on a Debian server with everything in order.
fn root() -> Facts {
    Facts {
        kernel: "6.12.107+deb13-amd64".into(),
        machine: "x86_64".into(),
        exe: "/usr/local/bin/memtrace".into(),
        uid: 0,
        capabilities: Fact::Known(ALL),
        initial_user_namespace: Fact::Known(true),
        initial_pid_namespace: Fact::Known(true),
        lockdown: Fact::Known(Lockdown::None),
        btf: Fact::Known(true),
        tracefs: Fact::Known(Some(Tracefs { path: "/sys/kernel/tracing".into(), unreadable: None })),
        unprivileged_bpf_disabled: Fact::Known(2),
        dmesg_restrict: Fact::Known(1),
        perf_event_paranoid: Fact::Known(3),
        memlock: Fact::Known(Limit::Bytes(8 << 20)),
        memory_cgroup: Fact::Known(Memcg::V2("/sys/fs/cgroup".into())),
        psi: Fact::Known(Psi::On),
        swap: Fact::Known(vec![Swap {
            name: "/dev/zram0".into(),
            kind: SwapKind::Zram,
            size_bytes: 4 << 30,
            used_bytes: 4 << 30,
            priority: 100,
        }]),
        zswap: Fact::Known(false),
        mglru: Fact::Known(Mglru::On),
        numa_nodes: Fact::Known(vec![0, 1]),
    }
}

fn user() -> Facts {
    Facts {
        uid: 1000,
        capabilities: Fact::Known(Capabilities::default()),
        tracefs: Fact::Known(Some(Tracefs {
            path: "/sys/kernel/tracing".into(),
            unreadable: Some("Permission denied (os error 13)".into()),
        })),
        lockdown: Fact::Unread("/sys/kernel/security/lockdown: Permission denied (os error 13)".into()),
        ..root()
    }
}

fn hooks() -> Vec<HookStatus> {
    let hook = |id, name, gives, without, required, attached| HookStatus {
        id,
        name,
        gives,
        without,
        required,
        kind: None,
        attached,
        unread: vec![],
        verified_instructions: None,
        took_ns: 1_500_000,
    };
    vec![
        HookStatus {
            unread: vec!["memcg_id"],
            kind: Some(StallKind::Direct),
            ..hook(
                HookId::DirectBegin,
                "vmscan:mm_vmscan_direct_reclaim_begin",
                "stalls: direct",
                "direct reclaim is not seen",
                true,
                Attached::BtfTracepoint,
            )
        },
        hook(
            HookId::DirectEnd,
            "vmscan:mm_vmscan_direct_reclaim_end",
            "stalls: direct",
            "direct reclaim is not seen",
            true,
            Attached::Tracepoint,
        ),
        hook(
            HookId::Throttled,
            "vmscan:mm_vmscan_throttled",
            "time in which a stall was throttled",
            "throttled time is unread",
            false,
            Attached::No("the kernel has no such event (ENOENT)".into()),
        ),
    ]
}
