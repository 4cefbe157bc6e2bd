//! Stalls that are traced on functions, not events, compared with tracefs's own probes on these functions and with the
//! kernel's counters.

use std::collections::BTreeMap;

use super::Check;
use super::evidence::Sections;
use super::run::{self, Run, above, below};

/// Judge all runs of the scenario.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    let over = ["mem_cgroup_handle_over_high", "__mem_cgroup_handle_over_high"];
    let mut checks = run::judge(sections, "high", |run| {
        vec![
            Check::of("load-high", run.loads("anon 0").map(|()| "above memory.high, with swap".to_owned())),
            Check::of("high", high(sections, run)),
            Check::of("high-time", time(run, &["memcg_high"], &over)),
            Check::of("swapin", swapin(run)),
        ]
    });
    checks.extend(run::judge(sections, "thrash", |run| {
        vec![
            Check::of("load-thrash", run.loads("file 0, mmapfile 0").map(|()| "a file above the limit".to_owned())),
            Check::of("thrash", thrash(run)),
        ]
    }));
    checks.extend(run::judge(sections, "compact", |run| vec![compaction(run)]));
    checks.extend(match sections.get("no-asked") {
        Ok(why) => vec![Check::skip("proactive", why.join(" "))],
        Err(_) => run::judge(sections, "asked", |run| vec![Check::of("proactive", asked(run))]),
    });
    checks.extend(run::judge(sections, "direct", |run| {
        vec![Check::of("true-stall", time(run, &["direct", "pfmemalloc"], &["try_to_free_pages"]))]
    }));
    checks
}

/// Calls and time in us of the one of these functions that the witness saw.
fn witness(run: &Run<'_>, functions: &[&str]) -> Result<(u64, u64), String> {
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok());
    let mut lost = None;
    let mut found = None;
    for line in run.section("functions")? {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let (Some(calls), Some(us)) = (number(words.next()), number(words.next())) else {
            return Err(format!("{line:?} is no witness"));
        };
        match name {
            "lost" => lost = Some(calls),
            name if functions.contains(&name) => found = Some((calls, us)),
            _ => {}
        }
    }
    match (found, lost) {
        (Some(found), Some(0)) => Ok(found),
        (None, _) => Err(format!("the witness saw no {}", functions.join(" and no "))),
        (_, lost) => Err(format!("the witness itself lost {lost:?} events")),
    }
}

/// Minimum time of the witness's probes of one call under emulation, in us.
const PROBES_US: u64 = 50;

/// The time in all stalls of these kinds agrees with the time in the function, within 5 % and the cost of the probes:
/// the probes of each side run inside the time of the other.
fn time(run: &Run<'_>, kinds: &[&str], functions: &[&str]) -> Result<String, String> {
    let (calls, us) = witness(run, functions)?;
    let mut ours = Vec::new();
    for kind in kinds {
        ours.push(run.number(&format!("/stalls/{kind}/total_ns"))? / 1000);
    }
    let sum: u64 = ours.iter().sum();
    let parts: Vec<_> = kinds.iter().zip(&ours).map(|(kind, us)| format!("{kind} {us} us")).collect();
    let figures = format!("{}, probes {us} us in {calls} calls", parts.join(" + "));
    if us == 0 || sum.abs_diff(us) > us / 20 + calls * PROBES_US {
        return Err(format!("not within 5 %: {figures}; {}", whose(run, kinds)?));
    }
    Ok(format!("{figures}, {}.{} %", sum * 100 / us, sum * 1000 / us % 10))
}

/// Text for a failure: number of stalls of these kinds by task, the longest one, and the witness's calls by task.
fn whose(run: &Run<'_>, kinds: &[&str]) -> Result<String, String> {
    let mut stalls = Vec::new();
    for kind in kinds {
        let mut tasks = BTreeMap::<String, u64>::new();
        for shape in run.shapes(kind)? {
            *tasks.entry(shape.stall["comm"].to_string()).or_default() += shape.count;
        }
        let longest = run.optional(&format!("/stalls/{kind}/max_ns"))?.unwrap_or(0) / 1000;
        let tasks: Vec<_> = tasks.iter().map(|(comm, count)| format!("{count} of {comm}")).collect();
        stalls.push(format!("{kind}: {}, up to {longest} us", tasks.join(", ")));
    }
    let by_task = run.section("functions")?.iter().filter(|line| line.contains('/'));
    Ok(format!("{}; probes by task: {}", stalls.join("; "), by_task.copied().collect::<Vec<_>>().join(", ")))
}

