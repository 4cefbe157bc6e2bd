//! Options of the filter, for tracing and for reading traces.

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use memtrace_common::kind::StallKind;

use memtrace_core::{
    container::ContainerPattern,
    session::{
        filter::Filter,
        pattern::{CgroupPattern, CommPattern},
    },
};

/// Filter of stalls.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct FilterArgs {
    /// Only stalls of these processes
    #[arg(short, long, value_name = "N", value_delimiter = ',', value_parser = pid, help_heading = "Which stalls")]
    pub pid: Vec<u32>,
    /// Only stalls of threads with this name (at most 15 bytes; * and ? are wildcards)
    #[arg(long, value_name = "NAME", value_parser = CommPattern::parse, help_heading = "Which stalls")]
    pub comm: Vec<CommPattern>,
    /// Only stalls in these cgroups and those below: a path, or a part of one with * and ?
    #[arg(long, value_name = "PATTERN", value_parser = CgroupPattern::parse, help_heading = "Which stalls")]
    pub cgroup: Vec<CgroupPattern>,
    /// Only stalls of this container, pod or unit: the beginning of an ID or UID, or the name of a unit
    #[arg(long, value_name = "ID", value_parser = ContainerPattern::parse, help_heading = "Which stalls")]
    pub container: Vec<ContainerPattern>,
    /// Only stalls of this kind; separate several with commas
    #[arg(long, value_name = "K", value_delimiter = ',', value_parser = kinds(), help_heading = "Which stalls")]
    pub kind: Vec<StallKind>,
}

impl FilterArgs {
    /// The filter of the session.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter {
            pids: self.pid.clone(),
            comms: self.comm.clone(),
            cgroups: self.cgroup.clone(),
            containers: self.container.clone(),
            kinds: self.kind.clone(),
        }
    }
}

fn pid(text: &str) -> Result<u32, String> {
    let pid = text.parse().ok().filter(|pid| (1..=i32::MAX as u32).contains(pid));
    let expected = "expected process IDs such as 1234 or 1234,5678; `pgrep -d, NAME` prints those of a program";
    pid.ok_or_else(|| expected.to_owned())
}

fn kinds() -> impl TypedValueParser<Value = StallKind> {
    PossibleValuesParser::new(StallKind::ALL.map(StallKind::name))
        .try_map(|name| StallKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or("no such kind"))
}
