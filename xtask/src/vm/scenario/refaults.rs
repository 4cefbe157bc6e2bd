//! Refaults, compared with `/proc/vmstat` and `memory.stat`, in total and per process.

use serde_json::Value;

use super::Check;
use super::evidence::Sections;
use super::run::{self, Run, above, below};

/// Minimum number of pages for a comparison within 1 %.
const ENOUGH: u64 = 200;

/// Judge a file's refaults by the runs `lru` and `mglru`.
pub(super) fn file(sections: &Sections<'_>) -> Vec<Check> {
    let mut checks = of_run(sections, "lru", |run| vec![compared("file-lru", run, "file"), row("row-lru", run)]);
    if sections.get("mglru:trace").is_ok() {
        checks
            .extend(of_run(sections, "mglru", |run| vec![compared("file-mglru", run, "file"), row("row-mglru", run)]));
    }
    if sections.get("cost:trace").is_ok() {
        checks.extend(of_run(sections, "cost", |run| vec![cost(run)]));
    }
    checks.extend(run::judge(sections, "evictors", |run| vec![Check::of("evictors", evictors(run))]));
    checks
}

/// The sampled estimate is not below the kernel's refault count, and not above the reclaimed pages. It may exceed the
/// kernel's count, which misses forgotten evictions and, under MGLRU, some refaults. Nearly all pages belong to the
/// file and were evicted by kswapd or the load.
fn evictors(run: &Run<'_>) -> Result<String, String> {
    let ours = run.number("/evictors/pages")?;
    let kernel = run.grew("workingset_refault_file")?;
    let reclaimed = run.grew("pgsteal_kswapd")? + run.grew("pgsteal_direct")?;
    let table = |name: &str| run.trace.summary["evictors"][name].as_array().ok_or(format!("no {name} of evictors"));
    let sum = |rows: &[Value], fits: &dyn Fn(&Value) -> bool| -> u64 {
        rows.iter().filter(|row| fits(row)).filter_map(|row| row["pages"].as_u64()).sum()
    };
    let of_file = sum(table("files")?, &|row| row["name"] == "file");
    let by = |name: &'static str| move |row: &Value| row["evictor"]["comm"] == name;
    let (kswapd, load) = (sum(table("pairs")?, &by("kswapd0")), sum(table("pairs")?, &by("memload")));
    let away = run.optional("/evictors/away_p50_ns")?.unwrap_or(0) / 1_000_000;
    let figures = format!(
        "{ours} pages, vmstat {kernel}, {reclaimed} reclaimed; {of_file} of the file; by kswapd0 {kswapd}, memload {load}; away {away} ms"
    );
    let as_many = ours * 100 >= kernel * 85 && ours * 100 <= reclaimed * 115;
    let is_explained = of_file * 10 >= ours * 9 && (kswapd + load) * 10 >= ours * 9;
    if kernel >= ENOUGH && as_many && is_explained && away > 0 { Ok(figures) } else { Err(figures) }
}

/// Cost of one refault in the program that counts it, which is the one that ran as often as there were refaults. The
/// nanoseconds of the guest are those of an emulated processor.
fn cost(run: &Run<'_>) -> Check {
    const NAME: &str = "cost";
    let figures = || -> Result<_, String> {
        let events = run.optional("/refaults/events")?.ok_or("no refault events")?;
        let programs = run.section("programs")?.iter().filter_map(|line| {
            let (runs, ns) = line.split_once(' ')?;
            Some((runs.parse::<u64>().ok()?, ns.parse::<u64>().ok()?))
        });
        let nearest = programs.min_by_key(|(runs, _)| runs.abs_diff(events));
        Ok((events, nearest.ok_or("memtrace has no program with statistics")?))
    };
    match figures() {
        Err(reason) => Check::failed(NAME, reason),
        Ok((events, _)) if events < ENOUGH => Check::skip(NAME, format!("{events} refaults only")),
        // memtrace's own refaults, and those while the statistics were off, make a small difference.
        Ok((events, (runs, _))) if runs.abs_diff(events) * 5 > events => {
            Check::failed(NAME, format!("{events} refaults, and the nearest program ran {runs} times"))
        }
        Ok((events, (runs, ns))) => {
            let source = run.trace.summary["refaults"]["source"].as_str().unwrap_or("?");
            Check::ok(NAME, format!("{} ns a refault by {source} ({events} refaults, emulated)", ns / runs.max(1)))
        }
    }
}

