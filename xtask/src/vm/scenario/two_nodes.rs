//! A kswapd on each of two nodes.

use super::Check;
use super::evidence::Sections;
use super::run::{self, Run};
use super::stalls;
use super::zones;

/// Judge the run `nodes`.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    run::judge(sections, "nodes", |run| {
        let mut checks = vec![
            Check::of("load", run.loads("file 0, mmapfile 0").map(|()| "memload read the file".to_owned())),
            Check::of("kswapd", both(run)),
            Check::of("scans", stalls::scans(run)),
        ];
        checks.extend(zones::judge(run));
        checks
    })
}

/// Both nodes are in the summary, both kswapds woke and ran, and the requests for both are counted.
fn both(run: &Run<'_>) -> Result<String, String> {
    let rows = run.rows("nodes")?;
    let number = |row: &serde_json::Value, field: &str| {
        row[field].as_u64().ok_or_else(|| format!("no {field} of a node in {row}"))
    };
    let mut figures = Vec::new();
    for nid in 0..2 {
        let row = rows.iter().find(|row| row["nid"] == nid).ok_or_else(|| format!("no node {nid} in {rows:?}"))?;
        let (wakes, wakeups) = (number(row, "wakes")?, number(row, "wakeups")?);
        let awake_ms = number(row, "awake_ns")? / 1_000_000;
        if wakes == 0 || wakeups == 0 || awake_ms == 0 {
            return Err(format!("kswapd{nid}: {wakes} wakes, {wakeups} wakeups, {awake_ms} ms awake"));
        }
        let waker = row["top_waker"].as_str().unwrap_or("?");
        figures.push(format!("kswapd{nid} {wakes} wakes, {wakeups} wakeups (most by {waker}), {awake_ms} ms awake"));
    }
    if rows.len() == 2 { Ok(figures.join("; ")) } else { Err(format!("{} nodes, and the guest has 2", rows.len())) }
}
