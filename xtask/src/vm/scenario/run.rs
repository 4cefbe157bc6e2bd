//! One run of memtrace in a guest: its output, the kernel's counts meanwhile, and the checks of every run.

use serde_json::Value;

use super::Check;
use super::evidence::{Sections, Trace};

/// Names of the checks that [`judge`] makes of every run with a trace.
pub(super) const OF_EVERY_RUN: [&str; 2] = ["survives", COVERAGE];
const COVERAGE: &str = "coverage";

/// Count of a node that the two CPUs of a guest may not have flushed yet (`stat_threshold` is at most 125). Pages
/// scanned and reclaimed are such counts since 7.x.
const HELD_BACK: u64 = 2 * 125;

/// A run: the sections that begin with its name.
pub(super) struct Run<'a> {
    sections: &'a Sections<'a>,
    name: &'static str,
    pub(super) trace: Trace,
}

/// Count of an event in tracefs, as bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    /// Count while memtrace was certainly attached.
    pub(super) least: u64,
    /// Count from before attach until after detach.
    pub(super) most: u64,
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self { least, most } if least == most => write!(f, "{least}"),
            Self { least, most } => write!(f, "{least} to {most}"),
        }
    }
}

/// The stalls of one shape in the stream.
#[derive(Debug)]
pub(super) struct StallGroup {
    /// Number of stalls of this shape.
    pub(super) count: u64,
    /// `kind`, `comm`, `cgroup`, `order` and `gfp`.
    pub(super) stall: Value,
}

/// The checks that every run must pass, and those of `more` if memtrace wrote its trace to the end.
pub(super) fn judge(
    sections: &Sections<'_>,
    name: &'static str,
    more: impl FnOnce(&Run<'_>) -> Vec<Check>,
) -> Vec<Check> {
    let trace = sections.get(&format!("{name}:trace")).and_then(Trace::parse);
    let mut checks = vec![Check::of("survives", survives(sections, name, trace.as_ref().ok()))];
    match trace {
        Err(reason) => checks.push(Check::failed("trace", reason)),
        Ok(trace) => {
            checks.push(coverage(&trace.summary));
            checks.extend(more(&Run { sections, name, trace }));
        }
    }
    checks
}

impl<'a> Run<'a> {
    /// Lines of a section of this run.
    pub(super) fn section(&self, name: &str) -> Result<&[&'a str], String> {
        self.sections.get(&format!("{}:{name}", self.name))
    }

    /// Growth of a `/proc/vmstat` counter from before memtrace began until after it ended: an upper bound for
    /// memtrace's count.
    pub(super) fn grew(&self, counter: &str) -> Result<u64, String> {
        self.grew_until(counter, "end")
    }

    /// Growth of a `/proc/vmstat` counter from the start up to a section in the middle.
    pub(super) fn grew_until(&self, counter: &str, section: &str) -> Result<u64, String> {
        self.sections.grew(counter, &format!("{}:start", self.name), &format!("{}:{section}", self.name))
    }

    /// Count of an event in tracefs.
    pub(super) fn witness(&self, event: &str) -> Result<Witness, String> {
        let counts = |line: &&str| {
            let mut words = line.split(' ').skip_while(|name| *name != event).skip(1).map(str::parse);
            Some(Witness { least: words.next()?.ok()?, most: words.next()?.ok()? })
        };
        self.section("witness")?.iter().find_map(counts).ok_or_else(|| format!("no witness of {event}"))
    }

    /// The programs of the load ended with the expected statuses: `file 0, hog 137`.
    pub(super) fn loads(&self, expected: &str) -> Result<(), String> {
        let ended = self.section("loads")?.join(", ");
        if ended == expected { Ok(()) } else { Err(format!("memload should end with {expected}, and ended: {ended}")) }
    }

    /// The stalls of the stream by their shape.
    pub(super) fn shapes(&self, kind: &str) -> Result<Vec<StallGroup>, String> {
        let shape = |line: &&str| {
            let (count, stall) = line.trim().split_once(' ').ok_or_else(|| format!("{line:?} is no count"))?;
            let count = count.parse().map_err(|error| format!("{error} in {line:?}"))?;
            let stall: Value = serde_json::from_str(stall).map_err(|error| format!("{error} in {line:?}"))?;
            Ok(StallGroup { count, stall })
        };
        let shapes = self.section("stalls")?.iter().map(shape).collect::<Result<Vec<_>, String>>()?;
        Ok(shapes.into_iter().filter(|shape| shape.stall["kind"] == kind).collect())
    }

    /// A number of the summary, by its path.
    pub(super) fn number(&self, path: &str) -> Result<u64, String> {
        self.optional(path)?.ok_or_else(|| format!("{path} is null in the summary"))
    }

    /// A number of the summary that may be null, but must be there.
    pub(super) fn optional(&self, path: &str) -> Result<Option<u64>, String> {
        match self.trace.summary.pointer(path) {
            Some(Value::Null) => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| format!("{path} is {value} in the summary")),
            None => Err(format!("no {path} in the summary")),
        }
    }

    /// The rows of a list of the summary.
    pub(super) fn rows(&self, list: &str) -> Result<&[Value], String> {
        self.trace.summary[list].as_array().map(Vec::as_slice).ok_or_else(|| format!("no {list} in the summary"))
    }

    /// The sum of a field over the rows of a list; `None` when it is null in one of them.
    pub(super) fn sum(&self, list: &str, field: &str) -> Result<Option<u64>, String> {
        self.rows(list)?.iter().try_fold(Some(0_u64), |sum, row| match row.get(field) {
            Some(Value::Null) => Ok(None),
            Some(value) => {
                let value = value.as_u64().ok_or_else(|| format!("{field} is {value} in {list}"))?;
                Ok(sum.map(|sum| sum + value))
            }
            None => Err(format!("no {field} in {list}")),
        })
    }

    /// Sum of all losses in the ledger of the summary.
    pub(super) fn lost(&self) -> u64 {
        ledger(&self.trace.summary).map_or(0, |stages| stages.iter().map(|(_, lost)| lost).sum())
    }
}

