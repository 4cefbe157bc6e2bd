//! State of the host before memtrace started, so that "since when" has an answer in the first second.

use crate::{
    event::{Comm, Constraint},
    session::input::Pressure,
    untrusted::Text,
};

/// A value, or the reason in words why it could not be read.
pub type Read<T> = Result<T, Text>;

/// An OOM kill that the kernel log records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastOom {
    /// Time before the start, in ns.
    pub ago_ns: u64,
    /// The victim's process id.
    pub pid: u32,
    /// Name of the victim, as logged.
    pub comm: Text,
    /// Path of the victim's memory cgroup, where logged.
    pub cgroup: Option<Text>,
    /// Limit that the kill enforced, where logged.
    pub constraint: Option<Constraint>,
}

/// A task that was already in reclaim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskInReclaim {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Name of the thread.
    pub comm: Comm,
}

/// State of the host before the start.
#[derive(Clone, Debug, PartialEq)]
pub struct AtStart {
    /// Memory pressure at the start; its averages look back.
    pub pressure: Read<Pressure>,
    /// OOM kills in the kernel log within `oom_window_ns`, latest first.
    pub oom_kills: Read<Vec<PastOom>>,
    /// Length of the period before the start for which the kernel log was read, in ns.
    pub oom_window_ns: u64,
    /// Tasks in reclaim at attach.
    pub in_reclaim: Read<Vec<TaskInReclaim>>,
}
