//! Output of `memtrace check` in each situation.

use insta::assert_snapshot;

use super::{ALL, hooks, root, user};
use crate::preflight::{
    Fact, Facts, can_trace, check,
    facts::{Capabilities, Lockdown, Memcg, Psi},
    missing_rights_message,
    render::{self, Look},
};

#[test]
fn nothing_is_wrong_for_root_and_full_swap_is_no_alarm() {
    assert_eq!(check(&root(), &[]), []);
    assert_eq!(missing_rights_message(&root()), None);
    assert_snapshot!(render::text(&root(), &hooks()[..2], &[], Look::default()), @r#"
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
    NUMA          2 nodes: 0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1,
                  kernel.perf_event_paranoid 3

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
    assert_snapshot!(render::text(&root(), &hooks(), &findings, Look::default()), @r#"
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
    NUMA          2 nodes: 0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1,
                  kernel.perf_event_paranoid 3

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
fn root_without_sys_resource() {
    let caps = Capabilities { sys_resource: false, ..ALL };
    let facts = Facts { capabilities: Fact::Known(caps), ..root() };
    let findings = check(&facts, &[]);
    assert!(can_trace(&findings));
    assert_snapshot!(render::text(&facts, &[], &findings, Look::default()), @r#"
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
    NUMA          2 nodes: 0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1,
                  kernel.perf_event_paranoid 3

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
    Use one of:
      sudo memtrace
      sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search,cap_sys_resource,cap_ipc_lock,cap_syslog+ep /usr/local/bin/memtrace
    `memtrace check` shows details and needs no privileges.
    "#);
    assert_snapshot!(render::text(&user(), &[], &findings, Look::default()), @r#"
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
    NUMA          2 nodes: 0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1,
                  kernel.perf_event_paranoid 3

    Findings
      fatal     no right to trace: CAP_BPF and CAP_PERFMON missing
                Loading BPF programs needs CAP_BPF, attaching them to the kernel's
                reclaim and OOM tracepoints needs CAP_PERFMON; CAP_SYS_ADMIN stands
                for both.
                fix: sudo memtrace
                 or: sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search,cap_sys_resource,cap_ipc_lock,cap_syslog+ep /usr/local/bin/memtrace
      degraded  no CAP_SYS_RESOURCE: oom_score_adj cannot be lowered
                The OOM killer may choose memtrace.
                fix: as above
      degraded  no CAP_IPC_LOCK, and RLIMIT_MEMLOCK is 8192 KiB: memory cannot be
                locked
                memtrace itself may stall when memory is short.
                fix: as above
      degraded  no CAP_DAC_READ_SEARCH: cgroups cannot be opened by id
                Names of cgroups come from a walk of the hierarchy, at most once a
                second: short-lived cgroups are shown by id.
                fix: as above
      degraded  no CAP_SYSLOG, and kernel.dmesg_restrict is set: the kernel log
                cannot be read
                OOM kills from before the start are not shown, and the constraint of
                later ones is inferred.
                fix: as above
      info      /sys/kernel/tracing cannot be read (Permission denied (os error 13))
                Hooks attach through BTF; a hook that fails there has no fallback.

    memtrace cannot trace here.
    "#);
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
    assert_snapshot!(render::text(&facts, &[], &findings, Look::default()), @r#"
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
    NUMA          2 nodes: 0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1,
                  kernel.perf_event_paranoid 3

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
                memtrace cannot identify its own stalls or the processes of a CMD;
                --pid and all pids shown are those of the host.
                fix: docker, podman: --pid=host
                 or: Kubernetes: hostPID: true
      info      tracefs is not mounted
                Hooks attach through BTF; a hook that fails there has no fallback.
                fix: sudo mount -t tracefs tracefs /sys/kernel/tracing

    memtrace cannot trace here.
    "#);
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
    assert_snapshot!(render::text(&facts, &[], &findings, Look::default()), @r#"
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
    NUMA          2 nodes: 0 1
    sysctl        kernel.unprivileged_bpf_disabled 2, kernel.dmesg_restrict 1,
                  kernel.perf_event_paranoid 3

    Findings
      fatal     the kernel is locked down (confidentiality)
                BPF programs may not read kernel memory, so no tracing tool works
                here.
                fix: boot with lockdown=integrity (or without lockdown=) on the kernel command line
      degraded  memory cgroups are switched off (cgroup_disable=memory)
                The memcg hooks attach but never fire, and nothing is counted by
                cgroup.
                fix: boot without cgroup_disable=memory, if containers on this host should have limits
      degraded  pressure stall information is off (no /proc/pressure/memory)
                Memory pressure (PSI some/full) is shown neither live nor from
                before the start.
                fix: boot with psi=1 on the kernel command line (needs CONFIG_PSI=y)

    memtrace cannot trace here.
    "#);
}
