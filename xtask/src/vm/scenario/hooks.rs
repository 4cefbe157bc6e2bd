//! Each hook by itself: it is attached, and its program ran as often as its event came.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Check;
use super::evidence::Sections;
use super::run::{self, Run};

/// Allowed difference between the two counts. They are not turned on and off at the same instant; most events in
/// between are exits of the programs that read the counts.
const BESIDE: u64 = 10;

/// Runs of a program, and occurrences of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    runs: u64,
    /// Number of runs that the kernel skipped.
    skipped: u64,
    seen: u64,
}

/// Judge the run `counted`: a line for each hook.
pub(super) fn judge(sections: &Sections<'_>) -> Vec<Check> {
    run::judge(sections, "counted", |run| {
        let hooks = run.trace.meta["hooks"].as_array().map(Vec::as_slice).unwrap_or_default();
        match counts(run) {
            Ok(_) if hooks.is_empty() => vec![Check::failed("hook", "no hooks in meta")],
            Ok(counts) => hooks.iter().map(|hook| of_hook(hook, &counts)).collect(),
            Err(why) => vec![Check::failed("hook", why)],
        }
    })
}

/// Counts by name of the event.
fn counts<'a>(run: &Run<'a>) -> Result<BTreeMap<&'a str, Count>, String> {
    if run.section("overrun")? != ["0"] {
        return Err(format!("tracefs lost events: {:?}", run.section("overrun")?));
    }
    let seen = rows::<1>(run.section("events")?)?;
    let runs = rows::<2>(run.section("runs")?)?;
    if runs.is_empty() || seen.is_empty() {
        return Err(format!("{} programs on events, {} events", runs.len(), seen.len()));
    }
    let count = |(event, [runs, skipped]): (&'a str, [u64; 2])| {
        let seen = seen.get(event).map_or(0, |[seen]| *seen);
        (event, Count { runs, skipped, seen })
    };
    Ok(runs.into_iter().map(count).collect())
}

/// Parses lines of a name and `N` numbers.
fn rows<'a, const N: usize>(lines: &[&'a str]) -> Result<BTreeMap<&'a str, [u64; N]>, String> {
    let row = |line: &&'a str| {
        let (name, numbers) = line.split_once(' ')?;
        let numbers: Vec<u64> = numbers.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
        Some((name, numbers.try_into().ok()?))
    };
    lines.iter().map(|line| row(line).ok_or_else(|| format!("{line:?} is no row"))).collect()
}

fn of_hook(hook: &Value, counts: &BTreeMap<&str, Count>) -> Check {
    let name = hook["name"].as_str().unwrap_or_default();
    let Some(how) = hook["attached"].as_str() else {
        let reason = hook["reason"].as_str().unwrap_or_default();
        // The check `hooks` judges whether it could have been attached.
        return Check::skip("hook", format!("{name}: {reason}"));
    };
    let event = name.rsplit_once(':').map_or(name, |(_, event)| event);
    match counts.get(event) {
        None if how.contains("tracepoint") => Check::failed("hook", format!("{name}: {how}, and no count of it")),
        None => Check::ok("hook", format!("{name}: {how}")),
        Some(&Count { runs, skipped, seen }) => {
            let skips = if skipped == 0 { String::new() } else { format!(" and was skipped {skipped} times") };
            let figures = format!("{name}: {how}, ran {runs} times{skips}, tracefs saw {seen}");
            let all = runs + skipped;
            let holds = !run::below(all + BESIDE, seen) && !run::above(all, seen + BESIDE);
            Check::of("hook", if holds { Ok(figures) } else { Err(figures) })
        }
    }
}