/// memtrace ended in order with status 0, and its summary has a ledger of loss. Loss is no failure, but a missing
/// ledger is.
fn survives(sections: &Sections<'_>, name: &str, trace: Option<&Trace>) -> Result<String, String> {
    match sections.get(&format!("{name}:tracer"))? {
        ["0", ..] => {}
        [status, said @ ..] => return Err(format!("memtrace ended with {status}; it said: {}", said.join(" | "))),
        [] => return Err("no status of memtrace".to_owned()),
    }
    let stages = trace.map_or_else(|| Ok(Vec::new()), |trace| ledger(&trace.summary))?;
    let lost: Vec<_> =
        stages.iter().filter(|(_, count)| *count > 0).map(|(stage, count)| format!("{stage} {count}")).collect();
    let lost = if lost.is_empty() { format!("none in {} stages", stages.len()) } else { lost.join(", ") };
    Ok(format!("memtrace ended with 0 on SIGTERM; loss: {lost}"))
}

fn ledger(summary: &Value) -> Result<Vec<(&str, u64)>, String> {
    let ledger = summary["loss"].as_object().ok_or("no loss ledger in the summary")?;
    let count = |value: &Value| value.as_u64().ok_or_else(|| format!("{value} in the loss ledger"));
    ledger.iter().map(|(stage, value)| Ok((stage.as_str(), count(value)?))).collect()
}

/// memtrace's own comparison with the kernel: its count may not exceed the kernel's by more than 1 %, unless it names a
/// reason why the two cannot agree.
fn coverage(summary: &Value) -> Check {
    let Some(rows) = summary.get("coverage").and_then(Value::as_object) else {
        return Check::skip(COVERAGE, "this memtrace does not compare itself with the kernel");
    };
    let mut figures = Vec::new();
    for (counter, row) in rows {
        let Some(ratio) = row["ratio"].as_f64() else { continue };
        let (Some(seen), Some(kernel)) = (row["seen"].as_u64(), row["kernel"].as_u64()) else {
            return Check::failed(COVERAGE, format!("{counter} has a ratio and no counts: {row}"));
        };
        let explained = row["verdict"] == "explained" && row["note"].is_string();
        let by_node = ["workingset_", "pgscan", "pgsteal"].iter().any(|name| counter.starts_with(name));
        let held_back = if by_node { HELD_BACK } else { 0 };
        if above(seen, kernel + held_back) && !explained {
            return Check::failed(COVERAGE, format!("{counter}: {seen} seen, and the kernel counted {kernel}"));
        }
        figures.push(format!("{counter} {ratio:.3}"));
    }
    match figures.is_empty() {
        true => Check::failed(COVERAGE, format!("no ratio in {} rows", rows.len())),
        false => Check::ok(COVERAGE, figures.join(", ")),
    }
}

