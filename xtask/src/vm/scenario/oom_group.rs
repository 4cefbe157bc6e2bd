//! A cgroup that dies as a whole (`memory.oom.group`): one call of the OOM killer, many victims.

use std::collections::BTreeSet;

use super::Check;
use super::evidence::Sections;
use super::kills::Cause;
use super::oom_calls;
use super::run::{self, Run};

/// Number of processes in the cgroup: the hog and two idle ones.
const MEMBERS: u64 = 3;

/// Judge the run `group`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    if let Ok(reason) = sections.get("no-memcg") {
        return vec![Check::skip("group", reason.join(" "))];
    }
    run::judge(sections, "group", |run| {
        vec![
            Check::of("load", run.loads("first 137, hog 137, second 137").map(|()| "all were killed".to_owned())),
            Check::of("group", group(run)),
            Check::of("count-twice", twice(run)),
            Check::of("oom-call", oom_calls::calls(run, Cause::Memcg)),
            Check::of("memory-back", oom_calls::memory_back(run)),
        ]
    })
}

/// There is one call, and each member is a victim of it once.
fn group(run: &Run<'_>) -> Result<String, String> {
    let ooms = &run.trace.ooms;
    let calls: BTreeSet<_> = ooms.iter().map(|oom| oom["call"]["number"].as_u64()).collect();
    let order: Vec<_> = ooms.iter().filter_map(|oom| oom["call"]["victim"].as_u64()).collect();
    let pids: BTreeSet<_> = ooms.iter().map(|oom| oom["victim"]["pid"].as_u64()).collect();
    let figures = format!("{} victims in calls {calls:?}, in the order {order:?}", ooms.len());
    let one_each = order.iter().copied().eq(1..=MEMBERS) && pids.len() as u64 == MEMBERS;
    if !one_each || calls.len() != 1 {
        return Err(figures);
    }
    match (&run.trace.summary["oom_calls"], &run.trace.summary["oom_kills"]) {
        (calls, kills) if *calls == 1 && *kills == MEMBERS => Ok(format!("{kills} victims of one call")),
        (calls, kills) => Err(format!("the summary has {kills} kills in {calls} calls")),
    }
}

/// The kernel may count the chosen process twice: for itself, and as a member. Coverage explains this and reports no
/// gap.
fn twice(run: &Run<'_>) -> Result<String, String> {
    let (kernel, row) = (run.grew("oom_kill")?, &run.trace.summary["coverage"]["oom_kill"]);
    match row["verdict"].as_str() {
        Some("explained") if kernel == MEMBERS + 1 => Ok(format!("oom_kill {kernel}: {}", row["note"])),
        Some("exact") if kernel == MEMBERS => Ok(format!("oom_kill {kernel}")),
        _ => Err(format!("oom_kill {kernel}, {row}")),
    }
}
