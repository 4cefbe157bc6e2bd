//! Findings in each situation.

use super::{ALL, hooks, root, user};
use crate::preflight::{
    Fact, Facts, Finding, Severity, can_trace, check,
    facts::{Capabilities, Lockdown},
    render::{self, Look},
};
use memtrace_core::hook::{Attached, HookId};

fn found(facts: &Facts) -> Vec<(Severity, String)> {
    check(facts, &[]).into_iter().map(|finding| (finding.severity, finding.what)).collect()
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

/// Linux 5.10 accepts the hooks that read nothing even when it is locked down.
#[test]
fn a_lockdown_is_reported_although_some_hooks_are_attached() {
    let facts = Facts { lockdown: Fact::Known(Lockdown::Confidentiality), ..root() };
    let mut hooks = hooks();
    let is_explained =
        |findings: &[Finding]| findings.iter().any(|finding| finding.what.contains("locked down (confidentiality)"));
    // Since 5.11 some values are read without the helpers that are refused.
    hooks.iter_mut().filter(|hook| hook.id == HookId::DirectEnd).for_each(|hook| {
        hook.attached = Attached::No("refused by the verifier".into());
    });
    let findings = check(&facts, &hooks);
    assert!(can_trace(&findings) && is_explained(&findings), "the kernel has said that it may: {findings:?}");
    assert!(!can_trace(&check(&root(), &hooks)), "elsewhere one that is needed and missing is fatal");
    for hook in hooks.iter_mut().filter(|hook| hook.kind.is_some()) {
        hook.attached = Attached::No("refused by the verifier".into());
    }
    let findings = check(&facts, &hooks);
    assert!(is_explained(&findings), "{findings:?}");
    assert!(!can_trace(&findings));
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
    // The capabilities of the `setcap` line are enough.
    let facts = Facts { capabilities: Fact::Known(Capabilities { sys_admin: false, ..ALL }), uid: 1000, ..root() };
    assert_eq!(found(&facts), []);
}

#[test]
fn a_user_namespace_has_capabilities_that_do_not_count() {
    let facts = Facts { initial_user_namespace: Fact::Known(false), ..root() };
    assert!(!can_trace(&check(&facts, &[])));
    // Unless the kernel allowed it (BPF token).
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
    let schema = include_str!("../../../../docs/check-schema.json");
    assert!(
        render::schema().unwrap() == schema,
        "docs/check-schema.json is not that of the types; `cargo xtask docs` makes it"
    );
    let object = serde_json::from_str(&text).unwrap();
    jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap().validate(&object).unwrap();
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
        let text = render::text(&facts, &hooks(), &check(&facts, &[]), Look::default());
        for line in text.lines().filter(|line| !line.trim_start().starts_with(['f', 'o'])) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    let plain = render::text(&user(), &hooks(), &check(&user(), &[]), Look::default());
    let coloured = render::text(&user(), &hooks(), &check(&user(), &[]), Look { colour: true, times: false });
    let mut rest = coloured;
    for code in ["\x1b[0m", "\x1b[31;1m", "\x1b[32m", "\x1b[33m", "\x1b[36m"] {
        rest = rest.replace(code, "");
    }
    assert_eq!(rest, plain);
}

#[test]
fn perf_events_that_a_sysctl_refuses_are_named_with_it() {
    let mut hooks = hooks();
    hooks[2].attached = Attached::No("perf_event_open is refused (Permission denied (os error 13))".into());
    let unit = Facts { capabilities: Fact::Known(Capabilities { sys_admin: false, ..ALL }), ..root() };
    let found = |facts: &Facts, hooks: &[_]| {
        let findings = check(facts, hooks);
        findings.into_iter().find(|finding| finding.what.contains("perf_event_paranoid"))
    };
    let degraded = found(&unit, &hooks).unwrap();
    assert_eq!(degraded.severity, Severity::Degraded);
    assert!(degraded.consequence.contains("vmscan:mm_vmscan_throttled"), "{degraded:?}");
    assert!(degraded.fix.unwrap().contains("sysctl kernel.perf_event_paranoid=2"));
    // If no hook of a reclaim is attached, the sysctl is the reason that nothing can be traced.
    hooks[0].attached = hooks[2].attached.clone();
    assert_eq!(found(&unit, &hooks).unwrap().severity, Severity::Fatal);
    let usual = Facts { perf_event_paranoid: Fact::Known(2), ..unit };
    assert_eq!((found(&root(), &hooks), found(&usual, &hooks)), (None, None));
}
