//! Global direct reclaim and a global OOM kill.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::evidence::{Killed, Sections, Trace, killed};
use super::{Bench, Check};
use crate::vm::options::{Setup, Size};

/// A small guest, a file larger than its memory, and then more memory than there is.
pub(super) fn run(bench: &Bench<'_>) -> Result<Vec<Check>> {
    let setup = Setup {
        memory: Size::mebibytes(256),
        cpus: 2,
        data: Some(Size::mebibytes(400)),
        timeout: Duration::from_secs(240),
        ..Setup::default()
    };
    Ok(match bench.run_script("global-oom", setup, include_str!("global_oom.sh"))? {
        Ok((boot, text)) => std::iter::once(boot).chain(evaluate(&text)).collect(),
        Err(boot) => vec![boot],
    })
}

/// Judge what the script printed.
fn evaluate(text: &str) -> Vec<Check> {
    let sections = Sections::parse(text);
    let mut checks = vec![Check::of("load", loads(&sections)), Check::of("survives", survives(&sections))];
    match sections.get("trace").and_then(Trace::parse) {
        Err(reason) => checks.push(Check::failed("trace", reason)),
        Ok(trace) => checks.extend([
            Check::of("direct-stalls", direct_stalls(&sections, &trace)),
            Check::of("global-oom", global_oom(&sections, &trace)),
            Check::of("victim-rss", victim_rss(&sections, &trace)),
            Check::of("oom-count", oom_count(&sections, &trace)),
            Check::of("loss", loss(&trace)),
        ]),
    }
    checks
}

/// The load did its part: without it the other checks would hold for the wrong reason.
fn loads(sections: &Sections<'_>) -> Result<String, String> {
    let ended = sections.get("loads")?.join(", ");
    if ended != "mkfile 0, file 0, mmapfile 0, hog 137" {
        return Err(format!("memload should end with 0, 0, 0 and 137 (killed), and ended: {ended}"));
    }
    match sections.grew("allocstall_*", "vmstat-start", "vmstat-file")? {
        0 => Err("reading the file made no direct reclaim at all".to_owned()),
        count => Ok(format!("{count} direct reclaims by the file, then the hog was killed")),
    }
}

/// memtrace lived through the OOM and ended with its summary.
fn survives(sections: &Sections<'_>) -> Result<String, String> {
    match sections.get("tracer")? {
        ["0", ..] => Ok("memtrace ended with 0 on SIGTERM".to_owned()),
        [status, said @ ..] => Err(format!("memtrace ended with {status}; it said: {}", said.join(" | "))),
        [] => Err("no status of memtrace".to_owned()),
    }
}

/// Our count against the kernel's. The kernel counts again when a reclaim is retried inside, so that it may be
/// above ours; it was read before memtrace began and after it ended, so that ours can never be above it.
fn direct_stalls(sections: &Sections<'_>, trace: &Trace) -> Result<String, String> {
    let kernel = sections.grew("allocstall_*", "vmstat-start", "vmstat-end")?;
    let stalls = &trace.summary["stalls"]["direct"];
    let ours = stalls["count"].as_u64().ok_or("no stalls.direct.count in the summary")?;
    let total = stalls["total_ns"].as_u64().ok_or("no stalls.direct.total_ns in the summary")?;
    let figures = format!("{ours} seen, allocstall {kernel}");
    if ours == 0 || total == 0 {
        Err(format!("no direct stall or no time in them: {figures}, {total} ns"))
    } else if ours > kernel {
        Err(format!("more than the kernel counted: {figures}"))
    } else if ours * 2 < kernel {
        Err(format!("less than half of the kernel's, which retries do not explain: {figures}"))
    } else {
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let (ratio, mean) = (ours as f64 / kernel as f64, total as f64 / ours as f64 / 1e6);
        Ok(format!("{figures}, ratio {ratio:.3}, mean {mean:.2} ms"))
    }
}