/// The number of stalls agrees with `memory.events`. The kernel counts each round of reclaim above the limit, and a
/// stall can have several.
fn high(sections: &Sections<'_>, run: &Run<'_>) -> Result<String, String> {
    let ours = run.number("/stalls/memcg_high/count")?;
    let events = sections.get("high:events")?.iter().find_map(|line| line.strip_prefix("high "));
    let events: u64 = events.and_then(|n| n.parse().ok()).ok_or("memory.events has no high")?;
    let figures = format!("{ours} stalls, memory.events high {events}");
    if ours == 0 || ours > events || ours * 2 < events { Err(figures) } else { Ok(figures) }
}

/// Swap-in waits agree with major faults: on zram each fault reads its page itself, so each is a major one.
fn swapin(run: &Run<'_>) -> Result<String, String> {
    let (ours, faults) = (run.number("/stalls/swapin/count")?, run.grew("pgmajfault")?);
    let figures = format!("{ours} waits, {faults} major faults, {} pages from swap", run.grew("pswpin")?);
    if ours == 0 || above(ours, faults) || (below(ours, faults) && run.lost() == 0) {
        Err(figures)
    } else {
        Ok(figures)
    }
}

/// Each section that the kernel counts as a memory stall is one stall of memload: a reclaim at the limit, or a wait for
/// a page.
fn thrash(run: &Run<'_>) -> Result<String, String> {
    let (sections, _) = witness(run, &["psi_memstall_enter"])?;
    let mut counts = [0, 0];
    for (count, kind) in counts.iter_mut().zip(["thrash", "memcg"]) {
        let mine = run.shapes(kind)?.into_iter().filter(|shape| shape.stall["comm"] == "memload");
        *count = mine.map(|shape| shape.count).sum::<u64>();
    }
    let [thrash, memcg] = counts;
    let figures = format!("{thrash} waits + {memcg} reclaims, {sections} sections");
    let agree = !above(thrash + memcg, sections) && !below(thrash + memcg + run.lost(), sections);
    if thrash == 0 || !agree { Err(figures) } else { Ok(figures) }
}

/// Each call that compacted a zone is one stall.
fn compaction(run: &Run<'_>) -> Check {
    const NAME: &str = "compaction";
    let figures = || {
        let ours = run.number("/stalls/compaction/count")?;
        Ok::<_, String>((ours, witness(run, &["try_to_compact_pages"])?.0, run.grew("compact_stall")?))
    };
    match figures() {
        Err(reason) => Check::failed(NAME, reason),
        Ok((0, 0, _)) => Check::skip(NAME, "this kernel found its huge pages without compaction"),
        Ok((ours, calls, kernel)) => {
            let figures = format!("{ours} stalls, {calls} calls that compacted, compact_stall {kernel}");
            let agree = ours > 0 && ours <= calls && !below(ours + run.lost(), calls);
            if agree { Check::ok(NAME, figures) } else { Check::failed(NAME, figures) }
        }
    }
}

/// Each write to `memory.reclaim` is counted separately, and not as a stall at the limit. Its time lies between the
/// time in its calls for batches of pages and the time in the whole function. Two bounds are needed: if the guest loses
/// its CPU between two probes of the same function, either time alone can be wrong.
fn asked(run: &Run<'_>) -> Result<String, String> {
    let (calls, outer_us) = witness(run, &["user_proactive_reclaim", "memory_reclaim"])?;
    let (batches, inner_us) = witness(run, &["try_to_free_mem_cgroup_pages"])?;
    let (ours, ours_us) = (run.number("/proactive/count")?, run.number("/proactive/total_ns")? / 1000);
    let stalls = run.shapes("memcg")?.into_iter().filter(|shape| shape.stall["comm"] == "tee").count();
    let figures = format!(
        "{ours} in {ours_us} us, probes {calls} in {outer_us} us, their {batches} batches {inner_us} us, {stalls} of them stalls"
    );
    // Either of two probes at the begin of a function can run first. The outer bound has room for that.
    let between = ours_us >= inner_us && ours_us <= outer_us + outer_us / 20 + calls * 500;
    if ours == calls && calls >= 3 && between && stalls == 0 { Ok(figures) } else { Err(figures) }
}
