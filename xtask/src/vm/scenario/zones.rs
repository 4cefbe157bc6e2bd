//! memtrace's numbers on zones at the begin of direct stalls, and on kswapd's failures and premature sleeps, compared
//! with the guest's own zoneinfo, events and counters.

use serde_json::Value;

use super::Check;
use super::run::Run;

/// Number of sleeps that the kernel may have counted outside memtrace's window, which is the smaller one.
const BESIDE: u64 = 3;

/// The main zone of a node must be short of pages in at least one of this many stalls.
const IN_SOME: u64 = 20;

/// All three checks.
pub(super) fn judge(run: &Run<'_>) -> Vec<Check> {
    vec![Check::of("zones", zones(run)), Check::of("premature", premature(run)), Check::of("failures", failures(run))]
}

/// The zones are those with pages in zoneinfo. Each direct stall is in one class of each zone. The free pages are
/// possible for the zone. The highest zone, which most allocations use, was short of pages in some stalls. It need not
/// be in most, since large folios also stall for want of contiguous pages. Values that were read at the offset of
/// another kernel fail these checks.
fn zones(run: &Run<'_>) -> Result<String, String> {
    let all = run.trace.summary.pointer("/stall_zones/zones").and_then(Value::as_array).ok_or("no zones are read")?;
    let kernels = run.section("zones")?.iter().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let kernels: Vec<_> = kernels.collect();
    if all.len() != kernels.len() || all.is_empty() {
        return Err(format!("{} zones, and zoneinfo has {kernels:?}", all.len()));
    }
    let direct = run.number("/stalls/direct/count")?;
    let (unread, open) = (run.number("/stall_zones/unread")?, run.rows("open_stalls")?.len() as u64);
    let mut figures = Vec::new();
    for (zone, kernel) in all.iter().zip(&kernels) {
        let number = |field: &str| zone[field].as_u64().ok_or_else(|| format!("no {field} in {zone}"));
        let [nid, name, managed] = kernel.as_slice() else { return Err(format!("{kernel:?} in zoneinfo")) };
        let managed: u64 = managed.parse().map_err(|error| format!("{error} in {kernel:?}"))?;
        if number("nid")?.to_string() != *nid || zone["zone"] != *name {
            return Err(format!("{zone} where zoneinfo has {kernel:?}"));
        }
        let short = number("below_min")? + number("below_low")? + number("below_high")?;
        let begins = short + number("above_high")?;
        if begins > direct + open + run.lost() || begins + unread + run.lost() < direct {
            return Err(format!("{begins} begins in {zone}, {unread} unread; {direct} direct stalls"));
        }
        // kswapd may keep up for a whole run. The free pages are then unknown, which is not 0.
        if begins == 0 {
            if !zone["mean_free_pages"].is_null() || !zone["least_free_pages"].is_null() {
                return Err(format!("free pages where no direct stall began: {zone}"));
            }
            figures.push(format!("N{nid} {name} at no begin"));
            continue;
        }
        let (mean, least) = (number("mean_free_pages")?, number("least_free_pages")?);
        if mean > managed || least > mean {
            return Err(format!("{least} free pages at least, {mean} on average, of {managed} in {zone}"));
        }
        let is_main = kernels.iter().rev().find(|other| other[0] == *nid) == Some(kernel);
        if is_main && short * IN_SOME < begins {
            return Err(format!("nearly all stalls began with the main zone above high: {zone}"));
        }
        let elsewhere = number("plenty_elsewhere")?;
        figures.push(format!("N{nid} {name} {short} of {begins} below high, {mean} free, {elsewhere} unequal"));
    }
    Ok(format!("{}; {unread} unread", figures.join("; ")))
}

/// Premature sleeps are no more than the kernel counted over a longer time, and not much less.
fn premature(run: &Run<'_>) -> Result<String, String> {
    let mut figures = Vec::new();
    for counter in ["low_wmark_hit_quickly", "high_wmark_hit_quickly"] {
        let ours = run.number(&format!("/premature_sleeps/{counter}"))?;
        let kernel = run.grew(&format!("kswapd_{counter}"))?;
        if ours > kernel || ours + BESIDE + kernel / 10 < kernel {
            return Err(format!("{counter} {ours}, and the kernel counted {kernel}"));
        }
        figures.push(format!("{counter} {ours} of {kernel}"));
    }
    Ok(figures.join(", "))
}

/// If the kernel has an event for failures, each is counted. Otherwise the kernel's counter is read, and the number is
/// reported as a lower bound.
fn failures(run: &Run<'_>) -> Result<String, String> {
    let event = run.witness("kswapd_reclaim_fail").ok();
    let source = if event.is_some() { "true" } else { "lower_bound" };
    let (mut count, mut hopeless) = (0, 0);
    for node in run.rows("nodes")? {
        let failures = &node["failures"];
        let number = |field: &str| failures[field].as_u64().ok_or_else(|| format!("no {field} of failures in {node}"));
        if failures["source"] != source {
            return Err(format!("failures should be {source:?}: {node}"));
        }
        // 16 failures in a row make a node hopeless, so there cannot be fewer.
        if number("count")? < 16 * number("hopeless")?.saturating_sub(1) {
            return Err(format!("more often hopeless than that many failures make it: {node}"));
        }
        count += number("count")?;
        hopeless += number("hopeless")?;
    }
    match event {
        Some(kernel) if count < kernel.least || count > kernel.most => {
            Err(format!("{count} failures, and tracefs has {kernel}"))
        }
        Some(kernel) => Ok(format!("{count} failures, tracefs {kernel}; hopeless {hopeless} times")),
        None => Ok(format!("{count} failures as read, hopeless {hopeless} times")),
    }
}