/// The victims are those of the kernel log, and the constraint is that of a global OOM.
fn global_oom(sections: &Sections<'_>, trace: &Trace) -> Result<String, String> {
    let (ours, kernel) = victims(sections, trace)?;
    let names = |list: &[Killed]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    if ours.is_empty() || names(&ours) != names(&kernel) {
        return Err(format!("memtrace saw [{}], the kernel log has [{}]", names(&ours), names(&kernel)));
    }
    if let Some(other) = ours.iter().find(|victim| victim.comm != "memload") {
        return Err(format!("the victim is {other}, not memload"));
    }
    match trace.ooms.iter().find(|oom| oom["constraint"] != "none") {
        Some(oom) => Err(format!("constraint {} of a global OOM, not \"none\"", oom["constraint"])),
        None => Ok(format!("victim {} = kernel log, constraint none", names(&ours))),
    }
}

/// The victim's memory as memtrace tells it against the kernel log. The log is written a moment after the
/// event, so a few pages may lie between.
fn victim_rss(sections: &Sections<'_>, trace: &Trace) -> Result<String, String> {
    let (ours, kernel) = victims(sections, trace)?;
    let mut notes = Vec::new();
    for (ours, kernel) in ours.iter().zip(&kernel) {
        let said = kernel.anon_rss_bytes.unwrap_or_default();
        match ours.anon_rss_bytes {
            None => notes.push(format!("anon rss of {ours} unread, kernel log {} kB", said >> 10)),
            Some(read) if read.abs_diff(said) > 1 << 20 => {
                return Err(format!("anon rss of {ours} {} kB, kernel log {} kB", read >> 10, said >> 10));
            }
            Some(read) => notes.push(format!("anon {} kB, kernel log {} kB", read >> 10, said >> 10)),
        }
    }
    if notes.is_empty() { Err("no victim to compare".to_owned()) } else { Ok(notes.join("; ")) }
}

/// The victims that memtrace saw and those of the kernel log, each by pid.
fn victims(sections: &Sections<'_>, trace: &Trace) -> Result<(Vec<Killed>, Vec<Killed>), String> {
    let mut ours = trace.ooms.iter().map(victim).collect::<Result<Vec<_>, _>>()?;
    ours.sort();
    let mut kernel = killed(sections.get("kernel-log")?)?;
    kernel.sort();
    Ok((ours, kernel))
}

fn victim(oom: &Value) -> Result<Killed, String> {
    let victim = &oom["victim"];
    match (victim["pid"].as_u64(), victim["comm"].as_str()) {
        (Some(pid), Some(comm)) => {
            Ok(Killed { pid, comm: comm.to_owned(), anon_rss_bytes: victim["anon_rss_bytes"].as_u64() })
        }
        _ => Err(format!("an oom object without its victim: {oom}")),
    }
}

/// As many as the kernel counted, in the stream and in the summary.
fn oom_count(sections: &Sections<'_>, trace: &Trace) -> Result<String, String> {
    let kernel = sections.grew("oom_kill", "vmstat-start", "vmstat-end")?;
    let streamed = trace.ooms.len();
    let listed = trace.summary["ooms"].as_array().ok_or("no ooms in the summary")?.len();
    let figures = format!("{streamed} streamed, {listed} in the summary, oom_kill {kernel}");
    if streamed == listed && u64::try_from(listed) == Ok(kernel) { Ok(figures) } else { Err(figures) }
}

