//! Checks of OOM kills, global and in a cgroup, against the kernel log.

use regex_lite::Regex;
use serde_json::Value;

use super::Check;
use super::oom_calls;
use super::run::Run;

/// Memory that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Memory of the whole guest.
    Global,
    /// Memory of a cgroup.
    Memcg,
}

impl Cause {
    /// Begin of the line of a kill in the kernel log.
    fn in_the_log(self) -> &'static str {
        match self {
            Self::Global => "Out of memory",
            Self::Memcg => "Memory cgroup out of memory",
        }
    }

    /// memtrace's name of the constraint.
    pub(super) fn constraint(self) -> &'static str {
        match self {
            Self::Global => "none",
            Self::Memcg => "memcg",
        }
    }
}

/// A kill.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Killed {
    pid: u64,
    comm: String,
    /// Anonymous memory of the victim, if it was read.
    anon_rss_bytes: Option<u64>,
    /// Path of the victim's memory cgroup.
    cgroup: Option<String>,
}

impl std::fmt::Display for Killed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}[{}] in {}", self.comm, self.pid, self.cgroup.as_deref().unwrap_or("?"))
    }
}

/// All checks of the kills of a run. There must be at least one kill.
pub(super) fn judge(run: &Run<'_>, cause: Cause) -> Vec<Check> {
    vec![
        Check::of("victim", victim(run, cause)),
        Check::of("victim-rss", rss(run, cause)),
        Check::of("oom-count", count(run)),
        Check::of("oom-call", oom_calls::calls(run, cause)),
        Check::of("memory-back", oom_calls::memory_back(run)),
    ]
}

/// The victims are those of the kernel log with their cgroups, and the constraint is right.
fn victim(run: &Run<'_>, cause: Cause) -> Result<String, String> {
    let (ours, kernel) = victims(run, cause)?;
    let names = |list: &[Killed]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if ours.is_empty() || names(&ours) != names(&kernel) {
        return Err(format!("memtrace saw [{}], the kernel log has [{}]", names(&ours), names(&kernel)));
    }
    if let Some(other) = ours.iter().find(|victim| victim.comm != "memload") {
        return Err(format!("the victim is {other}, not memload"));
    }
    let right = cause.constraint();
    match run.trace.ooms.iter().find(|oom| oom["constraint"] != right) {
        Some(oom) => Err(format!("constraint {} and not {right:?}", oom["constraint"])),
        None => Ok(format!("{} = kernel log, constraint {right}", names(&ours))),
    }
}

/// memtrace's value of the victim's memory agrees with the kernel log. The log is written a moment after the event, so
/// the two may differ by a few pages.
fn rss(run: &Run<'_>, cause: Cause) -> Result<String, String> {
    let (ours, kernel) = victims(run, cause)?;
    let mut notes = Vec::new();
    for (ours, kernel) in ours.iter().zip(&kernel) {
        let said = kernel.anon_rss_bytes.unwrap_or_default();
        match ours.anon_rss_bytes {
            None => notes.push(format!("anon rss unread, kernel log {} kB", said >> 10)),
            Some(read) if read.abs_diff(said) > 1 << 20 => {
                return Err(format!("anon rss of {ours} {} kB, kernel log {} kB", read >> 10, said >> 10));
            }
            Some(read) => notes.push(format!("anon {} kB, kernel log {} kB", read >> 10, said >> 10)),
        }
    }
    if notes.is_empty() { Err("no victim to compare".to_owned()) } else { Ok(notes.join("; ")) }
}

/// Stream and summary have as many kills as the kernel counted.
fn count(run: &Run<'_>) -> Result<String, String> {
    let kernel = run.grew("oom_kill")?;
    let (streamed, listed) = (run.trace.ooms.len(), run.rows("ooms")?.len());
    let figures = format!("{streamed} streamed, {listed} in the summary, oom_kill {kernel}");
    if streamed == listed && u64::try_from(listed) == Ok(kernel) { Ok(figures) } else { Err(figures) }
}

/// The victims that memtrace saw and those of the kernel log, each sorted by pid.
fn victims(run: &Run<'_>, cause: Cause) -> Result<(Vec<Killed>, Vec<Killed>), String> {
    let mut ours = run.trace.ooms.iter().map(seen).collect::<Result<Vec<_>, _>>()?;
    ours.sort();
    let mut kernel = logged(run.section("kernel-log")?, cause)?;
    kernel.sort();
    Ok((ours, kernel))
}

fn seen(oom: &Value) -> Result<Killed, String> {
    let victim = &oom["victim"];
    match (victim["pid"].as_u64(), victim["comm"].as_str()) {
        (Some(pid), Some(comm)) => Ok(Killed {
            pid,
            comm: comm.to_owned(),
            anon_rss_bytes: victim["anon_rss_bytes"].as_u64(),
            cgroup: victim["cgroup"].as_str().map(str::to_owned),
        }),
        _ => Err(format!("an oom object without its victim: {oom}")),
    }
}

/// The kills of this cause in the kernel log, each with the cgroup from the line before.
fn logged(log: &[&str], cause: Cause) -> Result<Vec<Killed>, String> {
    let regex = |text: &str| Regex::new(text).map_err(|error| error.to_string());
    let cause = cause.in_the_log();
    let kill = regex(&format!(r"\] {cause}[^:]*: Killed process ([0-9]+) \((.*?)\).* anon-rss:([0-9]+)kB"))?;
    let chosen = regex(r"oom-kill:.*,task_memcg=(.*?),task=.*,pid=([0-9]+),uid=")?;
    let cgroup = |pid: &str| {
        let line = log.iter().filter_map(|text| chosen.captures(text)).find(|fields| &fields[2] == pid)?;
        Some(line[1].to_owned())
    };
    let found = log.iter().filter_map(|text| kill.captures(text)).map(|fields| {
        let number = |at: usize| fields[at].parse::<u64>().map_err(|error| format!("{error} in {:?}", &fields[0]));
        let (pid, kilobytes) = (number(1)?, number(3)?);
        let (comm, cgroup) = (fields[2].to_owned(), cgroup(&fields[1]));
        Ok(Killed { pid, comm, anon_rss_bytes: Some(kilobytes << 10), cgroup })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_in_the_log() {
        let log = [
            "[   31.5] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task_memcg=/a/b,task=memload,pid=88,uid=0",
            "[   31.5] Out of memory: Killed process 88 (memload) total-vm:218376kB, anon-rss:203136kB",
            "[   32.5] Memory cgroup out of memory: Killed process 90 (a b) total-vm:1kB, anon-rss:0kB",
        ];
        let found = |cause| logged(&log, cause).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found(Cause::Global), ["memload[88] in /a/b"]);
        assert_eq!(found(Cause::Memcg)[0], "a b[90] in ?");
    }
}
