//! Checks of the OOM killer's calls and of the ends of its victims.

use regex_lite::Regex;
use serde_json::Value;

use super::kills::Cause;
use super::run::Run;

/// Bytes of a page in a guest.
const PAGE: u64 = 4096;
/// The limit of the cgroup in which the hog runs, in pages.
const LIMIT_PAGES: u64 = (40 << 20) / PAGE;
/// Maximum memory of a victim besides anonymous memory, in pages: page tables, shared and file pages.
const BESIDE_PAGES: u64 = 1024;
/// Upper bound for the time in which a victim in a guest frees its memory, in ns.
const LONGEST_NS: u64 = 30_000_000_000;

/// The OOM killer call agrees with the kernel log, its totals match the guest, and no source disagrees.
pub(super) fn calls(run: &Run<'_>, cause: Cause) -> Result<String, String> {
    attached(run, "oom_kill_process")?;
    let wanted = wanted(run.section("kernel-log")?)?;
    let mut notes = Vec::new();
    for oom in &run.trace.ooms {
        let (call, signs) = (&oom["call"], &oom["constraint_signs"]);
        for sign in ["call", "log"] {
            if signs[sign] != cause.constraint() {
                return Err(format!("{sign} says {} and not {}: {oom}", signs[sign], cause.constraint()));
            }
        }
        if signs["disagree"] != false || oom["dying"] != false {
            return Err(format!("something disagrees: {oom}"));
        }
        let (Some(order), Some(gfp)) = (call["order"].as_i64(), call["gfp"].as_str()) else {
            return Err(format!("order or gfp of {call} is not read"));
        };
        if !wanted.contains(&(flags(gfp), order)) {
            return Err(format!("the kernel log has no OOM kill with {gfp}, order {order}"));
        }
        let total = total_pages(run, cause)?;
        if call["total_pages"] != total {
            return Err(format!("chosen out of {} pages, not {total}", call["total_pages"]));
        }
        let victim = &oom["victim"];
        let anon = victim["anon_rss_bytes"].as_u64().ok_or_else(|| format!("no anon rss of {victim}"))? / PAGE;
        let points = call["points"].as_u64().ok_or_else(|| format!("no points of {call}"))?;
        // All members of a group have the points of the chosen one.
        if call["victim"] == 1 && !(anon..=anon + BESIDE_PAGES).contains(&points) {
            return Err(format!("{points} points for {anon} anonymous pages"));
        }
        let (cgroup, limit) = (&victim["cgroup"], &call["cgroup"]);
        // For the other members of a group 5.10 reports only the pid.
        let same = limit == cgroup || (cgroup.is_null() && call["victim"] != 1);
        if (cause == Cause::Memcg) != same || (cause == Cause::Global) != limit.is_null() {
            return Err(format!("the limit is that of {limit}, the victim is in {cgroup}"));
        }
        notes.push(format!("{gfp} order {order}, {points} of {total} pages"));
    }
    if notes.is_empty() { Err("no call of the OOM killer".to_owned()) } else { Ok(notes.join("; ")) }
}

/// Flags and order of the allocations that the kernel log has OOM kills for.
fn wanted(log: &[&str]) -> Result<Vec<(Vec<String>, i64)>, String> {
    let line = Regex::new(r"invoked oom-killer: gfp_mask=0x[0-9a-f]+\((.*?)\), (?:nodemask=[^,]*, )?order=(-?[0-9]+),");
    let line = line.map_err(|error| error.to_string())?;
    let found = log.iter().filter_map(|text| line.captures(text));
    Ok(found.filter_map(|fields| Some((flags(&fields[1]), fields[2].parse().ok()?))).collect())
}

/// Sorted names of allocation flags: kernels print them in different orders.
fn flags(names: &str) -> Vec<String> {
    let mut names: Vec<_> = names.split('|').map(str::to_owned).collect();
    names.sort();
    names
}

/// Total pages of the OOM killer call: the limit of the cgroup, or memory and swap.
fn total_pages(run: &Run<'_>, cause: Cause) -> Result<u64, String> {
    if cause == Cause::Memcg {
        return Ok(LIMIT_PAGES);
    }
    let size = Regex::new(r"(?m)^(?:MemTotal|SwapTotal): +([0-9]+) kB$").map_err(|error| error.to_string())?;
    let lines = run.section("memory")?.join("\n");
    let kilobytes: Vec<u64> = size.captures_iter(&lines).filter_map(|found| found[1].parse().ok()).collect();
    if kilobytes.len() == 2 { Ok((kilobytes[0] + kilobytes[1]) * 1024 / PAGE) } else { Err(format!("{lines:?}")) }
}

/// The time when a victim's memory was freed is reported once, with the kill or after it, and the summary has the same
/// time.
pub(super) fn memory_back(run: &Run<'_>) -> Result<String, String> {
    let mut notes = Vec::new();
    for (oom, listed) in run.trace.ooms.iter().zip(run.rows("ooms")?) {
        let of_victim = |freed: &&Value| freed["marked_ns"] == oom["t_ns"] && freed["pid"] == oom["victim"]["pid"];
        let apart: Vec<&Value> = run.trace.freed.iter().filter(of_victim).collect();
        let (after, by) = match (&oom["memory_back"], apart.as_slice()) {
            (Value::Null, [freed]) => (&freed["after_ns"], &freed["by"]),
            (back @ Value::Object(_), []) => (&back["after_ns"], &back["by"]),
            (back, apart) => return Err(format!("{back} with the kill of {}, {apart:?} after it", oom["victim"])),
        };
        let back = &listed["memory_back"];
        if back["after_ns"] != *after || back["by"] != *by {
            return Err(format!("{after} {by} streamed, {back} in the summary"));
        }
        let ns = after.as_u64().filter(|ns| (1..LONGEST_NS).contains(ns)).ok_or_else(|| format!("after {after} ns"))?;
        notes.push(format!("{}.{} ms ({})", ns / 1_000_000, ns / 100_000 % 10, by.as_str().unwrap_or("?")));
    }
    if notes.is_empty() { Err("no victim".to_owned()) } else { Ok(notes.join(", ")) }
}

/// A hook that the checks depend on is attached. Otherwise they would be vacuous.
fn attached(run: &Run<'_>, name: &str) -> Result<(), String> {
    let hooks = run.trace.meta["hooks"].as_array().ok_or("no hooks in the meta object")?;
    match hooks.iter().find(|hook| hook["name"] == name) {
        Some(hook) if hook["attached"].is_string() => Ok(()),
        hook => Err(format!("{name} is not attached: {hook:?}")),
    }
}