/// Loss is no failure, silence about it is.
fn loss(trace: &Trace) -> Result<String, String> {
    let ledger = trace.summary["loss"].as_object().ok_or("no loss ledger in the summary")?;
    let lost: Vec<_> =
        ledger.iter().filter(|(_, count)| **count != 0).map(|(stage, n)| format!("{stage} {n}")).collect();
    Ok(if lost.is_empty() { format!("none in {} stages", ledger.len()) } else { format!("said: {}", lost.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    /// Counters, kernel log and load are those of a true run on 6.12, vmstat cut down to what is read; the trace
    /// is written after memtrace's JSON schema.
    const RECORDED: &str = include_str!("global_oom.recorded.txt");

    fn lines(text: &str) -> Vec<String> {
        evaluate(text).iter().map(|check| check.line("6.12")).collect()
    }

    /// The recorded run with one thing changed must fail in these checks and no others.
    fn fails(from: &str, to: &str, checks: &[&str]) {
        assert!(RECORDED.contains(from), "{from}");
        let found = evaluate(&RECORDED.replace(from, to));
        let failed: Vec<_> =
            found.iter().filter(|check| check.verdict == Verdict::Failed).map(|check| check.name).collect();
        assert_eq!(failed, checks, "after {from:?} -> {to:?}: {found:?}");
    }

    #[test]
    fn the_recorded_run_holds() {
        let expected = [
            "6.12  load             ok    895 direct reclaims by the file, then the hog was killed",
            "6.12  survives         ok    memtrace ended with 0 on SIGTERM",
            "6.12  direct-stalls    ok    998 seen, allocstall 1016, ratio 0.982, mean 1.02 ms",
            "6.12  global-oom       ok    victim memload[236] = kernel log, constraint none",
            "6.12  victim-rss       ok    anon 193536 kB, kernel log 193536 kB",
            "6.12  oom-count        ok    1 streamed, 1 in the summary, oom_kill 1",
            "6.12  loss             ok    none in 2 stages",
        ];
        assert_eq!(lines(RECORDED), expected);
    }

    #[test]
    fn stalls_fail_above_the_kernel_far_below_it_and_at_none() {
        fails(r#""count":998"#, r#""count":1017"#, &["direct-stalls"]);
        fails(r#""count":998"#, r#""count":507"#, &["direct-stalls"]);
        fails(r#""count":998"#, r#""count":0"#, &["direct-stalls"]);
        fails(r#""total_ns":1016000000"#, r#""total_ns":0"#, &["direct-stalls"]);
        fails(r#""direct":{"#, r#""memcg":{"#, &["direct-stalls"]);
    }

    #[test]
    fn a_wrong_victim_or_constraint_fails() {
        fails("Killed process 236", "Killed process 237", &["global-oom"]);
        fails(r#""constraint":"none""#, r#""constraint":"memcg""#, &["global-oom"]);
        fails(r#""constraint":"none""#, r#""constraint":null"#, &["global-oom"]);
        fails(r#"{"type":"oom""#, r#"{"type":"tock""#, &["global-oom", "victim-rss", "oom-count"]);
        fails("198180864", "98180864", &["victim-rss"]);
        fails("oom_kill 1", "oom_kill 2", &["oom-count"]);
        fails(r#""ooms":[{"#, r#""oops":[{"#, &["oom-count"]);
    }

    #[test]
    fn a_victim_that_is_not_the_load_fails() {
        let text = RECORDED.replace("(memload)", "(memtrace)").replace(r#""comm":"memload""#, r#""comm":"memtrace""#);
        assert!(lines(&text).iter().any(|line| line.contains("FAIL  the victim is memtrace[236]")), "{text}");
    }

    #[test]
    fn a_tracer_that_died_or_a_load_that_did_nothing_fails() {
        fails("@@ tracer\n0", "@@ tracer\n137\nKilled", &["survives"]);
        fails(r#"{"type":"summary""#, r#"{"type":"sum""#, &["trace"]);
        fails(r#"{"type":"meta""#, r#"{"type":"m""#, &["trace"]);
        fails("hog 137", "hog 0", &["load"]);
        fails("allocstall_normal 34\nallocstall_movable 861", "allocstall_normal 0\nallocstall_movable 0", &["load"]);
        assert!(lines("").iter().all(|line| line.contains("FAIL")));
    }

    #[test]
    fn loss_is_said_and_silence_about_it_fails() {
        let text = RECORDED.replace(r#""ring":0"#, r#""ring":12"#);
        assert!(lines(&text).contains(&"6.12  loss             ok    said: ring 12".to_owned()));
        fails(r#""loss""#, r#""lost""#, &["loss"]);
    }
}
