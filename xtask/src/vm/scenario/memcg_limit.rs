//! Stalls at a cgroup's limit, on the hierarchy that is mounted.

use super::Check;
use super::evidence::Sections;
use super::run::{self, Run};
use super::stalls;

/// Cgroup in which the file is read.
const CGROUP: &str = "/shop/web";

/// Judge the run `limit`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    if let Ok(reason) = sections.get("no-memcg") {
        return vec![Check::skip("stalls", reason.join(" "))];
    }
    run::judge(sections, "limit", |run| {
        vec![
            Check::of("load", load(sections, run)),
            Check::of("stalls", stalls::counted(run, "memcg")),
            Check::of("shapes", stalls::shapes(run, "memcg")),
            Check::of("cgroup", cgroup(run)),
        ]
    })
}

fn load(sections: &Sections<'_>, run: &Run<'_>) -> Result<String, String> {
    run.loads("mmapfile 0")?;
    Ok(format!("memload mapped the file under {}", sections.get("hierarchy")?.join(" ")))
}

/// All stalls of the kind are in the row of the cgroup, and each line of the stream names it.
fn cgroup(run: &Run<'_>) -> Result<String, String> {
    let all = run.number("/stalls/memcg/count")?;
    let row = run.rows("cgroups")?.iter().find(|row| row["cgroup"] == CGROUP);
    let row = row.ok_or_else(|| format!("no row of {CGROUP}"))?;
    let here = row["kinds"]["memcg"]["count"].as_u64().unwrap_or_default();
    if here + run.lost() < all || here > all {
        return Err(format!("{here} of {all} stalls in the row of {CGROUP}, loss {}", run.lost()));
    }
    match run.shapes("memcg")?.iter().find(|shape| shape.stall["cgroup"] != CGROUP) {
        Some(shape) => Err(format!("{} stalls of another cgroup: {}", shape.count, shape.stall)),
        None => Ok(format!("{here} of {all} in {CGROUP}")),
    }
}
