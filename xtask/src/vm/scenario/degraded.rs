//! Hosts that allow less: memtrace goes on with the hooks that are left, or reports why it cannot.

use serde_json::Value;

use super::Check;
use super::evidence::Sections;
use super::run::{self, Run};

/// Judge all hosts.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    let mut checks = run::judge(sections, "no-btf", |run| vec![Check::of("no-btf", no_btf(sections, run))]);
    checks.extend([
        Check::of("no-addresses", no_addresses(sections)),
        match sections.get("setpriv") {
            Ok(said) if !said.iter().any(|line| line.contains("util-linux")) => {
                Check::skip("perf-events", "this machine has no setpriv (Debian: util-linux)")
            }
            _ => Check::of("perf-events", perf_events(sections)),
        },
        Check::of("no-tracefs", no_tracefs(sections)),
        match sections.get("lockdown") {
            Ok(lockdown) if !lockdown.iter().any(|line| line.contains("[confidentiality]")) => {
                Check::skip("locked-down", format!("this kernel cannot be locked down: {}", lockdown.join(" ")))
            }
            _ => Check::of("locked-down", locked_down(sections)),
        },
    ]);
    checks
}

/// Without BTF, direct reclaim comes from classic tracepoints, with names of the GFP flags. Values that need BTF are
/// null, and no thread that does reclaim work is reported as waiting.
fn no_btf(sections: &Sections<'_>, run: &Run<'_>) -> Result<String, String> {
    let findings = findings(&host(sections, "no-btf", "0")?.check);
    if !findings.contains("the kernel has no BTF") {
        return Err(format!("nothing about BTF in {findings}"));
    }
    let hooks = run.trace.meta["hooks"].as_array().ok_or("no hooks")?;
    let attached = |name: &str| hooks.iter().find(|hook| hook["name"] == name).map(|hook| &hook["attached"]);
    if attached("vmscan:mm_vmscan_direct_reclaim_begin").is_none_or(|attached| attached != "tracepoint") {
        return Err(format!("not by a classic tracepoint: {hooks:?}"));
    }
    let by = &run.trace.summary["refaults"]["source"];
    let rows = run.rows("processes")?.iter().filter(|row| !row["refaults_file"].is_null()).count();
    let shapes = run.shapes("direct")?;
    let of_threads = run.shapes("thrash")?.len();
    let named = |gfp: Option<&str>| gfp.is_some_and(|gfp| gfp.contains("GFP_") && !gfp.contains("0x"));
    let unnamed = shapes.iter().filter(|shape| !named(shape.stall["gfp"].as_str())).count();
    let figures = format!(
        "{} shapes, {unnamed} without names of flags; refaults by {by}, {rows} rows with them; {of_threads} waits",
        shapes.len()
    );
    if shapes.is_empty() || unnamed > 0 || by != "vmstat" || rows > 0 || of_threads > 0 {
        Err(figures)
    } else {
        Ok(figures)
    }
}

/// Results of one host.
struct Host {
    /// Output of `memtrace check --json`.
    check: Value,
    /// Stderr of memtrace while it traced.
    said: String,
}

/// Results of a host. Fails unless check and trace exit with `status`. With 0 there must be a summary, else none.
fn host(sections: &Sections<'_>, name: &str, status: &str) -> Result<Host, String> {
    let section = |what: &str| sections.get(&format!("{name}:{what}")).map(|lines| lines.join("\n"));
    let said = section("said")?;
    let (ended, summaries) = (section("status")?, section("summary")?);
    let expected = if status == "0" { "1" } else { "0" };
    if ended != format!("{status} {status}") || summaries != expected {
        return Err(format!("check and trace ended with {ended}, {summaries} summaries: {said}"));
    }
    let check = section("check")?;
    let check = serde_json::from_str(check.trim()).map_err(|error| format!("{error} in {check:?}"))?;
    Ok(Host { check, said })
}

/// The text of all findings.
fn findings(check: &Value) -> String {
    check["findings"].to_string()
}

fn no_addresses(sections: &Sections<'_>) -> Result<String, String> {
    let host = host(sections, "no-addresses", "0")?;
    match host.said.lines().find(|line| line.contains("/proc/kallsyms")) {
        Some(line) => Ok(line.to_owned()),
        None => Err(format!("nothing about names of the kernel's functions in {:?}", host.said)),
    }
}

/// With the capabilities of the recorder's unit and kernel.perf_event_paranoid at 3, raw tracepoints work, and the
/// findings name the sysctl that blocks the event of major faults. For the same reason classic tracepoints cannot trace
/// at all.
fn perf_events(sections: &Sections<'_>) -> Result<String, String> {
    const SYSCTL: &str = "kernel.perf_event_paranoid=2";
    let host = host(sections, "perf-events", "0")?;
    let findings = findings(&host.check);
    if host.check["facts"]["capabilities"]["sys_admin"] != false {
        return Err(format!("not without CAP_SYS_ADMIN: {}", host.check["facts"]["capabilities"]));
    }
    let section = |what: &str| sections.get(&format!("perf-events-classic:{what}")).map(|lines| lines.join("\n"));
    let (ended, said) = (section("status")?, section("said")?);
    if !findings.contains(SYSCTL) || !findings.contains("major-faults") {
        return Err(format!("the sysctl is not named: {findings}"));
    }
    if ended != "0 4" || !said.contains(SYSCTL) {
        return Err(format!("check and trace by classic tracepoints ended with {ended}: {said}"));
    }
    Ok("the sysctl is named; by classic tracepoints exit 4".to_owned())
}

fn no_tracefs(sections: &Sections<'_>) -> Result<String, String> {
    let host = host(sections, "no-tracefs", "0")?;
    let findings = findings(&host.check);
    if host.check["can_trace"] != true || !findings.contains("mount -t tracefs") {
        return Err(format!("can_trace is {}, findings {findings}", host.check["can_trace"]));
    }
    Ok("traces by BTF, and shows how to mount tracefs".to_owned())
}

/// Under lockdown nothing can be traced, and the reason and a remedy are shown. Since 5.11 most values are read without
/// the refused helpers: then stalls are traced, and the findings name the rest.
fn locked_down(sections: &Sections<'_>) -> Result<String, String> {
    let is_explained =
        |text: &str| text.contains("locked down (confidentiality)") && text.contains("lockdown=integrity");
    if let Ok(host) = host(sections, "locked-down", "0") {
        let findings = findings(&host.check);
        let hooks = host.check["hooks"].as_array().ok_or("no hooks")?;
        let attached = |name: &str| hooks.iter().any(|hook| hook["name"] == name && !hook["attached"].is_null());
        let stalls = ["direct", "memcg", "node"]
            .iter()
            .all(|kind| ["begin", "end"].iter().all(|at| attached(&format!("vmscan:mm_vmscan_{kind}_reclaim_{at}"))));
        let victims = attached("oom:mark_victim");
        if host.check["can_trace"] != true || !is_explained(&findings) || !stalls {
            return Err(format!("can_trace is {}, stalls {stalls}, findings {findings}", host.check["can_trace"]));
        }
        return Ok(format!("traces stalls (OOM victims: {victims}); the findings name the gaps and a remedy"));
    }
    let host = host(sections, "locked-down", "4")?;
    let findings = findings(&host.check);
    if host.check["can_trace"] != false || !is_explained(&findings) || !is_explained(&host.said) {
        return Err(format!("can_trace is {}, findings {findings}, said {:?}", host.check["can_trace"], host.said));
    }
    Ok("exit 4, with the reason and what would help".to_owned())
}