/// Judge the refaults from swap by the run `anon`.
pub(super) fn anon(sections: &Sections<'_>) -> Vec<Check> {
    let mut checks = of_run(sections, "anon", |run| vec![compared("anon", run, "anon"), row("row-anon", run)]);
    let evictors = |run: &Run<'_>| vec![Check::of("swap-evictors", swap_evictors(run))];
    checks.extend(run::judge(sections, "evictors", evictors));
    checks
}

/// The sampled estimate agrees with the pages that the kernel read from swap. Nearly all were evicted by kswapd, the
/// load or memtrace, and read back by the load. Evictions that were under way when memtrace attached are not known.
fn swap_evictors(run: &Run<'_>) -> Result<String, String> {
    let ours = run.number("/evictors/anon/pages")?;
    let (read, written) = (run.grew("pswpin")?, run.grew("pswpout")?);
    let pairs = run.trace.summary["evictors"]["anon"]["pairs"].as_array().ok_or("no pairs of evictors")?;
    let by = |whose: &str, name: &str| -> u64 {
        let rows = pairs.iter().filter(|row| row[whose]["comm"] == name);
        rows.filter_map(|row| row["pages"].as_u64()).sum()
    };
    let (kswapd, load) = (by("evictor", "kswapd0"), by("evictor", "memload"));
    // memtrace allocates here too, and so reclaims.
    let own = by("evictor", "memtrace");
    let back = by("refaulter", "memload");
    let away = run.optional("/evictors/anon/away_p50_ns")?.unwrap_or(0) / 1_000_000;
    let figures = format!(
        "{ours} pages, vmstat read {read} and wrote {written}; {back} by memload; evicted by kswapd0 {kswapd}, memload {load}, memtrace {own}; away {away} ms"
    );
    let as_many = ours * 100 >= read * 85 && ours * 100 <= read * 115;
    let is_explained = back * 10 >= ours * 9 && (kswapd + load + own) * 10 >= ours * 9;
    if read >= ENOUGH && as_many && is_explained && away > 0 { Ok(figures) } else { Err(figures) }
}

/// Judge the row of a cgroup by the run `limit`.
pub(super) fn memcg(sections: &Sections<'_>) -> Vec<Check> {
    if let Ok(reason) = sections.get("no-memcg") {
        return vec![Check::skip("cgroup", reason.join(" "))];
    }
    of_run(sections, "limit", |run| vec![Check::of("cgroup", cgroup(run))])
}

/// The checks of a run if memtrace reports refaults; else one skip.
fn of_run(sections: &Sections<'_>, name: &'static str, checks: impl FnOnce(&Run<'_>) -> Vec<Check>) -> Vec<Check> {
    // Survival and coverage of the run are judged together with its stalls.
    let more = |run: &Run<'_>| match run.trace.summary.get("refaults") {
        None => vec![Check::skip("refaults", "this memtrace has no refault hooks")],
        Some(_) => checks(run),
    };
    run::judge(sections, name, more).into_iter().filter(|check| !run::OF_EVERY_RUN.contains(&check.name)).collect()
}

