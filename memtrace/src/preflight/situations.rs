//! Recorded situations, judged and rendered.

use insta::assert_snapshot;

use super::{
    Fact, Facts, Severity, can_trace, check,
    facts::{Capabilities, Limit, Lockdown, Memcg, Mglru, Psi, Swap, SwapKind, Tracefs},
    missing_rights_message, render,
};
use crate::hook::{Attached, HookStatus};

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
    let hook = |name, gives, without, required, attached| HookStatus {
        name,
        gives,
        without,
        required,
        attached,
        unread: vec![],
    };
    vec![
        HookStatus {
            unread: vec!["memcg_id"],
            ..hook(
                "vmscan:mm_vmscan_direct_reclaim_begin",
                "stalls: direct",
                "direct reclaim is not seen",
                true,
                Attached::BtfTracepoint,
            )
        },
        hook(
            "vmscan:mm_vmscan_direct_reclaim_end",
            "stalls: direct",
            "direct reclaim is not seen",
            true,
            Attached::Tracepoint,
        ),
        hook(
            "vmscan:mm_vmscan_throttled",
            "time in which a stall was throttled",
            "throttled time is unread",
            false,
            Attached::No("the kernel has no such event (ENOENT)".into()),
        ),
    ]
}

fn found(facts: &Facts) -> Vec<(Severity, String)> {
    check(facts, &[]).into_iter().map(|finding| (finding.severity, finding.what)).collect()
}

