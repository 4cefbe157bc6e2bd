//! An OOM kill at a cgroup's limit.

use super::Check;
use super::evidence::Sections;
use super::kills::{self, Cause};
use super::run;

/// Judge the run `oom`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    if let Ok(reason) = sections.get("no-memcg") {
        return vec![Check::skip("victim", reason.join(" "))];
    }
    run::judge(sections, "oom", |run| {
        let killed = run.loads("hog 137").map(|()| "the hog was killed".to_owned());
        let mut checks = vec![Check::of("load", killed)];
        checks.extend(kills::judge(run, Cause::Memcg));
        checks
    })
}
