//! `memtrace check`: the hooks that attach on this kernel. The other attach method must count the same.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Check;
use super::evidence::{Sections, Trace};
use super::run::{self, Run};
use super::{hooks, stalls};

/// Judge `memtrace check --json` and the runs `counted` and `classic`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    let mut checks = vec![Check::of("hooks", hooks(sections))];
    checks.push(Check::of("messages", messages(sections)));
    checks.push(Check::of("kernel-log", kernel_log(sections)));
    checks.extend(hooks::judge(sections));
    checks.extend(run::judge(sections, "classic", |run| {
        vec![Check::of("ways", ways(run)), Check::of("stalls", stalls::counted(run, "direct"))]
    }));
    checks
}

/// Every hook whose event this kernel has is attached, and each other one has a reason.
fn hooks(sections: &Sections<'_>) -> Result<String, String> {
    if sections.get("check-status")? != ["0"] {
        return Err(format!("`memtrace check` ended with {:?}", sections.get("check-status")?));
    }
    let text = sections.get("check")?.join("\n");
    let check: Value = serde_json::from_str(&text).map_err(|error| format!("{error} in {text:?}"))?;
    let hooks = check["hooks"].as_array().filter(|hooks| !hooks.is_empty()).ok_or("no hooks in it")?;
    let events: Vec<_> = sections.get("events")?.iter().map(|event| event.replace('/', ":")).collect();
    if check["can_trace"] != true || events.is_empty() {
        return Err(format!("can_trace is {}, and tracefs has {} events", check["can_trace"], events.len()));
    }
    let (mut attached, mut missing) = (0, Vec::new());
    for hook in hooks {
        let name = hook["name"].as_str().ok_or_else(|| format!("a hook without a name: {hook}"))?;
        if hook["attached"].is_string() {
            attached += 1;
            continue;
        }
        let reason = hook["reason"].as_str().unwrap_or_default();
        if reason.is_empty() || hook["required"] == true || events.iter().any(|event| event == name) {
            return Err(format!("{name} is not attached: {reason:?}"));
        }
        missing.push(format!("; not {name}: {reason}"));
    }
    Ok(format!("{attached} of {} attached{}", hooks.len(), missing.concat()))
}

/// Each hook that attaches without the log of the kernel side also attaches with it.
fn kernel_log(sections: &Sections<'_>) -> Result<String, String> {
    let attached = |run: &str| -> Result<BTreeSet<String>, String> {
        let trace = sections.get(&format!("{run}:trace")).and_then(Trace::parse)?;
        let hooks = trace.meta["hooks"].as_array().ok_or("no hooks in meta")?;
        let attached = hooks.iter().filter(|hook| hook["attached"].is_string());
        Ok(attached.filter_map(|hook| hook["name"].as_str().map(str::to_owned)).collect())
    };
    let (without, with) = (attached("lru")?, attached("evictors")?);
    let missing: Vec<_> = without.difference(&with).cloned().collect();
    match missing.as_slice() {
        [] if !with.is_empty() => Ok(format!("{} hooks are attached with it", with.len())),
        _ => Err(format!("not attached with it, of {}: {}", without.len(), missing.join(", "))),
    }
}

/// A message that cannot be written costs no recording. This also covers the static program, which the guests of
/// `ci --full` have.
fn messages(sections: &Sections<'_>) -> Result<String, String> {
    let lines = sections.get("messages")?;
    for name in ["full", "closed", "left"] {
        let whole = format!("{name} 0 0 0 ");
        if !lines.iter().any(|line| format!("{line} ").starts_with(&whole)) {
            return Err(format!("no whole recording with stderr {name} in {lines:?}"));
        }
    }
    let lost = lines.iter().find_map(|line| line.strip_prefix("full 0 0 0 ")?.trim().parse::<u64>().ok());
    match lost {
        Some(1..) => Ok(format!("recordings are whole with stderr full, closed and left; {lines:?}")),
        _ => Err(format!("no message is counted as lost with stderr full in {lines:?}")),
    }
}

/// All attached hooks use classic tracepoints.
fn ways(run: &Run<'_>) -> Result<String, String> {
    let hooks = run.trace.meta["hooks"].as_array().ok_or("no hooks in meta")?;
    let attached: Vec<_> = hooks.iter().filter_map(|hook| hook["attached"].as_str()).collect();
    match attached.iter().find(|way| **way != "tracepoint") {
        Some(way) => Err(format!("--classic, and a hook is attached as {way}")),
        None if attached.is_empty() => Err("nothing is attached".to_owned()),
        None => Ok(format!("{} hooks by classic tracepoints", attached.len())),
    }
}
