//! OOM kills from records of the kernel log.
//!
//! The kernel writes `oom-kill:constraint=...,task_memcg=/x,task=NAME,pid=N,uid=N` (rate limited) and then
//! `...: Killed process N (NAME) total-vm:...`. Names and paths can hold any of the words around them, so each value is
//! parsed from the side that only the kernel writes; an ambiguous value stays unread.

use super::record::Record;
use memtrace_core::event::{Comm, Constraint};

/// An OOM kill as the kernel log reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKill {
    /// Time by the kernel's local clock, close to `CLOCK_MONOTONIC`, in ns.
    pub t_ns: u64,
    /// The victim's process id.
    pub pid: u32,
    /// The victim's name.
    pub comm: Comm,
    /// Limit that the kill enforced; `None` when the log does not name it.
    pub constraint: Option<Constraint>,
    /// Path of the cgroup at its limit.
    pub oom_memcg: Option<Vec<u8>>,
    /// Path of the victim's cgroup.
    pub task_memcg: Option<Vec<u8>>,
    /// The victim's anonymous resident memory in bytes.
    pub anon_rss_bytes: Option<u64>,
}

/// Joins the two records of a kill.
#[derive(Debug, Default)]
pub struct KillParser {
    /// The last `oom-kill:` line that no kill followed yet.
    announced: Option<Vec<u8>>,
}

impl KillParser {
    /// Takes the next record; returns the kill that it completes.
    pub fn push(&mut self, record: &Record) -> Option<LogKill> {
        if !record.from_kernel {
            return None;
        }
        if let Some(line) = record.text.strip_prefix(b"oom-kill:constraint=") {
            self.announced = Some(line.to_owned());
            return None;
        }
        let killed = Killed::parse(&record.text)?;
        let announced = self.announced.take().and_then(|line| Announced::parse(&line, &killed)).unwrap_or_default();
        Some(LogKill {
            t_ns: record.t_ns,
            pid: killed.pid,
            comm: Comm::from(killed.name),
            constraint: announced.constraint.or(killed.in_memcg.then_some(Constraint::Memcg)),
            oom_memcg: announced.oom_memcg,
            task_memcg: announced.task_memcg,
            anon_rss_bytes: killed.anon_rss_bytes,
        })
    }
}

struct Killed<'a> {
    in_memcg: bool,
    pid: u32,
    name: &'a [u8],
    anon_rss_bytes: Option<u64>,
}

impl<'a> Killed<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        // The message before the first colon is the kernel's, and so is all after the last `) total-vm:`.
        let at = find(text, b": Killed process ")?;
        let message = &text[..at];
        let in_memcg = message.starts_with(b"Memory cgroup out of memory");
        if !in_memcg && !message.starts_with(b"Out of memory") {
            return None;
        }
        let rest = &text[at + b": Killed process ".len()..];
        let open = find(rest, b" (")?;
        let pid = number(&rest[..open])?;
        let rest = &rest[open + 2..];
        let close = rfind(rest, b") total-vm:")?;
        let tail = &rest[close..];
        let anon_rss_bytes = find(tail, b"anon-rss:").and_then(|at| {
            let digits = &tail[at + b"anon-rss:".len()..];
            number(&digits[..find(digits, b"kB")?]).map(|kb| u64::from(kb) * 1024)
        });
        Some(Self { in_memcg, pid, name: &rest[..close], anon_rss_bytes })
    }
}

#[derive(Default)]
struct Announced {
    constraint: Option<Constraint>,
    oom_memcg: Option<Vec<u8>>,
    task_memcg: Option<Vec<u8>>,
}

impl Announced {
    /// Parses the line if it is about the killed process: the limit of another one would be worse than none.
    fn parse(line: &[u8], killed: &Killed<'_>) -> Option<Self> {
        let line = &line[..rfind(line, b",uid=")?];
        let task = [b",task=", killed.name, b",pid=", killed.pid.to_string().as_bytes()].concat();
        let line = line.strip_suffix(&task[..])?;
        let constraint = match line.split(|&b| b == b',').next()? {
            b"CONSTRAINT_MEMCG" => Some(Constraint::Memcg),
            b"CONSTRAINT_NONE" => Some(Constraint::None),
            b"CONSTRAINT_CPUSET" => Some(Constraint::Cpuset),
            b"CONSTRAINT_MEMORY_POLICY" => Some(Constraint::Mempolicy),
            _ => None,
        };
        let (before, task_memcg) = split_once(line, b",task_memcg=").unzip();
        let oom_memcg = before.and_then(|before| split_once(before, b",oom_memcg=")).map(|(_, path)| path.to_owned());
        Some(Self { constraint, oom_memcg, task_memcg: task_memcg.map(<[u8]>::to_owned) })
    }
}

/// Splits at the only occurrence. If there are several, a name forged one, and nothing shows which: `None`.
fn split_once<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = find(text, needle)?;
    (rfind(text, needle)? == at).then(|| (&text[..at], &text[at + needle.len()..]))
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

fn rfind(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).rposition(|window| window == needle)
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