/// Compare the pages of the summary with the kernel's counter. Under MGLRU the kernel leaves out refaults of a folio
/// that came back in another cgroup or node, so ours may be a little above.
fn compared(name: &'static str, run: &Run<'_>, which: &str) -> Check {
    let figures = || -> Result<_, String> {
        let kernel = run.grew(&format!("workingset_refault_{which}"))?;
        Ok((run.optional(&format!("/refaults/{which}_pages"))?, kernel))
    };
    match figures() {
        Err(reason) => Check::failed(name, reason),
        Ok((_, kernel)) if kernel < ENOUGH => {
            Check::skip(name, format!("the kernel counted {kernel} pages only: too few to compare"))
        }
        Ok((None, kernel)) => Check::failed(name, format!("null, and the kernel counted {kernel} pages")),
        Ok((Some(ours), kernel)) => {
            let source = run.trace.summary["refaults"]["source"].as_str().unwrap_or("?");
            let figures = format!("{ours} pages, vmstat {kernel} (by {source})");
            let row = &run.trace.summary["coverage"][format!("workingset_refault_{which}")];
            if above(ours, kernel) && row["verdict"] == "explained" {
                // MGLRU counts only some refaults: only recent ones on 6.1, and on no kernel those into another cgroup
                // or node.
                return Check::skip(name, format!("cannot agree ({}): {figures}", row["note"].as_str().unwrap_or("?")));
            }
            let wrong = above(ours, kernel) || below(ours + lost_pages(run), kernel);
            Check::of(name, if wrong { Err(format!("not within 1 %: {figures}")) } else { Ok(figures) })
        }
    }
}

/// Pages that lost events can account for: each lost event counts as many pages as the average event. A program that
/// the kernel skipped for one refault misses a whole folio.
fn lost_pages(run: &Run<'_>) -> u64 {
    let refaults = &run.trace.summary["refaults"];
    let count = |name: &str| refaults[name].as_u64().unwrap_or(0);
    let pages = count("file_pages") + count("anon_pages");
    run.lost() * pages.div_ceil(count("events").max(1)).max(1)
}

/// The rows of memload have nearly all refaults.
fn row(name: &'static str, run: &Run<'_>) -> Check {
    let pages = |row: &Value| row["refaults_file"].as_u64().unwrap_or(0) + row["refaults_anon"].as_u64().unwrap_or(0);
    let sum = || -> Result<_, String> {
        let all = ["file", "anon"].map(|which| run.optional(&format!("/refaults/{which}_pages")));
        let mut total = 0;
        for pages in all {
            total += pages?.unwrap_or(0);
        }
        Ok((run.rows("processes")?.iter().filter(|row| row["comm"] == "memload").map(pages).sum::<u64>(), total))
    };
    match sum() {
        Err(reason) => Check::failed(name, reason),
        Ok((_, total)) if total < ENOUGH => Check::skip(name, format!("{total} pages only: too few to compare")),
        Ok((load, total)) if load * 10 < total * 9 || load > total => {
            Check::failed(name, format!("memload has {load} of {total} pages"))
        }
        Ok((load, total)) => Check::ok(name, format!("memload has {load} of {total} pages")),
    }
}

/// The row of the limited cgroup agrees with its `memory.stat`.
fn cgroup(run: &Run<'_>) -> Result<String, String> {
    let lines = run.section("memory.stat")?.iter().filter_map(|line| line.split_once(' '));
    let wanted = lines.filter(|(name, _)| ["workingset_refault_file", "workingset_refault"].contains(name));
    let kernel: u64 = wanted.filter_map(|(_, pages)| pages.parse::<u64>().ok()).sum();
    let row = run.rows("cgroups")?.iter().find(|row| row["cgroup"] == "/shop/web").ok_or("no row of /shop/web")?;
    let ours = row["refaults_file"].as_u64().ok_or("no refaults_file in its row")?;
    let figures = format!("{ours} pages in the row, memory.stat {kernel}");
    if kernel < ENOUGH || above(ours, kernel) || below(ours + lost_pages(run), kernel) {
        return Err(format!("not within 1 %: {figures}"));
    }
    Ok(figures)
}
