//! A filter in words.

use memtrace_core::{session::filter::Filter, untrusted::Untrusted};

/// The filter as it was given; empty when all match.
#[must_use]
pub fn describe_filter(filter: &Filter) -> String {
    let mut words = Vec::new();
    words.extend(filter.pids.iter().map(|pid| format!("pid {pid}")));
    words.extend(filter.comms.iter().map(|comm| format!("comm {}", Untrusted(comm.as_bytes()).tty())));
    words.extend(filter.cgroups.iter().map(|cgroup| format!("cgroup {}", Untrusted(cgroup.as_bytes()).tty())));
    words.extend(filter.containers.iter().map(|id| format!("container {}", Untrusted(id.as_bytes()).tty())));
    words.extend(filter.kinds.iter().map(|kind| format!("kind {}", kind.name())));
    words.join(", ")
}