/// True if ours is more than 1 % above theirs.
pub(super) fn above(ours: u64, theirs: u64) -> bool {
    ours > theirs + theirs / 100
}

/// True if ours is more than 1 % below theirs.
pub(super) fn below(ours: u64, theirs: u64) -> bool {
    ours + theirs / 100 < theirs
}

#[cfg(test)]
mod tests {
    use super::super::CheckResult;
    use super::*;

    const TEXT: &str = "\
@@ a:start
allocstall_normal 2
@@ a:end
allocstall_normal 9
@@ a:witness
direct_reclaim_end 7 9
@@ a:tracer
0
@@ a:loads
file 0
@@ a:stalls
      3 {\"kind\":\"direct\",\"order\":0}
@@ a:trace
{\"type\":\"meta\"}
{\"type\":\"summary\",\"loss\":{\"ring\":0,\"map\":4},\"self\":{\"x\":null},\"nodes\":[{\"w\":2},{\"w\":3}],\"coverage\":{\"oom_kill\":{\"seen\":101,\"kernel\":100,\"ratio\":1.01},\"other\":{\"ratio\":null}}}
";

    fn judged(text: &str) -> Vec<Check> {
        judge(&Sections::parse(text), "a", |run| {
            assert_eq!(run.grew("allocstall_*"), Ok(7));
            assert_eq!(run.witness("direct_reclaim_end"), Ok(Witness { least: 7, most: 9 }));
            assert!(run.witness("memcg_reclaim_end").is_err());
            assert!(run.loads("file 0").is_ok() && run.loads("file 1").is_err());
            assert_eq!(run.shapes("direct").unwrap()[0].count, 3);
            assert!(run.shapes("memcg").unwrap().is_empty());
            assert_eq!(run.optional("/self/x"), Ok(None));
            assert!(run.optional("/self/y").is_err() && run.number("/self/x").is_err());
            assert_eq!(run.sum("nodes", "w"), Ok(Some(5)));
            assert!(run.sum("nodes", "v").is_err() && run.sum("edges", "w").is_err());
            Vec::new()
        })
    }

    fn verdicts(text: &str) -> Vec<CheckResult> {
        judged(text).iter().map(|check| check.result).collect()
    }

    #[test]
    fn a_run_that_holds() {
        let checks = judged(TEXT);
        assert_eq!(verdicts(TEXT), [CheckResult::Ok, CheckResult::Ok]);
        assert!(checks[0].note.ends_with("loss: map 4") && checks[1].note == "oom_kill 1.010", "{checks:?}");
    }

    #[test]
    fn a_death_silence_about_loss_and_more_than_the_kernel_counted_fail() {
        use CheckResult::{Failed, Ok, Skipped};
        assert_eq!(verdicts(&TEXT.replace("tracer\n0", "tracer\n137\nKilled")), [Failed, Ok]);
        assert_eq!(verdicts(&TEXT.replace("\"loss\"", "\"lost\"")), [Failed, Ok]);
        assert_eq!(verdicts(&TEXT.replace("\"seen\":101", "\"seen\":102")), [Ok, Failed]);
        let node = |text: &str| text.replace("oom_kill\":{", "workingset_refault_anon\":{");
        assert_eq!(verdicts(&node(&TEXT.replace("\"seen\":101", "\"seen\":340"))), [Ok, Ok]);
        assert_eq!(verdicts(&node(&TEXT.replace("\"seen\":101", "\"seen\":400"))), [Ok, Failed]);
        let explained = "\"verdict\":\"explained\",\"note\":\"x\",\"seen\":102";
        assert_eq!(verdicts(&TEXT.replace("\"seen\":101", explained)), [Ok, Ok]);
        assert_eq!(verdicts(&TEXT.replace("\"seen\":101,", "")), [Ok, Failed]);
        assert_eq!(verdicts(&TEXT.replace("1.01", "null")), [Ok, Failed]);
        assert_eq!(verdicts(&TEXT.replace("\"coverage\"", "\"cover\"")), [Ok, Skipped]);
        assert_eq!(verdicts(&TEXT.replace("\"summary\"", "\"sum\"")), [Ok, Failed]);
        assert!(verdicts("").iter().all(|result| *result == Failed));
    }
}