#[test]
fn nothing_is_wrong_for_root_and_full_swap_is_no_alarm() {
    assert_eq!(check(&root(), &[]), []);
    assert_eq!(missing_rights_message(&root()), None);
    assert_snapshot!(render::text(&root(), &hooks()[..2], &[], false), @r#"
    kernel        6.12.107+deb13-amd64 x86_64
    user          root
    capabilities  BPF PERFMON SYS_ADMIN SYS_RESOURCE IPC_LOCK DAC_READ_SEARCH SYSLOG
    memlock       8 MiB
    BTF           yes
    tracefs       /sys/kernel/tracing
    lockdown      none
    memory cgroup v2 at /sys/fs/cgroup
    PSI           on
    swap          /dev/zram0 (zram, 4 GiB of 4 GiB used, priority 100)
    MGLRU         on
    NUMA nodes    0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1

    Hooks (2 of 2 attached)
      ok  vmscan:mm_vmscan_direct_reclaim_begin  btf tracepoint
          gives stalls: direct
          not in this kernel: memcg_id
      ok  vmscan:mm_vmscan_direct_reclaim_end  tracepoint
          gives stalls: direct

    memtrace can trace here.
    "#);
}

#[test]
fn a_missing_optional_hook_is_said_once() {
    let findings = check(&root(), &hooks());
    assert!(can_trace(&findings));
    assert_snapshot!(render::text(&root(), &hooks(), &findings, false), @r#"
    kernel        6.12.107+deb13-amd64 x86_64
    user          root
    capabilities  BPF PERFMON SYS_ADMIN SYS_RESOURCE IPC_LOCK DAC_READ_SEARCH SYSLOG
    memlock       8 MiB
    BTF           yes
    tracefs       /sys/kernel/tracing
    lockdown      none
    memory cgroup v2 at /sys/fs/cgroup
    PSI           on
    swap          /dev/zram0 (zram, 4 GiB of 4 GiB used, priority 100)
    MGLRU         on
    NUMA nodes    0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1

    Hooks (2 of 3 attached)
      ok  vmscan:mm_vmscan_direct_reclaim_begin  btf tracepoint
          gives stalls: direct
          not in this kernel: memcg_id
      ok  vmscan:mm_vmscan_direct_reclaim_end  tracepoint
          gives stalls: direct
      no  vmscan:mm_vmscan_throttled
          gives time in which a stall was throttled
          not attached: the kernel has no such event (ENOENT)
          without it: throttled time is unread

    Findings
      degraded  1 of 3 hooks not attached: vmscan:mm_vmscan_throttled
                Without it: throttled time is unread.

    memtrace can trace here, with the limits above.
    "#);
}

#[test]
fn a_missing_required_hook_is_fatal() {
    let mut hooks = hooks();
    for hook in &mut hooks {
        hook.attached = Attached::No("not permitted (EPERM)".into());
    }
    let findings = check(&root(), &hooks);
    assert!(!can_trace(&findings));
    assert_eq!(findings.len(), 3);
}

#[test]
fn root_without_sys_resource() {
    let caps = Capabilities { sys_resource: false, ..ALL };
    let facts = Facts { capabilities: Fact::Known(caps), ..root() };
    let findings = check(&facts, &[]);
    assert!(can_trace(&findings));
    assert_snapshot!(render::text(&facts, &[], &findings, false), @r#"
    kernel        6.12.107+deb13-amd64 x86_64
    user          root
    capabilities  BPF PERFMON SYS_ADMIN IPC_LOCK DAC_READ_SEARCH SYSLOG (not
                  SYS_RESOURCE)
    memlock       8 MiB
    BTF           yes
    tracefs       /sys/kernel/tracing
    lockdown      none
    memory cgroup v2 at /sys/fs/cgroup
    PSI           on
    swap          /dev/zram0 (zram, 4 GiB of 4 GiB used, priority 100)
    MGLRU         on
    NUMA nodes    0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1

    Findings
      degraded  no CAP_SYS_RESOURCE: oom_score_adj cannot be lowered
                The OOM killer may choose memtrace.
                fix: container: --cap-add=SYS_RESOURCE
                 or: systemd unit: OOMScoreAdjust=-900

    memtrace can trace here, with the limits above.
    "#);
}

#[test]
fn an_ordinary_user() {
    let findings = check(&user(), &[]);
    assert!(!can_trace(&findings));
    assert_snapshot!(missing_rights_message(&user()).unwrap(), @r#"
    memtrace: no right to trace: CAP_BPF and CAP_PERFMON missing
    Loading BPF programs needs CAP_BPF, attaching them to the kernel's reclaim and
    OOM tracepoints needs CAP_PERFMON; CAP_SYS_ADMIN stands for both.
    What helps, one of:
      sudo memtrace
      sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search,cap_sys_resource,cap_ipc_lock,cap_syslog+ep /usr/local/bin/memtrace
    `memtrace check` says more and needs no rights.
    "#);
    assert_snapshot!(render::text(&user(), &[], &findings, false), @r#"
    kernel        6.12.107+deb13-amd64 x86_64
    user          uid 1000
    capabilities  none
    memlock       8 MiB
    BTF           yes
    tracefs       /sys/kernel/tracing (not readable: Permission denied (os error
                  13))
    lockdown      unread (/sys/kernel/security/lockdown: Permission denied (os error
                  13))
    memory cgroup v2 at /sys/fs/cgroup
    PSI           on
    swap          /dev/zram0 (zram, 4 GiB of 4 GiB used, priority 100)
    MGLRU         on
    NUMA nodes    0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1

    Findings
      fatal     no right to trace: CAP_BPF and CAP_PERFMON missing
                Loading BPF programs needs CAP_BPF, attaching them to the kernel's
                reclaim and OOM tracepoints needs CAP_PERFMON; CAP_SYS_ADMIN stands
                for both.
                fix: sudo memtrace
                 or: sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search,cap_sys_resource,cap_ipc_lock,cap_syslog+ep /usr/local/bin/memtrace
      degraded  no CAP_SYS_RESOURCE: oom_score_adj cannot be lowered
                The OOM killer may choose memtrace.
                fix: the same
      degraded  no CAP_IPC_LOCK, and RLIMIT_MEMLOCK is 8192 KiB: memory cannot be
                locked
                memtrace itself may have to wait for its pages during the incident.
                fix: the same
      degraded  no CAP_DAC_READ_SEARCH: cgroups cannot be opened by id
                Names of cgroups come from a walk, at most once a second:
                short-lived ones stay numbers.
                fix: the same
      degraded  no CAP_SYSLOG, and kernel.dmesg_restrict is set: the kernel log
                cannot be read
                OOM kills from before the start are not shown, and the constraint of
                later ones is inferred.
                fix: the same
      info      /sys/kernel/tracing cannot be read (Permission denied (os error 13))
                Hooks attach through BTF; where the kernel refuses that there is no
                second way.

    memtrace cannot trace here.
    "#);
}

#[test]
fn one_of_two_capabilities() {
    for (bpf, perfmon, kernel, missing) in [
        (true, false, "6.1.0", "no right to trace: CAP_PERFMON missing"),
        (false, true, "6.1.0", "no right to trace: CAP_BPF missing"),
        (false, false, "5.4.0", "no right to trace: CAP_SYS_ADMIN missing"),
    ] {
        let capabilities = Fact::Known(Capabilities { bpf, perfmon, ..Capabilities::default() });
        let facts = Facts { capabilities, kernel: kernel.into(), ..user() };
        assert_eq!(found(&facts)[0], (Severity::Fatal, missing.into()));
    }
    // What `setcap` gives is enough.
    let facts = Facts { capabilities: Fact::Known(Capabilities { sys_admin: false, ..ALL }), uid: 1000, ..root() };
    assert_eq!(found(&facts), []);
}

#[test]
fn a_container() {
    let facts = Facts {
        capabilities: Fact::Known(Capabilities {
            bpf: false,
            perfmon: false,
            sys_admin: false,
            sys_resource: false,
            ..ALL
        }),
        initial_pid_namespace: Fact::Known(false),
        tracefs: Fact::Known(None),
        lockdown: Fact::Unread("securityfs is not mounted".into()),
        ..root()
    };
    let findings = check(&facts, &[]);
    assert!(!can_trace(&findings));
    assert_snapshot!(render::text(&facts, &[], &findings, false), @r#"
    kernel        6.12.107+deb13-amd64 x86_64
    user          root, in a pid namespace
    capabilities  IPC_LOCK DAC_READ_SEARCH SYSLOG (not BPF PERFMON SYS_ADMIN
                  SYS_RESOURCE)
    memlock       8 MiB
    BTF           yes
    tracefs       not mounted
    lockdown      unread (securityfs is not mounted)
    memory cgroup v2 at /sys/fs/cgroup
    PSI           on
    swap          /dev/zram0 (zram, 4 GiB of 4 GiB used, priority 100)
    MGLRU         on
    NUMA nodes    0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1

    Findings
      fatal     root, but without CAP_BPF and CAP_PERFMON: a container or a
                restricted service
                Loading BPF programs needs CAP_BPF, attaching them to the kernel's
                reclaim and OOM tracepoints needs CAP_PERFMON; CAP_SYS_ADMIN stands
                for both.
                fix: in a container: --pid=host --cap-add=BPF,PERFMON,SYS_RESOURCE,IPC_LOCK,DAC_READ_SEARCH,SYSLOG (or --privileged), no user namespace
                 or: on the host: sudo memtrace
                 or: on the host: sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search,cap_sys_resource,cap_ipc_lock,cap_syslog+ep /usr/local/bin/memtrace
      degraded  no CAP_SYS_RESOURCE: oom_score_adj cannot be lowered
                The OOM killer may choose memtrace.
                fix: container: --cap-add=SYS_RESOURCE
                 or: systemd unit: OOMScoreAdjust=-900
      degraded  this is not the initial pid namespace
                memtrace's own stalls cannot be told apart, --pid and all pids shown
                are those of the host, and a CMD's tree cannot be marked.
                fix: docker, podman: --pid=host
                 or: Kubernetes: hostPID: true
      info      tracefs is not mounted
                Hooks attach through BTF; where the kernel refuses that there is no
                second way.
                fix: sudo mount -t tracefs tracefs /sys/kernel/tracing

    memtrace cannot trace here.
    "#);
}

#[test]
fn a_user_namespace_has_capabilities_that_do_not_count() {
    let facts = Facts { initial_user_namespace: Fact::Known(false), ..root() };
    assert!(!can_trace(&check(&facts, &[])));
    // Unless the kernel let it (BPF token).
    assert!(can_trace(&check(&facts, &hooks())));
}

#[test]
fn no_btf() {
    let facts = Facts { btf: Fact::Known(false), ..root() };
    assert_eq!(found(&facts), [(Severity::Degraded, "the kernel has no BTF (/sys/kernel/btf/vmlinux)".into())]);
    let findings = check(&Facts { tracefs: Fact::Known(None), ..facts }, &[]);
    assert!(!can_trace(&findings));
    assert_eq!(findings[0].fix.as_deref(), Some("sudo mount -t tracefs tracefs /sys/kernel/tracing"));
}

#[test]
fn switched_off_at_boot() {
    let facts = Facts {
        memory_cgroup: Fact::Known(Memcg::Disabled),
        psi: Fact::Known(Psi::Off),
        lockdown: Fact::Known(Lockdown::Confidentiality),
        ..root()
    };
    let findings = check(&facts, &[]);
    assert!(!can_trace(&findings));
    assert_snapshot!(render::text(&facts, &[], &findings, false), @r#"
    kernel        6.12.107+deb13-amd64 x86_64
    user          root
    capabilities  BPF PERFMON SYS_ADMIN SYS_RESOURCE IPC_LOCK DAC_READ_SEARCH SYSLOG
    memlock       8 MiB
    BTF           yes
    tracefs       /sys/kernel/tracing
    lockdown      confidentiality
    memory cgroup off (cgroup_disable=memory)
    PSI           off
    swap          /dev/zram0 (zram, 4 GiB of 4 GiB used, priority 100)
    MGLRU         on
    NUMA nodes    0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1

    Findings
      fatal     the kernel is locked down (confidentiality)
                BPF programs may not read kernel memory, so no tracing tool works
                here.
                fix: boot with lockdown=integrity (or without lockdown=) on the kernel command line
      degraded  memory cgroups are switched off (cgroup_disable=memory)
                The memcg hooks attach but never fire, and nothing is told by
                cgroup.
                fix: boot without cgroup_disable=memory, if containers on this host should have limits
      degraded  pressure stall information is off (no /proc/pressure/memory)
                Memory pressure (PSI some/full) is not shown, nor what it was before
                the start.
                fix: boot with psi=1 on the kernel command line (needs CONFIG_PSI=y)

    memtrace cannot trace here.
    "#);
}

#[test]
fn an_old_kernel_is_said_in_words_only() {
    let caps = Capabilities { sys_resource: false, ..ALL };
    let facts = Facts { kernel: "5.4.0-150-generic".into(), capabilities: Fact::Known(caps), ..root() };
    let findings = check(&facts, &[]);
    assert!(can_trace(&findings));
    assert_eq!(findings.len(), 4, "{findings:#?}");
}

#[test]
fn unread_facts_make_no_findings() {
    let unread = || "no /proc".to_owned();
    let facts = Facts {
        capabilities: Fact::Unread(unread()),
        initial_user_namespace: Fact::Unread(unread()),
        initial_pid_namespace: Fact::Unread(unread()),
        lockdown: Fact::Unread(unread()),
        tracefs: Fact::Unread(unread()),
        unprivileged_bpf_disabled: Fact::Unread(unread()),
        dmesg_restrict: Fact::Unread(unread()),
        memlock: Fact::Unread(unread()),
        memory_cgroup: Fact::Unread(unread()),
        psi: Fact::Unread(unread()),
        swap: Fact::Unread(unread()),
        zswap: Fact::Unread(unread()),
        mglru: Fact::Unread(unread()),
        numa_nodes: Fact::Unread(unread()),
        ..root()
    };
    assert_eq!(check(&facts, &[]), []);
    assert_eq!(facts.unread().len(), 14);
}

#[test]
fn json() {
    let text = render::json(&user(), &hooks(), &check(&user(), &[])).unwrap();
    assert!(!text.contains('\n'));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["type"], &value["schema"], &value["can_trace"]), (&"check".into(), &1.into(), &false.into()));
    assert!(value["facts"]["lockdown"].is_null());
    assert!(value["unread"]["lockdown"].as_str().unwrap().contains("Permission denied"));
    assert_eq!(value["facts"]["memory_cgroup"]["path"], "/sys/fs/cgroup");
    assert_eq!(value["facts"]["swap"][0]["kind"], "zram");
    assert_eq!(value["facts"]["memlock"]["bytes"], 8 << 20);
    assert_eq!(value["hooks"][0]["attached"], "btf tracepoint");
    assert!(value["hooks"][0]["reason"].is_null() && value["hooks"][2]["attached"].is_null());
    assert_eq!(value["hooks"][2]["reason"], "the kernel has no such event (ENOENT)");
    assert_eq!(value["findings"][0]["severity"], "fatal");
}

#[test]
fn commands_are_whole_and_the_rest_fits_80_columns() {
    for facts in [root(), user()] {
        let text = render::text(&facts, &hooks(), &check(&facts, &[]), false);
        for line in text.lines().filter(|line| !line.trim_start().starts_with(['f', 'o'])) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    let plain = render::text(&user(), &hooks(), &check(&user(), &[]), false);
    let coloured = render::text(&user(), &hooks(), &check(&user(), &[]), true);
    let mut rest = coloured;
    for code in ["\x1b[0m", "\x1b[31;1m", "\x1b[32m", "\x1b[33m", "\x1b[36m"] {
        rest = rest.replace(code, "");
    }
    assert_eq!(rest, plain);
}
